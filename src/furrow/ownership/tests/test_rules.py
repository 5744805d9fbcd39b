from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.ownership.rules import (
    DAY,
    DEFAULT_BODY,
    Agent,
    Calendar,
    Clock,
    Held,
    Reach,
    Wanted,
    days_between,
    days_left,
    due_of,
    first_start_in_time,
    is_effective,
    last_day,
    pool_of,
    reaches,
    rules_from,
    why_no_room,
    why_not_claimable,
)
from furrow.ownership.rules import ActKind as Kind

from .make import make_body, make_rules

CHINA, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 11, 23)
OPEN = Calendar(frozenset())

days = st.dates(date(2025, 6, 1), date(2026, 6, 1))
closed_days = st.frozensets(days, max_size=60)
periods = st.integers(1, 90)


def at(day: date, hour: int = 12, zone: ZoneInfo = CHINA) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=zone)


@pytest.mark.parametrize(("period", "closed", "expected"), [
    (1, [], MONDAY + DAY),
    (3, [], MONDAY + 3 * DAY),
    (1, [MONDAY + DAY], MONDAY + 2 * DAY),  # a holiday tomorrow
    (2, [MONDAY], MONDAY + 2 * DAY),  # a holiday today: it did not count anyway
    (7, [MONDAY + n * DAY for n in range(1, 8)], MONDAY + 14 * DAY),  # a week of leave
])  # fmt: skip
def test_the_last_day_is_the_nth_that_counts(
    period: int, closed: list[date], expected: date
) -> None:
    assert last_day(MONDAY, period, closed) == expected


@given(start=days, period=periods, closed=closed_days, later=st.integers(0, 40), more=closed_days)
def test_days_never_run_backwards(
    start: date, period: int, closed: frozenset[date], later: int, more: frozenset[date]
) -> None:
    last = last_day(start, period, closed)

    assert last_day(start + later * DAY, period, closed) >= last
    assert last_day(start, period, closed | more) >= last
    assert last_day(start, period + 1, closed) > last
    assert last not in closed
    assert days_left(start + DAY, last, closed) == period


@given(start=days, period=periods, closed=closed_days, today=days)
def test_comparing_instants_finds_exactly_what_is_over(
    start: date, period: int, closed: frozenset[date], today: date
) -> None:
    is_over = last_day(start, period, closed) < today

    assert is_over == (start < first_start_in_time(today, period, closed))


@pytest.mark.parametrize("zone", [CHINA, BERLIN, ZoneInfo("America/New_York")])
@pytest.mark.parametrize("spring", [date(2026, 3, 7), date(2026, 3, 28), date(2026, 10, 24)])
@pytest.mark.parametrize("hour", [0, 3, 23])
def test_a_night_of_changed_clocks_makes_no_day_longer_or_shorter(
    zone: ZoneInfo, spring: date, hour: int
) -> None:
    held = Held(owned_since=at(spring, hour, zone).astimezone(UTC))

    due = due_of(held, rules=make_rules(clocks={"first_days": 2}), calendar=OPEN, zone=zone)

    assert due is not None
    assert due.last_on == spring + 2 * DAY


def test_a_pause_takes_out_every_day_it_touches() -> None:
    starts = at(MONDAY, 23)
    assert [*days_between(starts, starts + timedelta(hours=2), CHINA)] == [MONDAY, MONDAY + DAY]
    assert [*days_between(at(MONDAY, 0), at(MONDAY + DAY, 0), CHINA)] == [MONDAY]


# -- clocks ----------------------------------------------------------------------------------------

RULES = make_rules(clocks={"first_days": 2, "next_days": 14, "deal_days": 90})


@pytest.mark.parametrize(("held", "clock", "last_on"), [
    (Held(at(MONDAY)), Clock.FIRST, MONDAY + 2 * DAY),
    (Held(at(MONDAY), at(MONDAY + DAY)), Clock.NEXT, MONDAY + 15 * DAY),
    # An earlier owner's conversation, long ago or yesterday, is nothing to the present one.
    (Held(at(MONDAY), at(MONDAY - 30 * DAY)), Clock.FIRST, MONDAY + 2 * DAY),
    (Held(at(MONDAY), at(MONDAY, 11)), Clock.FIRST, MONDAY + 2 * DAY),
    # Talking does not sell: the sale has its own day.
    (Held(at(MONDAY), at(MONDAY + 89 * DAY)), Clock.DEAL, MONDAY + 90 * DAY),
    (Held(at(MONDAY), at(MONDAY + 89 * DAY), at(MONDAY + 50 * DAY)), Clock.NEXT,
     MONDAY + 103 * DAY),
    (Held(at(MONDAY), protected_until=at(MONDAY + 5 * DAY)), Clock.FIRST, MONDAY + 5 * DAY),
])  # fmt: skip
def test_the_first_clock_to_run_out_counts(held: Held, clock: Clock, last_on: date) -> None:
    due = due_of(held, rules=RULES, calendar=OPEN, zone=CHINA)

    assert due is not None
    assert (due.clock, due.last_on) == (clock, last_on)


def test_clocks_that_are_off_take_nobody() -> None:
    off = make_rules(clocks={"first_days": None, "next_days": None, "deal_days": None})
    assert due_of(Held(at(MONDAY)), rules=off, calendar=OPEN, zone=CHINA) is None
    off = make_rules(is_on=False)
    assert due_of(Held(at(MONDAY)), rules=off, calendar=OPEN, zone=CHINA) is None


instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(
    since=instants, acts=st.lists(instants, min_size=1, max_size=6), closed=closed_days,
    safe=instants, deal=st.none() | instants,
)  # fmt: skip
def test_no_act_and_no_protection_brings_the_day_nearer(
    since: datetime, acts: list[datetime], closed: frozenset[date], safe: datetime,
    deal: datetime | None,
) -> None:  # fmt: skip
    calendar = Calendar(closed)
    due = due_of(Held(since, dealt_at=deal), rules=RULES, calendar=calendar, zone=CHINA)
    assert due is not None
    latest: datetime | None = None
    for act in sorted(acts):
        latest = act
        after = due_of(Held(since, latest, deal), rules=RULES, calendar=calendar, zone=CHINA)
        assert after is not None
        assert after.last_on >= due.last_on
        due = after
    protected = due_of(Held(since, latest, deal, safe), rules=RULES, calendar=calendar, zone=CHINA)
    assert protected is not None
    assert protected.last_on >= due.last_on


@pytest.mark.parametrize(("kind", "seconds", "counts"), [
    (Kind.CALL, 30, True), (Kind.CALL, 29, False), (Kind.CALL, None, False),
    (Kind.MESSAGE, None, True), (Kind.VISIT, None, True), (Kind.ORDER, None, True),
    (Kind.PAYMENT, None, True),
])  # fmt: skip
def test_what_counts_as_work(kind: Kind, seconds: int | None, counts: bool) -> None:
    assert is_effective(kind, talk_seconds=seconds, rules=RULES) is counts


# -- pools -----------------------------------------------------------------------------------------


def test_a_customer_belongs_to_the_first_pool_that_takes_it() -> None:
    body = make_body()
    last = body["pools"][0]
    body["pools"] = [
        {**last, "key": "north", "teams": [7]},
        {**last, "key": "new", "when": {"stage": ["acquisition"]}},
        last,
    ]
    rules = rules_from(body, version=1)
    for team, stage, key in (
        (7, "acquisition", "north"), (8, "acquisition", "new"), (8, "", "all"), (None, "", "all")
    ):  # fmt: skip
        assert pool_of(rules, team_id=team, traits={"stage": stage}).key == key


@pytest.mark.parametrize(("name", "value"), [
    ("pools", []), ("talk_seconds", -1), ("warn_days", [99]), ("rest", {}), ("soft_hours", "x"),
    ("pools", [{"key": "a"}]), ("cool_down_days", None),
])  # fmt: skip
def test_rules_that_are_none_say_what_is_wrong(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        rules_from({**DEFAULT_BODY, name: value}, version=1)


@pytest.mark.parametrize(("reach", "same", "leads", "may"), [
    (Reach.ALL, False, False, True), (Reach.TEAM, True, False, True),
    (Reach.TEAM, False, False, False), (Reach.TEAM, False, True, True),
    (Reach.LEADERS, True, False, False), (Reach.LEADERS, True, True, True),
])  # fmt: skip
def test_whose_a_pool_is(reach: Reach, same: bool, leads: bool, may: bool) -> None:
    assert reaches(reach, is_same_team=same, sees_all=leads) is may


# -- claiming --------------------------------------------------------------------------------------

AGENT = Agent("agent", 1, False, True, claimed_today=0, held=0, unworked=0, farmed=0)
POOL = RULES.pools[0]


@pytest.mark.parametrize(("agent", "taking", "says"), [
    (AGENT, 0, None),
    (AGENT, 19, None), (AGENT, 20, "real conversation"),
    (Agent("agent", 1, False, True, 29, 100, 0, 0), 0, None),
    (Agent("agent", 1, False, True, 29, 100, 0, 0), 1, "30 customers today"),
    (Agent("agent", 1, False, True, 0, 1000, 0, 0), 0, "hold 1000"),
    (Agent("manager", 1, True, True, 0, 5000, 0, 0), 0, None),  # no limit is set for the role
    (Agent("agent", 1, False, True, 0, 0, 0, 10), 0, "unworked"),
])  # fmt: skip
def test_room_for_more(agent: Agent, taking: int, says: str | None) -> None:
    why = why_no_room(agent, POOL, RULES, taking=taking)

    assert (why is None) if says is None else (why is not None and says in why.message)


@pytest.mark.parametrize(("wanted", "says"), [
    (Wanted(POOL, 1, True), None),
    (Wanted(POOL, 1, False), "already has an owner"),
    (Wanted(POOL, 1, True, at(MONDAY - 6 * DAY), "released"), "until 2026-11-17"),
    (Wanted(POOL, 1, True, at(MONDAY - 7 * DAY), "released"), None),
    (Wanted(POOL, 1, True, at(MONDAY - 14 * DAY), "returned"), "again from 2026-11-24"),
    (Wanted(POOL, 1, True, at(MONDAY - DAY), "transferred"), None),  # a leader took it
    (Wanted(POOL, 1, True, owners=3, free_since=at(MONDAY - 2 * DAY)), "left in peace"),
    (Wanted(POOL, 1, True, owners=3, free_since=at(MONDAY - 4 * DAY)), None),
    (Wanted(POOL, 1, True, owners=2, free_since=at(MONDAY)), None),
])  # fmt: skip
def test_which_customers_may_be_claimed(wanted: Wanted, says: str | None) -> None:
    why = why_not_claimable(AGENT, wanted, RULES, is_same_team=True, at=at(MONDAY))

    assert (why is None) if says is None else (why is not None and says in why.message)


def test_who_looks_after_nobody_claims_nobody() -> None:
    reviewer = Agent("qa", None, True, False, 0, 0, 0, 0)
    wanted = Wanted(POOL, 1, True)
    assert why_not_claimable(reviewer, wanted, RULES, is_same_team=True, at=at(MONDAY)) is not None


def test_another_teams_pool_is_not_claimed_from() -> None:
    wanted = Wanted(POOL, 2, True)
    assert why_not_claimable(AGENT, wanted, RULES, is_same_team=False, at=at(MONDAY)) is not None
