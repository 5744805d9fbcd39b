import pytest
from django.test import Client
from django.urls import reverse

from furrow.customers import ties
from furrow.customers.models import Customer
from furrow.customers.showing import (
    DOTS,
    access_of,
    mask_address,
    mask_email,
    mask_name,
    shown_to,
)
from furrow.organisation.actions import change_rights
from furrow.organisation.models import User
from furrow.organisation.rights import rights_with
from furrow.organisation.rules import Act, OwnerState, Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user

from .make import make_customer

pytestmark = pytest.mark.django_db
FACTS = {"birthday": "1980-05-01", "occupation": "teacher", "shoe size": "41"}


def known_customer(owner: User | None = None, **more: object) -> Customer:
    customer = make_customer(owner=owner, address="深圳市福田区深南大道1号", profile=FACTS, **more)  # type: ignore[arg-type]
    customer.email = "wang.fang@example.com"
    customer.save()
    return customer


def state_for(user: User, customer: Customer) -> OwnerState:
    return shown_to(user, [customer])[0].standing.state


def test_masks_leave_enough_to_recognise() -> None:
    assert mask_email("wang.fang@example.com") == "w•••@example.com"
    assert mask_email("nonsense") == DOTS
    assert mask_name("欧阳识") == "欧**"
    assert mask_address("深圳市福田区深南大道1号") == "深圳市福田区•••"
    assert mask_address("福田区1号") == "福田•••"


def test_how_people_stand_to_a_customer(monkeypatch: pytest.MonkeyPatch) -> None:
    team = make_team()
    agent, helper = make_agent(team=team), make_agent()
    customer, pooled = known_customer(owner=agent), known_customer(team=team)
    monkeypatch.setattr(ties, "_ties", {})
    ties.declare_tie("test", because="You help.", customers=lambda u: [customer.pk] * (u == helper))

    assert state_for(agent, customer) is OwnerState.OWN
    assert state_for(helper, customer) is OwnerState.COLLABORATOR
    assert state_for(make_user(role=Role.LEADER, team=team), customer) is OwnerState.TEAM
    assert state_for(agent, pooled) is OwnerState.POOL
    assert state_for(make_user(role=Role.QA), customer) is OwnerState.OTHER
    assert access_of(customer, user=helper).because == "You help."


def test_an_owner_is_shown_what_the_pool_masks() -> None:
    team = make_team()
    agent = make_agent(team=team)
    own, pooled = shown_to(agent, [known_customer(owner=agent), known_customer(team=team)])

    assert (own.email, own.profile) == ("wang.fang@example.com", FACTS)
    assert pooled.email == "w•••@example.com"
    assert pooled.address == "深圳市福田区•••"
    assert pooled.profile == {"birthday": DOTS, "occupation": "teacher", "shoe size": DOTS}
    assert (own.is_whole, pooled.is_whole) == (True, False)


def test_a_changed_right_holds_on_the_record_and_in_the_api_alike(client: Client) -> None:
    agent = make_agent()
    customer = known_customer(owner=agent)
    change_rights(
        rights=rights_with({"fields": {"agent": {"own": {"email": "hidden"}}}}, version=0),
        reason="test", version=0, by=make_user(role=Role.ADMINISTRATOR), at=NOON,
    )  # fmt: skip
    client.force_login(agent)

    assert "wang.fang@" not in client.get(reverse("customer", args=[customer.pk])).content.decode()
    assert shown_to(agent, [customer])[0].email == ""


def test_what_is_kept_back_cannot_be_typed_over_but_what_is_unknown_may_be_filled_in(
    client: Client,
) -> None:
    team = make_team()
    agent = make_agent(team=team)
    pooled = known_customer(team=team)
    client.force_login(agent)

    kept = client.get(reverse("customer-edit", args=[pooled.pk, "email"]))
    unknown = client.get(reverse("customer-edit", args=[pooled.pk, "income"]))

    assert kept.status_code == 409
    assert b"wang.fang" not in kept.content
    assert unknown.status_code == 200


def test_why_somebody_sees_a_customer() -> None:
    region, shop = make_team(name="Region"), make_team(name="Shop")
    shop.parent = region
    shop.save()
    agent = make_agent(team=shop)
    customer, pooled = known_customer(owner=agent), known_customer(team=shop)

    def why(user: User, about: Customer = customer) -> str:
        return access_of(about, user=user).sentence

    assert why(agent) == "You see this because you look after this customer."
    assert "in the pool of Shop" in why(agent, pooled)
    assert "Kept back for your role here: Name; E-mail; Address; Private" in why(agent, pooled)
    assert why(make_user(role=Role.LEADER, team=shop)) == "You see this because you lead Shop."
    assert "stands below" in why(make_user(role=Role.LEADER, team=region))
    assert "(Manager) reaches the whole company" in why(make_user(role=Role.MANAGER))


def test_why_somebody_does_not() -> None:
    customer, pooled = known_customer(owner=make_agent()), known_customer(team=make_team())
    stranger = make_agent()

    denied = access_of(customer, user=stranger)
    assert not denied.is_allowed
    assert "beyond what your role reaches" in denied.because
    assert "in the pool of" in access_of(pooled, user=stranger).because
    qa = make_user(role=Role.QA)
    assert "does not include" in access_of(customer, user=qa, act=Act.EDIT_CUSTOMERS).because
