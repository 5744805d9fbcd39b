import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from furrow.customers.tests.make import make_customer
from furrow.inbound.actions import offer_next
from furrow.inbound.models import Hotline, Offer
from furrow.inbound.rules import Result
from furrow.inbound.tests.make import make_arrival, make_hotline, make_ready_agent
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_team, make_user

pytestmark = pytest.mark.django_db


def ring(agent: User) -> Offer:
    customer = make_customer(name="Wei Ming", numbers=["+8613812345678"], owner=agent)
    arrival = make_arrival(customer=customer, at=timezone.now())
    offer = offer_next(arrival=arrival, free=[agent.pk], at=timezone.now())
    assert offer is not None
    return offer


def test_the_pop_says_who_calls_and_why_here(client: Client) -> None:
    agent = make_ready_agent()
    client.force_login(agent)
    assert b"<section" not in client.get(reverse("incoming")).content

    offer = ring(agent)
    page = client.get(reverse("incoming")).content.decode()

    assert "Wei Ming" in page
    assert "138****5678" in page
    assert "13812345678" not in page
    assert "You look after this customer" in page
    assert reverse("incoming-take", args=[offer.pk]) in page


def test_nobody_sees_or_takes_a_colleagues_caller(client: Client) -> None:
    offer = ring(make_ready_agent())
    client.force_login(make_ready_agent())

    assert b"<section" not in client.get(reverse("incoming")).content
    assert client.post(reverse("incoming-take", args=[offer.pk])).status_code == 404
    assert client.post(reverse("incoming-decline", args=[offer.pk])).status_code == 404


def test_taking_leads_to_the_desk_and_passing_on_stays(client: Client) -> None:
    agent = make_ready_agent()
    client.force_login(agent)
    offer = ring(agent)
    elsewhere = {"HX-Request": "true", "HX-Current-URL": "http://testserver/customers/"}

    answer = client.post(reverse("incoming-take", args=[offer.pk]), headers=elsewhere)
    assert answer.headers["HX-Redirect"] == reverse("desk")
    offer.refresh_from_db()
    assert offer.accepted_at is not None
    assert b"<section" not in client.get(reverse("incoming")).content

    answer = client.post(reverse("incoming-decline", args=[offer.pk]))
    assert answer.status_code == 204
    offer.refresh_from_db()
    assert offer.result == Result.DECLINED
    answer = client.post(reverse("incoming-take", args=[offer.pk]))
    assert answer.status_code == 409


def test_the_caller_is_on_the_desk_before_the_answer(client: Client) -> None:
    agent = make_ready_agent()
    client.force_login(agent)
    ring(agent)

    page = client.get(reverse("desk")).content.decode()
    assert "Wei Ming" in page
    assert "Incoming call" in page


def test_a_leader_sees_the_callers_of_the_own_team_only(client: Client) -> None:
    hotline = make_hotline()
    mine = make_arrival(hotline=hotline, at=timezone.now())
    others = make_arrival(at=timezone.now())
    client.force_login(make_user(role=Role.LEADER, team=hotline.team))

    page = client.get(reverse("callers")).content.decode()
    assert f'data-caller="{mine.pk}"' in page
    assert f'data-caller="{others.pk}"' not in page


def test_a_hotline_is_made_and_changed(client: Client) -> None:
    client.force_login(make_user(role=Role.OPERATIONS))
    team = make_team()
    given = {
        "e164": "400 800 1234", "name": "Orders", "team": team.pk, "opens": "08:30",
        "closes": "00:00", "weekdays": ["0", "6"], "ring_seconds": 20, "queue_seconds": 90,
        "announcement": "All are talking.", "is_active": "on",
    }  # fmt: skip

    assert client.post(reverse("hotline-create"), given).status_code == 302

    hotline = Hotline.objects.get()
    assert hotline.e164 == "+864008001234"
    assert hotline.opening == "08:30–24:00"
    assert hotline.weekdays == [0, 6]
    assert b"Orders" in client.get(reverse("hotlines")).content
    change = reverse("hotline", args=[hotline.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {**given, "name": "Sales"}).status_code == 302
    hotline.refresh_from_db()
    assert hotline.name == "Sales"
    answer = client.post(reverse("hotline-create"), given)
    assert answer.status_code == 409
