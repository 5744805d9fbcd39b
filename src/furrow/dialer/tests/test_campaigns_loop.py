"""Campaigns that dial by themselves, against the simulated carrier."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Count

from furrow.calls.actions import wrap_up_call
from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.campaigns.models import Campaign, Target
from furrow.campaigns.rules import DialMode
from furrow.compliance.actions import set_policy
from furrow.compliance.tests.make import WEEK, make_body
from furrow.dialer.actions import open_session
from furrow.dialer.models import Lease, Line
from furrow.dialer.tests.make import make_dialled_campaign, make_pooled
from furrow.dialer.tests.test_loop import dialing, until
from furrow.organisation.models import Presence
from furrow.organisation.rules import PresenceState
from furrow.organisation.tests.make import make_user
from furrow.permits.models import Denial
from furrow.telephony.simulated import LogNormal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _any_hour() -> None:
    """These tests run at night too."""
    body = make_body(windows=[{"weekdays": WEEK, "from": "00:00", "to": "24:00"}], on_holidays=True)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    set_policy(region="CN", body=body, note="", by=make_user(), at=yesterday)


def all_take_calls(campaign: Campaign) -> None:
    for agent in campaign.agents.order_by("pk"):
        open_session(agent=agent, at=datetime.now(UTC))
    Presence.objects.update(seen_at=datetime.now(UTC))


def wrap_up_all(campaign: Campaign) -> None:
    """What diligent agents do."""
    result = campaign.disposition_set.dispositions.get()
    for call in Call.objects.unwrapped().select_related("agent"):
        wrap_up_call(
            call=call, disposition=result, cp=None, remark="", by=call.talker, at=datetime.now(UTC)
        )


def test_progressive_dials_one_line_for_a_free_agent_and_connects_who_answers() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PROGRESSIVE)
    target = make_pooled(campaign=campaign, ending="0008")
    make_pooled(campaign=campaign, ending="0008")
    with dialing(10):
        all_take_calls(campaign)
        until(lambda: Call.objects.filter(state=CallState.TALKING).exists())

        call = Call.objects.get()
        agent = campaign.agents.get()
        assert (call.customer_id, call.agent, call.mode) == (
            target.customer_id, agent, DialMode.PROGRESSIVE,
        )  # fmt: skip
        assert call.permit.agent == agent  # type: ignore[union-attr]
        assert call.customer.owner == agent
        assert Presence.objects.get(user=agent).state == PresenceState.TALKING
        assert Lease.objects.get().call == call


def test_progressive_goes_on_by_itself_after_a_dial_nobody_answered() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PROGRESSIVE)
    make_pooled(campaign=campaign, ending="0003", priority=2)
    make_pooled(campaign=campaign, ending="0008", priority=1)
    with dialing(20):
        all_take_calls(campaign)
        until(lambda: Call.objects.filter(state=CallState.TALKING).exists())

    busy, talking = Call.objects.order_by("pk")
    assert (busy.outcome, busy.agent) == (Outcome.BUSY, None)
    assert talking.agent is not None
    again = Target.objects.get(customer=busy.customer)
    assert again.not_before is not None
    assert again.attempts == 1


def test_predictive_keeps_agents_talking_and_every_dial_ends_in_one_class() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE, agents=4)
    for ending in ["0001", "0002", "0003", "0007"] * 10:
        make_pooled(campaign=campaign, ending=ending)
    with dialing(30, callees_patience=LogNormal(600.0, 0.1)):
        all_take_calls(campaign)

        def all_done() -> bool:
            wrap_up_all(campaign)
            # Whoever is just being taken is neither waiting nor on a line.
            return Call.objects.filter(state=CallState.ENDED).count() == 40

        until(all_done, seconds=90)

    calls = Call.objects.all()
    assert calls.count() == 40
    classes = dict(calls.order_by().values_list("outcome").annotate(Count("id")))
    assert sum(classes.values()) == 40
    assert classes[Outcome.BUSY] == 10
    assert classes[Outcome.NO_ANSWER] == 10
    assert classes[Outcome.MACHINE] == 10
    assert classes.get(Outcome.ANSWERED, 0) + classes.get(Outcome.ABANDONED, 0) == 10
    assert classes[Outcome.ANSWERED] >= 5
    assert not calls.filter(outcome=Outcome.ANSWERED, agent=None).exists()
    assert not calls.exclude(outcome=Outcome.ANSWERED).exclude(agent=None).exists()
    assert Lease.objects.exclude(call=None).count() == 40
    assert not Denial.objects.exists()


def test_a_new_customer_is_dialled_within_a_second() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PROGRESSIVE)
    with dialing(1):
        all_take_calls(campaign)
        until(lambda: Line.objects.filter(up_at__isnull=False).exists())
        began = datetime.now(UTC)
        make_pooled(campaign=campaign, ending="0008")
        until(lambda: Call.objects.exists())

    dialed_at = Call.objects.get().dialed_at
    assert dialed_at is not None
    assert (dialed_at - began).total_seconds() < 1.5  # a second, and a busy machine


def test_preview_dials_by_itself_when_the_time_is_over() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREVIEW)
    campaign.preview_seconds = 1
    campaign.save()
    make_pooled(campaign=campaign, ending="0008", agent=campaign.agents.get())
    with dialing(10):
        all_take_calls(campaign)
        until(lambda: Lease.objects.held().exists())
        assert not Call.objects.exists()
        until(lambda: Call.objects.filter(state=CallState.TALKING).exists())

    lease = Lease.objects.get()
    assert lease.call is not None
    assert lease.call.dialed_at is not None
    assert (lease.call.dialed_at - lease.taken_at).total_seconds() >= 1


def test_who_answers_while_nobody_is_free_is_abandoned_told_so_and_called_first_later() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    target = make_pooled(campaign=campaign, ending="0008")
    agent = campaign.agents.get()
    with dialing(10, patience=timedelta(seconds=1)):
        all_take_calls(campaign)
        until(lambda: Call.objects.filter(state__in=["dialing", "ringing"]).exists())
        Presence.objects.filter(user=agent).update(state=PresenceState.AWAY)
        until(lambda: Call.objects.filter(state=CallState.ENDED).exists())

    call = Call.objects.get()
    assert (call.outcome, call.agent) == (Outcome.ABANDONED, None)
    target.refresh_from_db()
    assert target.priority == 1000
    assert target.not_before is not None
    assert (target.not_before - datetime.now(UTC)).days >= 2
