"""Agents who take calls, and campaigns that dial by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from furrow.campaigns.models import Campaign, Target
from furrow.campaigns.rules import DialMode
from furrow.campaigns.tests.make import make_campaign
from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.dialer.actions import note_line, open_session, raise_line
from furrow.dialer.models import Session
from furrow.dialer.rules import seat_of
from furrow.organisation.models import Presence, User
from furrow.organisation.tests.make import make_agent

_numbers = count(1000)


def make_dialled_campaign(
    *, mode: DialMode, agents: int = 1, small_team: int = 0, abandon_percent: float = 2.5
) -> Campaign:
    """A running campaign with so many agents, round the clock."""
    people = [make_agent() for _ in range(agents)]
    campaign = make_campaign(agent=people[0])
    campaign.agents.set(people)
    campaign.dial_mode = mode
    campaign.small_team = small_team
    campaign.abandon_percent = abandon_percent
    campaign.save()
    return campaign


def make_pooled(
    *, campaign: Campaign, ending: str = "0001", priority: int = 0, agent: User | None = None
) -> Target:
    """Somebody nobody owns (or `agent` does), waiting in a campaign; the ending is the fate."""
    number = f"+86154{next(_numbers) % 10000:04d}{ending}"
    customer: Customer = make_customer(owner=agent, numbers=[number])
    return Target.objects.create(
        campaign=campaign, customer=customer, agent=agent, priority=priority
    )


def make_session(*, agent: User, ready_since: datetime | None = None) -> Session:
    """An agent who takes calls, the line standing."""
    at = ready_since or datetime.now(UTC)
    session = open_session(agent=agent, at=at)
    leg = raise_line(agent_id=agent.pk, at=at)
    agent_id, nth = seat_of(leg) or (0, 0)
    note_line(agent_id=agent_id, nth=nth, is_up=True, at=at - timedelta(seconds=10))
    Presence.objects.filter(user=agent).update(since=at, seen_at=datetime.now(UTC))
    session.refresh_from_db()
    return session
