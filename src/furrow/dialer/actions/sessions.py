"""Agents who let calls come by themselves: when they begin, when they leave, whether they hear."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.calls.models import Call
from furrow.campaigns.models import Campaign
from furrow.campaigns.rules import DialMode
from furrow.common.realtime import DIALER_CHANNEL, notify, publish
from furrow.dialer.models import Lease, Line, Session
from furrow.dialer.queries import lines_wanted
from furrow.dialer.rules import RAISE_AGAIN, CannotTakeCalls
from furrow.organisation.actions import SYSTEM, set_presence
from furrow.organisation.models import User
from furrow.organisation.rules import PresenceState

from .leases import release_lease


@transaction.atomic
def open_session(*, agent: User, at: datetime) -> Session:
    """From now on calls come to this agent by themselves. Safe to repeat.

    Raises CannotTakeCalls when no campaign of the agent's dials by itself.
    """
    dialled = Campaign.objects.running().filter(agents=agent).exclude(dial_mode=DialMode.MANUAL)
    if not dialled.exists():
        raise CannotTakeCalls(
            _("None of your running campaigns dials by itself. Call with F2, or ask your leader."),
            rule="D1",
        )
    session, made = Session.objects.get_or_create(
        agent=agent, closed_at=None, defaults={"opened_at": at}
    )
    if made:
        record("session.opened", of=session, by=agent.username, at=at)
        if not _is_busy(agent):
            set_presence(user=agent, state=PresenceState.READY, at=at)
        _tell(agent.pk)
    return session


@transaction.atomic
def close_session(*, agent: User, by: str, at: datetime) -> bool:
    """No more calls come by themselves; one that is on goes on. False if none came before."""
    session = Session.objects.open().select_for_update().filter(agent=agent).first()
    if session is None:
        return False
    session.closed_at = at
    session.save(update_fields=["closed_at"])
    for lease in Lease.objects.held().filter(agent=agent).order_by("pk"):
        release_lease(lease_id=lease.pk, why="agent left", until=None, at=at)
    record("session.closed", of=session, by=by, at=at)
    _tell(agent.pk)
    return True


def close_left(*, at: datetime) -> int:
    """Close the sessions of those who went offline or may not work any more; returns how many."""
    left = Session.objects.open().exclude(
        agent__is_active=True, agent__presence__state__in=_AT_WORK
    )
    return sum(
        close_session(agent=session.agent, by=SYSTEM, at=at)
        for session in left.select_related("agent").order_by("pk")
    )


_AT_WORK = [state for state in PresenceState if state != PresenceState.OFFLINE]


@transaction.atomic
def raise_line(*, agent_id: int, at: datetime) -> str:
    """Store the intent to ring an agent's own phone; returns the new leg."""
    Line.objects.get_or_create(agent_id=agent_id, defaults={"asked_at": at})
    line = Line.objects.select_for_update().get(agent_id=agent_id)
    line.nth, line.asked_at, line.up_at, line.lost_at = line.nth + 1, at, None, None
    line.save()
    return line.leg


@transaction.atomic
def note_line(*, agent_id: int, nth: int, is_up: bool, at: datetime) -> bool:
    """The agent's line stands, or is lost. False for an older line."""
    current = Line.objects.filter(agent_id=agent_id, nth=nth)
    changes = {"up_at": at, "lost_at": None} if is_up else {"up_at": None, "lost_at": at}
    if not current.update(**changes):
        return False
    _tell(agent_id)
    return True


def check_lines(*, legs: Collection[str], at: datetime) -> frozenset[str]:
    """Compare the agents' lines with the legs the switch has; returns those that may stand.

    A line we believe in and the switch does not know is lost. One that was just asked for may
    not be there yet.
    """
    standing = set()
    for line in Line.objects.filter(agent__in=[one.agent_id for one in lines_wanted(at=at)]):
        if line.leg in legs:
            standing.add(line.leg)
        elif line.up_at is not None and at - line.up_at >= RAISE_AGAIN:
            note_line(agent_id=line.agent_id, nth=line.nth, is_up=False, at=at)
    return frozenset(standing)


def _is_busy(agent: User) -> bool:
    calls = Call.objects.filter(agent=agent)
    return calls.in_progress().exists() or calls.unwrapped().exists()


def _tell(agent_id: int) -> None:
    """The agent's screens, and the dialer."""
    publish("call", topics=[f"user:{agent_id}"], agent=agent_id)
    notify(DIALER_CHANNEL)
