"""Dialer, worker, PostgreSQL and switch die in mid-dial: no number rings twice for one lease, no
customer is lost, no agent is stuck, and the sums are right."""

from pathlib import Path

import pytest

from tests.robustness.drill import FAULTS, drilling
from tests.robustness.house import House

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_whatever_dies_in_mid_dial_the_books_are_right(house: House, tmp_path: Path) -> None:
    with drilling(house, tmp_path) as drill:
        for fault in FAULTS:
            drill.inflict(fault)
        drill.settle()

        assert drill.wrong() == []
        classes = drill.classes()
        calls = "SELECT count(*) FROM calls_call WHERE campaign_id = %s"
        assert sum(classes.values()) == house.ask(calls, drill.campaign)
        assert classes["answered"] >= 1
