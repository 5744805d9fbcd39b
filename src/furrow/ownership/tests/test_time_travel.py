"""Days and nights lived through hour by hour: leave, holidays, changed clocks, restarts."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import LazySettings

from furrow.compliance.actions import set_calendar_day
from furrow.compliance.rules import DayKind
from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_user
from furrow.ownership.actions import add_pause, cancel_pause, return_due
from furrow.ownership.models import Return
from furrow.ownership.rules import DAY, PauseKind
from furrow.rulebooks import queries as rulebooks

from .make import put_in_force

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def owned_since(agent: User, at: datetime) -> Customer:
    customer = make_customer(owner=agent)
    Customer.objects.filter(pk=customer.pk).update(owned_since=at)
    return customer


def live(begins: datetime, *, hours: int) -> None:
    """The run is asked for each hour, each time by a process that remembers nothing."""
    for n in range(hours):
        rulebooks._known.clear()
        return_due(at=begins + n * HOUR)


@pytest.mark.parametrize(
    ("zone", "eve"),
    [
        ("Europe/Berlin", date(2026, 3, 28)),  # the next night is an hour shorter
        ("Europe/Berlin", date(2026, 10, 24)),  # and longer
        ("America/New_York", date(2026, 3, 7)),
    ],
)
def test_a_changed_clock_takes_nobody_a_day_early_or_late(
    zone: str, eve: date, settings: LazySettings
) -> None:
    settings.TIME_ZONE = zone
    here = ZoneInfo(zone)
    midnight = datetime.combine(eve, time.min, here)
    put_in_force(at=midnight, clocks={"first_days": 2}, soft_hours=24)
    agent = make_agent()
    taken = [
        owned_since(agent, datetime.combine(eve, time(hour, 30), here)).pk
        for hour in (0, 2, 12, 23)
    ]

    # Instants, not hours on the wall: of those there are 23 or 25 in the day between.
    first = datetime.combine(eve + DAY, time(0, 10), here).astimezone(ZoneInfo("UTC"))
    live(first, hours=96)

    returned = {one.customer_id: one for one in Return.objects.all()}
    assert Return.objects.count() == len(taken), "announced once each"
    assert set(returned) == set(taken)
    for one in returned.values():
        announced = one.announced_at.astimezone(here)
        assert one.last_on == eve + 2 * DAY
        assert (announced.date(), announced.hour) == (eve + 3 * DAY, 0)
        assert one.state == "returned"
        assert one.decided_at is not None
        assert one.decided_at - one.announced_at == 24 * HOUR


def test_leave_that_is_cut_short_and_a_holiday_that_is_told_late() -> None:
    """What does not count is asked anew each night: nothing was written down that grows stale."""
    here = ZoneInfo("Asia/Shanghai")
    monday = datetime(2026, 6, 1, 0, 10, tzinfo=here)
    put_in_force(at=monday, clocks={"first_days": 2}, soft_hours=24)
    by, agent = make_user(role=Role.MANAGER), make_agent()
    owned_since(agent, monday)
    leave = add_pause(
        kind=PauseKind.LEAVE, agent=agent, starts_at=monday + DAY, ends_at=monday + 20 * DAY,
        by=by, at=monday,
    )  # fmt: skip

    live(monday + DAY, hours=5 * 24)
    assert not Return.objects.exists(), "on leave"

    cancel_pause(pause=leave, by=by, at=monday + 6 * DAY)
    add_pause(
        kind=PauseKind.LEAVE, agent=agent, starts_at=monday + DAY, ends_at=monday + 6 * DAY - HOUR,
        by=by, at=monday + 6 * DAY,
    )  # fmt: skip
    # Sunday the 7th is the first of two days that count; Monday the 8th turns out a holiday.
    set_calendar_day(
        region="CN", on=date(2026, 6, 8), kind=DayKind.HOLIDAY, by=by, at=monday + 6 * DAY
    )
    live(monday + 6 * DAY, hours=5 * 24)

    [one] = Return.objects.all()
    assert one.last_on == date(2026, 6, 9)
    assert one.announced_at.astimezone(here).date() == date(2026, 6, 10)
    assert one.state == "returned"
