from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from furrow.calls.rules import Outcome
from furrow.followups.rules import (
    DEFAULT_BODY,
    CannotPlan,
    after_refusal,
    check_due,
    next_attempt,
    revisit_of,
    rules_from,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = rules_from(DEFAULT_BODY, version=0)


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
    due_at = next_attempt(outcome, attempts=attempts, last_at=NOON, rules=RULES.retries)

    assert due_at == (None if wait is None else NOON + wait)


def test_waits_are_no_whole_days_so_another_part_of_the_day_is_tried() -> None:
    for outcome in (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.REFUSED, Outcome.SWITCHED_OFF):
        assert RULES.retries[outcome].wait % timedelta(days=1)


def test_seven_refusals_two_to_three_weeks_apart_each_with_a_fresh_reason_and_then_rest() -> None:
    following = [
        after_refusal(customer_id=41, refusals=n, at=NOON, rules=RULES.refusals)
        for n in range(1, 9)
    ]
    waits = [one[0] - NOON for one in following[:6] if one]
    assert len(waits) == 6
    assert all(timedelta(weeks=2) <= wait <= timedelta(weeks=3) for wait in waits)
    assert len({one[1] for one in following[:6] if one}) == 6
    assert following[6:] == [None, None]


@pytest.mark.parametrize(
    ("bought_days_ago", "pi", "policy"),
    [
        (None, None, "others"), (None, 2, "others"), (None, 3, "intent"), (10, 5, "just_bought"),
        (90, None, "just_bought"), (91, None, "bought"), (2000, 5, "bought"),
    ],
)  # fmt: skip
def test_revisit_of(bought_days_ago: int | None, pi: int | None, policy: str) -> None:
    bought_at = None if bought_days_ago is None else NOON - bought_days_ago * DAY
    assert revisit_of(RULES, bought_at=bought_at, pi=pi, at=NOON).key == policy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("forgotten_days", 30),  # a revisit is rarer
        ("refusals", {**DEFAULT_BODY["refusals"], "least_days": 30}),
        ("refusals", {**DEFAULT_BODY["refusals"], "reasons": ["one"]}),
        ("revisits", DEFAULT_BODY["revisits"][:2]),
        ("revisits", []),
        ("retries", {"nonsense": {"minutes": 1, "attempts": 1}}),
        ("promises", [{"name": "Come", "channel": "horse", "hours": 3}]),
    ],
)
def test_what_is_wrong_with_rules_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        rules_from({**DEFAULT_BODY, name: value}, version=1)


def test_a_followup_lies_ahead_but_not_too_far() -> None:
    check_due(due_at=NOON + timedelta(minutes=1), at=NOON)
    for wrong in (NOON, NOON - timedelta(days=1), NOON + timedelta(days=401)):
        with pytest.raises(CannotPlan):
            check_due(due_at=wrong, at=NOON)
