from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from furrow.customers.models import Customer, OwnershipEvent
from furrow.customers.tests.machine import Machine
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_team, make_user
from furrow.ownership.actions import return_due
from furrow.ownership.models import Pause, Return
from furrow.rulebooks.models import RuleVersion

from .make import make_act, put_in_force

HTMX = {"HX-Request": "true"}
pytestmark = pytest.mark.django_db


def sign_in(client: Client, role: Role = Role.OPERATIONS, **given: Any) -> User:
    user = make_user(role=role, **given)
    client.force_login(user)
    return user


def text(response: Any) -> str:
    return str(response.content.decode())


def days_ago(days: int) -> Any:
    return timezone.now() - timedelta(days=days)


def test_claim_release_and_hand_over(client: Client) -> None:
    put_in_force(at=days_ago(1))
    team = make_team()
    agent = sign_in(client, Role.AGENT, team=team)
    customer = make_customer(team=team)
    part = text(client.post(f"/customers/{customer.pk}/claim/", headers=HTMX))
    assert part.strip().startswith('<section class="panel fact" id="ownership">')
    assert str(agent) in part
    assert "yours until" in part
    assert client.post(f"/customers/{customer.pk}/claim/", headers=HTMX).status_code == 409
    assert client.post(f"/customers/{customer.pk}/transfer/", {"to": agent.pk}).status_code == 403

    colleague = make_agent(team=team)
    sign_in(client, Role.LEADER, team=team)
    dialog = text(client.get(f"/customers/{customer.pk}/transfer/", headers=HTMX))
    assert str(colleague) in dialog
    to = {"to": colleague.pk, "reason": "holiday"}
    assert str(colleague) in text(
        client.post(f"/customers/{customer.pk}/transfer/", to, headers=HTMX)
    )
    assert client.post(
        f"/customers/{customer.pk}/transfer/", {"to": make_agent().pk}
    ).status_code == 404  # fmt: skip
    client.post(f"/customers/{customer.pk}/release/", headers=HTMX)
    changes = OwnershipEvent.objects.filter(customer=customer).order_by("id")
    assert [e.change for e in changes] == ["claimed", "transferred", "released"]


def test_a_stranger_changes_nothing(client: Client) -> None:
    sign_in(client, Role.AGENT)
    customer = make_customer()
    for path in (f"customers/{customer.pk}/claim", f"customers/{customer.pk}/release"):
        assert client.post(f"/{path}/").status_code == 404
    assert client.get(f"/ownership/panel/{customer.pk}/").status_code == 404


def test_the_record_says_why_not(client: Client) -> None:
    team = make_team()
    agent = sign_in(client, Role.AGENT, team=team)
    customer = make_customer(team=team)
    client.post(f"/customers/{customer.pk}/claim/")
    part = text(client.post(f"/customers/{customer.pk}/release/"))
    assert "You may claim it again from" in part
    assert ">Claim<" not in part
    assert agent


def test_the_pool_is_masked_until_claimed(client: Client) -> None:
    team = make_team()
    sign_in(client, Role.AGENT, team=team)
    a = make_customer(team=team, name="王伟芳", numbers=["+8613800138000"])
    b = make_customer(team=team, name="李明")
    elsewhere = make_customer(name="赵敏")

    page = text(client.get("/pool/"))

    assert "王**" in page
    assert "138****8000" in page
    for secret in ("伟芳", "13800138000", "赵"):
        assert secret not in page
    for ordinary in (
        client.get("/customers/"), client.get(f"/customers/{a.pk}/"),
        client.post("/search/", {"q": "8000"}),
    ):  # fmt: skip
        assert "王**" in text(ordinary)
        assert "伟芳" not in text(ordinary)
    answer = client.post("/pool/claim/", {"ids": [a.pk, b.pk, elsewhere.pk]}, headers=HTMX)
    assert "2 customers are yours now" in text(answer)
    assert "王伟芳" in text(answer)
    assert "1 is no longer in the pool" in text(answer)
    assert Customer.objects.exclude(owner=None).count() == 2
    assert client.post("/pool/claim/", {"ids": [elsewhere.pk]}, headers=HTMX).status_code == 409


def test_a_pool_may_be_closed_to_agents(client: Client) -> None:
    put_in_force(at=days_ago(1), pool={"seen_by": "leaders", "claimed_by": "leaders"})
    team = make_team()
    make_customer(team=team)
    sign_in(client, Role.AGENT, team=team)
    assert "No pool is open to you" in text(client.get("/pool/"))
    sign_in(client, Role.LEADER, team=team)
    assert "1 customer nobody looks after" in text(client.get("/pool/"))


