from collections.abc import Collection, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.inbound.rules import Hours, Why, next_to_ring

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEK = Hours(9 * 60, 18 * 60, frozenset({0, 1, 2, 3, 4}))


@pytest.mark.parametrize(
    ("free", "owner", "tried", "next_"),
    [
        ([7, 8], None, (), (7, Why.LONGEST_FREE)),
        ([7, 8], 8, (), (8, Why.OWNER)),  # the owner, though another waits longer
        ([7, 8], 9, (), (7, Why.LONGEST_FREE)),  # the owner is not free
        ([7, 8], 8, (8,), (7, Why.LONGEST_FREE)),
        ([7, 8], 8, (7, 8), None),
        ([], 8, (), None),
    ],
)
def test_a_caller_rings_at_the_owner_then_at_the_longest_free(
    free: Sequence[int], owner: int | None, tried: Collection[int], next_: tuple[int, Why] | None
) -> None:
    assert next_to_ring(free=free, owner=owner, tried=tried) == next_


@given(st.lists(st.integers(1, 9), unique=True), st.integers(1, 9) | st.none())
def test_everybody_free_is_rung_once_and_nobody_else(free: list[int], owner: int | None) -> None:
    rung: list[int] = []
    while (chosen := next_to_ring(free=free, owner=owner, tried=rung)) is not None:
        rung.append(chosen[0])

    assert sorted(rung) == sorted(free)


def monday(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    return datetime(2026, 3, 2 + days, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("local", "opens"),
    [
        (monday(9), monday(9)),
        (monday(17, 59), monday(17, 59)),
        (monday(8, 59), monday(9)),
        (monday(18), monday(9, days=1)),
        (monday(12, days=5), monday(9, days=7)),  # on Saturday until Monday
    ],
)
def test_a_closed_hotline_opens_on_the_next_working_morning(
    local: datetime, opens: datetime
) -> None:
    assert WEEK.next_opening(local) == opens
    assert WEEK.is_open(local) == (local == opens)
    assert WEEK.is_open(opens)


def test_a_hotline_that_never_opens_has_no_next_opening() -> None:
    never = Hours(0, 1440, frozenset())
    assert not never.is_open(monday(12))
    assert never.next_opening(monday(12)) == monday(12)
