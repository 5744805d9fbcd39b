"""Hotlines, and people who call them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

from furrow.customers.models import Customer
from furrow.customers.tests.make import make_e164, number_of
from furrow.inbound.actions import HotlineDraft, arrive, save_hotline
from furrow.inbound.models import Arrival, Hotline
from furrow.organisation.models import Presence, Team, User
from furrow.organisation.rules import PresenceState
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user

_next = count(1)
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)


def make_hotline(
    *,
    team: Team | None = None,
    callback_team: Team | None = None,
    e164: str = "",
    is_closed: bool = False,
    ring_seconds: int = 15,
    queue_seconds: int = 60,
) -> Hotline:
    """A hotline that is answered around the clock, or never."""
    draft = HotlineDraft(
        e164=e164 or f"+8640000{next(_next):05d}",
        name="Orders",
        team=team or make_team(),
        callback_team=callback_team,
        opens_minute=0,
        closes_minute=1440,
        weekdays=() if is_closed else EVERY_DAY,
        ring_seconds=ring_seconds,
        queue_seconds=queue_seconds,
    )
    return save_hotline(hotline=None, draft=draft, by=make_user(), at=NOON)


def make_ready_agent(*, team: Team | None = None, since: datetime = NOON) -> User:
    """Somebody at a desk who waits for a call since then."""
    agent = make_agent(team=team)
    Presence.objects.filter(user=agent).update(
        state=PresenceState.READY, since=since, seen_at=max(since, datetime.now(UTC))
    )
    return agent


def make_arrival(
    *, hotline: Hotline | None = None, customer: Customer | None = None, at: datetime = NOON
) -> Arrival:
    """Somebody calls; without a customer nobody knows them."""
    hotline = hotline or make_hotline()
    caller = number_of(customer).e164 if customer else make_e164()
    arrival = arrive(leg=f"in-{next(_next)}", caller=caller, called=hotline.e164, at=at)
    assert arrival is not None
    return arrival
