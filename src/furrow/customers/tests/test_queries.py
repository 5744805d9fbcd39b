from datetime import timedelta

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from furrow.customers import ties
from furrow.customers.actions import mark_touched, merge_customers
from furrow.customers.models import Customer
from furrow.customers.queries import (
    counted,
    filtered,
    found_by,
    masked_numbers,
    neighbours,
    page_of,
    profile_of,
    whose_is,
)
from furrow.customers.rules import Kind, Sort
from furrow.organisation.models import User
from furrow.organisation.rules import Act, Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user

from .make import make_customer, number_of


def ops() -> User:
    return make_user(role=Role.OPERATIONS)


@pytest.mark.django_db
def test_who_sees_whom() -> None:
    team = make_team()
    agent, colleague = make_agent(team=team), make_agent(team=team)
    mine, pooled = make_customer(owner=agent), make_customer(team=team)
    theirs, elsewhere = make_customer(owner=colleague), make_customer()
    merged = make_customer(team=team)
    merge_customers(duplicate=merged, into=pooled, by=agent, at=NOON)

    def seen(role: Role) -> set[Customer]:
        return set(Customer.objects.visible_to(make_user(role=role, team=team)))

    assert set(Customer.objects.visible_to(agent)) == {mine, pooled}
    assert seen(Role.AGENT) == {pooled}
    assert seen(Role.LEADER) == {mine, pooled, theirs}
    for role in (Role.QA, Role.OPERATIONS, Role.MANAGER, Role.ADMINISTRATOR):
        assert seen(role) == {mine, pooled, theirs, elsewhere}
    assert not Customer.objects.visible_to(make_user(role=Role.MANAGER, is_active=False)).exists()


@pytest.mark.django_db
def test_whose_is_a_number_without_the_data() -> None:
    li = make_user(display_name="Li Na")
    owned, pooled = make_customer(owner=li), make_customer(team=make_team(name="North"))
    known = whose_is(number_of(owned).e164)
    assert known is not None
    assert (known.owner, "Li Na" in known.sentence) == ("Li Na", True)
    in_pool = whose_is(number_of(pooled).e164)
    assert in_pool is not None
    assert (in_pool.owner, "North" in in_pool.sentence) == ("", True)
    assert whose_is("+8613800138000") is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("伟芳", True), ("芳", True), ("王伟", True), ("伟王", False), ("8000", True),
        ("138 0013 8000", True), ("0086-13800138000", True), ("13800138001", False),
        ("801", False), ("", False),
    ],
)  # fmt: skip
def test_found_by_part_of_the_name_or_the_number(text: str, found: bool) -> None:
    customer = make_customer(name="王伟芳", numbers=["+8613800138000"])
    make_customer(name="李明")
    assert list(found_by(Customer.objects.all(), text)) == ([customer] if found else [])


@pytest.mark.django_db
def test_latin_names_are_found_by_any_two_letters() -> None:
    customer = make_customer(name="Arnie Morton's of Chicago", kind=Kind.ORGANISATION)
    for text in ("arnie", "MORT", "chic", "ofc hica"):
        assert list(found_by(Customer.objects.all(), text)) == (
            [] if text == "ofc hica" else [customer]
        )


@pytest.mark.django_db
def test_filters_narrow_and_unknown_parameters_do_not() -> None:
    team = make_team()
    agent, by = make_agent(team=team), ops()
    mine = make_customer(owner=agent, city="深圳", category="零售")
    pooled = make_customer(team=team, kind=Kind.ORGANISATION)
    mark_touched(customer_id=mine.pk, at=NOON)

    def found(user: User, query: str) -> set[Customer]:
        return set(filtered(user, QueryDict(query)))

    assert found(agent, "owner=me") == {mine}
    assert found(by, "owner=pool") == {pooled}
    assert found(by, f"owner={agent.pk}") == {mine}
    assert found(by, f"team={team.pk}") == {mine, pooled}
    assert found(by, "team=999999") == set()
    assert found(by, "city=深圳&category=零售") == {mine}
    assert found(by, "kind=organisation") == {pooled}
    assert found(by, f"untouched={NOON:%Y-%m-%d}") == {pooled}
    assert found(by, f"untouched={NOON + timedelta(days=1):%Y-%m-%d}") == {mine, pooled}
    assert found(by, "sort=name&after=3&nonsense=1&city=") == {mine, pooled}
    for unreadable in ("owner=x", "team=1;drop", "untouched=yesterday", "owner=٣"):
        assert found(by, unreadable) == set()


