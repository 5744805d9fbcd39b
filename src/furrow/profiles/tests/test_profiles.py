"""What is asked next, who stands around a customer, how strong the bond is."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from furrow.acquisition.models import Lead
from furrow.acquisition.tests.make import make_source
from furrow.audit.models import Event
from furrow.compliance.actions import note_refusal
from furrow.customers.actions import merge_customers
from furrow.customers.models import Customer
from furrow.customers.rules import FACTS, Kind
from furrow.customers.tests.make import make_customer, make_e164
from furrow.organisation.models import User
from furrow.organisation.rules import Role as HouseRole
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.ownership.actions import note_act
from furrow.ownership.rules import ActKind, Strength
from furrow.pipeline.models import Standing
from furrow.pipeline.rules import Stage
from furrow.profiles.actions import add_contact
from furrow.profiles.models import Contact
from furrow.profiles.queries import (
    around,
    completeness_of,
    question_for,
    relationship_of,
)
from furrow.profiles.rules import Bond, CannotKnow, Role, Step, bond_of, to_ask

EVERYTHING = {fact.name for facts in FACTS.values() for fact in facts} | {"city", "email"}


# -- rules ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "stage", "known", "asked"),
    [
        (Kind.PERSON, Stage.SCREENING, set(), "needs"),
        (Kind.PERSON, Stage.ACQUISITION, {"needs"}, "pains"),
        (Kind.PERSON, Stage.RETENTION, {"needs"}, "birthday"),
        (Kind.ORGANISATION, Stage.ACQUISITION, set(), "head_of_marketing"),
        (Kind.PERSON, Stage.SCREENING, EVERYTHING, ""),
        (Kind.PERSON, "", set(), "sex"),
    ],
)
def test_the_most_valuable_missing_thing_of_the_stage_is_asked_first(
    kind: Kind, stage: str, known: set[str], asked: str
) -> None:
    assert to_ask(kind, stage, known) == asked


@given(st.sampled_from(Kind), st.sampled_from(Stage), st.sets(st.sampled_from(sorted(EVERYTHING))))
def test_what_is_known_is_never_asked_and_all_is_asked_in_the_end(
    kind: Kind, stage: Stage, known: set[str]
) -> None:
    asked: list[str] = []
    while name := to_ask(kind, stage, known | set(asked)):
        asked.append(name)
    assert not known & set(asked)
    assert {fact.name for fact in FACTS[kind]} <= known | set(asked)


points = st.lists(st.tuples(st.integers(0, 500), st.integers(-3, 5)), max_size=8)


@given(points, st.integers(0, 500), st.integers(1, 5))
def test_one_more_friendly_step_never_weakens_a_bond(
    taken: list[tuple[int, int]], days: int, more: int
) -> None:
    steps = [Step(NOON - timedelta(days=ago), value, "") for ago, value in taken]
    before, _points = bond_of(steps, at=NOON)
    after, _points = bond_of([*steps, Step(NOON - timedelta(days=days), more, "")], at=NOON)
    order = list(Bond)
    assert order.index(after) >= order.index(before)


# -- on PostgreSQL ---------------------------------------------------------------------------------


@pytest.fixture
def agent() -> User:
    return make_agent()


@pytest.fixture
def customer(agent: User) -> Customer:
    return make_customer(owner=agent)


def told(agent: User, customer: Customer, at: datetime, strength: Strength, n: int) -> None:
    note_act(
        customer_id=customer.pk, kind=ActKind.CALL, strength=strength, source=f"x:{n}",
        talk_seconds=90, by=agent, at=at,
    )  # fmt: skip


@pytest.mark.django_db
def test_a_bond_grows_with_conversations_and_falls_with_refusals(
    agent: User, customer: Customer
) -> None:
    assert relationship_of(customer, at=NOON).bond is Bond.WEAK
    told(agent, customer, NOON - timedelta(days=3), Strength.STRONG, 1)
    assert relationship_of(customer, at=NOON).bond is Bond.ORDINARY
    for n in (2, 3):
        told(agent, customer, NOON - timedelta(days=1), Strength.STRONG, n)
    assert relationship_of(customer, at=NOON).bond is Bond.STRONG
    e164 = customer.numbers.get().e164
    note_refusal(e164=e164, origin="call:1", by=agent, at=NOON - timedelta(hours=1))
    found = relationship_of(customer, at=NOON)
    assert (found.bond, found.steps[0].points) == (Bond.ORDINARY, -2)
    assert relationship_of(customer, at=NOON + timedelta(days=400)).bond is Bond.WEAK


@pytest.mark.django_db
def test_a_question_follows_the_stage_and_skips_what_is_kept_back(
    agent: User, customer: Customer
) -> None:
    Standing.objects.create(customer=customer, stage=Stage.RETENTION, since=NOON)
    asked = question_for(customer, user=agent)
    assert asked is not None
    assert asked.name == "birthday"
    passed = question_for(customer, user=agent, skipped=["birthday"])
    assert passed is not None
    assert passed.name == "hobbies"


@pytest.mark.django_db
def test_an_answer_is_stored_and_the_next_question_comes(
    client: Client, agent: User, customer: Customer
) -> None:
    client.force_login(agent)
    page = reverse("ask-panel", args=[customer.pk])
    assert 'data-key="i"' in client.get(page).content.decode()
    part = client.post(page, {"name": "needs", "value": "evening classes"}).content.decode()
    customer.refresh_from_db()
    assert customer.profile == {"needs": "evening classes"}
    assert "Needs: stored" in part
    assert 'value="occupation"' in part
    passed = client.post(page, {"name": "occupation", "pass": "1"}).content.decode()
    assert 'name="skipped" value="occupation"' in passed
    assert client.post(page, {"name": "occupation", "value": ""}).status_code == 409


@pytest.mark.django_db
def test_a_contact_who_is_a_customer_leads_both_ways(
    client: Client, agent: User, customer: Customer
) -> None:
    number = make_e164()
    mother = make_customer(name="王母", numbers=[number], owner=agent)
    client.force_login(agent)
    said = {"name": "妈妈", "role": "payer", "relation": "mother", "number": number}
    client.post(reverse("contact-add", args=[customer.pk]), said)
    contact = Contact.objects.get()
    assert (contact.person, contact.role) == (mother, Role.PAYER)
    [near] = around(customer, user=agent).contacts
    assert (near.contact, near.name, near.relation) == (contact, "妈妈", "mother")
    assert near.leads_to == mother.pk
    [near] = around(mother, user=agent).others
    assert (near.name, near.leads_to) == (customer.name, customer.pk)
    assert Event.objects.filter(what="number.looked_up", who=agent.username).count() == 1
    client.post(reverse("contact-remove", args=[contact.pk]))
    assert not Contact.objects.exists()


@pytest.mark.django_db
def test_a_record_one_may_not_see_is_not_linked(client: Client, customer: Customer) -> None:
    number = make_e164()
    theirs = make_customer(numbers=[number], owner=make_agent())
    agent = customer.owner
    assert agent is not None
    client.force_login(agent)
    said = {"name": "x", "role": "user", "number": number}
    assert client.post(reverse("contact-add", args=[customer.pk]), said).status_code == 409
    add_contact(customer=customer, name="x", role=Role.USER, person=theirs, by=make_user(), at=NOON)
    [shown] = around(customer, user=agent).contacts
    assert (shown.leads_to, shown.name) == (None, "x**")


@pytest.mark.django_db
def test_numbers_are_asked_about_by_naming_people_no_more_often_than_anywhere(
    client: Client, agent: User, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("furrow.customers.rules.MOST_NUMBERS_ASKED", 2)
    make_customer(numbers=["+8615400009999"], owner=agent)
    client.force_login(agent)
    page = reverse("contact-add", args=[customer.pk])
    said = {"name": "x", "role": "user", "number": "15400009998"}
    assert [client.post(page, said).status_code for _try in range(2)] == [409, 409]
    known = client.post(page, {**said, "number": "15400009999"})
    assert known.status_code == 409
    assert not Contact.objects.exists()


@pytest.mark.django_db
def test_nobody_is_their_own_contact_not_even_after_a_merge(
    agent: User, customer: Customer
) -> None:
    with pytest.raises(CannotKnow):
        add_contact(customer=customer, name="x", role=Role.USER, person=customer, by=agent, at=NOON)
    other = make_customer(owner=agent)
    add_contact(customer=customer, name="x", role=Role.USER, person=other, by=agent, at=NOON)
    manager = make_user(role=HouseRole.MANAGER)
    merge_customers(duplicate=other, into=customer, reasons=[], by=manager, at=NOON)
    assert Contact.objects.get().person is None


@pytest.mark.django_db
def test_completeness_is_told_per_source_and_agent_the_emptiest_first(
    client: Client, agent: User
) -> None:
    empty, full = make_source(name="Empty"), make_source(name="Full")
    for n in range(12):
        one = make_customer(
            owner=agent if n % 2 else None, city="深圳" if n < 6 else "",
            profile={"sex": "f", "needs": "x"} if n < 6 else {},
        )  # fmt: skip
        Lead.objects.create(customer=one, source=full if n < 6 else empty, at=NOON)
    manager = make_user(role=HouseRole.MANAGER)
    found = completeness_of(user=manager)
    assert [one.name for one in found.by_source] == ["Empty", "Full"]
    Customer.objects.create(pk=900_000, name="Far", created_at=NOON)  # those between are forgotten
    assert completeness_of(user=manager).looked_at == 13
    assert [one.looked_at for one in found.by_agent] == [6]
    client.force_login(manager)
    assert "13 customers looked at" in client.get(reverse("completeness")).content.decode()
