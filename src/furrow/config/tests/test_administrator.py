import io

import pytest

from furrow.campaigns.models import DispositionSet
from furrow.compliance.models import PolicyVersion
from furrow.config import administrator
from furrow.organisation.models import User
from furrow.organisation.rules import Role

pytestmark = pytest.mark.django_db


def given(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))


def test_the_first_administrator_finds_rules_and_results(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "quiet-Harbour-29")

    assert administrator.main(["lin", "--name", "Lin Ke"]) == 0

    lin = User.objects.get(username="lin")
    assert lin.role == Role.ADMINISTRATOR
    assert lin.check_password("quiet-Harbour-29")
    assert PolicyVersion.objects.filter(region="CN").exists()
    assert DispositionSet.objects.count() == 1


def test_a_weak_password_is_refused_and_nobody_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, "12345678")

    assert administrator.main(["lin"]) == 1

    assert "too short" in capsys.readouterr().err
    assert not User.objects.filter(username="lin").exists()


def test_a_name_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for expected in (0, 1):
        given(monkeypatch, "quiet-Harbour-29")
        assert administrator.main(["lin"]) == expected
