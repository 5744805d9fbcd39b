"""The lines of a call, handled from the desk: what is asked, and what the dialer makes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from furrow.audit.models import Event
from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.calls.tests.make import make_call
from furrow.compliance.actions import set_policy
from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer, number_of
from furrow.dialer.actions import (
    accept_call,
    ask_colleague,
    ask_hold,
    ask_mute,
    ask_outside,
    end_party,
    expire_parties,
    move_party,
    note_fetched,
    note_party_up,
    note_placed,
    note_talk,
    send_tones,
    start_call,
    supervise,
    take_talks,
)
from furrow.dialer.models import Party, Talk
from furrow.dialer.queries import colleagues, parties_due
from furrow.dialer.rules import ASKED_FOR, CannotCall, CannotHandle, Place
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import PresenceState, Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user
from furrow.permits.actions import request_permit
from furrow.permits.models import Denial
from furrow.permits.rules import NotPermitted

pytestmark = pytest.mark.django_db
ALWAYS = {
    "windows": [{"weekdays": [*range(7)], "from": "00:00", "to": "24:00"}],
    "on_holidays": True,
    "number_caps": [],
    "customer_caps": [],
    "silence_after_refusal_days": 0,
}


def make_talk(agent: User | None = None) -> Call:
    agent = agent or make_agent()
    be(agent, PresenceState.CALLING)
    call = make_call(agent=agent, customer=make_customer(owner=agent), state=CallState.TALKING)
    return Call.objects.select_related("agent").get(pk=call.pk)


def be(user: User, state: PresenceState) -> User:
    Presence.objects.update_or_create(
        user=user, defaults={"state": state, "since": NOON, "seen_at": NOON}
    )
    return user


def place(party: Party, where: Place) -> None:
    """What the dialer does when the lines allow it."""
    note_fetched(party_id=party.pk, leg=f"call-{party.call_id}-party-{party.pk}", up_at=None)
    note_party_up(party_id=party.pk, at=NOON)
    note_placed(party_id=party.pk, place=where, at=NOON)
    party.refresh_from_db()


def test_hold_and_mute_are_wanted_until_the_lines_do_it_and_asking_twice_changes_nothing() -> None:
    call = make_talk()

    for _ in range(2):
        ask_hold(call=call, is_held=True, by=call.talker, at=NOON)
        ask_mute(call=call, is_muted=True, by=call.talker, at=NOON)
    [due] = take_talks()
    assert (due.call_id, due.hold, due.mute) == (call.pk, True, True)
    note_talk(due=due, at=NOON)

    assert take_talks() == []
    talk = Talk.objects.get(pk=call.pk)
    assert (talk.is_held, talk.is_muted, talk.held_at) == (True, True, NOON)
    assert Event.objects.filter(what="call.hold_asked").count() == 1


def test_tones_are_sent_once_and_kept_nowhere() -> None:
    call = make_talk()

    send_tones(call=call, tones="12", by=call.talker, at=NOON)
    send_tones(call=call, tones="#", by=call.talker, at=NOON)

    assert [due.tones for due in take_talks()] == ["12#"]
    assert take_talks() == []
    told = Event.objects.filter(what="call.tones_sent").order_by("pk")
    assert [event.details for event in told] == [{"tones": 2}, {"tones": 1}]
    with pytest.raises(CannotHandle):
        send_tones(call=call, tones="x", by=call.talker, at=NOON)


def test_only_who_talks_handles_the_lines() -> None:
    call = make_talk()

    with pytest.raises(CannotHandle):
        ask_hold(call=call, is_held=True, by=make_agent(), at=NOON)


def test_a_colleague_says_yes_is_consulted_and_takes_the_call() -> None:
    call = make_talk()
    anna, ben = call.talker, be(make_agent(), PresenceState.READY)

    party = ask_colleague(call=call, colleague=ben, wanted=Place.CONSULT, by=anna, at=NOON)
    assert parties_due() == []  # nobody's line is touched before they say yes
    assert Talk.objects.get(pk=call.pk).wants_hold
    assert accept_call(party=party, by=ben, at=NOON)
    assert not accept_call(party=party, by=ben, at=NOON)
    assert Presence.objects.get(user=ben).state == PresenceState.TALKING
    assert Customer.objects.visible_to(ben).filter(pk=call.customer_id).exists()

    place(party, Place.CONSULT)
    move_party(party=party, wanted=Place.TAKE_OVER, by=anna, at=NOON)
    place(party, Place.TAKE_OVER)

    call.refresh_from_db()
    assert (call.agent, call.state) == (ben, CallState.TALKING)
    assert call.permit.agent == ben  # type: ignore[union-attr]
    assert Customer.objects.get(pk=call.customer_id).owner == anna  # the credit stays (B5)
    assert Presence.objects.get(user=anna).state == PresenceState.READY
    assert Customer.objects.visible_to(ben).filter(pk=call.customer_id).exists()
    assert not Talk.objects.filter(pk=call.pk).exists()


def test_whoever_is_busy_or_asked_already_is_not_asked() -> None:
    call = make_talk()
    busy = make_talk().talker
    ben, carl = (be(make_agent(), PresenceState.READY) for _ in range(2))

    with pytest.raises(CannotHandle, match="not free"):
        ask_colleague(call=call, colleague=busy, wanted=Place.CONSULT, by=call.talker, at=NOON)
    ask_colleague(call=call, colleague=ben, wanted=Place.CONSULT, by=call.talker, at=NOON)
    with pytest.raises(CannotHandle, match="asked already"):
        ask_colleague(call=call, colleague=carl, wanted=Place.CONSULT, by=call.talker, at=NOON)

    shown = {c.user: c.is_free for c in colleagues(besides=call.talker, at=NOON)}
    assert shown == {busy: False, ben: False, carl: True}


def test_who_does_not_answer_is_asked_no_more() -> None:
    call = make_talk()
    ben = be(make_agent(), PresenceState.READY)
    party = ask_colleague(call=call, colleague=ben, wanted=Place.TAKE_OVER, by=call.talker, at=NOON)

    expire_parties(at=NOON + ASKED_FOR - timedelta(seconds=1))
    assert parties_due() == []
    expire_parties(at=NOON + ASKED_FOR)

    assert [(due.party_id, due.wanted) for due in parties_due()] == [(party.pk, Place.GONE)]


def test_the_places_of_a_helper_follow_the_table() -> None:
    call = make_talk()
    ben = be(make_agent(), PresenceState.READY)
    party = ask_colleague(call=call, colleague=ben, wanted=Place.CONSULT, by=call.talker, at=NOON)

    with pytest.raises(CannotHandle):
        move_party(party=party, wanted=Place.LISTEN, by=call.talker, at=NOON)
    with pytest.raises(CannotHandle, match="not answered"):
        move_party(party=party, wanted=Place.TAKE_OVER, by=call.talker, at=NOON)


def test_who_listens_starts_no_call_and_who_calls_takes_none_over() -> None:
    call = make_talk()
    leader = make_user(role=Role.LEADER, team=call.talker.team)
    party = supervise(call=call, wanted=Place.LISTEN, by=leader, at=NOON)
    place(party, Place.LISTEN)

    number = number_of(make_customer(owner=leader))
    with pytest.raises(CannotCall, match="colleague's call") as refused:
        start_call(number=number, agent=leader, by=leader, at=NOON)
    assert refused.value.rule == "D1"
    make_talk(leader)
    with pytest.raises(CannotHandle, match="in another call"):
        supervise(call=call, wanted=Place.TAKE_OVER, by=leader, at=NOON)

    assert parties_due() == []


@pytest.mark.django_db(transaction=True)
def test_somebody_outside_comes_only_through_the_gate() -> None:
    at = datetime.now(UTC)
    manager = make_user(role=Role.MANAGER)
    set_policy(region="CN", body=ALWAYS, note="", by=manager, at=at - timedelta(days=1))
    call = make_talk()
    anna = call.talker
    stranger = number_of(make_customer(owner=make_agent()))
    own = number_of(make_customer(owner=call.talker))

    with pytest.raises(NotPermitted):
        ask_outside(call=call, number=stranger, wanted=Place.CONSULT, by=call.talker, at=at)
    assert Denial.objects.get().check_name == "ownership"
    party = ask_outside(call=call, number=own, wanted=Place.TAKE_OVER, by=call.talker, at=at)

    assert party.permit is not None
    assert party.permit.spent_at == at
    [due] = parties_due()
    assert due.e164 == own.e164
    place(party, Place.TAKE_OVER)
    call.refresh_from_db()
    assert (call.state, call.outcome) == (CallState.ENDED, Outcome.ANSWERED)
    assert [d for d in parties_due() if d.wanted is Place.GONE] == []  # they talk on without us
    asked: dict[str, Any] = {"number": call.number, "agent": anna, "by": anna, "at": at}
    decision, _permit = request_permit(**asked)  # she is free, the customer is not (D4)
    assert decision.refusal is not None
    assert decision.refusal.rule == "D4"
    end_party(party_id=party.pk, at=at)
    assert request_permit(**asked)[1] is not None
    assert connection.in_atomic_block is False


@pytest.mark.parametrize(
    ("role", "wanted", "is_allowed"),
    [
        (Role.LEADER, Place.LISTEN, True),
        (Role.LEADER, Place.TAKE_OVER, True),
        (Role.QA, Place.LISTEN, True),
        (Role.QA, Place.WHISPER, False),
        (Role.MANAGER, Place.JOIN, True),
        (Role.MANAGER, Place.TAKE_OVER, False),  # has no desk to give a result at
        (Role.AGENT, Place.LISTEN, False),
        (Role.OPERATIONS, Place.LISTEN, False),
    ],
)
def test_who_may_supervise_what(role: Role, wanted: Place, is_allowed: bool) -> None:
    call = make_talk()
    by = make_user(role=role, team=call.talker.team)

    if is_allowed:
        supervise(call=call, wanted=wanted, by=by, at=NOON)
        [event] = Event.objects.filter(what="call.supervised")
        assert (event.who, event.details["wanted"]) == (by.username, wanted)
    else:
        with pytest.raises(CannotHandle):
            supervise(call=call, wanted=wanted, by=by, at=NOON)
        assert not Party.objects.exists()


def test_a_leader_of_another_team_hears_nothing() -> None:
    call = make_talk()
    other = make_user(role=Role.LEADER, team=make_team())

    with pytest.raises(CannotHandle, match="does not reach"):
        supervise(call=call, wanted=Place.LISTEN, by=other, at=NOON)


def test_a_supervisor_moves_between_places_and_takes_the_call() -> None:
    call = make_talk()
    agent = call.talker
    leader = make_user(role=Role.LEADER, team=agent.team)

    party = supervise(call=call, wanted=Place.LISTEN, by=leader, at=NOON)
    place(party, Place.LISTEN)
    assert supervise(call=call, wanted=Place.WHISPER, by=leader, at=NOON).pk == party.pk
    place(party, Place.WHISPER)
    supervise(call=call, wanted=Place.TAKE_OVER, by=leader, at=NOON)
    place(party, Place.TAKE_OVER)

    call.refresh_from_db()
    assert call.agent == leader
    assert Event.objects.filter(what="call.supervised").count() == 3
