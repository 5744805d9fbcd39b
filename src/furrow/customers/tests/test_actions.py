from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from furrow.audit.models import Event
from furrow.customers import holdings, rules
from furrow.customers.actions import (
    Move,
    add_note,
    add_number,
    allocate_customers,
    assign_customer,
    bulk_create_customers,
    create_customer,
    look_up_number,
    mark_touched,
    merge_customers,
    move_owners,
    reveal_number,
    update_customer,
)
from furrow.customers.models import Customer, Note, Number, OwnershipEvent
from furrow.customers.queries import whose_is
from furrow.customers.rules import (
    CannotAssign,
    CannotMerge,
    CannotRecord,
    CustomerDraft,
    Kind,
    NumberTaken,
    OwnerChange,
    TooManyAsked,
)
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user

from .make import make_customer, make_e164, number_of, together

LATER = NOON + timedelta(hours=1)


# -- recording -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_first_to_record_owns() -> None:
    agent = make_agent()

    customer = create_customer(
        name=" 王伟 ", numbers=["+8613800138000", "+8613800138000"], owner=agent, by=agent, at=NOON
    )

    assert (customer.name, customer.owner, customer.team) == ("王伟", agent, agent.team)
    number = number_of(customer)
    assert (number.last4, number.region, number.time_zone) == ("8000", "CN", "Asia/Shanghai")
    event = OwnershipEvent.objects.get(customer=customer)
    assert (event.change, event.to_owner, event.at) == (OwnerChange.REGISTERED, agent, NOON)
    assert Event.objects.about(customer).filter(what="customer.created").count() == 1


@pytest.mark.django_db
def test_a_customer_needs_a_name() -> None:
    with pytest.raises(CannotRecord):
        make_customer(name="  ")


@pytest.mark.django_db
def test_a_known_number_is_refused_with_its_owners_name_only() -> None:
    li = make_user(display_name="Li Na")
    known = make_customer(name="Secret Name", owner=li)

    with pytest.raises(NumberTaken) as refusal:
        make_customer(numbers=[make_e164(), number_of(known).e164])

    assert "Li Na" in refusal.value.message
    assert "Secret" not in refusal.value.message
    assert refusal.value.rule == "B1"
    assert Customer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_writers_of_one_number_make_one_customer() -> None:
    agents = [make_agent() for _ in range(50)]

    results = together(50, lambda i: create_customer(
        name=f"Writer {i}", numbers=["+8613800138000"], owner=agents[i], by=agents[i], at=NOON,
    ))  # fmt: skip

    winners = [r for r in results if isinstance(r, Customer)]
    assert len(winners) == 1
    assert sum(isinstance(r, NumberTaken) for r in results) == 49
    assert Customer.objects.count() == Number.objects.count() == 1
    losers = [r for r in results if isinstance(r, NumberTaken)]
    assert all(str(winners[0].owner) in r.message for r in losers)


@pytest.mark.django_db
def test_the_database_refuses_an_owner_without_since_and_a_second_primary_number() -> None:
    customer = make_customer()
    with pytest.raises(IntegrityError, match="owner_and_owned_since"), transaction.atomic():
        Customer.objects.filter(pk=customer.pk).update(owner=make_agent())
    add_number(customer=customer, e164=make_e164(), by=make_agent(), at=NOON)
    with pytest.raises(IntegrityError, match="one_primary"), transaction.atomic():
        Number.objects.filter(customer=customer).update(is_primary=True)


