"""Starting and ending calls, for people; taking and watching them, for the dialing loop."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.calls.actions import move_call, place_call
from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.campaigns.actions import count_attempt
from furrow.campaigns.models import Campaign
from furrow.common.realtime import DIALER_CHANNEL, notify
from furrow.customers.models import Number
from furrow.dialer.models import Heartbeat, Party
from furrow.dialer.queries import NAME, Dial, is_silent, proved, usable_line, window_of
from furrow.dialer.rules import LONGEST_QUEUED, SILENCE, CannotCall, Place, check_nothing_owed
from furrow.inbound.actions import decline_offer
from furrow.inbound.models import Offer
from furrow.lines.actions import choose_caller_id, use_caller_id
from furrow.lines.rules import NoLineFree
from furrow.organisation.actions import set_presence
from furrow.organisation.models import User
from furrow.organisation.rules import Act, PresenceState
from furrow.permits.actions import request_permit
from furrow.permits.queries import is_forbidden
from furrow.permits.rules import NotPermitted, Purpose
from furrow.phones.queries import has_phone
from furrow.teamwork.actions import record_clash
from furrow.teamwork.rules import Entrance

from .leases import end_call


def start_call(
    *,
    number: Number,
    agent: User,
    campaign: Campaign | None = None,
    purpose: Purpose = Purpose.SALES,
    by: User,
    at: datetime,
) -> Call:
    """Ask the gate, and if it says yes, queue the call for the dialer.

    Raises NotPermitted when the gate says no. The denial is stored all the same, and so this may
    not be called inside another transaction. Raises CannotCall while the agent owes a result.

    purpose  what the caller claims; the gate is told what can be proved (see `proved`)
    """
    mine = Call.objects.filter(agent=agent)
    check_nothing_owed(
        owes_result=mine.unwrapped().exists(),
        is_called=mine.in_progress().filter(is_inbound=True).exists(),
    )
    here = Party.objects.live().filter(user=agent, accepted_at__isnull=False)
    if here.exclude(place=Place.TAKE_OVER).exists():  # helping, or supervising
        raise CannotCall(_("You are in a colleague's call. Leave it first, then call."), rule="D1")
    if settings.NEEDS_PHONES and not has_phone(agent, at=at):
        raise CannotCall(
            _("Your phone is not connected. Open it beside the desk, then call."), rule="D1"
        )
    with transaction.atomic(durable=True):
        decision, permit = request_permit(
            number=number,
            agent=agent,
            purpose=proved(purpose, customer_id=number.customer_id, at=at),
            campaign_ref=campaign.pk if campaign else None,
            campaign=window_of(campaign) if campaign else None,
            by=by,
            at=at,
        )
        if permit is not None:
            call = place_call(permit=permit, campaign=campaign, by=by, at=at)
            if campaign is not None:
                count_attempt(campaign_id=campaign.pk, customer_id=number.customer_id)
            set_presence(user=agent, state=PresenceState.CALLING, at=at)
            notify(DIALER_CHANNEL)
            return call
        if decision.refusal and decision.refusal.check == "ownership":
            _note_clash(number, by=by, at=at)
    raise NotPermitted(decision)


def _note_clash(number: Number, *, by: User, at: datetime) -> None:
    """Somebody wanted to call a colleague's customer (B3). Whoever may give customers to others
    has no need to want one."""
    if not by.can(Act.ASSIGN_CUSTOMERS):
        record_clash(customer_id=number.customer_id, entrance=Entrance.CALL, by=by, at=at)


@transaction.atomic
def ask_hang_up(*, call: Call, by: User, at: datetime) -> None:
    """End a call: at once while it waits for a line, else the dialer hangs up. A caller who rings
    at `by` is passed on instead. Safe to repeat."""
    if move_call(
        call_id=call.pk, to=CallState.ENDED, at=at, outcome=Outcome.CANCELLED,
        cause="cancelled in the queue", only_from={CallState.QUEUED},
    ):  # fmt: skip
        record("call.hang_up_asked", of=call, by=by.username, at=at)
        return
    offer = Offer.objects.open().filter(arrival__call=call, agent=by, accepted_at=None)
    if call.is_inbound and (ringing := offer.select_related("arrival__call", "agent").first()):
        decline_offer(offer=ringing, by=by, at=at)  # the next agent shall; the caller stays
        return
    asked = Call.objects.in_progress().filter(pk=call.pk, hangup_asked_at=None)
    if asked.update(hangup_asked_at=at):
        record("call.hang_up_asked", of=call, by=by.username, at=at)
        notify(DIALER_CHANNEL)


@transaction.atomic
def take_queued(*, at: datetime, most: int = 50) -> list[Dial]:
    """Take waiting calls, oldest first, and store the intent to dial before anything rings.

    A call that has waited too long is ended instead: its agent has moved on.
    """
    waiting = (
        Call.objects.filter(state=CallState.QUEUED)
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("number", "agent")
        .order_by("queued_at", "id")
    )
    taken = []
    for call in waiting.filter(queued_at__gt=at - LONGEST_QUEUED)[:most]:
        try:
            line = choose_caller_id(
                e164=call.number.e164, region=call.number.region, campaign_id=call.campaign_id,
                at=at,
            )  # fmt: skip
        except NoLineFree:
            continue  # it waits, and ends like any call that waited too long for a line
        if move_call(call_id=call.pk, to=CallState.DIALING, at=at):
            if line is not None:
                use_caller_id(caller_id=line, call_id=call.pk, at=at)
            taken.append(
                Dial(
                    call_id=call.pk,
                    e164=call.number.e164,
                    agent=call.talker.username,
                    campaign_id=call.campaign_id,
                    seat=usable_line(call.talker, at=at),
                    caller_id=line.e164 if line else "",
                )
            )
    return taken


def end_interrupted(*, call_id: int, at: datetime, cause: str) -> bool:
    """End a call whose line is gone without a word. False if it has ended already."""
    return end_call(call_id=call_id, at=at, outcome=Outcome.INTERRUPTED, cause=cause)


def end_overdue(*, at: datetime) -> int:
    """End the calls that waited too long for a line. Returns how many."""
    overdue = Call.objects.filter(state=CallState.QUEUED, queued_at__lte=at - LONGEST_QUEUED)
    return sum(
        end_interrupted(call_id=pk, at=at, cause="waited too long for a line")
        for pk in list(overdue.order_by("pk").values_list("pk", flat=True))
    )


def end_forbidden(*, at: datetime) -> int:
    """End the waiting calls to whom nobody may call any more since the gate said yes: the last
    look before anything rings (C4). Returns how many."""
    waiting = Call.objects.filter(state=CallState.QUEUED).select_related("number__customer")
    return sum(
        move_call(
            call_id=call.pk, to=CallState.ENDED, at=at, outcome=Outcome.CANCELLED,
            cause="on the do-not-call list since it was queued", only_from={CallState.QUEUED},
        )
        for call in waiting.order_by("pk")
        if is_forbidden(call.number, at=at)
    )  # fmt: skip


def close_orphans(*, at: datetime) -> int:
    """End what a silent dialer left in progress, so that nobody waits for it. Safe to repeat.

    Not while PostgreSQL itself has just started: then the dialer had nowhere to beat.
    Returns how many calls were ended.
    """
    if not is_silent(at=at) or _postgres_started_at() > at - SILENCE:
        return 0
    orphans = Call.objects.in_progress().filter(
        ~Q(state=CallState.QUEUED) | Q(queued_at__lte=at - SILENCE)
    )
    return sum(
        end_interrupted(call_id=pk, at=at, cause="the dialer is silent")
        for pk in list(orphans.order_by("pk").values_list("pk", flat=True))
    )


def _postgres_started_at() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_postmaster_start_time()")
        (started_at,) = cursor.fetchone()
    assert isinstance(started_at, datetime)  # noqa: S101
    return started_at


def beat(*, started_at: datetime, at: datetime) -> None:
    """The dialer's sign of life. Not audited: it says nothing but that time passes."""
    Heartbeat.objects.update_or_create(
        name=NAME, defaults={"started_at": started_at, "beat_at": at}
    )
