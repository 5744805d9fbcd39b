"""Somebody calls: who they are, at whom it rings, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from furrow.acquisition.actions import add_lead, create_source
from furrow.acquisition.models import Source
from furrow.acquisition.rules import LegalBasis, SourceKind
from furrow.audit.actions import record
from furrow.calls.actions import move_call, offer_call, receive_call, take_call
from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.campaigns.actions import take_out_everywhere
from furrow.common.realtime import DIALER_CHANNEL, notify, publish
from furrow.compliance.actions import suppress_number
from furrow.compliance.rules import SuppressionKind
from furrow.customers.models import Customer, Number
from furrow.customers.rules import CustomerDraft, NumberTaken
from furrow.followups.actions import finish_due, plan_followup
from furrow.followups.models import FollowUp
from furrow.followups.rules import Reason
from furrow.organisation.actions import SYSTEM, set_presence, system_user
from furrow.organisation.models import Presence, Team, User
from furrow.organisation.rules import PresenceState
from furrow.permits.queries import is_forbidden, is_payable

from .models import Arrival, Hotline, Offer
from .queries import as_e164, hotline_of, tried
from .rules import (
    CALL_BACK_WITHIN,
    NEEDS_CALL_BACK,
    NEW_CALL_BACKS,
    NEW_WITHIN,
    CameOfIt,
    CannotSaveHotline,
    CannotTake,
    Result,
    next_to_ring,
)

# -- who calls -------------------------------------------------------------------------------------


@transaction.atomic
def arrive(*, leg: str, caller: str, called: str, at: datetime) -> Arrival | None:
    """Somebody calls: find the hotline and the customer, and store the call. Safe to repeat.

    caller  as the switch shows it; a number nobody knows becomes a new customer and a lead (A4)

    None when there is no hotline at all. Without a number to show the arrival has no call.
    """
    known = Arrival.objects.filter(leg=leg).select_related("hotline", "call").first()
    if known is not None:
        return known
    hotline = hotline_of(called)
    if hotline is None:
        return None
    e164 = as_e164(caller)
    if not e164:
        arrival = Arrival.objects.create(
            leg=leg, hotline=hotline, at=at, came_of_it=CameOfIt.WITHHELD, ended_at=at
        )
        record("arrival.withheld", of=arrival, by=SYSTEM, at=at, hotline=hotline.pk)
        return arrival
    number, is_new = _number_of(e164, hotline=hotline, at=at)
    call = receive_call(number=number, team=hotline.team, at=at)
    arrival = Arrival.objects.create(leg=leg, hotline=hotline, call=call, is_new=is_new, at=at)
    record(
        "arrival.came", of=arrival, by=SYSTEM, at=at,
        hotline=hotline.pk, customer=call.customer_id, is_new=is_new,
    )  # fmt: skip
    _tell(arrival)
    return arrival


def _number_of(e164: str, *, hotline: Hotline, at: datetime) -> tuple[Number, bool]:
    known = Number.objects.filter(e164=e164).first()
    if known is not None:
        return known, False
    draft = CustomerDraft(
        name=_("Caller %(last)s") % {"last": e164[-4:]},
        numbers=(e164,),
    )
    try:
        with transaction.atomic():
            add_lead(
                source=_source(at=at), draft=draft, given={"hotline": hotline.name},
                team=hotline.team, is_new=True, by=system_user(), at=at,
            )  # fmt: skip
    except NumberTaken:  # recorded by somebody else in this very moment
        pass
    return Number.objects.get(e164=e164), True


def _source(*, at: datetime) -> Source:
    known = Source.objects.filter(kind=SourceKind.INBOUND).order_by("pk").first()
    return known or create_source(
        name=_("Inbound calls"), kind=SourceKind.INBOUND, legal_basis=LegalBasis.INTEREST,
        purpose=_("They called us."), by=system_user(), at=at,
    )  # fmt: skip


# -- at whom it rings ------------------------------------------------------------------------------


@transaction.atomic
def offer_next(*, arrival: Arrival, free: Sequence[int], at: datetime) -> Offer | None:
    """Let the caller ring at the next agent: the owner, then who is free the longest.

    free  who could take it now, the longest free first

    None when nobody is left, or the caller is gone. Who was quicker to take somebody is passed.
    """
    call = (
        Call.objects.select_for_update(of=("self",))
        .select_related("customer")
        .get(pk=arrival.caller.pk)
    )
    if not call.is_calling_us or Offer.objects.open().filter(arrival=arrival).exists():
        return None
    keeper, rung = call.customer.owner_id, set(tried(arrival))
    while (chosen := next_to_ring(free=free, owner=keeper, tried=rung)) is not None:
        agent_id, why = chosen
        rung.add(agent_id)
        agent = User.objects.get(pk=agent_id)
        try:
            with transaction.atomic():
                offer = Offer.objects.create(arrival=arrival, agent=agent, why=why, at=at)
                if not offer_call(call_id=call.pk, agent=agent, at=at):
                    return None
        except IntegrityError:  # on another call since we looked
            continue
        record("arrival.offered", of=arrival, by=SYSTEM, at=at, agent=agent_id, why=str(why))
        _pop(offer)
        _tell(arrival)
        return offer
    return None


def _pop(offer: Offer) -> None:
    """Show, or take back, the caller on every screen of the agent."""
    publish("inbound", topics=[f"user:{offer.agent_id}"], offer=offer.pk)


def _tell(arrival: Arrival) -> None:
    """Whoever watches the callers."""
    topics = ["floor", f"floor:{arrival.hotline.team_id}"]
    publish("callers", topics=topics, arrival=arrival.pk)


@transaction.atomic
def accept_offer(*, offer: Offer, by: User, at: datetime) -> None:
    """The agent takes the caller; the dialer connects them. Safe to repeat.

    Raises CannotTake when it does not ring at this agent any more.
    """
    mine = Offer.objects.open().filter(pk=offer.pk, agent=by)
    if not mine.exists():
        raise CannotTake(
            _("This caller rings here no more: they hung up, or a colleague has them."), rule="D1"
        )
    if mine.filter(accepted_at=None).update(accepted_at=at):
        record("arrival.accepted", of=offer.arrival, by=by.username, at=at)
        _pop(offer)
        notify(DIALER_CHANNEL)


@transaction.atomic
def decline_offer(*, offer: Offer, by: User, at: datetime) -> bool:
    """The agent passes the caller on to the next. False if it rings there no more."""
    if not close_offer(offer=offer, result=Result.DECLINED, at=at):
        return False
    notify(DIALER_CHANNEL)
    return True


@transaction.atomic
def close_offer(*, offer: Offer, result: Result, at: datetime) -> bool:
    """It rings at this agent no more; the call is nobody's again. False if it was closed before.

    Who let it ring out is away, so that the next caller does not wait for an empty chair.
    """
    closing = Offer.objects.open().filter(pk=offer.pk)
    if result is Result.UNANSWERED:
        closing = closing.filter(accepted_at=None)  # taken in this very moment: it did not ring out
    if not closing.update(result=result):
        return False
    offer_call(call_id=offer.arrival.caller.pk, agent=None, at=at)
    record("arrival.passed_on", of=offer.arrival, by=SYSTEM, at=at, agent=offer.agent_id,
           result=str(result))  # fmt: skip
    ready = Presence.objects.filter(user=offer.agent_id, state=PresenceState.READY)
    if result is Result.UNANSWERED and ready.exists():
        set_presence(user=offer.agent, state=PresenceState.AWAY, at=at)
    _pop(offer)
    _tell(offer.arrival)
    return True


@transaction.atomic
def join(*, offer: Offer, at: datetime) -> bool:
    """The agent who accepted talks from now on. False when the caller was quicker to leave."""
    if not take_call(call_id=offer.arrival.caller.pk, agent=offer.agent, at=at):
        return False
    Offer.objects.open().filter(pk=offer.pk).update(result=Result.TAKEN)
    Arrival.objects.filter(pk=offer.arrival_id, came_of_it="").update(
        came_of_it=CameOfIt.TAKEN, ended_at=at
    )
    record("arrival.taken", of=offer.arrival, by=offer.agent.username, at=at)
    _pop(offer)
    _tell(offer.arrival)
    return True


# -- who waits, and what comes of it ---------------------------------------------------------------


@transaction.atomic
def begin_waiting(*, arrival: Arrival, at: datetime) -> bool:
    """Nobody is free: the caller waits and hears the announcement. False if they wait already."""
    moved = move_call(call_id=arrival.caller.pk, to=CallState.WAITING, at=at)
    if moved:
        Arrival.objects.filter(pk=arrival.pk).update(waits_since=at)
        _tell(arrival)
    return moved


@transaction.atomic
def promise(*, arrival: Arrival, at: datetime) -> bool:
    """They waited long enough, or asked for it: they are promised to be called back, once."""
    if not Arrival.objects.filter(pk=arrival.pk, promised_at=None).update(promised_at=at):
        return False
    _ring_no_more(arrival, at=at)
    record("arrival.promised", of=arrival, by=SYSTEM, at=at)
    return True


@transaction.atomic
def settle(*, call_id: int, at: datetime) -> None:
    """An inbound call has ended: say what came of it, and see that who missed us is called back.

    Safe to repeat. Only the first call-back of a customer is planned, however often they call.
    """
    arrival = (
        Arrival.objects.select_for_update(of=("self",))
        .select_related("hotline__team", "hotline__callback_team", "call__customer", "call__number")
        .filter(call=call_id)
        .first()
    )
    if arrival is None:
        return
    _ring_no_more(arrival, at=at)
    if not arrival.came_of_it:
        came_of_it = _untaken(arrival, at=at)
        arrival.came_of_it, arrival.ended_at = came_of_it, at
        arrival.save(update_fields=["came_of_it", "ended_at"])
        record("arrival.over", of=arrival, by=SYSTEM, at=at, came_of_it=str(came_of_it))
        if came_of_it in NEEDS_CALL_BACK:
            plan_call_back(arrival=arrival, at=at)
    _tell(arrival)


def _ring_no_more(arrival: Arrival, *, at: datetime) -> None:
    """The caller is gone, or on their way out: no agent can take them any more."""
    for offer in Offer.objects.open().filter(arrival=arrival):
        if Offer.objects.open().filter(pk=offer.pk).update(result=Result.GONE):
            offer_call(call_id=arrival.caller.pk, agent=None, at=at)
            _pop(offer)


def _untaken(arrival: Arrival, *, at: datetime) -> CameOfIt:
    if not arrival.hotline.hours.is_open(localtime(arrival.at)):
        return CameOfIt.CLOSED
    return CameOfIt.PROMISED if arrival.promised_at is not None else CameOfIt.GAVE_UP


@transaction.atomic
def plan_call_back(*, arrival: Arrival, at: datetime) -> FollowUp | None:
    """One lead for whoever calls back: the owner, else the call-back team's least burdened (A4).

    None when the customer has one already, may not be called, or there is nobody to do it.
    """
    call, hotline = arrival.caller, arrival.hotline
    customer = Customer.objects.select_for_update(no_key=True, of=("self",)).get(
        pk=call.customer_id
    )
    before = FollowUp.objects.open().filter(customer=customer).first()
    if before is not None and before.reason == Reason.CALLED_US:
        record("callback.again", of=before, by=SYSTEM, at=at, arrival=arrival.pk)
        return None
    if is_forbidden(call.number, at=at) or not is_payable(call.number, at=at):
        record("callback.forbidden", of=arrival, by=SYSTEM, at=at)
        return None
    who = _who_calls_back(customer, hotline)
    if who is None:
        record("callback.nobody", of=arrival, by=SYSTEM, at=at)
        return None
    opens = hotline.hours.next_opening(localtime(at))
    note = _("Called us at %(time)s, nobody talked to them.") % {
        "time": localtime(arrival.at).strftime("%H:%M")
    }
    if before is not None and before.note:
        note = f"{note} {before.note}"
    # Who called us is dialled by the machine; another step waits on the list of whom it is for.
    reason = Reason.OTHER if _are_too_many(arrival) else Reason.CALLED_US
    return plan_followup(
        customer=customer, assigned_to=who, due_at=max(at + CALL_BACK_WITHIN, opens),
        reason=reason, note=note[:300], after_call=call, by=system_user(), at=at,
    )  # fmt: skip


def _are_too_many(arrival: Arrival) -> bool:
    """Whether a person shall look before this caller, new to us, is dialled. Calling again does not
    make anybody better known: only having talked to us does."""
    customer = arrival.caller.customer_id
    since = arrival.at - NEW_WITHIN
    lately = Arrival.objects.filter(hotline=arrival.hotline_id, is_new=True, at__gt=since)
    is_new = lately.filter(call__customer=customer).exists()
    return is_new and lately.exclude(came_of_it=CameOfIt.TAKEN).count() > NEW_CALL_BACKS


def _who_calls_back(customer: Customer, hotline: Hotline) -> User | None:
    owner = customer.owner
    if owner is not None and owner.is_active:
        return owner
    # Who is in a team's pool can be called by that team only.
    team: Team = hotline.callback_team or hotline.team
    if customer.team_id is not None and customer.team_id != team.pk:
        own = Team.objects.filter(pk=customer.team_id).first()
        team = own if own is not None and User.objects.agents().filter(team=own).exists() else team
    burden = Count("followup", filter=Q(followup__done_at=None, followup__reason=Reason.CALLED_US))
    return User.objects.agents().filter(team=team).annotate(n=burden).order_by("n", "pk").first()


@transaction.atomic
def opt_out_by_key(*, call_id: int, at: datetime) -> bool:
    """Whoever hears our message pressed the key that says: never again (I1). Nobody in the company
    calls this number any more. False if they talk to somebody, who can be told so instead."""
    call = (
        Call.objects.filter(pk=call_id)
        .exclude(state__in=[CallState.TALKING, CallState.ENDED])
        .select_related("number")
        .first()
    )
    if call is None:
        return False
    suppress_number(
        e164=call.number.e164, kind=SuppressionKind.OPTED_OUT, origin=f"call:{call.pk}",
        reason=_("Pressed the key for it during the message."), by=system_user(), at=at,
    )  # fmt: skip
    finish_due(call=call, by=system_user(), at=at)
    take_out_everywhere(customer_id=call.customer_id, at=at)
    for arrival in Arrival.objects.filter(call=call, came_of_it=""):
        _ring_no_more(arrival, at=at)
        Arrival.objects.filter(pk=arrival.pk, came_of_it="").update(
            came_of_it=CameOfIt.OPTED_OUT, ended_at=at
        )
    record("call.opted_out_by_key", of=call, by=SYSTEM, at=at, customer=call.customer_id)
    return True


# -- hotlines --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HotlineDraft:
    """What a hotline is made of."""

    e164: str
    name: str
    team: Team
    callback_team: Team | None = None
    opens_minute: int = 540
    closes_minute: int = 1080
    weekdays: Sequence[int] = (0, 1, 2, 3, 4)
    ring_seconds: int = 15
    queue_seconds: int = 60
    announcement: str = ""
    promise: str = ""
    is_active: bool = True


@transaction.atomic
def save_hotline(
    *, hotline: Hotline | None, draft: HotlineDraft, by: User, at: datetime
) -> Hotline:
    """Make or change a hotline. Raises CannotSaveHotline for hours that make no sense, or a number
    that is another's."""
    if not 0 <= draft.opens_minute < draft.closes_minute <= 1440:
        raise CannotSaveHotline(_("A hotline opens before it closes, on the same day."), rule="D1")
    others = Hotline.objects.filter(e164=draft.e164)
    if (others.exclude(pk=hotline.pk) if hotline else others).exists():
        raise CannotSaveHotline(_("This number is another hotline's already."), rule="D1")
    found = hotline or Hotline()
    for name in HotlineDraft.__dataclass_fields__:
        setattr(found, name, getattr(draft, name))
    found.weekdays = sorted(set(draft.weekdays))
    found.save()
    record("hotline.saved", of=found, by=by.username, at=at, team=found.team_id)
    return found
