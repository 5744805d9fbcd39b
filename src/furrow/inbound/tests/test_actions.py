from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from furrow.acquisition.models import Lead
from furrow.acquisition.rules import SourceKind
from furrow.audit.models import Event
from furrow.calls.actions import move_call
from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.calls.tests.make import make_call
from furrow.campaigns.models import Target
from furrow.campaigns.tests.make import make_campaign
from furrow.compliance.actions import suppress_number
from furrow.compliance.models import Suppression
from furrow.compliance.rules import SuppressionKind
from furrow.customers.tests.make import make_customer, number_of
from furrow.followups.actions import plan_followup
from furrow.followups.models import FollowUp
from furrow.followups.rules import Reason
from furrow.inbound.actions import (
    accept_offer,
    arrive,
    begin_waiting,
    close_offer,
    decline_offer,
    join,
    offer_next,
    opt_out_by_key,
    promise,
    settle,
)
from furrow.inbound.models import Arrival, Offer
from furrow.inbound.queries import as_e164
from furrow.inbound.rules import CameOfIt, CannotTake, Result, Why
from furrow.inbound.tests.make import make_arrival, make_hotline, make_ready_agent
from furrow.organisation.actions import system_user
from furrow.organisation.models import Presence
from furrow.organisation.rules import PresenceState
from furrow.organisation.tests.make import NOON, make_agent, make_team
from furrow.permits.actions import request_permit

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(seconds=10)


def end(call: Call, *, outcome: Outcome = Outcome.NO_ANSWER) -> None:
    """As the dialer ends a call."""
    assert move_call(call_id=call.pk, to=CallState.ENDED, at=LATER, outcome=outcome)
    settle(call_id=call.pk, at=LATER)


def gives_up(arrival: Arrival) -> Arrival:
    """The caller hangs up."""
    end(arrival.caller)
    return Arrival.objects.get(pk=arrival.pk)


def ring_at(arrival: Arrival, *agents: int) -> Offer:
    offer = offer_next(arrival=arrival, free=agents, at=NOON)
    assert offer is not None
    return offer


def test_who_calls_is_found_by_the_number_however_the_switch_spells_it() -> None:
    customer = make_customer(numbers=["+8613812345678"])
    hotline = make_hotline()

    arrival = arrive(leg="in-1", caller="13812345678", called=hotline.e164, at=NOON)

    assert arrival is not None
    assert arrival.caller.customer == customer
    assert arrival.hotline == hotline
    assert not arrival.is_new
    assert arrival.caller.state == CallState.RINGING
    assert arrival.caller.permit is None


@pytest.mark.parametrize(
    ("shown", "e164"),
    [
        ("13812345678", "+8613812345678"),
        ("+8613812345678", "+8613812345678"),
        ("+8613800000000", "+8613800000000"),  # a list would call it made up
        ("anonymous", ""),
        ("", ""),
    ],
)
def test_numbers_are_read_as_the_switch_shows_them(shown: str, e164: str) -> None:
    assert as_e164(shown) == e164


def test_a_number_nobody_knows_becomes_a_new_customer_with_a_lead() -> None:
    arrival = make_arrival()

    assert arrival.is_new
    lead = Lead.objects.get(customer=arrival.caller.customer)
    assert lead.source.kind == SourceKind.INBOUND
    assert arrival.caller.customer.owner is None
    assert arrival.caller.customer.team == arrival.hotline.team


def test_callers_whose_numbers_are_a_slip_apart_are_different_customers() -> None:
    hotline = make_hotline()
    numbers = [f"+861541234000{n}" for n in range(4)]
    for n, caller in enumerate(numbers):
        assert arrive(leg=f"in-{n}", caller=caller, called=hotline.e164, at=NOON) is not None

    assert len({call.customer_id for call in Call.objects.all()}) == 4


def test_a_call_that_is_told_twice_is_one_call() -> None:
    arrival = make_arrival()
    again = arrive(
        leg=arrival.leg, caller=arrival.caller.number.e164, called=arrival.hotline.e164, at=LATER
    )

    assert again == arrival
    assert Call.objects.count() == 1


