from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from furrow.desk.rules import NEXT_STEPS, STEP_BY_CODE, due_of

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("code", "pressed", "due"),
    [
        ("3d", (2026, 3, 2, 14, 30), (2026, 3, 5, 14, 30)),
        ("1d", (2026, 3, 2, 22, 10), (2026, 3, 3, 19, 30)),  # too late in the evening
        ("1w", (2026, 3, 2, 7, 5), (2026, 3, 9, 9, 0)),  # too early in the morning
    ],
)
def test_one_key_plans_into_the_working_day(
    code: str, pressed: tuple[int, ...], due: tuple[int, ...]
) -> None:
    now = datetime(*pressed, tzinfo=SHANGHAI)  # type: ignore[misc, arg-type]

    assert due_of(STEP_BY_CODE[code], local_now=now) == datetime(*due, tzinfo=SHANGHAI)  # type: ignore[misc, arg-type]


def test_a_clock_change_keeps_the_time_of_day() -> None:
    new_york = ZoneInfo("America/New_York")
    friday = datetime(2026, 3, 6, 15, 0, tzinfo=new_york)  # the clocks change on the 8th

    assert due_of(STEP_BY_CODE["3d"], local_now=friday).isoformat() == "2026-03-09T15:00:00-04:00"


def test_keys_are_told_apart() -> None:
    keys = [step.key for step in NEXT_STEPS] + list("asdfgh") + list("njtp")
    assert len(set(keys)) == len(keys)
