"""Handling the lines of a call: hold, mute, tones, and who else comes into it.

People say what they want; the dialer makes the lines so, and notes it. So nothing is lost when a
page is reloaded or the dialer starts anew, and everything may be asked twice.
"""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.calls.actions import hand_over_call
from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.common.realtime import DIALER_CHANNEL, notify, publish
from furrow.customers.models import Number
from furrow.dialer.models import Party, Talk
from furrow.dialer.queries import DueTalk, is_free_to_help, reaches
from furrow.dialer.rules import (
    ASKED_FOR,
    FETCHED_WITHIN,
    TONES,
    CannotHandle,
    Place,
    check_place,
)
from furrow.organisation.actions import SYSTEM, set_presence
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import Act, PresenceState
from furrow.permits.actions import close_permit, request_permit, spend_permit
from furrow.permits.rules import NotPermitted, Purpose

from .leases import end_call

# -- what the agent asks --------------------------------------------------------------------------


@transaction.atomic
def ask_hold(*, call: Call, is_held: bool, by: User, at: datetime) -> None:
    """Let the customer wait with music, or bring them back. Raises CannotHandle."""
    talk = _talk(call, by=by)
    if not is_held and Party.objects.live().filter(call=call, place=Place.CONSULT).exists():
        raise CannotHandle(
            _("You talk with somebody else. Let them go first, or let all talk together."),
            rule="D1",
        )
    if talk.wants_hold != is_held:
        talk.wants_hold = is_held
        talk.save(update_fields=["wants_hold"])
        record("call.hold_asked", of=call, by=by.username, at=at, is_held=is_held)
        _wake(call)


@transaction.atomic
def ask_mute(*, call: Call, is_muted: bool, by: User, at: datetime) -> None:
    """Let nobody hear the agent, or let them be heard again. Raises CannotHandle."""
    talk = _talk(call, by=by)
    if talk.wants_mute != is_muted:
        talk.wants_mute = is_muted
        talk.save(update_fields=["wants_mute"])
        record("call.mute_asked", of=call, by=by.username, at=at, is_muted=is_muted)
        _wake(call)


@transaction.atomic
def send_tones(*, call: Call, tones: str, by: User, at: datetime) -> None:
    """Press keys for the machine at the other end. What was pressed is kept nowhere: it may be a
    password. Raises CannotHandle."""
    talk = _talk(call, by=by)
    if not TONES.fullmatch(tones) or len(talk.tones + tones) > 40:
        raise CannotHandle(_("Tones are 0–9, * and #."), rule="D1")
    talk.tones += tones
    talk.save(update_fields=["tones"])
    record("call.tones_sent", of=call, by=by.username, at=at, tones=len(tones))
    notify(DIALER_CHANNEL)


def _talk(call: Call, *, by: User) -> Talk:
    """The locked row of a call that `by` talks in. Raises CannotHandle."""
    _check_talking(call, by=by)
    Talk.objects.get_or_create(call=call)
    return Talk.objects.select_for_update().get(call=call)


def _check_talking(call: Call, *, by: User) -> None:
    if not Call.objects.filter(pk=call.pk, state=CallState.TALKING, agent=by).exists():
        raise CannotHandle(_("You talk with nobody just now."), rule="D1")


# -- somebody else --------------------------------------------------------------------------------


@transaction.atomic
def ask_colleague(*, call: Call, colleague: User, wanted: Place, by: User, at: datetime) -> Party:
    """Ask a colleague to help (CONSULT), or to take the call as soon as they say yes (TAKE_OVER).
    The customer waits with music. Raises CannotHandle."""
    _check_can_ask(call, wanted, by=by)
    if colleague == by or not is_free_to_help(colleague):
        raise CannotHandle(
            _("%(name)s is not free just now. Choose somebody who is ready.") % {"name": colleague},
            rule="D1",
        )
    return _bring_in(call, Party(user=colleague), wanted=wanted, by=by, at=at)


def ask_outside(*, call: Call, number: Number, wanted: Place, by: User, at: datetime) -> Party:
    """Ring somebody outside and bring them into the call, if the gate says yes.

    Raises CannotHandle; NotPermitted when the gate says no: the denial is stored all the same,
    and so this may not be called inside another transaction.
    """
    with transaction.atomic(durable=True):
        _check_can_ask(call, wanted, by=by)
        decision, permit = request_permit(
            number=number, agent=by, purpose=Purpose.SALES, is_third=True, by=by, at=at
        )
        if permit is not None:
            spend_permit(permit=permit, at=at)
            outside = Party(number=number, permit=permit, accepted_at=at)
            return _bring_in(call, outside, wanted=wanted, by=by, at=at)
    raise NotPermitted(decision)


