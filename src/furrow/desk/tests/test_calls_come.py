"""The desk of an agent to whom calls come by themselves."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from furrow.campaigns.rules import DialMode
from furrow.desk.queries import Why, seat_of
from furrow.dialer.actions import take_for_agent
from furrow.dialer.models import Lease, Session
from furrow.dialer.tests.make import make_dialled_campaign, make_pooled
from furrow.organisation.tests.make import make_agent

pytestmark = pytest.mark.django_db


def test_f3_lets_calls_come_and_f3_again_stops_them(client: Client) -> None:
    agent = make_dialled_campaign(mode=DialMode.PREDICTIVE).agents.get()
    client.force_login(agent)

    assert client.post(reverse("desk-session"), {"open": "1"}).status_code == 204
    waiting = client.get(reverse("desk"))
    assert client.post(reverse("desk-session")).status_code == 204

    assert b"data-standby" in waiting.content
    assert b"data-standby" not in client.get(reverse("desk")).content
    assert Session.objects.get().closed_at is not None


def test_where_nothing_dials_by_itself_the_desk_says_so(client: Client) -> None:
    client.force_login(make_agent())

    answer = client.post(reverse("desk-session"), {"open": "1"})

    assert answer.status_code == 409


def test_a_shown_customer_is_dialled_by_f2_or_passed_over_with_a_reason(client: Client) -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREVIEW)
    agent = campaign.agents.get()
    first = make_pooled(campaign=campaign, agent=agent, priority=2)
    make_pooled(campaign=campaign, agent=agent, priority=1)
    client.force_login(agent)
    client.post(reverse("desk-session"), {"open": "1"})
    at = timezone.now()
    taken = take_for_agent(campaign=campaign, agent=agent, dial_at=None, reign=1, at=at)
    assert taken is not None

    seat = seat_of(agent=agent, at=at)
    assert seat is not None
    assert (seat.why, seat.customer, seat.is_open) == (Why.SHOWN, first.customer, True)
    client.post(reverse("desk-skip"), {"lease": str(taken.lease_id), "reason": "no such reason"})
    assert Lease.objects.held().exists()
    client.post(reverse("desk-skip"), {"lease": str(taken.lease_id), "reason": "later"})
    assert not Lease.objects.held().exists()

    second = take_for_agent(campaign=campaign, agent=agent, dial_at=None, reign=1, at=at)
    assert second is not None
    client.post(reverse("desk-dial"), {"lease": str(second.lease_id)})
    assert Lease.objects.get(pk=second.lease_id).dial_at is not None


def test_who_is_dialled_for_whoever_is_free_is_shown_by_name_alone(client: Client) -> None:
    campaign = make_dialled_campaign(mode=DialMode.PROGRESSIVE)
    agent = campaign.agents.get()
    target = make_pooled(campaign=campaign)
    client.force_login(agent)
    client.post(reverse("desk-session"), {"open": "1"})
    at = timezone.now()
    take_for_agent(campaign=campaign, agent=agent, dial_at=at, reign=1, at=at)

    page = client.get(reverse("desk")).content.decode()

    assert target.customer.name in page
    assert reverse("permit-panel", args=[target.customer_id]) not in page