@pytest.mark.django_db
def test_bulk_creates_like_one_by_one() -> None:
    team, by = make_team(), make_user(role=Role.OPERATIONS)
    draft = CustomerDraft(
        name="Arnie's 牛排", kind=Kind.ORGANISATION, numbers=("+13102461501", "+13102461502"),
        city="los angeles", address="435 s. la cienega blvd.", category="steakhouses",
        profile={"size": "20"},
    )  # fmt: skip
    single = create_customer(
        name=draft.name, kind=draft.kind, numbers=["+13102461503"], city=draft.city,
        address=draft.address, category=draft.category, profile=draft.profile, team=team,
        by=by, at=NOON,
    )  # fmt: skip

    [bulk] = bulk_create_customers(drafts=[draft], team=team, by=by, at=NOON)

    skip = {"id"}
    for field in Customer._meta.concrete_fields:
        if field.name not in skip:
            assert getattr(bulk, field.attname) == getattr(single, field.attname), field.name
    assert number_of(bulk).e164 == "+13102461501"
    assert number_of(bulk).time_zone == "America/Los_Angeles"
    assert Number.objects.filter(customer=bulk).count() == 2


@pytest.mark.django_db
def test_bulk_skips_nothing_silently() -> None:
    known = number_of(make_customer()).e164
    by = make_user(role=Role.OPERATIONS)
    same = "+13102461501"
    twice = [CustomerDraft(name="A", numbers=(same,)), CustomerDraft(name="B", numbers=(same,))]
    for drafts in ([CustomerDraft(name="A", numbers=(known,))], twice):
        with pytest.raises(NumberTaken):
            bulk_create_customers(drafts=drafts, team=None, by=by, at=NOON)
    assert Customer.objects.count() == 1


# -- changing ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_changes_are_searchable_and_audited_without_values() -> None:
    customer = make_customer(name="王伟", profile={"hobby": "tea", "income": "x"})
    by = make_agent()

    update_customer(
        customer=customer, changes={"name": "李芳", "profile": {"income": "", "sex": "f"}},
        by=by, at=LATER,
    )  # fmt: skip

    assert Customer.objects.named("李芳").get().profile == {"hobby": "tea", "sex": "f"}
    assert not Customer.objects.named("王").exists()
    event = Event.objects.about(customer).first()
    assert event is not None
    assert event.what == "customer.changed"
    assert event.details == {"fields": ["name", "profile"]}


@pytest.mark.django_db
def test_owner_has_its_own_door() -> None:
    with pytest.raises(ValueError, match="owner"):
        update_customer(customer=make_customer(), changes={"owner": None}, by=make_agent(), at=NOON)


@pytest.mark.django_db
def test_a_look_at_a_number_is_written_down_without_it() -> None:
    customer = make_customer(numbers=["+8613800138000"])
    number, by = number_of(customer), make_user(role=Role.LEADER)

    assert reveal_number(number=number, by=by, at=NOON) == "+8613800138000"

    event = Event.objects.about(number).get()
    assert (event.what, event.who, event.details) == (
        "number.revealed", by.username, {"customer": customer.pk},
    )  # fmt: skip


@pytest.mark.django_db
def test_touches_only_move_forward() -> None:
    customer = make_customer()
    for at in (LATER, NOON):
        mark_touched(customer_id=customer.pk, at=at)
    customer.refresh_from_db()
    assert customer.last_touch_at == LATER


# -- ownership -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_fifty_who_move_one_customer_one_does() -> None:
    team, by = make_team(), make_user(role=Role.OPERATIONS)
    customer = make_customer(team=team)
    agents = [make_agent(team=team) for _ in range(50)]

    results = together(50, lambda i: move_owners(
        moves=[Move(customer.pk, None, agents[i].pk)], change=OwnerChange.CLAIMED, by=by, at=NOON,
    ))  # fmt: skip

    assert sorted(len(moved) for moved in results) == [0] * 49 + [1]
    customer.refresh_from_db()
    [event] = OwnershipEvent.objects.filter(customer=customer)
    assert customer.owner == event.to_owner


