"""Calls the dialer makes by itself: nobody's until somebody answers them."""

import pytest
from django.db import IntegrityError, transaction

from furrow.calls.actions import connect_call, move_call, place_call, wrap_up_call
from furrow.calls.models import Call
from furrow.calls.rules import CallState, CannotWrapUp, Outcome, outcome_of
from furrow.calls.tests.make import make_call, make_campaign, make_disposition, make_permit
from furrow.campaigns.rules import DialMode
from furrow.customers.tests.make import make_customer, number_of
from furrow.organisation.models import Presence
from furrow.organisation.rules import PresenceState
from furrow.organisation.tests.make import NOON, make_agent

pytestmark = pytest.mark.django_db


def make_dialled(*, state: CallState = CallState.RINGING) -> Call:
    """A predictive call to somebody nobody owns, as the dialer makes it."""
    number = number_of(make_customer())
    permit = make_permit(number=number, agent=make_agent())
    permit.agent = None
    permit.save()
    call = place_call(
        permit=permit,
        campaign=make_campaign(agent=make_agent()),
        mode=DialMode.PREDICTIVE,
        by=make_agent(),
        at=NOON,
    )
    for step in (CallState.DIALING, CallState.RINGING, CallState.WAITING):
        move_call(call_id=call.pk, to=step, at=NOON)
        if step is state:
            break
    call.refresh_from_db()
    return call


def make_ready() -> Presence:
    agent = make_agent()
    Presence.objects.filter(user=agent).update(state=PresenceState.READY)
    return Presence.objects.get(user=agent)


def test_who_answers_gets_an_agent_and_the_agent_gets_the_customer() -> None:
    call, ready = make_dialled(state=CallState.WAITING), make_ready()

    assert connect_call(call_id=call.pk, agent=ready.user, at=NOON)

    call.refresh_from_db()
    ready.refresh_from_db()
    assert (call.state, call.agent, call.team) == (CallState.TALKING, ready.user, ready.user.team)
    assert call.permit.agent == ready.user  # type: ignore[union-attr]
    assert call.customer.owner == ready.user
    assert ready.state == PresenceState.TALKING


def test_a_call_is_given_once() -> None:
    call = make_dialled(state=CallState.WAITING)

    assert connect_call(call_id=call.pk, agent=make_ready().user, at=NOON)
    assert not connect_call(call_id=call.pk, agent=make_ready().user, at=NOON)


def test_an_agent_on_the_line_is_given_no_second_call() -> None:
    busy = make_call(state=CallState.TALKING).talker

    with pytest.raises(IntegrityError), transaction.atomic():
        connect_call(call_id=make_dialled(state=CallState.WAITING).pk, agent=busy, at=NOON)


def test_nobody_talks_to_nobody() -> None:
    with pytest.raises(IntegrityError):
        move_call(call_id=make_dialled().pk, to=CallState.TALKING, at=NOON)


@pytest.mark.parametrize("said", [Outcome.ANSWERED, Outcome.INTERRUPTED])
def test_who_answered_and_met_nobody_was_abandoned_whatever_the_line_says(said: Outcome) -> None:
    call = make_dialled(state=CallState.WAITING)

    move_call(call_id=call.pk, to=CallState.ENDED, at=NOON, outcome=said)

    call.refresh_from_db()
    assert call.outcome == Outcome.ABANDONED
    assert not Call.objects.unwrapped().exists()


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_word_of_the_line_is_one_class(outcome: Outcome) -> None:
    assert outcome_of(said=outcome, was_waiting=False) == outcome
    assert outcome_of(said=outcome, was_waiting=True) in {outcome, Outcome.ABANDONED}


def test_a_machine_given_to_an_agent_leaves_no_work() -> None:
    call, ready = make_dialled(state=CallState.WAITING), make_ready()
    connect_call(call_id=call.pk, agent=ready.user, at=NOON)

    move_call(call_id=call.pk, to=CallState.ENDED, at=NOON, outcome=Outcome.MACHINE)

    ready.refresh_from_db()
    assert ready.state == PresenceState.READY
    assert not Call.objects.unwrapped().exists()


def test_an_unanswered_dial_is_nobodys_to_wrap_up() -> None:
    call = make_dialled()
    move_call(call_id=call.pk, to=CallState.ENDED, at=NOON, outcome=Outcome.BUSY)

    with pytest.raises(CannotWrapUp):
        wrap_up_call(
            call=Call.objects.get(pk=call.pk),
            disposition=make_disposition(),
            cp=None,
            remark="",
            by=make_agent(),
            at=NOON,
        )
