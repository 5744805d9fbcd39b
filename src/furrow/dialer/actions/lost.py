"""Agents whose line fell in mid-talk, and who talks with their customers instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.calls.actions import hand_over_call
from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.dialer.models import Lease, Party, Session, Talk
from furrow.dialer.queries import free_to_be_called, lines_wanted, standing_line
from furrow.dialer.rules import Place, agent_leg, nth_of, seat_of
from furrow.followups.actions import plan_followup
from furrow.followups.models import FollowUp
from furrow.followups.rules import Reason
from furrow.organisation.actions import SYSTEM, set_presence, system_user
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import PresenceState
from furrow.permits.queries import is_forbidden

from .leases import release_lease
from .sessions import raise_line


@dataclass(frozen=True)
class Again:
    """The agent's next line."""

    leg: str
    agent: str  # username


@dataclass(frozen=True)
class Lost:
    """Somebody whose line is gone."""

    agent: str


def ring_again(*, leg: str, call_id: int | None, at: datetime) -> Again | None:
    """The line to raise instead of a lost one; None when nobody needs it any more.

    leg  the one that fell, or could not be raised: a leg rings once
    """
    if (seat := seat_of(leg)) is not None:
        agent = User.objects.working().filter(pk=seat[0]).select_related("line").first()
        wanted = call_id is not None or any(w.agent_id == seat[0] for w in lines_wanted(at=at))
        if agent is None or not wanted:
            return None
        current = agent.line.leg  # another was raised already, perhaps
        next_ = raise_line(agent_id=agent.pk, at=at) if current == leg else current
        return Again(next_, agent.username)
    call = _talking(call_id)
    return Again(agent_leg(call.pk, nth_of(leg) + 1), call.talker.username) if call else None


def _talking(call_id: int | None) -> Call | None:
    talking = Call.objects.filter(pk=call_id or 0, state=CallState.TALKING)
    return talking.select_related("agent", "customer", "number").first()


@transaction.atomic
def lose_agent(*, leg: str, call_id: int | None, at: datetime) -> Lost | None:
    """The line did not come back: the agent is away, and whom the dialer showed them goes back."""
    agent = _agent_at(leg, call_id)
    if agent is None:
        return None
    for lease in Lease.objects.held().filter(agent=agent).order_by("pk"):
        release_lease(lease_id=lease.pk, why="agent lost", until=None, at=at)
    if Presence.objects.filter(user=agent).exclude(state=PresenceState.OFFLINE).exists():
        set_presence(user=agent, state=PresenceState.AWAY, at=at)
    record("agent.line_lost", of=agent, by=SYSTEM, at=at, call=call_id)
    return Lost(agent.username)


def _agent_at(leg: str, call_id: int | None) -> User | None:
    seat = seat_of(leg)
    if call_id is None and seat is not None:  # only who takes calls is missed
        session = Session.objects.open().filter(agent=seat[0]).select_related("agent").first()
        return session.agent if session else None
    call = _talking(call_id)
    return call.agent if call else None


def hand_on(*, call_id: int, at: datetime) -> str | None:
    """Give the talk to a colleague of the same team who is free and whose line stands; returns
    that line. None when nobody is: then the customer is called back, by a plan made here."""
    call = _talking(call_id)
    if call is None:
        return None
    team_id = call.talker.team_id or 0
    owner_id = call.customer.owner_id
    for agent_id in free_to_be_called(team_id=team_id, owner_id=owner_id, at=at):
        leg = standing_line(agent_id=agent_id)
        if leg is None or agent_id == call.talker.pk:
            continue
        try:
            with transaction.atomic():
                colleague = User.objects.get(pk=agent_id)
                if hand_over_call(call_id=call_id, to=colleague, at=at):
                    Talk.objects.filter(pk=call_id).delete()  # nothing of it was their wish
                    helpers = Party.objects.live().filter(call=call_id, is_supervisor=False)
                    helpers.update(wanted=Place.GONE)
                    return leg
        except IntegrityError:  # on another call since we looked
            continue
    _plan_call_back(call, at=at)
    return None


def _plan_call_back(call: Call, *, at: datetime) -> None:
    if is_forbidden(call.number, at=at):
        return
    if FollowUp.objects.open().filter(customer=call.customer_id, reason=Reason.CALLED_US).exists():
        return
    plan_followup(
        customer=call.customer, assigned_to=call.customer.owner or call.talker,
        due_at=at + timedelta(minutes=1), reason=Reason.CALLED_US,
        note=_("The line broke in mid-talk."), after_call=call, by=system_user(), at=at,
    )  # fmt: skip