class TestPages(TestCase):
    """Walking the pages tells the list, in every order, forwards and backwards."""

    @given(
        st.lists(st.tuples(st.sampled_from("王李aé"), st.none() | st.integers(0, 3)), max_size=9),
        st.sampled_from(Sort),
        st.integers(1, 4),
    )
    def test_walking(self, rows: list[tuple[str, int | None]], sort: Sort, size: int) -> None:
        team = make_team()
        for name, hours in rows:
            customer = make_customer(name=name, numbers=[], team=team)
            if hours is not None:
                mark_touched(customer_id=customer.pk, at=NOON + timedelta(hours=hours))
        customers = Customer.objects.filter(team=team)
        keys = {
            Sort.NEWEST: lambda c: -c.pk,
            Sort.NAME: lambda c: (c.sort_key, c.pk),
            Sort.TOUCH: lambda c: (-c.last_touch_at.timestamp() if c.last_touch_at else 0, -c.pk),
        }
        wanted = sorted(customers, key=keys[sort])

        forwards: list[Customer] = []
        page = page_of(customers, sort=sort, size=size)
        assert page.before is None
        pages = [page]
        while page.after is not None:
            page = page_of(customers, sort=sort, after=page.after, size=size)
            pages.append(page)
        for page in pages:
            forwards += page.customers
        assert forwards == wanted

        for place, page in enumerate(pages[1:], start=1):
            back = page_of(customers, sort=sort, before=page.before, size=size)
            assert back.customers == pages[place - 1].customers
            assert (back.before is None) == (place == 1)
        for place, customer in enumerate(wanted):
            before, after = neighbours(customers, customer, sort=sort)
            assert before == (wanted[place - 1].pk if place else None)
            assert after == (wanted[place + 1].pk if place + 1 < len(wanted) else None)


@pytest.mark.django_db
def test_a_place_that_is_gone_is_the_beginning() -> None:
    customer = make_customer()
    assert page_of(Customer.objects.all(), after=10**12).customers == [customer]


@pytest.mark.django_db
def test_counting_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("furrow.customers.queries.MOST_COUNTED", 2)
    for _ in range(4):
        make_customer(numbers=[])
    assert counted(Customer.objects.all()) == 3


@pytest.mark.django_db
def test_numbers_are_masked() -> None:
    customer = make_customer(numbers=["+8613800138000", "+8613900139000"])
    assert masked_numbers([customer.pk]) == {customer.pk: "138****8000"}


@pytest.mark.django_db
def test_a_profile_is_scored() -> None:
    empty = make_customer(numbers=[])
    assert profile_of(empty, user=ops()).percent == 0
    fuller = make_customer(city="深圳", profile={"sex": "f", "hobbies": "茶", "unknown": "x"})
    profile = profile_of(fuller, user=ops())
    assert profile.percent == 27  # number, city and two facts of 15
    assert {p.name: p.shown for p in profile.facts}["hobbies"] == "茶"


@pytest.mark.django_db
def test_a_leader_sees_the_teams_below_and_a_team_does_not_see_its_leader() -> None:
    region, shop = make_team(), make_team()
    shop.parent = region
    shop.save()
    theirs = make_customer(owner=make_agent(team=shop))
    above = make_customer(team=region)
    leader = make_user(role=Role.LEADER, team=region)
    below = make_user(role=Role.LEADER, team=shop)

    assert set(Customer.objects.visible_to(leader)) == {theirs, above}
    assert set(Customer.objects.visible_to(below)) == {theirs}


@pytest.mark.django_db
def test_a_tie_lets_somebody_see_a_customer_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    helped, other = make_customer(owner=make_agent()), make_customer(owner=make_agent())
    agent, nobody = make_agent(), make_agent()
    monkeypatch.setattr(ties, "_ties", {})
    ties.declare_tie(
        "test", because="You help.", customers=lambda user: [helped.pk] * (user == agent)
    )

    assert set(Customer.objects.visible_to(agent)) == {helped}
    assert set(Customer.objects.visible_to(agent, Act.EDIT_CUSTOMERS)) == {helped}
    assert not Customer.objects.visible_to(nobody).exists()
    assert other not in Customer.objects.visible_to(agent)