def _check_can_ask(call: Call, wanted: Place, *, by: User) -> None:
    _check_talking(call, by=by)
    if wanted not in {Place.CONSULT, Place.TAKE_OVER}:
        raise CannotHandle(_("Ask for help, or for the call to be taken."), rule="D1")


def _bring_in(call: Call, party: Party, *, wanted: Place, by: User, at: datetime) -> Party:
    party.call, party.wanted, party.asked_by, party.asked_at = call, wanted, by, at
    try:
        with transaction.atomic():
            party.save()
    except IntegrityError as taken:
        raise CannotHandle(_("Somebody is being asked already."), rule="D1") from taken
    talk = _talk(call, by=by)
    talk.wants_hold = True
    talk.save(update_fields=["wants_hold"])
    record(
        "call.party_asked", of=call, by=by.username, at=at,
        party=party.pk, user=party.user_id, permit=party.permit_id, wanted=wanted,
    )  # fmt: skip
    _wake(call, party)
    return party


@transaction.atomic
def accept_call(*, party: Party, by: User, at: datetime) -> bool:
    """A colleague says yes: their line is joined. False if nobody asks any more.

    Raises CannotHandle when they have something else on the line by now.
    """
    live = Party.objects.live().select_for_update(of=("self",)).select_related("call")
    asked = live.filter(pk=party.pk, user=by, accepted_at=None).exclude(wanted=Place.GONE).first()
    if asked is None:
        return False
    if Call.objects.in_progress().filter(agent=by).exists():
        raise CannotHandle(_("You are on the line yourself."), rule="D1")
    asked.accepted_at = at
    asked.save(update_fields=["accepted_at"])
    _show(by, PresenceState.TALKING, at=at)
    record("call.party_accepted", of=asked.call, by=by.username, at=at, party=asked.pk)
    _wake(asked.call, asked)
    return True


@transaction.atomic
def move_party(*, party: Party, wanted: Place, by: User, at: datetime, why: str = "") -> None:
    """Let somebody in the call do something else, or go. Asking twice is no error.

    by  the agent whose call it is, the supervisor, or who is asked or helps (only to go)
    Raises CannotHandle.
    """
    party = Party.objects.select_for_update(of=("self",)).select_related("call").get(pk=party.pk)
    if party.ended_at is not None or party.wanted in {wanted, Place.GONE}:
        return
    check_place(now=party.place, wanted=wanted, is_supervisor=party.is_supervisor)
    if party.is_supervisor:
        check_may_supervise(call=party.call, wanted=wanted, by=by)
    if wanted is not Place.GONE:
        _check_up(party)
    if wanted is Place.TAKE_OVER:
        _check_free(party)
    party.wanted = wanted
    party.why = why
    party.save(update_fields=["wanted", "why"])
    if wanted is Place.JOIN and not party.is_supervisor:
        Talk.objects.filter(call=party.call_id).update(wants_hold=False)
    record(
        "call.supervised" if party.is_supervisor else "call.party_moved",
        of=party.call, by=by.username, at=at, party=party.pk, wanted=wanted,
    )  # fmt: skip
    _wake(party.call, party)


def _check_up(party: Party) -> None:
    if party.up_at is None and not party.is_supervisor:
        raise CannotHandle(_("They have not answered yet."), rule="D1")


def _check_free(party: Party) -> None:
    """Who takes a call over has no other: the database holds one for each agent."""
    own = Call.objects.in_progress().filter(agent=party.user_id or 0)
    if own.exclude(pk=party.call_id).exists():
        raise CannotHandle(
            _("%(name)s is in another call. End it first, then take this one over.")
            % {"name": party.name},
            rule="D7" if party.is_supervisor else "D1",
        )


# -- supervisors ----------------------------------------------------------------------------------


