from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.compliance.rules import (
    DEFAULT_POLICIES,
    Cap,
    DayKind,
    broken_cap,
    is_open,
    next_opening,
    policy_from,
)

from .make import make_body, make_policy

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
PARIS = ZoneInfo("Europe/Paris")
WORKING_WEEK = make_policy(windows=[{"weekdays": [0, 1, 2, 3, 4], "from": "09:00", "to": "20:00"}])
HOLIDAY = {date(2026, 10, 1): DayKind.HOLIDAY}
MAKE_UP_SATURDAY = {date(2026, 10, 10): DayKind.WORKDAY}


def in_(zone: ZoneInfo, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("zone", "local", "days", "expected"),
    [
        (SHANGHAI, "2026-03-02 08:59", {}, False),
        (SHANGHAI, "2026-03-02 09:00", {}, True),
        (SHANGHAI, "2026-03-02 19:59", {}, True),
        (SHANGHAI, "2026-03-02 20:00", {}, False),  # closes is exclusive
        (SHANGHAI, "2026-03-07 12:00", {}, False),  # Saturday
        (SHANGHAI, "2026-10-01 12:00", HOLIDAY, False),
        (SHANGHAI, "2026-10-10 12:00", MAKE_UP_SATURDAY, True),
        (NEW_YORK, "2026-03-02 09:30", {}, True),
        (LOS_ANGELES, "2026-03-02 06:30", {}, False),  # the same instant, three hours earlier
    ],
)
def test_hours_are_the_callees_own(
    zone: ZoneInfo, local: str, days: Mapping[date, DayKind], expected: bool
) -> None:
    at = in_(zone, local).astimezone(UTC)

    assert is_open(WORKING_WEEK, at=at, time_zone=zone, days=days) is expected


def test_a_policy_may_allow_holidays() -> None:
    policy = make_policy(on_holidays=True)

    assert is_open(policy, at=in_(SHANGHAI, "2026-10-01 12:00"), time_zone=SHANGHAI, days=HOLIDAY)


@pytest.mark.parametrize(
    ("zone", "local", "opens"),
    [
        (SHANGHAI, "2026-03-02 08:00", "2026-03-02 09:00"),
        (SHANGHAI, "2026-03-02 20:00", "2026-03-03 09:00"),
        (SHANGHAI, "2026-03-06 21:00", "2026-03-09 09:00"),  # over the weekend
        # Clocks go forward on 8 March 2026 in New York and 29 March in Paris; back on 1 November.
        (NEW_YORK, "2026-03-06 21:00", "2026-03-09 09:00"),
        (PARIS, "2026-03-27 21:00", "2026-03-30 09:00"),
        (NEW_YORK, "2026-10-30 21:00", "2026-11-02 09:00"),
    ],
)
def test_next_opening_is_at_the_local_hour_across_clock_changes(
    zone: ZoneInfo, local: str, opens: str
) -> None:
    found = next_opening(WORKING_WEEK, at=in_(zone, local), time_zone=zone, days={})

    assert found is not None
    assert found.astimezone(zone) == in_(zone, opens)


def test_next_opening_passes_over_holidays_and_stops_at_make_up_workdays() -> None:
    days = {date(2026, 10, 1) + timedelta(days=n): DayKind.HOLIDAY for n in range(9)}

    found = next_opening(
        WORKING_WEEK, at=in_(SHANGHAI, "2026-09-30 21:00"), time_zone=SHANGHAI,
        days=days | MAKE_UP_SATURDAY,
    )  # fmt: skip

    assert found == in_(SHANGHAI, "2026-10-10 09:00")


def test_next_opening_within_a_day_of_two_windows() -> None:
    france = policy_from(DEFAULT_POLICIES["FR"], region="FR", version=1)

    found = next_opening(france, at=in_(PARIS, "2026-03-02 13:00"), time_zone=PARIS, days={})

    assert found == in_(PARIS, "2026-03-02 14:00")


def test_without_any_opening_there_is_none() -> None:
    never = make_policy(windows=[])

    assert next_opening(never, at=in_(PARIS, "2026-03-02 13:00"), time_zone=PARIS, days={}) is None