def test_who_loses_whom_as_agent_and_leader(client: Client) -> None:
    put_in_force(at=days_ago(30), clocks={"first_days": 2, "next_days": 2})
    team = make_team()
    agent = sign_in(client, Role.AGENT, team=team)
    lost = make_customer(name="失去", owner=agent, at=days_ago(20))
    soon = make_customer(name="快了", owner=agent, at=days_ago(1))
    return_due(at=timezone.now())

    page = text(client.get("/losing/"))
    assert "失去" in page
    assert "快了" in page
    assert "1 customer is on the way to the pool" in text(client.get("/losing/notice/"))
    assert client.get("/losing/all/").status_code == 403

    leader = sign_in(client, Role.LEADER, team=team)
    page = text(client.get(f"/losing/all/?owner={agent.pk}"))
    assert "1 customer is on the way" in page
    assert "失去" in page
    [returning] = Return.objects.filter(customer=lost)
    assert "Why does the owner" in text(client.get(f"/returns/{returning.pk}/revert/"))
    assert client.post(f"/returns/{returning.pk}/revert/").status_code == 409
    client.post(f"/returns/{returning.pk}/revert/", {"reason": "ill"})
    returning.refresh_from_db()
    assert (returning.state, returning.decided_by) == ("reverted", leader)
    assert soon
    sign_in(client, Role.LEADER)  # of another team
    assert client.get(f"/losing/all/?owner={agent.pk}").status_code == 404
    assert client.get(f"/returns/{returning.pk}/revert/").status_code == 404


def posted(client: Client, **changes: str) -> dict[str, str]:
    """The rules' page as a browser would send it back, with some fields changed."""
    page = client.get("/ownership/rules/")
    forms = page.context["forms"]
    data = {"pools": str(len(forms.pools))}
    parts = [forms.house, forms.change]
    for pool, clocks in forms.pools:
        parts += [pool, *clocks]
    for part in parts:
        for field in part:
            value = field.value()
            if field.name == "is_on":
                data |= {"is_on": "on"} if value else {}
            elif value is not None and not isinstance(value, list):
                data[field.html_name] = str(value)
    return data | changes


def test_rules_are_tried_on_the_past_then_saved(client: Client) -> None:
    sign_in(client, Role.MANAGER)
    agent = make_agent()
    lost = make_customer(name="会失去", owner=agent, at=days_ago(20))
    worked = make_customer(name="不会", owner=agent, at=days_ago(20))
    for ago in range(19, 0, -1):
        make_act(customer=worked, by=agent, at=days_ago(ago))
    make_act(customer=lost, by=agent, at=days_ago(3), is_deal=True)

    data = posted(client, **{"pool1-clocks1-first_days": "5", "taken_days": "0", "days": "30"})
    assert "is_on" not in data  # nobody loses anybody before rules were tried and saved
    data["is_on"] = "on"
    page = text(client.post("/ownership/rules/", data | {"try": "1"}))
    assert "1 customer would have been lost" in page
    assert "1 of them was sold later" in page
    assert "会失去" in page
    assert not RuleVersion.objects.exists()

    assert client.post("/ownership/rules/", data | {"save": "1"}).status_code == 409  # no reason
    client.post("/ownership/rules/", data | {"save": "1", "note": "faster"})
    version = RuleVersion.objects.get()
    assert version.body["pools"][0]["clocks"] == [
        {"when": {}, "first_days": 5, "next_days": 14, "deal_days": 90}
    ]
    assert (version.note, version.body["taken_days"]) == ("faster", 0)


def test_a_new_pool_comes_before_the_others(client: Client) -> None:
    sign_in(client, Role.OPERATIONS)
    team = make_team()
    data = posted(client, save="1", note="north", **{"pool0-name": "North"})
    data["pool0-clocks1-next_days"] = "7"
    client.post("/ownership/rules/", {**data, "pool0-teams": [team.pk]})
    first, last = RuleVersion.objects.get().body["pools"]
    assert (first["name"], first["teams"], last["key"]) == ("North", [team.pk], "all")
    assert first["clocks"][0]["next_days"] == 7


def test_leave_is_the_leaders_to_enter_and_an_outage_is_not(client: Client) -> None:
    team = make_team()
    agent = make_agent(team=team)
    sign_in(client, Role.LEADER, team=team)
    span = {"starts_at": "2026-12-01T00:00", "ends_at": "2026-12-05T00:00", "note": "annual"}
    assert client.post("/ownership/days/", {**span, "agent": make_agent().pk}).status_code == 200
    assert "set by operations" in text(client.post("/ownership/days/", span))
    assert not Pause.objects.exists()
    client.post("/ownership/days/", {**span, "agent": agent.pk})
    pause = Pause.objects.get()
    assert (pause.agent, pause.note) == (agent, "annual")
    assert "annual" in text(client.get("/ownership/days/"))
    client.post(f"/ownership/days/{pause.pk}/cancel/")
    assert not Pause.objects.standing().exists()


def test_machines_claim_by_the_same_rules() -> None:
    put_in_force(at=days_ago(1))
    agent = make_agent()
    machine = Machine(agent)
    customer = make_customer(team=agent.team)
    assert machine.post(f"/{customer.pk}/claim").json()["owner"] == agent.username
    assert machine.post(f"/{customer.pk}/claim").status_code == 409
    answer = machine.get(f"/{customer.pk}/keeping").json()
    assert answer["last_on"] is not None
    assert "30 seconds" in answer["to_keep"]
    assert OwnershipEvent.objects.filter(customer=customer).count() == 1
