"""Callers at the simulated switch, and what becomes of them in the database."""

from datetime import timedelta

import pytest
from django.utils import timezone

from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.campaigns.rules import DialMode
from furrow.compliance.models import Suppression
from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer, number_of
from furrow.dialer.actions import ask_hang_up, open_session
from furrow.dialer.models import Line
from furrow.dialer.queries import free_to_be_called, last_beat_at
from furrow.dialer.rules import customer_leg
from furrow.dialer.tests.make import make_dialled_campaign, make_pooled
from furrow.dialer.tests.test_loop import Bench, dialing, until
from furrow.followups.models import FollowUp
from furrow.inbound.actions import accept_offer
from furrow.inbound.models import Arrival, Hotline, Offer
from furrow.inbound.rules import CameOfIt, Result
from furrow.inbound.tests.make import make_hotline, make_ready_agent
from furrow.organisation.models import Presence, Team, User
from furrow.organisation.rules import PresenceState
from furrow.organisation.tests.make import make_team
from furrow.telephony.simulated import LogNormal

pytestmark = pytest.mark.django_db(transaction=True)
PATIENT = LogNormal(3600.0, 0.1)  # nobody hangs up by themselves


def ready_agent(team: Team) -> User:
    agent = make_ready_agent(team=team, since=timezone.now())
    Presence.objects.filter(user=agent).update(seen_at=timezone.now())
    return agent


def somebody_calls(bench: Bench, hotline: Hotline, *, caller: str, leg: str = "in-1") -> None:
    until(last_beat_at)
    bench.do(lambda: bench.switch.ring_in(leg, caller=caller, called=hotline.e164))


def caller_of(customer: Customer) -> str:
    return number_of(customer).e164


def rings(agent: User) -> Offer:
    until(lambda: Offer.objects.open().filter(agent=agent).exists())
    return Offer.objects.open().select_related("arrival__hotline").get(agent=agent)


def call() -> Call:
    return Call.objects.get(is_inbound=True)


def it_is(state: CallState) -> bool:
    return Call.objects.filter(is_inbound=True, state=state).exists()


def test_a_caller_rings_at_an_agent_who_takes_them_and_they_talk() -> None:
    hotline = make_hotline()
    agent = ready_agent(hotline.team)
    customer = make_customer()

    with dialing(speed=20, callees_patience=PATIENT) as bench:
        somebody_calls(bench, hotline, caller=caller_of(customer))
        offer = rings(agent)
        assert call().state == CallState.RINGING
        accept_offer(offer=offer, by=agent, at=timezone.now())
        until(lambda: it_is(CallState.TALKING))
        both = {customer_leg(call().pk), f"call-{call().pk}-agent"}
        until(lambda: bench.legs() == both)
        until(lambda: it_is(CallState.ENDED), seconds=60)
        until(lambda: not bench.legs())

    ended = call()
    assert ended.outcome == Outcome.ANSWERED
    assert ended.agent == agent
    assert ended.answered_at is not None
    customer.refresh_from_db()
    assert customer.owner == agent
    assert Arrival.objects.get().came_of_it == CameOfIt.TAKEN


def test_a_caller_is_joined_with_the_line_that_stands() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    agent = campaign.agents.get()
    assert agent.team is not None
    hotline = make_hotline(team=agent.team)
    open_session(agent=agent, at=timezone.now())
    Presence.objects.filter(user=agent).update(seen_at=timezone.now())

    with dialing(speed=20, callees_patience=PATIENT) as bench:
        until(lambda: Line.objects.filter(up_at__isnull=False).exists())
        somebody_calls(bench, hotline, caller="+8615412340001")
        offer = rings(agent)
        accept_offer(offer=offer, by=agent, at=timezone.now())
        until(lambda: it_is(CallState.TALKING))
        until(lambda: bench.legs() == {customer_leg(call().pk), Line.objects.get().leg})


def test_an_agent_at_whom_somebody_rings_is_given_no_call_that_was_dialled() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    agent = campaign.agents.get()
    assert agent.team is not None
    hotline = make_hotline(team=agent.team, ring_seconds=60)
    session = open_session(agent=agent, at=timezone.now())
    Presence.objects.filter(user=agent).update(seen_at=timezone.now())

    with dialing(speed=20, callees_patience=PATIENT) as bench:
        until(lambda: Line.objects.filter(up_at__isnull=False).exists())
        somebody_calls(bench, hotline, caller="+8615412340001")
        rings(agent)
        assert free_to_be_called(team_id=hotline.team_id, owner_id=None, at=timezone.now()) == []
        make_pooled(campaign=campaign, ending="0001")
        beat = last_beat_at()
        until(lambda: last_beat_at() != beat)  # ticks have gone by
        assert not Call.objects.filter(is_inbound=False, agent=agent).exists()
        assert session.agent == agent


def test_f4_passes_the_caller_on_and_does_not_hang_up_on_them() -> None:
    hotline = make_hotline()
    first, second = ready_agent(hotline.team), ready_agent(hotline.team)

    with dialing(speed=5, callees_patience=PATIENT) as bench:
        somebody_calls(bench, hotline, caller="+8615412340001")
        until(lambda: Offer.objects.exists())
        offer = Offer.objects.open().get()
        rung, other = (first, second) if offer.agent == first else (second, first)
        ask_hang_up(call=call(), by=rung, at=timezone.now())
        assert rings(other)
        assert call().state == CallState.RINGING
        assert Offer.objects.get(agent=rung).result == Result.DECLINED


