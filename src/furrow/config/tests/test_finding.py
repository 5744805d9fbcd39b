"""`furrow find-duplicates`."""

import pytest

from furrow.config import finding
from furrow.customers.tests.make import make_customer
from furrow.linkage.actions import start_run
from furrow.linkage.models import Pair, Run
from furrow.linkage.rules import RunState
from furrow.organisation.actions import system_user
from furrow.organisation.tests.make import NOON

pytestmark = pytest.mark.django_db


def test_it_finds_and_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    for _time in range(2):
        make_customer(name="欧阳思远", city="深圳", profile={"birthday": "1980-05-01"})

    assert finding.main([]) == 0

    assert "2 customers, 1 pairs found, 0 joined by rule" in capsys.readouterr().out
    assert Pair.objects.count() == 1


def test_it_goes_on_with_a_run_under_way() -> None:
    run = start_run(joins_certain=True, by=system_user(), at=NOON)

    assert finding.main([]) == 0

    run.refresh_from_db()
    assert Run.objects.count() == 1
    assert run.state == RunState.DONE
