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
from furrow.dialer.models import Lease, Session
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
        _tell(session)
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
    _tell(session)
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
def raise_line(*, session_id: int, at: datetime) -> str | None:
    """Store the intent to ring an agent's own phone; returns the new leg, None if closed since."""
    session = Session.objects.open().select_for_update().filter(pk=session_id).first()
    if session is None:
        return None
    session.line, session.line_asked_at, session.line_up_at = session.line + 1, at, None
    session.save(update_fields=["line", "line_asked_at", "line_up_at"])
    return session.leg


@transaction.atomic
def note_line(*, session_id: int, line: int, up_at: datetime | None) -> bool:
    """The agent's line stands since `up_at`, or is lost (None). False for an older line."""
    current = Session.objects.open().filter(pk=session_id, line=line)
    if not current.update(line_up_at=up_at):
        return False
    _tell(current.get())
    return True


def check_lines(*, legs: Collection[str], at: datetime) -> frozenset[str]:
    """Compare the agents' lines with the legs the switch has; returns those that may stand.

    A line we believe in and the switch does not know is lost. One that was just asked for may
    not be there yet.
    """
    standing = set()
    for session in Session.objects.open():
        if session.leg in legs:
            standing.add(session.leg)
        elif session.line_up_at is not None and at - session.line_up_at >= RAISE_AGAIN:
            note_line(session_id=session.pk, line=session.line, up_at=None)
    return frozenset(standing)


def _is_busy(agent: User) -> bool:
    calls = Call.objects.filter(agent=agent)
    return calls.in_progress().exists() or calls.unwrapped().exists()


def _tell(session: Session) -> None:
    """The agent's screens, and the dialer."""
    publish("call", topics=[f"user:{session.agent_id}"], agent=session.agent_id)
    notify(DIALER_CHANNEL)