def test_who_finds_nobody_waits_and_is_promised_a_call_back() -> None:
    hotline = make_hotline(queue_seconds=1)
    ready_agent(make_team())  # of another team
    owner = make_ready_agent()
    Presence.objects.filter(user=owner).update(state=PresenceState.TALKING)
    customer = make_customer(owner=owner)

    with dialing(speed=20, callees_patience=PATIENT) as bench:
        somebody_calls(bench, hotline, caller=caller_of(customer))
        until(lambda: it_is(CallState.ENDED))
        until(lambda: not bench.legs())

    assert call().answered_at is not None
    assert Arrival.objects.get().came_of_it == CameOfIt.PROMISED
    assert FollowUp.objects.get().assigned_to == owner


def test_who_waits_is_given_the_first_who_becomes_free() -> None:
    hotline = make_hotline(queue_seconds=600)
    agent = ready_agent(hotline.team)
    Presence.objects.filter(user=agent).update(state=PresenceState.AWAY)

    with dialing(speed=20, callees_patience=PATIENT) as bench:
        somebody_calls(bench, hotline, caller="+8615412340001")
        until(lambda: it_is(CallState.WAITING))
        Presence.objects.filter(user=agent).update(state=PresenceState.READY)
        accept_offer(offer=rings(agent), by=agent, at=timezone.now())
        until(lambda: it_is(CallState.TALKING))


def test_who_hangs_up_before_anybody_takes_them_is_called_back_once() -> None:
    hotline = make_hotline(ring_seconds=60)
    agent = ready_agent(hotline.team)
    customer = make_customer(owner=agent)

    with dialing(speed=20) as bench:
        for n in (1, 2):
            leg = f"in-{n}"
            somebody_calls(bench, hotline, caller=caller_of(customer), leg=leg)
            until(lambda: Arrival.objects.filter(leg=leg).exists())  # noqa: B023
            until(lambda: not Arrival.objects.filter(came_of_it="").exists())

    assert {a.came_of_it for a in Arrival.objects.all()} == {CameOfIt.GAVE_UP}
    assert FollowUp.objects.count() == 1
    assert not Offer.objects.open().exists()


def test_outside_the_hours_the_caller_hears_so_and_is_called_back() -> None:
    hotline = make_hotline(is_closed=True)
    agent = ready_agent(hotline.team)

    with dialing(speed=20, callees_patience=PATIENT) as bench:
        somebody_calls(bench, hotline, caller="+8615412340001")
        until(lambda: Arrival.objects.filter(came_of_it=CameOfIt.CLOSED).exists())
        until(lambda: not bench.legs())

    assert FollowUp.objects.get().assigned_to == agent
    assert not Offer.objects.exists()


def test_nine_while_waiting_ends_the_call_and_every_other() -> None:
    hotline = make_hotline(queue_seconds=600)

    with dialing(speed=20, callees_patience=PATIENT) as bench:
        somebody_calls(bench, hotline, caller="+8615412340001")
        until(lambda: it_is(CallState.WAITING))
        leg = customer_leg(call().pk)
        bench.do(lambda: bench.switch.press(leg, "9"))
        until(lambda: it_is(CallState.ENDED))

    assert Suppression.objects.get().e164 == "+8615412340001"
    assert Arrival.objects.get().came_of_it == CameOfIt.OPTED_OUT
    assert not FollowUp.objects.exists()


def test_one_while_waiting_asks_to_be_called_back() -> None:
    hotline = make_hotline(queue_seconds=600)
    agent = ready_agent(hotline.team)
    Presence.objects.filter(user=agent).update(state=PresenceState.AWAY)

    with dialing(speed=20, callees_patience=PATIENT) as bench:
        somebody_calls(bench, hotline, caller="+8615412340001")
        until(lambda: it_is(CallState.WAITING))
        leg = customer_leg(call().pk)
        bench.do(lambda: bench.switch.press(leg, "1"))
        until(lambda: it_is(CallState.ENDED))

    assert Arrival.objects.get().came_of_it == CameOfIt.PROMISED
    assert FollowUp.objects.count() == 1


def test_nine_in_the_message_to_who_was_rung_and_met_nobody() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    agent = campaign.agents.get()
    open_session(agent=agent, at=timezone.now())
    Presence.objects.filter(user=agent).update(seen_at=timezone.now())
    target = make_pooled(campaign=campaign, ending="0008")

    with dialing(speed=20, patience=timedelta(seconds=0)) as bench:
        until(lambda: Call.objects.filter(state=CallState.WAITING).exists())
        leg = customer_leg(Call.objects.get().pk)
        bench.do(lambda: bench.switch.press(leg, "9"))
        until(lambda: Call.objects.get().state == CallState.ENDED)

    assert Call.objects.get().outcome == Outcome.ABANDONED
    assert Suppression.objects.get().e164 == caller_of(target.customer)


def test_without_a_hotline_nobody_answers() -> None:
    with dialing(speed=20) as bench:
        until(last_beat_at)
        bench.do(lambda: bench.switch.ring_in("in-1", caller="+8615412340001", called="+86400"))
        until(lambda: not bench.legs())

    assert not Call.objects.exists()


def test_who_shows_no_number_hears_why_and_leaves_no_call() -> None:
    hotline = make_hotline()
    with dialing(speed=20) as bench:
        somebody_calls(bench, hotline, caller="")
        until(lambda: Arrival.objects.filter(came_of_it=CameOfIt.WITHHELD).exists())
        until(lambda: not bench.legs())

    assert not Call.objects.exists()
