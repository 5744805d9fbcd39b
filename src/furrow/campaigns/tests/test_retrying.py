from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.campaigns.rules import OUR_FAULTS, Retrying, retry_at, slot_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
RULES = Retrying(
    retry_minutes={"busy": 20, "no_answer": 240, "machine": 1440, "abandoned": 4320},
    slots=[540, 720, 840, 1080],
    most_attempts=6,
    attempts_per_slot=1,
)


def local(hour: int, minute: int = 0, day: int = 2) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("outcome", "last_at", "again_at"),
    [
        ("busy", local(10), local(12)),  # the morning has had its attempt: at noon
        ("busy", local(11, 50), local(12, 10)),  # twenty minutes on it is noon anyway
        ("no_answer", local(10), local(14)),  # four hours on it is afternoon
        ("no_answer", local(19), local(9, day=3)),  # the evening lasts until the morning
        ("machine", local(10), local(12, day=3)),  # a day on it is morning again: at noon
        ("carrier_fault", local(10), local(10, 10)),
        ("refused", local(10), None),  # no rule: no more
    ],
)
def test_another_attempt_in_another_part_of_the_day(
    outcome: str, last_at: datetime, again_at: datetime | None
) -> None:
    assert retry_at(outcome, last_at=last_at, attempts=1, in_slot=1, rules=RULES) == again_at


def test_the_last_attempt_was_the_last() -> None:
    assert retry_at("busy", last_at=local(10), attempts=6, in_slot=1, rules=RULES) is None


def test_within_one_part_of_the_day_while_it_has_attempts_left() -> None:
    twice = Retrying(RULES.retry_minutes, RULES.slots, 6, attempts_per_slot=2)

    first = retry_at("busy", last_at=local(10), attempts=1, in_slot=1, rules=twice)
    second = retry_at("busy", last_at=local(10, 20), attempts=2, in_slot=2, rules=twice)

    assert (first, second) == (local(10, 20), local(12))


@given(
    outcome=st.sampled_from([*RULES.retry_minutes, *OUR_FAULTS]),
    minute=st.integers(0, 1439),
    attempts=st.integers(1, 5),
)
def test_never_early_and_never_twice_in_a_part_of_the_day(
    outcome: str, minute: int, attempts: int
) -> None:
    last_at = local(0) + timedelta(minutes=minute)

    again_at = retry_at(outcome, last_at=last_at, attempts=attempts, in_slot=1, rules=RULES)

    assert again_at is not None
    wait = {**RULES.retry_minutes, **OUR_FAULTS}[outcome]
    assert again_at >= last_at + timedelta(minutes=wait)
    if outcome not in OUR_FAULTS:
        now = again_at.hour * 60 + again_at.minute
        assert slot_of(now, RULES.slots) != slot_of(minute, RULES.slots)
