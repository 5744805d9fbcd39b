"""Deadlines, who may decide, how credit is cut."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.compliance.rules import DayKind
from furrow.organisation.tests.make import NOON
from furrow.teamwork.rules import (
    WHOLE,
    CannotSettle,
    CannotShare,
    ClashState,
    Grounds,
    Ruling,
    Standing,
    Terms,
    after_working_days,
    check_appeal,
    check_decide,
    check_share,
    may_appeal,
    may_decide,
    parts_of_refund,
    parts_of_sale,
    percent_of,
    rule_of,
)

FRIDAY = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "ends"),
    [
        (0, FRIDAY),
        (1, datetime(2026, 3, 9, 15, 0, tzinfo=UTC)),
        (3, datetime(2026, 3, 12, 15, 0, tzinfo=UTC)),  # Wednesday is a holiday
        (6, datetime(2026, 3, 16, 15, 0, tzinfo=UTC)),  # Saturday 14th is made up
    ],
)
def test_working_days_pass_over_weekends_and_holidays(days: int, ends: datetime) -> None:
    calendar = {date(2026, 3, 11): DayKind.HOLIDAY, date(2026, 3, 14): DayKind.WORKDAY}
    if days == 6:
        ends = datetime(2026, 3, 16, 15, 0, tzinfo=UTC)
    assert after_working_days(FRIDAY, days, calendar) == ends


@pytest.mark.parametrize(
    ("can_own", "days_ago", "grounds"),
    [
        (True, 14, Grounds.WORKED),
        (True, 15, None),  # a day too long ago
        (True, None, None),  # never touched
        (False, 1, Grounds.NO_CLAIM),  # an import takes nobody's customer
        (False, None, Grounds.NO_CLAIM),
    ],
)
def test_the_rule_keeps_a_customer_with_an_owner_who_worked(
    can_own: bool, days_ago: int | None, grounds: Grounds | None
) -> None:
    last = None if days_ago is None else NOON - timedelta(days=days_ago)
    assert rule_of(can_own=can_own, last_act_at=last, terms=Terms(), at=NOON) == grounds


def _standing(**said: object) -> Standing:
    usual: dict[str, object] = {
        "state": ClashState.WAITING, "ruling": Ruling.NONE, "due_at": NOON,
        "is_claimant": False, "is_holder": False, "in_reach": True, "in_company": False,
        "was_appealed": False,
    }  # fmt: skip
    return Standing(**(usual | said))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("standing", "may"),
    [
        (_standing(), True),
        (_standing(in_reach=False), False),
        (_standing(is_claimant=True), False),  # nobody judges his own matter
        (_standing(is_holder=True), False),
        (_standing(state=ClashState.ESCALATED), False),  # too late for the leader
        (_standing(state=ClashState.ESCALATED, in_company=True), True),
        (_standing(state=ClashState.APPEALED), False),
        (_standing(state=ClashState.APPEALED, in_company=True), True),
        (_standing(state=ClashState.DECIDED, in_company=True), False),
        (_standing(state=ClashState.CLOSED, in_company=True), False),
    ],
)
def test_who_may_decide(standing: Standing, may: bool) -> None:
    assert may_decide(standing) is may
    if not may:
        with pytest.raises(CannotSettle):
            check_decide(standing)


def _lost(**said: object) -> Standing:
    usual: dict[str, object] = {
        "state": ClashState.DECIDED, "ruling": Ruling.HOLDER, "is_claimant": True,
    }  # fmt: skip
    return _standing(**(usual | said))


@pytest.mark.parametrize(
    ("standing", "may"),
    [
        (_lost(), True),
        (_lost(ruling=Ruling.CLAIMANT), False),  # the winner has nothing to appeal
        (_lost(ruling=Ruling.CLAIMANT, is_claimant=False, is_holder=True), True),
        (_lost(is_claimant=False), False),
        (_lost(was_appealed=True), False),  # once
        (_lost(due_at=NOON - timedelta(seconds=1)), False),  # in time
        (_lost(state=ClashState.CLOSED, due_at=None), False),
    ],
)
def test_who_may_appeal(standing: Standing, may: bool) -> None:
    assert may_appeal(standing, at=NOON) is may
    if not may:
        with pytest.raises(CannotSettle):
            check_appeal(standing, words="I called first", at=NOON)


def test_an_appeal_says_why() -> None:
    with pytest.raises(CannotSettle, match="why"):
        check_appeal(_lost(), words=" ", at=NOON)


@pytest.mark.parametrize(
    ("share", "agreed", "helpers", "days", "fits"),
    [
        (3000, 0, 0, 30, True),
        (3000, 7000, 2, 30, True),
        (3001, 7000, 2, 30, False),
        (0, 10_000, 4, 30, True),
        (0, 0, 5, 30, False),
        (1000, 0, 0, 0, False),
        (1000, 0, 0, 400, False),
    ],
)
def test_what_fits_beside_what_was_agreed(
    share: int, agreed: int, helpers: int, days: int, fits: bool
) -> None:
    def check() -> None:
        check_share(
            share=share, agreed=agreed, helpers=helpers, terms=Terms(),
            until=NOON + timedelta(days=days), at=NOON,
        )  # fmt: skip

    if fits:
        check()
    else:
        with pytest.raises(CannotShare):
            check()


def test_the_owner_gets_what_is_not_agreed_and_the_odd_cent() -> None:
    parts = parts_of_sale(amount_minor=101, owner=1, helpers=[(2, 5000), (3, 0)])

    assert [(part.person, part.amount_minor) for part in parts] == [(1, 51), (2, 50)]


shares = st.lists(st.integers(0, 2500), max_size=4)


@given(amount=st.integers(1, 10**12), shares=shares, owner=st.sampled_from([1, None]))
def test_the_parts_of_a_sale_sum_to_it_and_the_shares_to_the_whole(
    amount: int, shares: list[int], owner: int | None
) -> None:
    helpers = [(10 + place, share) for place, share in enumerate(shares)]
    parts = parts_of_sale(amount_minor=amount, owner=owner, helpers=helpers)

    assert sum(part.amount_minor for part in parts) == amount
    assert sum(part.share for part in parts) == WHOLE
    for part in parts:
        assert abs(part.amount_minor - amount * part.share / WHOLE) < 1 + amount * 1e-15


@given(
    shares=shares,
    amount=st.integers(1, 10**6),
    cuts=st.lists(st.integers(0, 10**6), max_size=6),
)
def test_refunds_never_take_more_than_is_left_and_whole_ones_leave_nothing(
    shares: list[int], amount: int, cuts: list[int]
) -> None:
    helpers = [(10 + place, share) for place, share in enumerate(shares)]
    left = [p.amount_minor for p in parts_of_sale(amount_minor=amount, owner=1, helpers=helpers)]
    for refund in [*cuts, amount]:
        refund = min(refund, sum(left))
        parts = parts_of_refund(amount_minor=refund, left=left)
        assert sum(parts) == refund
        left = [had - part for had, part in zip(left, parts, strict=True)]
        assert min(left) >= 0
    assert not any(left)


@pytest.mark.parametrize(("share", "said"), [(3000, "30 %"), (3333, "33.33 %"), (50, "0.5 %")])
def test_a_share_as_people_read_it(share: int, said: str) -> None:
    assert percent_of(share) == said