def check_may_supervise(*, call: Call, wanted: Place, by: User) -> None:
    """Raise CannotHandle unless `by` may do this with a call of this agent: listening needs one
    right, being heard another, and both reach as far as the role's scope. Leaving is free."""
    if wanted is Place.GONE:
        return
    act = Act.LISTEN_LIVE if wanted is Place.LISTEN else Act.JOIN_CALLS
    may = call.agent is not None and reaches(by, call.agent, act)
    if wanted is Place.TAKE_OVER and not by.can(Act.USE_DESK):  # who talks owes the result
        may = False
    if not may:
        raise CannotHandle(
            _("Your role does not reach this call. A leader of the agent's team may do that."),
            rule="D7",
        )


@transaction.atomic
def supervise(*, call: Call, wanted: Place, by: User, at: datetime) -> Party:
    """A supervisor comes into a call of somebody they lead, to listen, whisper, join or take it
    over. Asked again it moves them. Audited each time. Raises CannotHandle."""
    live = Party.objects.live().filter(user=by).select_related("call").first()
    if live is not None and live.call_id == call.pk and live.is_supervisor:
        move_party(party=live, wanted=wanted, by=by, at=at)
        return live
    if not Call.objects.filter(pk=call.pk, state=CallState.TALKING).exists():
        raise CannotHandle(_("Nobody talks there any more."), rule="D7")
    check_place(now="", wanted=wanted, is_supervisor=True)
    check_may_supervise(call=call, wanted=wanted, by=by)
    if live is not None or Call.objects.in_progress().filter(agent=by).exists():
        raise CannotHandle(_("You are on the line yourself."), rule="D7")
    party = Party.objects.create(
        call=call, user=by, is_supervisor=True, wanted=wanted, asked_by=by, asked_at=at,
        accepted_at=at,
    )  # fmt: skip
    _show(by, PresenceState.TALKING, at=at)
    record(
        "call.supervised", of=call, by=by.username, at=at,
        party=party.pk, wanted=wanted, agent=call.agent_id,
    )  # fmt: skip
    _wake(call, party)
    return party


# -- for the dialer -------------------------------------------------------------------------------


@transaction.atomic
def take_talks() -> list[DueTalk]:
    """What the lines do not do yet. Tones are taken with it: rather lost than pressed twice."""
    rows = list(Talk.objects.due().select_for_update(of=("self",), skip_locked=True))
    due = [
        DueTalk(
            call_id=row.pk, tones=row.tones,
            hold=row.wants_hold if row.wants_hold != row.is_held else None,
            mute=row.wants_mute if row.wants_mute != row.is_muted else None,
        )
        for row in rows
    ]  # fmt: skip
    Talk.objects.filter(pk__in=[row.pk for row in rows]).update(tones="")
    return due


@transaction.atomic
def note_talk(*, due: DueTalk, at: datetime) -> None:
    """The lines do it now."""
    changes: dict[str, object] = {}
    if due.hold is not None:
        changes |= {"is_held": due.hold, "held_at": at if due.hold else None}
    if due.mute is not None:
        changes["is_muted"] = due.mute
    if changes:
        Talk.objects.filter(pk=due.call_id).update(**changes)
        _tell(Call.objects.get(pk=due.call_id))


@transaction.atomic
def note_fetched(*, party_id: int, leg: str, up_at: datetime | None) -> None:
    """Which line somebody comes in by; stored before it is rung."""
    Party.objects.live().filter(pk=party_id).update(leg=leg, up_at=up_at)


@transaction.atomic
def note_party_up(*, party_id: int, at: datetime) -> None:
    """The line that was rung stands."""
    if Party.objects.live().filter(pk=party_id, up_at=None).update(up_at=at):
        _wake(Party.objects.select_related("call").get(pk=party_id).call)


@transaction.atomic
def note_party_lost(*, leg: str, why: str) -> int | None:
    """A line of somebody in a call is gone, and they with it. The call's id when nobody of ours
    is left to talk with the customer: then the customer's line goes too."""
    party = Party.objects.live().filter(leg=leg).select_related("call").first()
    if party is None:
        return None
    Party.objects.filter(pk=party.pk).update(
        leg="",
        wanted=Place.GONE,
        why=party.why or why[:20],  # the first reason stands
    )
    _wake(party.call)
    return party.call_id if party.place == Place.TAKE_OVER else None


