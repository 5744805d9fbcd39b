from datetime import UTC, datetime, timedelta

import pytest

from furrow.calls.rules import Outcome
from furrow.followups.rules import (
    RETRIES,
    CannotPlan,
    after_refusal,
    check_due,
    next_attempt,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("outcome", "attempts", "wait"),
    [
        (Outcome.BUSY, 1, timedelta(minutes=20)),
        (Outcome.BUSY, 5, None),  # the fifth try was the last
        (Outcome.NO_ANSWER, 1, timedelta(hours=4)),
        (Outcome.NO_ANSWER, 4, None),
        (Outcome.ANSWERED, 1, None),  # no rule: the conversation decides
        (Outcome.EMPTY_NUMBER, 1, None),  # no rule: never again
    ],
)
def test_next_attempt(outcome: Outcome, attempts: int, wait: timedelta | None) -> None:
    due_at = next_attempt(outcome, attempts=attempts, last_at=NOON)

    assert due_at == (None if wait is None else NOON + wait)


def test_waits_are_no_whole_days_so_another_part_of_the_day_is_tried() -> None:
    for outcome in (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.REFUSED, Outcome.SWITCHED_OFF):
        assert RETRIES[outcome].wait % timedelta(days=1)


def test_seven_refusals_and_then_rest() -> None:
    due = [after_refusal(refusals=n, at=NOON) for n in range(1, 9)]

    assert all(
        d is not None and timedelta(weeks=2) <= d - NOON <= timedelta(weeks=3) for d in due[:6]
    )
    assert due[6:] == [None, None]


def test_a_followup_lies_ahead_but_not_too_far() -> None:
    check_due(due_at=NOON + timedelta(minutes=1), at=NOON)
    for wrong in (NOON, NOON - timedelta(days=1), NOON + timedelta(days=401)):
        with pytest.raises(CannotPlan):
            check_due(due_at=wrong, at=NOON)