def test_who_shows_no_number_has_no_call() -> None:
    hotline = make_hotline()
    arrival = arrive(leg="in-1", caller="", called=hotline.e164, at=NOON)

    assert arrival is not None
    assert arrival.call is None
    assert arrival.came_of_it == CameOfIt.WITHHELD


def test_a_number_that_is_nobodys_hotline_is_the_oldest_ones() -> None:
    oldest = make_hotline()
    make_hotline()

    arrival = arrive(leg="in-1", caller="13812345678", called="4001", at=NOON)
    assert arrival is not None
    assert arrival.hotline == oldest


def test_no_hotline_no_arrival() -> None:
    assert arrive(leg="in-1", caller="13812345678", called="4001", at=NOON) is None


def test_a_call_without_a_permit_has_to_be_an_inbound_one() -> None:
    call = make_call()
    with pytest.raises(IntegrityError, match="call_permitted_or_inbound"), transaction.atomic():
        Call.objects.filter(pk=call.pk).update(permit=None)
    arrival = make_arrival()
    with pytest.raises(IntegrityError, match="call_permitted_or_inbound"), transaction.atomic():
        Call.objects.filter(pk=arrival.caller.pk).update(permit=call.permit_id)


def test_a_caller_rings_at_one_agent_and_is_passed_on_to_the_next() -> None:
    owner, other = make_agent(), make_agent()
    arrival = make_arrival(customer=make_customer(owner=owner))

    first = ring_at(arrival, other.pk, owner.pk)
    assert (first.agent, first.why) == (owner, Why.OWNER)
    assert offer_next(arrival=arrival, free=[other.pk], at=NOON) is None  # one at a time
    assert decline_offer(offer=first, by=owner, at=LATER)
    assert not decline_offer(offer=first, by=owner, at=LATER)
    assert Call.objects.get().agent is None

    second = ring_at(arrival, other.pk, owner.pk)
    assert (second.agent, second.why) == (other, Why.LONGEST_FREE)
    assert Call.objects.get().agent == other
    close_offer(offer=second, result=Result.UNANSWERED, at=LATER)
    assert offer_next(arrival=arrival, free=[other.pk, owner.pk], at=LATER) is None


def test_an_agent_who_is_on_a_call_is_passed_over() -> None:
    busy, free = make_agent(), make_agent()
    make_call(agent=busy, state=CallState.TALKING)

    offer = ring_at(make_arrival(), busy.pk, free.pk)
    assert offer.agent == free


def test_who_lets_it_ring_is_away_and_who_declines_is_not() -> None:
    sleeping, declining = make_ready_agent(), make_ready_agent()
    arrival = make_arrival()
    close_offer(offer=ring_at(arrival, sleeping.pk), result=Result.UNANSWERED, at=LATER)
    decline_offer(offer=ring_at(arrival, declining.pk), by=declining, at=LATER)

    states = {p.user: p.state for p in Presence.objects.all()}
    assert states[sleeping] == PresenceState.AWAY
    assert states[declining] == PresenceState.READY


def test_who_takes_the_caller_as_it_rings_out_stays_and_talks() -> None:
    agent = make_ready_agent()
    offer = ring_at(make_arrival(), agent.pk)
    accept_offer(offer=offer, by=agent, at=LATER)

    assert not close_offer(offer=offer, result=Result.UNANSWERED, at=LATER)

    assert Presence.objects.get(user=agent).state == PresenceState.READY
    assert join(offer=offer, at=LATER)


@pytest.mark.parametrize("key", ["call me back", "never again"])
def test_who_pressed_a_key_on_the_way_out_rings_at_nobody(key: str) -> None:
    agent = make_ready_agent()
    arrival = make_arrival()
    offer = ring_at(arrival, agent.pk)

    if key == "never again":
        assert opt_out_by_key(call_id=arrival.caller.pk, at=LATER)
    else:
        assert promise(arrival=arrival, at=LATER)

    with pytest.raises(CannotTake):
        accept_offer(offer=offer, by=agent, at=LATER)
    assert Offer.objects.get().result == Result.GONE
    assert Call.objects.get().agent is None
    assert Presence.objects.get(user=agent).state == PresenceState.READY