@pytest.mark.django_db
def test_a_batch_moves_those_who_still_have_the_owner_it_says() -> None:
    first, second, by = make_agent(), make_agent(), make_user(role=Role.OPERATIONS)
    mine, theirs = make_customer(owner=first), make_customer(owner=second)
    pooled = make_customer()

    moved = move_owners(
        moves=[
            Move(mine.pk, first.pk, None), Move(theirs.pk, first.pk, None),
            Move(pooled.pk, None, second.pk),
        ],
        change=OwnerChange.RETURNED, reason="why", rule="next", rule_version=3, by=by, at=LATER,
    )  # fmt: skip

    assert moved == {mine.pk, pooled.pk}
    for customer, owner, since in (
        (mine, None, None), (theirs, second, NOON), (pooled, second, LATER)
    ):  # fmt: skip
        customer.refresh_from_db()
        assert (customer.owner, customer.owned_since) == (owner, since)
    pooled.refresh_from_db()
    assert pooled.team == second.team
    event = OwnershipEvent.objects.get(customer=mine, from_owner=first)
    assert (event.rule, event.rule_version, event.reason) == ("next", 3, "why")
    told = Event.objects.get(what="customers.returned")
    assert told.details["customers"] == 2


@pytest.mark.django_db
def test_release_transfer_and_replaying_the_events() -> None:
    team = make_team()
    first, second = make_agent(team=team), make_agent()
    customer = make_customer(owner=first)
    leader = make_user(role=Role.LEADER, team=team)

    customer = assign_customer(
        customer=customer, to=second, change=OwnerChange.TRANSFERRED, reason="holiday",
        by=leader, at=LATER,
    )  # fmt: skip
    assert (customer.owner, customer.team, customer.owned_since) == (second, second.team, LATER)

    customer = assign_customer(
        customer=customer, to=None, change=OwnerChange.RELEASED, by=second, at=LATER
    )
    assert (customer.owner, customer.team, customer.owned_since) == (None, second.team, None)

    events = OwnershipEvent.objects.filter(customer=customer).order_by("id")
    assert [(e.from_owner, e.to_owner) for e in events] == [
        (None, first), (first, second), (second, None),
    ]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "is_active"), [(Role.QA, True), (Role.AGENT, False)])
def test_only_working_agents_own(role: Role, is_active: bool) -> None:
    person = make_user(role=role, is_active=is_active)
    with pytest.raises(CannotAssign):
        assign_customer(
            customer=make_customer(), to=person, change=OwnerChange.ALLOCATED,
            by=make_user(role=Role.MANAGER), at=NOON,
        )  # fmt: skip


@pytest.mark.django_db
def test_allocation_is_even_and_passes_over_the_owned() -> None:
    team, by = make_team(), make_user(role=Role.OPERATIONS)
    agents = [make_agent(team=team) for _ in range(3)]
    drafts = [CustomerDraft(name=f"C{i}") for i in range(20)]
    customers = bulk_create_customers(drafts=drafts, team=None, by=by, at=NOON)
    owner = make_agent()
    owned = make_customer(owner=owner)
    ids = [c.pk for c in customers] + [owned.pk]

    counts = allocate_customers(customers=ids, agents=agents, by=by, at=LATER)

    assert counts == {agents[0].pk: 7, agents[1].pk: 7, agents[2].pk: 6}
    for agent in agents:
        mine = Customer.objects.filter(owner=agent, owned_since=LATER, team=team)
        assert mine.count() == counts[agent.pk]
    events = OwnershipEvent.objects.filter(change=OwnerChange.ALLOCATED, by=by, at=LATER)
    assert sorted(e.customer_id for e in events) == sorted(c.pk for c in customers)
    owned.refresh_from_db()
    assert owned.owner == owner
    again = allocate_customers(customers=Customer.objects.all(), agents=agents, by=by, at=LATER)
    assert again == dict.fromkeys((a.pk for a in agents), 0)


@pytest.mark.django_db
def test_allocation_needs_an_agent() -> None:
    with pytest.raises(CannotAssign):
        allocate_customers(customers=[], agents=[], by=make_user(role=Role.MANAGER), at=NOON)


@pytest.mark.django_db(transaction=True)
def test_two_allocations_at_once_give_each_customer_once() -> None:
    by = make_user(role=Role.OPERATIONS)
    agents: list[User] = [make_agent() for _ in range(4)]
    drafts = [CustomerDraft(name=f"C{i}") for i in range(100)]
    ids = [c.pk for c in bulk_create_customers(drafts=drafts, team=None, by=by, at=NOON)]

    results = together(
        4, lambda i: allocate_customers(customers=ids, agents=[agents[i]], by=by, at=NOON)
    )

    assert sum(sum(counts.values()) for counts in results) == 100
    assert OwnershipEvent.objects.count() == 100