@given(
    minutes=st.integers(0, 700 * 1440),
    zone=st.sampled_from([SHANGHAI, NEW_YORK, LOS_ANGELES, PARIS]),
    opens=st.integers(0, 22),
    weekdays=st.sets(st.integers(0, 6), min_size=1),
    days=st.dictionaries(
        st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.sampled_from(DayKind), max_size=20
    ),
)
def test_it_is_open_at_the_next_opening_and_not_before(
    minutes: int,
    zone: ZoneInfo,
    opens: int,
    weekdays: set[int],
    days: dict[date, DayKind],
) -> None:
    hours = {"from": f"{opens:02}:00", "to": f"{opens + 1:02}:30"}
    policy = make_policy(windows=[{"weekdays": sorted(weekdays), **hours}])
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)

    opening = next_opening(policy, at=at, time_zone=zone, days=days)

    assert opening is not None
    assert is_open(policy, at=opening, time_zone=zone, days=days)
    if not is_open(policy, at=at, time_zone=zone, days=days):
        halfway = at + (opening - at) / 2
        # An hour the clock shows twice may open twice; nobody sets windows at that hour.
        if not (opens < 3 and (opening - at) < timedelta(hours=27)):
            assert not is_open(policy, at=halfway, time_zone=zone, days=days)


NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("caps", "minutes_ago", "free_in"),
    [
        ([Cap(3, 5 * MINUTE)], [1, 2], None),
        ([Cap(3, 5 * MINUTE)], [1, 2, 4], 1),
        ([Cap(3, 5 * MINUTE)], [1, 2, 5], None),  # exactly five minutes ago no longer counts
        ([Cap(1, 5 * MINUTE)], [1, 2, 4], 4),  # only when the latest has left
        ([Cap(3, 5 * MINUTE), Cap(3, 60 * MINUTE)], [1, 2, 4], 56),  # the longest wait is told
        ([Cap(1, 5 * MINUTE)], [-1], 6),  # placed by a process whose clock is ahead
        ([], [1, 1, 1, 1], None),
    ],
)
def test_broken_cap(caps: list[Cap], minutes_ago: list[int], free_in: int | None) -> None:
    broken = broken_cap(caps, dialled_at=[NOON - m * MINUTE for m in minutes_ago], at=NOON)

    assert (broken and broken[1]) == (None if free_in is None else NOON + free_in * MINUTE)


@given(
    caps=st.lists(
        st.builds(Cap, st.integers(1, 4), st.integers(1, 90).map(lambda m: m * MINUTE)), max_size=3
    ),
    ago=st.lists(st.integers(0, 120), max_size=12),
)
def test_a_call_is_possible_again_at_the_moment_told(caps: list[Cap], ago: list[int]) -> None:
    calls = [NOON - m * MINUTE for m in ago]
    broken = broken_cap(caps, dialled_at=calls, at=NOON)

    if broken is not None:
        _cap, free_at = broken
        assert broken_cap(caps, dialled_at=calls, at=free_at) is None
        assert broken_cap(caps, dialled_at=calls, at=free_at - MINUTE / 60) is not None


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"windows": [{"weekdays": [0], "from": "20:00", "to": "09:00"}]}, "windows"),
        ({"windows": [{"weekdays": [7], "from": "09:00", "to": "20:00"}]}, "windows"),
        ({"windows": [{"weekdays": [], "from": "09:00", "to": "20:00"}]}, "windows"),
        ({"windows": [{"weekdays": [0], "from": "9 o'clock", "to": "20:00"}]}, "windows"),
        ({"number_caps": [{"most": 0, "minutes": 5}]}, "number_caps"),
        ({"customer_caps": [{"most": 1}]}, "customer_caps"),
        ({"silence_after_refusal_days": -1}, "silence_after_refusal_days"),
        ({"silence_after_refusal_days": "soon"}, "silence_after_refusal_days"),
    ],
)
def test_a_wrong_policy_is_told_by_field(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(ValueError, match=f"^{names}: "):
        policy_from(make_body(**changes), region="CN", version=1)


def test_the_policies_a_company_starts_with_are_policies() -> None:
    for region, body in DEFAULT_POLICIES.items():
        assert policy_from(body, region=region, version=1).windows[0].opens >= time(8)
