import json

import pytest
from django.test import Client

from furrow.audit.models import Event
from furrow.customers.models import Customer, Note
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_team, make_user

from .machine import Machine
from .make import make_customer, number_of

pytestmark = pytest.mark.django_db


def test_pages_by_key_with_masked_numbers() -> None:
    machine = Machine(make_user(role=Role.OPERATIONS))
    customers = [make_customer(numbers=[f"+861380013800{i}"]) for i in range(3)]

    first = machine.get("", most=2).json()
    rest = machine.get("", most=2, after=first["next_after"]).json()

    seen = [item["id"] for item in first["items"] + rest["items"]]
    assert seen == [c.pk for c in reversed(customers)]
    assert rest["next_after"] is None
    assert first["items"][0]["numbers"][0]["number"] == "138****8002"
    assert "13800138002" not in json.dumps(first)


def test_filters_and_scopes() -> None:
    agent = make_agent()
    machine = Machine(agent)
    mine, other = make_customer(owner=agent), make_customer()
    assert [i["id"] for i in machine.get("", owner="me").json()["items"]] == [mine.pk]
    assert machine.get(f"/{mine.pk}").json()["owner"] == agent.username
    assert machine.get(f"/{other.pk}").status_code == 404
    assert machine.get("", sort="x").status_code == 422


def test_recording_and_the_rule_against_doubles() -> None:
    agent = make_agent()
    machine = Machine(agent)
    body = {"name": "王伟", "numbers": ["138-0013-8000"], "city": "深圳", "owned": True}

    made = machine.post("", **body)
    again = machine.post("", **body)

    assert made.status_code == 201
    customer = Customer.objects.get(pk=made.json()["id"])
    assert (customer.owner, number_of(customer).e164) == (agent, "+8613800138000")
    assert (again.status_code, again.json()["rule"]) == (409, "B1")
    assert str(agent) in again.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x", "numbers": ["nonsense"]}, 409),
        ({"name": "   "}, 422),
        ({"name": "a\0b"}, 422),
        ({}, 422),
        ({"name": "x", "kind": "robot"}, 422),
    ],
)
def test_what_cannot_be_recorded(body: dict[str, object], status: int) -> None:
    assert Machine(make_user(role=Role.OPERATIONS)).post("", **body).status_code == status


def test_finding_and_asking_whose() -> None:
    li = make_user(display_name="Li Na")
    customer = make_customer(name="王伟芳", numbers=["+8613800138000"], owner=li)
    machine = Machine(make_agent())
    assert machine.post("/find", text="伟芳").json() == []
    answer = machine.post("/whose", number="13800138000").json()
    assert answer == {"is_known": True, "owner": "Li Na", "team": customer.team.name}  # type: ignore[union-attr]
    assert machine.post("/whose", number="13800138001").json()["is_known"] is False
    assert machine.post("/whose", number="x").status_code == 409
    assert Event.objects.filter(what="number.looked_up").count() == 2


def test_note() -> None:
    agent = make_agent()
    machine = Machine(agent)
    customer = make_customer(name="王伟芳", team=agent.team)
    assert machine.post("/find", text="伟芳").json()[0]["id"] == customer.pk
    assert machine.post(f"/{customer.pk}/notes", text="hello").status_code == 201
    assert Note.objects.get().text == "hello"


def test_whole_numbers_only_for_those_who_may() -> None:
    team = make_team()
    number = number_of(make_customer(numbers=["+8613800138000"], team=team))
    leader = Machine(make_user(role=Role.LEADER, team=team))
    path = f"/numbers/{number.pk}/reveal"
    assert leader.post(path).json() == {"number": "+8613800138000"}
    assert Event.objects.about(number).get().what == "number.revealed"


def test_an_agent_reveals_nothing() -> None:
    agent = make_agent()
    number = number_of(make_customer(owner=agent))
    assert Machine(agent).post(f"/numbers/{number.pk}/reveal").status_code == 403


def test_no_key_no_answer() -> None:
    assert Client().get("/api/v1/customers").status_code == 401