def test_who_takes_the_caller_talks_and_looks_after_whom_nobody_owned() -> None:
    agent = make_ready_agent()
    arrival = make_arrival()
    offer = ring_at(arrival, agent.pk)
    accept_offer(offer=offer, by=agent, at=NOON)
    accept_offer(offer=offer, by=agent, at=LATER)
    offer.refresh_from_db()
    assert offer.accepted_at == NOON

    assert join(offer=offer, at=LATER)

    call = Call.objects.get()
    assert (call.state, call.agent, call.connected_at) == (CallState.TALKING, agent, LATER)
    assert call.customer.owner == agent
    assert Presence.objects.get(user=agent).state == PresenceState.TALKING
    assert Arrival.objects.get().came_of_it == CameOfIt.TAKEN
    end(call, outcome=Outcome.ANSWERED)
    assert Presence.objects.get(user=agent).state == PresenceState.WRAPUP
    assert Call.objects.unwrapped().get() == call
    assert not FollowUp.objects.exists()


def test_a_colleague_who_takes_an_owners_customer_does_not_own_it() -> None:
    owner, other = make_agent(), make_agent()
    arrival = make_arrival(customer=make_customer(owner=owner))
    offer = ring_at(arrival, other.pk)
    accept_offer(offer=offer, by=other, at=NOON)
    join(offer=offer, at=NOON)

    assert Call.objects.get().customer.owner == owner


def test_a_caller_who_is_gone_cannot_be_taken() -> None:
    agent = make_agent()
    arrival = make_arrival()
    offer = ring_at(arrival, agent.pk)
    gives_up(arrival)

    with pytest.raises(CannotTake) as refusal:
        accept_offer(offer=offer, by=agent, at=LATER)
    assert refusal.value.rule == "D1"
    assert not join(offer=offer, at=LATER)
    assert Call.objects.get().agent is None  # nobody owes a result
    assert Offer.objects.get().result == Result.GONE


def test_who_hangs_up_before_anybody_talked_is_called_back_by_the_owner() -> None:
    owner = make_agent()
    customer = make_customer(owner=owner)
    arrival = gives_up(make_arrival(customer=customer))

    assert arrival.came_of_it == CameOfIt.GAVE_UP
    followup = FollowUp.objects.get()
    assert (followup.customer, followup.assigned_to) == (customer, owner)
    assert followup.reason == Reason.CALLED_US
    assert followup.due_at > LATER
    assert "20:00" in followup.note  # in Shanghai


def test_a_new_caller_is_called_back_by_the_least_burdened_of_the_call_back_team() -> None:
    team, callback_team = make_team(), make_team()
    make_agent(team=team)
    busy, free = make_agent(team=callback_team), make_agent(team=callback_team)
    plan_followup(
        customer=make_customer(owner=busy), assigned_to=busy, due_at=LATER,
        reason=Reason.CALLED_US, by=busy, at=NOON,
    )  # fmt: skip
    hotline = make_hotline(team=team, callback_team=callback_team)
    arrival = make_arrival(hotline=hotline)
    # Whom the answering team's pool holds, only that team may call: so it is in the other's.
    type(arrival.caller.customer).objects.filter(pk=arrival.caller.customer_id).update(
        team=callback_team
    )
    gives_up(arrival)

    assert FollowUp.objects.get(customer=arrival.caller.customer_id).assigned_to == free


def test_however_often_somebody_calls_there_is_one_call_back() -> None:
    owner = make_agent()
    customer = make_customer(owner=owner)
    hotline = make_hotline()
    for _ in range(3):
        gives_up(make_arrival(hotline=hotline, customer=customer))

    assert FollowUp.objects.filter(customer=customer).count() == 1
    assert Event.objects.filter(what="callback.again").count() == 2


def test_a_step_planned_for_later_gives_way_and_its_note_stays() -> None:
    owner = make_agent()
    customer = make_customer(owner=owner)
    plan_followup(
        customer=customer, assigned_to=owner, due_at=NOON + timedelta(days=5),
        reason=Reason.INTEREST, note="wants the blue one", by=owner, at=NOON,
    )  # fmt: skip
    gives_up(make_arrival(customer=customer))

    followup = FollowUp.objects.open().get()
    assert followup.reason == Reason.CALLED_US
    assert "wants the blue one" in followup.note