# -- merging -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_merge_moves_everything_and_leaves_a_signpost() -> None:
    owner, by = make_agent(), make_user(role=Role.OPERATIONS)
    kept = make_customer(name="王伟", city="", profile={"sex": "m"})
    duplicate = make_customer(
        name="王伟先生", city="深圳", profile={"sex": "f", "hobby": "tea"}, owner=owner
    )
    add_note(customer=duplicate, text="likes tea", by=owner, at=NOON)
    primary = number_of(kept)
    mark_touched(customer_id=duplicate.pk, at=LATER)

    merge_customers(duplicate=duplicate, into=kept, reasons=["same_name"], by=by, at=LATER)

    kept.refresh_from_db()
    duplicate.refresh_from_db()
    assert (duplicate.merged_into, duplicate.owner) == (kept, None)
    assert (kept.owner, kept.city, kept.profile) == (owner, "深圳", {"sex": "m", "hobby": "tea"})
    assert kept.last_touch_at == LATER
    assert Number.objects.filter(customer=kept).count() == 2
    assert number_of(kept) == primary
    assert Note.objects.get().customer == kept
    kinds = {m.kind for m in holdings.timeline(kept, before=None, most=20)}
    assert kinds == {"customer", "note", "owner", "merge"}
    assert whose_is(number_of(kept).e164) is not None


@pytest.mark.django_db
def test_a_chain_of_merges_points_to_the_last() -> None:
    a, b, c = make_customer(), make_customer(), make_customer()
    by = make_user(role=Role.OPERATIONS)
    merge_customers(duplicate=a, into=b, by=by, at=NOON)
    merge_customers(duplicate=b, into=c, by=by, at=LATER)
    a.refresh_from_db()
    assert a.merged_into == c
    assert sum(m.kind == "merge" for m in holdings.timeline(c, before=None, most=20)) == 2


@pytest.mark.django_db
def test_a_merged_record_merges_no_more_and_is_nobodys() -> None:
    a, b = make_customer(), make_customer()
    by = make_user(role=Role.OPERATIONS)
    merge_customers(duplicate=a, into=b, by=by, at=NOON)
    for duplicate in (a, b):  # merged already; itself
        with pytest.raises(CannotMerge):
            merge_customers(duplicate=duplicate, into=b, by=by, at=NOON)
    with pytest.raises(CannotAssign):
        assign_customer(customer=a, to=make_agent(), change=OwnerChange.ALLOCATED, by=by, at=NOON)


@pytest.mark.django_db
def test_merge_refuses_when_a_table_has_not_said_how_it_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(holdings._movers, "customers.Note.customer")
    a, b = make_customer(), make_customer()

    with pytest.raises(CannotMerge, match=r"customers\.Note\.customer"):
        merge_customers(duplicate=a, into=b, by=make_user(role=Role.OPERATIONS), at=NOON)

    a.refresh_from_db()
    assert a.merged_into is None


def test_relations_without_a_reverse_name_must_be_declared_too() -> None:
    assert "customers.MergeEvent.duplicate" in holdings.relations()


@pytest.mark.django_db
def test_nobody_may_ask_whose_numbers_are_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_NUMBERS_ASKED", 2)
    curious = make_user()
    for minute in (0, 1):
        look_up_number(e164="+8613800138000", by=curious, at=NOON + timedelta(minutes=minute))

    with pytest.raises(TooManyAsked, match="hour"):
        look_up_number(e164="+8613800138000", by=curious, at=NOON + timedelta(minutes=2))
    look_up_number(e164="+8613800138000", by=make_user(), at=NOON + timedelta(minutes=2))
    look_up_number(e164="+8613800138000", by=curious, at=NOON + timedelta(minutes=60))