@transaction.atomic
def note_placed(*, party_id: int, place: Place, at: datetime) -> None:
    """Somebody is now where they were wanted. With TAKE_OVER the call is theirs: a colleague's
    to finish; handed to somebody outside it has ended for us."""
    party = (
        Party.objects.select_for_update(of=("self",))
        .select_related("call", "user")
        .get(pk=party_id)
    )
    party.place, party.placed_at = place, at
    party.save(update_fields=["place", "placed_at"])
    call = party.call
    if place is Place.TAKE_OVER:
        Talk.objects.filter(pk=call.pk).delete()
        earlier = Party.objects.live().filter(call=call, place=Place.TAKE_OVER)
        earlier.exclude(pk=party.pk).update(wanted=Place.GONE)
        if party.user is not None:
            hand_over_call(call_id=call.pk, to=party.user, at=at)
        else:
            end_call(
                call_id=call.pk, at=at, outcome=Outcome.ANSWERED,
                cause="handed to somebody outside", goes_on=True,
            )  # fmt: skip
        call = Call.objects.get(pk=call.pk)
    record("call.party_placed", of=call, by=SYSTEM, at=at, party=party.pk, place=place)
    _wake(call, party)


@transaction.atomic
def give_party_up(*, party_id: int, why: str) -> None:
    """Somebody could not be put where they were wanted: they leave, and the call goes on."""
    staying = Party.objects.live().exclude(wanted=Place.GONE).filter(pk=party_id)
    if staying.update(wanted=Place.GONE, why=why[:20]):
        _wake(Party.objects.select_related("call").get(pk=party_id).call)


@transaction.atomic
def end_party(*, party_id: int, at: datetime) -> None:
    """Somebody has left the call, and its lines are as before."""
    party = (
        Party.objects.select_for_update(of=("self",))
        .select_related("call", "user")
        .get(pk=party_id)
    )
    if party.ended_at is not None:
        return
    party.ended_at, party.wanted = at, Place.GONE
    party.save(update_fields=["ended_at", "wanted"])
    if party.permit_id is not None:
        close_permit(permit_id=party.permit_id, at=at)
        if party.place == Place.TAKE_OVER and party.call.permit_id is not None:
            close_permit(permit_id=party.call.permit_id, at=at)  # only now the customer is free
    if not party.is_supervisor and party.place != Place.TAKE_OVER:
        Talk.objects.filter(call=party.call_id).update(
            wants_hold=False, is_held=False, held_at=None
        )
    if party.user is not None and party.accepted_at is not None:
        is_on = Call.objects.in_progress() | Call.objects.unwrapped()
        if not is_on.filter(agent=party.user).exists():
            _show(party.user, PresenceState.READY, at=at)
    record(
        "call.party_left", of=party.call, by=SYSTEM, at=at,
        party=party.pk, place=party.place, why=party.why,
    )  # fmt: skip
    _tell(party.call, party)


@transaction.atomic
def let_parties_go(*, call_id: int) -> None:
    """The customer has left, so everybody does."""
    live = Party.objects.live().filter(call=call_id)
    if live.exclude(wanted=Place.GONE).update(wanted=Place.GONE):
        notify(DIALER_CHANNEL)


@transaction.atomic
def expire_parties(*, at: datetime) -> None:
    """Whoever did not answer in time is asked no more."""
    live = Party.objects.live().exclude(wanted=Place.GONE)
    live.filter(accepted_at=None, asked_at__lte=at - ASKED_FOR).update(
        wanted=Place.GONE, why="no_answer"
    )
    live.filter(up_at=None, accepted_at__lte=at - FETCHED_WITHIN).update(
        wanted=Place.GONE, why="no_answer"
    )


def _show(user: User, state: PresenceState, *, at: datetime) -> None:
    """Only somebody who is seen working: whoever is away or not here stays so."""
    busy = [PresenceState.READY, PresenceState.CALLING, PresenceState.TALKING]
    if Presence.objects.filter(user=user, state__in=busy).exists():
        set_presence(user=user, state=state, at=at)


def _wake(call: Call, party: Party | None = None) -> None:
    notify(DIALER_CHANNEL)
    _tell(call, party)


def _tell(call: Call, party: Party | None = None) -> None:
    """The screens of everybody in the call."""
    live = Party.objects.live().filter(call=call)
    told = {f"user:{pk}" for pk in live.values_list("user_id", flat=True) if pk}
    told.add(f"user:{call.agent_id}")
    if party is not None:
        told |= {f"user:{party.user_id}", f"user:{party.asked_by_id}"}
    publish("call", topics=sorted(told), call=call.pk, state=str(call.state))
