"""Who is known already, while somebody types."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from furrow.audit.models import Event
from furrow.customers.tests.make import make_customer
from furrow.linkage.actions import note_lookup
from furrow.linkage.rules import MOST_LOOKUPS, TooManyLookups
from furrow.organisation.models import User
from furrow.organisation.tests.make import make_agent, make_team

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(client: Client) -> User:
    agent = make_agent()
    client.force_login(agent)
    return agent


def ask(client: Client, **said: str) -> str:
    response = client.post(reverse("likely-duplicates"), said)
    assert response.status_code == 200
    return str(response.content.decode())


def test_ones_own_customer_is_shown(client: Client, agent: User) -> None:
    customer = make_customer(name="张伟", numbers=["+8613800138001"], team=agent.team)

    shown = ask(client, name="張偉先生", numbers="138 0013 8001")

    assert f'href="{reverse("customer", args=[customer.pk])}"' in shown
    assert "138****8001" in shown


def test_of_anothers_customer_only_the_owner_is_told(client: Client, agent: User) -> None:
    other = make_agent()
    make_customer(name="张伟", numbers=["+8613800138001"], owner=other)

    shown = ask(client, name="李娜", numbers="13800138001")

    assert str(other) in shown
    assert "张伟" not in shown
    assert "8001" not in shown
    event = Event.objects.get(what="duplicates.looked_up")
    assert event.details == {"found": 1, "hidden": 1}


def test_of_anothers_pool_only_the_team_is_told(client: Client, agent: User) -> None:
    team = make_team(name="North")
    make_customer(name="张伟", numbers=["+8613800138001"], team=team)

    assert "in the pool of North" in ask(client, numbers="13800138001")


def test_somebody_who_only_resembles_a_hidden_customer_is_not_told(
    client: Client, agent: User
) -> None:
    make_customer(name="欧阳思远", numbers=["+8613800138001"], owner=make_agent())

    assert ask(client, name="欧阳思远").strip() == ""


def test_nothing_typed_asks_nothing(client: Client, agent: User) -> None:
    assert ask(client, name=" ") == ""
    assert not Event.objects.filter(what="duplicates.looked_up").exists()


def test_asking_faster_than_anybody_types_is_refused() -> None:
    agent, at = make_agent(), timezone.now()
    for _time in range(MOST_LOOKUPS):
        note_lookup(found=0, hidden=0, by=agent, at=at)

    with pytest.raises(TooManyLookups):
        note_lookup(found=0, hidden=0, by=agent, at=at)
    note_lookup(found=0, hidden=0, by=agent, at=at + timedelta(minutes=2))
