"""The pages and the machine's door, as each role meets them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer, number_of
from furrow.organisation.actions import create_token
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_team, make_user
from furrow.teamwork.actions import hand_chunk
from furrow.teamwork.models import Clash, Collaboration, Handover, Profile

from .make import make_clash, make_collaboration, make_leader_of, make_sale

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> Any:
    return timezone.now()


def _page(client: Client, user: User, name: str, *args: Any, query: str = "") -> str:
    client.force_login(user)
    answer = client.get(reverse(name, args=args) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def _post(client: Client, user: User, name: str, /, *args: Any, **data: Any) -> HttpResponse:
    client.force_login(user)
    answer: HttpResponse = client.post(reverse(name, args=args), data)  # type: ignore[assignment]
    return answer


def test_asking_tells_the_name_of_the_owner_and_nothing_of_the_customer(client: Client) -> None:
    owner = make_user(display_name="Lin Feng", role=Role.AGENT)
    customer = make_customer(name="陈晓明", city="苏州", owner=owner)

    said = _post(client, make_agent(), "whose", text=number_of(customer).e164).content.decode()

    assert "Lin Feng" in said
    for hidden in ("陈晓明", "苏州", number_of(customer).last4, f"#{customer.pk}"):
        assert hidden not in said


def test_wanting_somebody_asked_about_makes_a_clash(client: Client, now: Any) -> None:
    customer, by = make_customer(owner=make_agent()), make_agent()
    token = signing.dumps({"customer": customer.pk, "by": by.pk}, salt="teamwork.whose")

    answer = _post(client, by, "whose-want", token=token, words="called in May")

    assert answer.status_code == 200
    assert Clash.objects.get().words == "called in May"
    assert _post(client, make_agent(), "whose-want", token=token).status_code == 409
    assert _post(client, by, "whose-want", token="x").status_code == 409


def test_recording_a_known_customer_by_form_or_api_makes_a_clash(client: Client) -> None:
    customer, by = make_customer(owner=make_agent()), make_agent()
    e164 = number_of(customer).e164

    answer = _post(client, by, "customer-create", name="x", kind="person", number=e164)
    assert answer.status_code == 409
    assert "Teamwork" in answer.content.decode()
    _token, secret = create_token(name="t", user=by, by=by, at=timezone.now())
    answer = client.post(
        "/api/v1/customers", json.dumps({"name": "x", "numbers": [e164], "owned": True}),
        content_type="application/json", headers={"Authorization": f"Bearer {secret}"},
    )  # type: ignore[assignment]  # fmt: skip

    assert answer.status_code == 409
    assert Clash.objects.get().attempts == 2


def test_a_leader_decides_by_the_page_and_each_side_sees_its_own(client: Client, now: Any) -> None:
    clash = make_clash(at=now)
    leader = make_leader_of(clash.holder)

    assert 'data-key="1"' in _page(client, leader, "clashes")
    assert 'data-key="1"' not in _page(
        client, clash.claimant, "clashes", query=f"?clash={clash.pk}"
    )
    assert _post(client, leader, "clash-decide", clash.pk).status_code == 409
    _post(client, leader, "clash-decide", clash.pk, ruling="claimant")
    clash.customer.refresh_from_db()
    assert clash.customer.owner == clash.claimant
    _post(client, clash.holder, "clash-appeal", clash.pk, words="mine since May")
    clash.refresh_from_db()
    assert clash.state == "appealed"


def test_the_customers_name_is_hidden_from_whoever_only_wants_it(client: Client, now: Any) -> None:
    customer = make_customer(name="Hidden Name", owner=make_agent())
    clash = make_clash(customer=customer, at=now)

    page = _page(client, clash.claimant, "clashes", query=f"?clash={clash.pk}")

    assert "Hidden Name" not in page
    assert "Hidden Name" in _page(client, clash.holder, "clashes", query=f"?clash={clash.pk}")


def test_the_bell_counts_what_waits(client: Client, now: Any) -> None:
    clash = make_clash(at=now)

    assert "1 clash to decide" in _page(client, make_leader_of(clash.holder), "notices")
    assert "wanted by somebody else" in _page(client, clash.holder, "notices")
    assert "Nothing waits" in _page(client, make_agent(), "notices")


def test_the_owner_agrees_with_a_colleague_and_ends_it(client: Client) -> None:
    team = make_team()
    owner, helper = make_agent(team=team), make_agent(team=team)
    customer = make_customer(owner=owner)
    until = (timezone.localdate() + timedelta(days=20)).isoformat()
    said = {"user": helper.pk, "percent": "33.33", "until": until}

    assert "percent" in _page(client, owner, "team-panel", customer.pk, query="?form=1")
    assert _post(client, owner, "team-agree", customer.pk, **said).status_code == 200

    assert Collaboration.objects.get().share == 3333
    assert "33.33 %" in _page(client, helper, "team-panel", customer.pk)
    assert _post(client, helper, "team-agree", customer.pk, **said).status_code == 409
    assert _post(client, owner, "team-end", Collaboration.objects.get().pk).status_code == 200
    client.force_login(helper)
    assert client.get(reverse("team-panel", args=[customer.pk])).status_code == 404


def test_a_hand_over_from_the_form_to_the_first_touch(client: Client) -> None:
    team = make_team()
    person, heir = make_agent(team=team), make_agent(team=team)
    customer = make_customer(name="Handed Over", owner=person)
    manager = make_user(role=Role.MANAGER)

    assert _page(client, manager, "handover-new")
    _post(
        client, manager, "handover-new", person=person.pk, reason="leaving", heirs=[heir.pk],
        touch_days=3, query="",
    )  # fmt: skip
    handover = Handover.objects.get()
    assert "Sign out and deactivate" in _page(client, manager, "handover", handover.pk)
    _post(client, manager, "handover-start", handover.pk, freezes="1")
    while hand_chunk(handover_id=handover.pk, at=timezone.now()):
        pass

    customer.refresh_from_db()
    person.refresh_from_db()
    assert (customer.owner, person.is_active) == (heir, False)
    assert "Handed Over" in _page(client, heir, "first-touches")
    item = handover.items.get()
    assert person.display_name in _page(client, heir, "brief", item.pk)
    assert "Handed Over" in _page(client, manager, "handover", handover.pk)
    assert str(person) in _page(client, manager, "handovers")
    client.force_login(make_agent())
    assert client.get(reverse("brief", args=[item.pk])).status_code == 404


def test_a_leader_hands_over_but_signs_nobody_out(client: Client) -> None:
    leader = make_user(role=Role.LEADER)
    person, heir = make_agent(team=leader.team), make_agent(team=leader.team)
    make_customer(owner=person)
    _post(
        client, leader, "handover-new", person=person.pk, reason="leaving", heirs=[heir.pk],
        touch_days=3,
    )  # fmt: skip
    handover = Handover.objects.get()

    assert _post(client, leader, "handover-start", handover.pk, freezes="1").status_code == 403
    assert "Sign out and deactivate" not in _page(client, leader, "handover", handover.pk)
    _post(client, leader, "handover-cancel", handover.pk)
    handover.refresh_from_db()
    assert handover.state == "cancelled"


def test_dealing_is_tried_and_then_done_as_shown(client: Client) -> None:
    leader = make_user(role=Role.LEADER)
    agents = [make_agent(team=leader.team) for _ in range(2)]
    ids = [make_customer(team=leader.team).pk for _ in range(5)]
    picked = {"ids": ids, "agents": [agent.pk for agent in agents]}

    assert "5 customers in the pool" in _post(client, leader, "deal", ids=ids).content.decode()
    tried = _post(client, leader, "deal", dry="1", **picked)
    seed = tried.content.decode().split('name="seed" value="')[1].split('"')[0]
    assert Customer.objects.in_pool().count() == 5
    _post(client, leader, "deal", go="1", seed=seed, **picked)

    owned = [Customer.objects.filter(owner=agent).count() for agent in agents]
    assert sorted(owned) == [2, 3]
    assert _post(client, leader, "deal", dry="1", ids=ids).status_code == 409


def test_what_somebody_takes_is_set_by_the_leader_alone(client: Client) -> None:
    leader = make_user(role=Role.LEADER)
    agent = make_agent(team=leader.team)
    said = {"share": 50, "most": "", "city": "上海，苏州", "language": "", "category": ""}

    assert "上海" not in _page(client, leader, "profiles")
    assert _page(client, leader, "profile", agent.pk)
    assert _post(client, leader, "profile", agent.pk, **said).status_code == 200

    profile = Profile.objects.get()
    assert (profile.share, profile.accepts) == (50, {"city": ["上海", "苏州"]})
    assert "上海" in _page(client, leader, "profiles")
    assert _post(client, leader, "profile", agent.pk, share=-1).status_code == 409
    assert _post(client, leader, "profile", make_agent().pk, **said).status_code == 404


def test_terms_are_saved_in_versions(client: Client) -> None:
    manager = make_user(role=Role.MANAGER)
    said = {
        "keep_days": 30, "decide_days": 2, "appeal_days": 2, "lookups_per_hour": 5,
        "touch_days": 2, "most_helpers": 3,
    }  # fmt: skip
    assert _post(client, manager, "terms", **said).status_code == 302
    assert 'value="30"' in _page(client, manager, "terms")
    assert _post(client, manager, "terms", **said | {"touch_days": 0}).status_code == 200


def test_each_sees_the_credit_that_is_theirs_to_see(client: Client, now: Any) -> None:
    customer = make_customer(owner=make_agent())
    make_collaboration(customer=customer, share=2500, at=now)
    make_sale(customer=customer, amount_minor=123_400, order_ref="SO-1", at=now)
    assert customer.owner is not None

    page = _page(client, customer.owner, "credit")
    assert "¥925.50" in page
    assert "SO-1" in page
    assert "SO-1" not in _page(client, make_agent(), "credit")
    assert "No sales yet" in _page(client, make_agent(), "credit", query="?month=nonsense")


# -- the machine's door ----------------------------------------------------------------------------


def _tell(client: Client, secret: str, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post(
        f"/api/v1/sales{path}", json.dumps(body), content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )  # fmt: skip
    return answer.status_code, answer.json()


def test_an_order_system_tells_of_sales_and_refunds_twice_without_harm(client: Client) -> None:
    by = make_user(role=Role.OPERATIONS)
    _token, secret = create_token(name="shop", user=by, by=by, at=timezone.now())
    customer = make_customer(owner=make_agent())
    assert customer.owner is not None
    at = timezone.now().isoformat()
    sale = {"order_ref": "SO-9", "customer_id": customer.pk, "amount_minor": 1000, "sold_at": at}
    refund = {"order_ref": "SO-9", "refund_ref": "R-1", "amount_minor": 400, "refunded_at": at}

    first, told = _tell(client, secret, "", **sale)
    again, _told = _tell(client, secret, "", **sale)
    other, problem = _tell(client, secret, "", **sale | {"amount_minor": 1001})
    back, taken = _tell(client, secret, "/refunds", **refund)
    more = refund | {"refund_ref": "R-2", "amount_minor": 601}
    too_much, _problem = _tell(client, secret, "/refunds", **more)

    assert (first, again, other, back, too_much) == (201, 200, 409, 201, 409)
    assert told["credits"] == [
        {"username": customer.owner.username, "share": 10_000, "amount_minor": 1000}
    ]
    assert [line["amount_minor"] for line in taken["credits"]] == [-400]
    assert problem["rule"] == "F1"
    assert _tell(client, secret, "", **sale | {"order_ref": "SO-0", "customer_id": 10**9})[0] == 404
    assert _tell(client, secret, "", **sale | {"currency": "yuan"})[0] == 422
