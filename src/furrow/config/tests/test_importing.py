"""`furrow import`: a file becomes customers from a terminal."""

from pathlib import Path
from typing import Any

import pytest

from furrow.acquisition.models import Batch, Source
from furrow.acquisition.rules import BatchState
from furrow.config.importing import main
from furrow.customers.models import Number

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    path = tmp_path / "十月.csv"
    path.write_text(
        "称呼,号码A,城市\n张伟,138 0013 8001,北京\n李娜,1.38E+10,上海\n", encoding="gb18030"
    )
    return path


def test_a_file_becomes_customers(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(file), "--source", "Fair", "--map", "号码A=phone", "--yes"]

    assert main(words) == 0

    assert Number.objects.get().e164 == "+8613800138001"
    assert Source.objects.get().name == "Fair"
    said = capsys.readouterr().err
    assert "2 rows = 1 new + 0 joined + 0 left out + 1 not importable" in said
    assert "number_lost: 1" in said


def test_without_yes_nothing_is_imported(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)

    assert main([str(file), "--source", "Fair", "--map", "号码A=phone"]) == 1

    assert Batch.objects.get().state == BatchState.CHECKED
    assert not Number.objects.exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--map", "x=phone"], 2),
        (["--map", "phone"], 2),
        (["--user", "nobody"], 1),
        (["--map", "号码A=note"], 1),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_imported(
    file: Path, words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(file), "--source", "Fair", "--yes", *words]) == code
    assert capsys.readouterr().err.strip()
    assert not Number.objects.exists()