def test_who_may_not_be_called_is_not_called_back() -> None:
    customer = make_customer(owner=make_agent())
    suppress_number(
        e164=number_of(customer).e164, kind=SuppressionKind.OPTED_OUT, origin="person",
        by=system_user(), at=NOON,
    )  # fmt: skip
    gives_up(make_arrival(customer=customer))

    assert not FollowUp.objects.exists()


@pytest.mark.parametrize("shown", ["+19005551234", "+881612345678", "+447012345678"])
def test_numbers_that_cost_us_are_not_called_back(shown: str) -> None:
    make_agent(team=(hotline := make_hotline()).team)
    arrival = arrive(leg="in-1", caller=shown, called=hotline.e164, at=NOON)
    assert arrival is not None
    gives_up(arrival)

    assert not FollowUp.objects.exists()
    assert Event.objects.filter(what="callback.forbidden").exists()


def test_of_many_unknown_callers_within_an_hour_people_decide_whom_to_call_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("furrow.inbound.actions.NEW_CALL_BACKS", 2)
    make_agent(team=(hotline := make_hotline()).team)
    arrivals = [gives_up(make_arrival(hotline=hotline)) for _time in range(3)]

    planned = FollowUp.objects.order_by("pk")
    assert [one.reason for one in planned] == [Reason.CALLED_US, Reason.CALLED_US, Reason.OTHER]
    gives_up(make_arrival(hotline=hotline, customer=arrivals[-1].caller.customer))
    assert FollowUp.objects.open().filter(reason=Reason.CALLED_US).count() == 2  # nor by insisting


def test_who_waited_too_long_is_promised_a_call_once() -> None:
    arrival = make_arrival(customer=make_customer(owner=make_agent()))
    assert begin_waiting(arrival=arrival, at=NOON)
    assert not begin_waiting(arrival=arrival, at=LATER)
    assert promise(arrival=arrival, at=LATER)
    assert not promise(arrival=arrival, at=LATER)
    end(arrival.caller, outcome=Outcome.ANSWERED)

    arrival.refresh_from_db()
    assert arrival.came_of_it == CameOfIt.PROMISED
    assert Call.objects.get().outcome == Outcome.ABANDONED
    assert FollowUp.objects.get().reason == Reason.CALLED_US


def test_whoever_is_on_the_line_with_us_is_not_dialled() -> None:
    agent = make_agent()
    customer = make_customer(owner=agent)
    in_hours = NOON - timedelta(hours=4)  # 16:00 where the customer is
    arrival = make_arrival(customer=customer, at=in_hours)

    number = number_of(customer)
    decision, permit = request_permit(number=number, agent=agent, by=agent, at=in_hours)

    assert permit is None
    assert decision.refusal is not None
    assert decision.refusal.check == "objections"
    end(arrival.caller)
    _decision, permit = request_permit(number=number, agent=agent, by=agent, at=in_hours)
    assert permit is not None


def test_nine_means_never_again_anywhere() -> None:
    agent = make_agent()
    customer = make_customer(owner=agent)
    campaign = make_campaign(agent=agent)
    Target.objects.create(campaign=campaign, customer=customer)
    plan_followup(
        customer=customer, assigned_to=agent, due_at=LATER, reason=Reason.PROMISE, by=agent, at=NOON
    )
    arrival = make_arrival(customer=customer)
    begin_waiting(arrival=arrival, at=NOON)

    assert opt_out_by_key(call_id=arrival.caller.pk, at=LATER)

    suppression = Suppression.objects.get()
    assert suppression.e164 == number_of(customer).e164
    assert suppression.kind == SuppressionKind.OPTED_OUT
    assert suppression.origin == f"call:{arrival.caller.pk}"
    assert not FollowUp.objects.open().exists()
    assert not Target.objects.waiting(NOON + timedelta(days=400)).exists()
    assert Event.objects.filter(what="call.opted_out_by_key").exists()
    gives_up(arrival)
    assert not FollowUp.objects.open().exists()
    assert Arrival.objects.get().came_of_it == CameOfIt.OPTED_OUT


def test_nine_in_a_talk_is_a_key_like_any_other() -> None:
    call = make_call(state=CallState.TALKING)

    assert not opt_out_by_key(call_id=call.pk, at=LATER)
    assert not Suppression.objects.exists()
