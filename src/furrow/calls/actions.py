"""How a call begins, moves on, ends, and gets its result."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from furrow.acquisition.models import Lead
from furrow.audit.actions import record
from furrow.campaigns.models import Campaign, Disposition
from furrow.campaigns.rules import DialMode, Effect
from furrow.common.realtime import publish
from furrow.common.sql import load_sql
from furrow.compliance.actions import suppress_number
from furrow.compliance.rules import SuppressionKind
from furrow.customers.actions import allocate_customers, mark_touched
from furrow.customers.models import Customer, Number
from furrow.lines.actions import note_result
from furrow.organisation.actions import SYSTEM, set_presence, system_user
from furrow.organisation.models import Presence, Team, User
from furrow.organisation.rules import PresenceState
from furrow.ownership.actions import note_act, rebuild_standings
from furrow.ownership.rules import ActKind, Strength
from furrow.permits.actions import close_permit, free_agent, give_permit, spend_permit
from furrow.permits.models import Permit
from furrow.pipeline.actions import take_out_unreachable
from furrow.pipeline.rules import check_score
from furrow.webhooks.actions import announce

from .models import Call
from .rules import (
    BEFORE_TALK,
    BY_A_PERSON,
    CAME_OF_IT,
    CLEANS_THE_LIST,
    DIALS_BY_ITSELF,
    MOVES,
    CallState,
    CannotWrapUp,
    Outcome,
    check_wrap_up,
    outcome_of,
)

_STAMP = {
    CallState.DIALING: "dialed_at",
    CallState.RINGING: "ringing_at",
    CallState.WAITING: "answered_at",
    CallState.TALKING: "connected_at",
    CallState.ENDED: "ended_at",
}


@transaction.atomic
def place_call(
    *,
    permit: Permit,
    campaign: Campaign | None,
    mode: DialMode = DialMode.MANUAL,
    by: User,
    at: datetime,
) -> Call:
    """Spend a permit on one call. The dialer takes it from the queue.

    mode  in a progressive or predictive call nobody talks, and nobody owes a result, before the
          callee has answered: `connect_call` names the agent then

    Raises PermitVoid when the permit was used, has expired, or the number was suppressed since.
    """
    spend_permit(permit=permit, at=at)
    agent = permit.agent if mode not in DIALS_BY_ITSELF else None
    team_id = agent.team_id if agent else campaign.team_id if campaign else None
    call = Call.objects.create(
        permit=permit,
        customer_id=permit.customer_id,
        number_id=permit.number_id,
        agent=agent,
        team_id=team_id,
        mode=mode,
        campaign=campaign,
        source_id=_first_source(permit.customer_id),
        attempt=Call.objects.filter(customer_id=permit.customer_id, is_inbound=False).count() + 1,
        queued_at=at,
    )
    record("call.placed", of=call, by=by.username, at=at, permit=permit.pk)
    _publish(call, since=at)
    return call


@transaction.atomic
def receive_call(*, number: Number, team: Team | None, at: datetime) -> Call:
    """Somebody calls us. It rings until it is given to an agent, or ends; it needs no permit."""
    call = Call.objects.create(
        is_inbound=True,
        customer_id=number.customer_id,
        number=number,
        team=team,
        state=CallState.RINGING,
        source_id=_first_source(number.customer_id),
        attempt=0,
        queued_at=at,
        ringing_at=at,
    )
    record("call.received", of=call, by=SYSTEM, at=at)
    return call


@transaction.atomic
def offer_call(*, call_id: int, agent: User | None, at: datetime) -> bool:
    """Let an inbound call ring at an agent, or at nobody (None). False if it is over or taken.

    Raises IntegrityError when the agent is on another call.
    """
    calling = Call.objects.filter(pk=call_id, is_inbound=True, state__in=BEFORE_TALK)
    before = calling.select_for_update(of=("self",)).select_related("agent").first()
    if before is None:
        return False
    if before.agent is not None:
        _publish(before, since=at)  # it rings there no more
    team_id = agent.team_id if agent else before.team_id
    calling.update(agent=agent, team=team_id)
    _publish(Call.objects.get(pk=call_id), since=at)
    return True


@transaction.atomic
def take_call(*, call_id: int, agent: User, at: datetime) -> bool:
    """The agent an inbound call rings at talks. False if it is over, or rings there no more.

    As in a call we made, who speaks first with somebody nobody owned looks after them (B3).
    """
    calling = Call.objects.filter(pk=call_id, agent=agent, is_inbound=True)
    customer_id = calling.values_list("customer_id", flat=True).first()
    if customer_id is None:
        return False
    customer = Customer.objects.select_for_update(no_key=True).only("owner").get(pk=customer_id)
    if not move_call(call_id=call_id, to=CallState.TALKING, at=at, only_from=BEFORE_TALK):
        return False
    if customer.owner_id is None:
        allocate_customers(customers=[customer.pk], agents=[agent], by=system_user(), at=at)
    return True


@transaction.atomic
def move_call(
    *,
    call_id: int,
    to: CallState,
    at: datetime,
    outcome: str = "",
    cause: str = "",
    only_from: Collection[CallState] | None = None,
    goes_on: bool = False,
) -> bool:
    """Move a call along its life. False if it has already moved past: telephony events repeat
    and arrive late, so a stale one is normal and changes nothing.

    outcome    what the line said; needed for ENDED, refused by the database without
    cause      the line's own word, for the engineer; never a number
    only_from  fewer states to come from than `MOVES` allows
    goes_on    with ENDED: it has ended for us, and the customer talks on with somebody outside; the
               permit stays open, and whoever lets them go closes it

    Ending a call closes its permit, so the customer and the agent are free again; puts the agent
    into wrap-up; marks the customer touched if a line was tried; cleans the list of a number that
    does not exist; and tells other systems. Of the calls that the dialer made by itself, an
    answer that no agent took is *abandoned*, and an agent who met a machine owes no result.
    """
    came_from = {state for state, nexts in MOVES.items() if to in nexts}
    if only_from is not None:
        came_from &= set(only_from)
    moving = Call.objects.filter(pk=call_id, state__in=came_from)
    if to is CallState.ENDED and (ending := moving.first()) is not None:
        # The customer first: whoever asks for the next permit locks in this order too.
        Customer.objects.select_for_update(no_key=True).only("pk").get(pk=ending.customer_id)
        now = moving.select_for_update().values_list("state", "agent_id").first()
        # An answer that only the switch's journal knows of was nobody's either.
        is_nobodys = now is not None and (
            now[0] == CallState.WAITING
            or (outcome == Outcome.ANSWERED and ending.mode in DIALS_BY_ITSELF and now[1] is None)
        )
        outcome = outcome_of(said=outcome, was_waiting=is_nobodys) if outcome else ""
    changes: dict[str, Any] = {"state": to, _STAMP[to]: at}
    if to is CallState.TALKING:
        changes["answered_at"] = Coalesce("answered_at", Value(at))
    if to is CallState.ENDED:
        changes |= {"outcome": outcome, "cause": cause[:60]}
    if not moving.update(**changes):
        return False
    call = Call.objects.select_related("agent", "number").get(pk=call_id)
    is_machine = call.outcome == Outcome.MACHINE and call.mode in DIALS_BY_ITSELF
    if is_machine or (to is CallState.ENDED and call.is_inbound and call.connected_at is None):
        _let_go(call, at=at)
    record(f"call.{to}", of=call, by=SYSTEM, at=at, **({"outcome": outcome} if outcome else {}))
    if to is CallState.TALKING:
        _show_agent(call, PresenceState.TALKING, at=at)
    elif to is CallState.ENDED:
        _end(call, at=at, goes_on=goes_on)
    _publish(call, since=at)
    return True


@transaction.atomic
def connect_call(*, call_id: int, agent: User, at: datetime) -> bool:
    """Give a call that was answered to the agent who talks. False if nobody waits there any more.

    A customer nobody owned becomes the agent's: who speaks first with somebody looks after them
    (B3). Raises IntegrityError when the agent is on another call.
    """
    waiting = Call.objects.filter(pk=call_id, state=CallState.WAITING)
    customer_id = waiting.values_list("customer_id", flat=True).first()
    if customer_id is None:
        return False
    customer = Customer.objects.select_for_update(no_key=True).only("owner").get(pk=customer_id)
    if customer.owner_id not in (None, agent.pk):  # somebody else's (B3)
        return False
    if not waiting.update(
        state=CallState.TALKING, agent=agent, team=agent.team_id, connected_at=at
    ):
        return False
    call = Call.objects.select_related("agent", "number").get(pk=call_id)
    assert call.permit_id is not None  # noqa: S101 - we made this call
    give_permit(permit_id=call.permit_id, agent=agent, at=at)
    if customer.owner_id is None:
        allocate_customers(customers=[customer.pk], agents=[agent], by=system_user(), at=at)
    record("call.talking", of=call, by=SYSTEM, at=at, agent=agent.pk)
    _show_agent(call, PresenceState.TALKING, at=at)
    _publish(call, since=at)
    return True


@transaction.atomic
def hand_over_call(*, call_id: int, to: User, at: datetime) -> bool:
    """Another agent talks from now on, and owes the result. False if nobody talks any more.

    Whose customer it is does not change by that (B5). Raises IntegrityError when the other is on
    a call of their own.
    """
    talking = Call.objects.filter(pk=call_id, state=CallState.TALKING)
    before = talking.select_related("agent", "number").first()
    if before is None or before.agent_id == to.pk:
        return False
    Customer.objects.select_for_update(no_key=True).only("pk").get(pk=before.customer_id)
    if not talking.filter(agent=before.agent_id).update(agent=to, team=to.team_id):
        return False
    call = Call.objects.select_related("agent", "number").get(pk=call_id)
    if call.permit_id is not None:
        give_permit(permit_id=call.permit_id, agent=to, at=at)
    record(
        "call.handed_over", of=call, by=before.talker.username, at=at,
        agent=before.agent_id, to=to.pk,
    )  # fmt: skip
    _show_agent(before, PresenceState.READY, at=at)
    _publish(before, since=at)
    _show_agent(call, PresenceState.TALKING, at=at)
    _publish(call, since=at)
    return True


def _first_source(customer_id: int) -> int | None:
    leads = Lead.objects.filter(customer_id=customer_id).order_by("at", "id")
    return leads.values_list("source_id", flat=True).first()


def _let_go(call: Call, *, at: datetime) -> None:
    """An agent who was given a machine, or a caller who gave up, is free at once."""
    if call.agent_id is not None:
        _show_agent(call, PresenceState.READY, at=at)
        _publish(call, since=at)
        Call.objects.filter(pk=call.pk).update(agent=None)
        call.agent = None


def _end(call: Call, *, at: datetime, goes_on: bool) -> None:
    if call.permit_id is not None and goes_on:
        free_agent(permit_id=call.permit_id)
    elif call.permit_id is not None:
        close_permit(permit_id=call.permit_id, at=at)
    _show_agent(call, PresenceState.WRAPUP, at=at)
    if call.dialed_at is not None or call.connected_at is not None:
        mark_touched(customer_id=call.customer_id, at=at)
    if call.dialed_at is not None:
        note_result(call_id=call.pk, is_answered=call.outcome in BY_A_PERSON, at=at)
    if call.outcome in CLEANS_THE_LIST:
        suppress_number(
            e164=call.number.e164,
            kind=SuppressionKind.INVALID,
            reason=str(Outcome(call.outcome).label),
            origin=f"call:{call.pk}",
            by=system_user(),
            at=at,
        )
        # Screening lets go of whom nobody can reach on any number (C1).
        take_out_unreachable(
            after=call.customer_id - 1, upto=call.customer_id, by=system_user(), at=at
        )
    announce(
        event="call.ended",
        payload={
            "call": call.pk,
            "customer": call.customer_id,
            "agent": call.agent.username if call.agent else None,
            "campaign": call.campaign_id,
            "outcome": call.outcome,
            "is_inbound": call.is_inbound,
            "attempt": call.attempt,
            "talk_seconds": call.talk_seconds,
            "ended_at": at.isoformat(),
        },
        at=at,
    )


def _show_agent(call: Call, state: PresenceState, *, at: datetime) -> None:
    """Only an agent who is seen calling: one who went away meanwhile stays away."""
    busy = [PresenceState.READY, PresenceState.CALLING, PresenceState.TALKING]
    if call.agent and Presence.objects.filter(user=call.agent_id, state__in=busy).exists():
        set_presence(user=call.agent, state=state, at=at)


@transaction.atomic
def wrap_up_call(
    *,
    call: Call,
    disposition: Disposition,
    cp: int | None,
    remark: str,
    by: User,
    at: datetime,
) -> Call:
    """Store what came of a call, once.

    cp  customer potential, 0 to 5, or None when not asked

    Raises CannotWrapUp while the call is on, or has its result, or the disposition belongs to
    another campaign; BadScore.
    """
    # The customer first, as everywhere: what a result sets off, and a merge, lock it too.
    Customer.objects.select_for_update(no_key=True).only("pk").get(pk=call.customer_id)
    call = (
        Call.objects.select_for_update(of=("self",))
        .select_related("agent", "customer", "number", "campaign")
        .get(pk=call.pk)
    )
    check_wrap_up(
        is_ended=not call.is_in_progress,
        is_wrapped=call.wrapped_at is not None,
        is_somebodys=call.agent is not None,
    )
    if call.campaign is not None and disposition.set_id != call.campaign.disposition_set_id:
        raise CannotWrapUp(
            _("“%(disposition)s” is not a result of the campaign “%(campaign)s”.")
            % {"disposition": disposition.name, "campaign": call.campaign.name},
            rule="E3",
        )
    if cp is not None:
        check_score(cp)
    call.disposition, call.cp, call.remark, call.wrapped_at = disposition, cp, remark, at
    call.save(update_fields=["disposition", "cp", "remark", "wrapped_at"])
    record(
        "call.wrapped_up", of=call, by=by.username, at=at,
        disposition=disposition.pk, key=disposition.key, cp=cp,
    )  # fmt: skip
    if call.outcome == Outcome.ANSWERED:  # talk with a result, by which the owner may keep it
        note_act(
            customer_id=call.customer_id,
            kind=ActKind.CALL,
            strength=CAME_OF_IT.get(Effect(disposition.effect), Strength.WEAK),
            talk_seconds=call.talk_seconds,
            is_deal=disposition.effect == Effect.SOLD,
            source=f"calls.Call:{call.pk}",
            by=call.talker,
            at=at,
        )
    if Presence.objects.filter(user=call.agent_id, state=PresenceState.WRAPUP).exists():
        set_presence(user=call.talker, state=PresenceState.READY, at=at)
    _publish(call, since=at)
    announce(
        event="call.wrapped_up",
        payload={
            "call": call.pk,
            "customer": call.customer_id,
            "agent": call.talker.username,
            "campaign": call.campaign_id,
            "disposition": disposition.key,
            "effect": disposition.effect,
            "cp": cp,
            "wrapped_at": at.isoformat(),
        },
        at=at,
    )
    return call


@transaction.atomic
def tell_past_calls(*, talk_seconds: int) -> None:
    """What the calls of the past were worth to the owners of their time; safe to repeat."""
    with connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.calls", "past_acts"), {"talk_seconds": talk_seconds})
    rebuild_standings()


def move_calls(duplicate: Customer, into: Customer) -> None:
    """All calls of a duplicate become the kept customer's."""
    Call.objects.filter(customer=duplicate).update(customer=into)


def _publish(call: Call, *, since: datetime) -> None:
    """Tell the agent and whoever watches the floor. Ids and codes only.

    Of a line that nobody talks on yet only the dialer's own figures tell.
    """
    if call.agent_id is None:
        return
    topics = [f"user:{call.agent_id}", "floor"]
    if call.team_id is not None:
        topics.append(f"floor:{call.team_id}")
    publish(
        "call",
        topics=topics,
        call=call.pk,
        state=str(call.state),
        outcome=call.outcome,
        agent=call.agent_id,
        customer=call.customer_id,
        since=since.isoformat(),
        is_wrapped=call.wrapped_at is not None,
    )
