"""Segments choose as sets would, count as they say, and lead into the list and a campaign."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from furrow.calls.tests.make import make_call
from furrow.customers import likelihood
from furrow.customers.actions import mark_touched, merge_customers
from furrow.customers.models import Customer, CustomerQuerySet
from furrow.customers.queries import filtered
from furrow.customers.rules import Kind
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.pipeline.models import Standing
from furrow.segments import actions, queries
from furrow.segments.actions import count_segment, delete_segment, save_segment
from furrow.segments.models import Member, Segment
from furrow.segments.queries import chosen_by, in_words, likely, pace_at, size_of
from furrow.segments.rules import ASSUMED, CannotSave, Condition, Conditions, exactly

pytestmark = pytest.mark.django_db


@pytest.fixture
def by() -> User:
    return make_user(role=Role.OPERATIONS)


@pytest.fixture
def people() -> list[Customer]:
    """Cities, kinds, stages, CP and touches in every combination, so to speak."""
    owner = make_agent()
    found = []
    for n in range(24):
        customer = make_customer(
            city=("深圳", "上海", "北京")[n % 3],
            kind=(Kind.PERSON, Kind.ORGANISATION)[n % 2],
            category=("茶", "")[n // 4 % 2],
            owner=owner if n % 5 == 0 else None,
        )
        if n % 4:
            stage = ("screening", "acquisition")[n // 2 % 2]
            cp = n % 6 if n % 3 else None
            Standing.objects.update_or_create(
                customer=customer, defaults={"stage": stage, "since": NOON, "cp": cp}
            )
        if n % 7 == 0:
            mark_touched(customer_id=customer.pk, at=NOON)
        found.append(customer)
    return found


def plain(condition: Condition) -> Callable[[Customer], bool]:
    """What a condition asks, of one customer."""

    def holds(customer: Customer) -> bool:
        standing = Standing.objects.filter(customer=customer).first()
        match condition.filter:
            case "city":
                return customer.city == condition.value
            case "kind":
                return customer.kind == condition.value
            case "category":
                return customer.category == condition.value
            case "owner":
                return customer.owner is None
            case "stage":
                return standing is not None and standing.stage == condition.value
            case "cp":
                return (
                    standing is not None
                    and standing.cp is not None
                    and standing.cp >= int(condition.value)
                )
            case "untouched":
                return customer.last_touch_at is None
        raise AssertionError(condition.filter)

    return lambda customer: holds(customer) != condition.is_not


EVERY = [
    Condition("city", "深圳"), Condition("kind", "person"), Condition("category", "茶"),
    Condition("owner", "pool"), Condition("stage", "acquisition"), Condition("cp", "3"),
    Condition("untouched", (NOON - timedelta(days=1)).date().isoformat()),
]  # fmt: skip
EVERY += [Condition(one.filter, one.value, True) for one in EVERY]


def test_and_or_not_choose_what_sets_would(people: list[Customer]) -> None:
    for customer in people:
        customer.refresh_from_db()
    tests = {one: plain(one) for one in EVERY}
    meets = {one: {c.pk for c in people if test(c)} for one, test in tests.items()}
    for first in EVERY:
        for second in EVERY:
            either = Conditions(((first, second),))
            both = Conditions(((first,), (second,)))
            mixed = Conditions(((first, second), (EVERY[0],)))
            chosen = [
                set(chosen_by(one, Customer.objects.all()).values_list("pk", flat=True))
                for one in (either, both, mixed)
            ]
            a, b = meets[first], meets[second]
            assert chosen == [a | b, a & b, (a | b) & meets[EVERY[0]]], (first, second)


def test_few_are_counted_and_many_estimated_and_said_so(
    people: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert size_of(Customer.objects.filter(city="深圳")) == exactly(8)
    monkeypatch.setattr(queries, "EXACT_UP_TO", 3)
    size = size_of(Customer.objects.filter(city="深圳"))
    assert not size.is_exact
    assert size.low <= 8 <= size.high


def test_what_takes_too_long_is_estimated(
    people: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first count is stopped, as PostgreSQL stops what runs beyond its limit."""
    within = queries._within
    stopped: list[int] = []

    def first_too_slow(milliseconds: int, customers: CustomerQuerySet) -> int:
        if not stopped:
            stopped.append(milliseconds)
            raise queries._TooSlow
        return within(milliseconds, customers)

    monkeypatch.setattr(queries, "_within", first_too_slow)
    assert not size_of(Customer.objects.all()).is_exact
    assert stopped == [queries.EXACT_MS]


def test_postgresql_itself_stops_a_count_and_the_connection_goes_on() -> None:
    make_customer()
    slow = Customer.objects.extra(where=["pg_sleep(5) IS NOT NULL"])
    with pytest.raises(queries._TooSlow):
        queries._within(20, slow)
    assert Customer.objects.count() == 1


def shenzhen(by: User, name: str = "Shenzhen") -> Segment:
    conditions = Conditions(((Condition("city", "深圳"),),))
    return save_segment(name=name, conditions=conditions, by=by, at=NOON)


def test_a_saved_segment_is_a_filter_of_the_list_once_counted(
    people: list[Customer], by: User
) -> None:
    segment = shenzhen(by)
    asked = QueryDict(f"segment={segment.pk}")
    assert not filtered(by, asked).exists()
    assert count_segment(segment_id=segment.pk, at=NOON) == 8
    assert {one.city for one in filtered(by, asked)} == {"深圳"}
    assert count_segment(segment_id=segment.pk, at=NOON) == 8
    assert filtered(by, asked).count() == 8


def test_whoever_was_merged_since_is_found_no_more(people: list[Customer], by: User) -> None:
    segment = shenzhen(by)
    count_segment(segment_id=segment.pk, at=NOON)
    merge_customers(
        duplicate=people[3], into=people[6], reasons=[], by=make_user(role=Role.MANAGER), at=NOON
    )
    assert filtered(by, QueryDict(f"segment={segment.pk}")).count() == 7
    assert count_segment(segment_id=segment.pk, at=NOON) == 7


def test_a_name_is_taken_once_and_me_is_whoever_saves(by: User) -> None:
    segment = shenzhen(by)
    with pytest.raises(CannotSave):
        shenzhen(by)
    mine = Conditions(((Condition("owner", "me"),),))
    saved = save_segment(segment=segment, name="Mine", conditions=mine, by=by, at=NOON)
    assert saved.conditions.groups[0][0].value == str(by.pk)


def test_deleting_takes_the_members_along(people: list[Customer], by: User) -> None:
    segment = shenzhen(by)
    count_segment(segment_id=segment.pk, at=NOON)
    delete_segment(segment=segment, by=by, at=NOON)
    assert not Member.objects.exists()
    assert count_segment(segment_id=segment.pk or 0, at=NOON) is None


def test_the_pace_is_last_weeks_and_a_plans_where_there_were_too_few_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert pace_at(NOON) == ASSUMED
    monkeypatch.setattr(queries, "_FEW_CALLS", 1)
    call = make_call()
    pace = pace_at(call.queued_at + timedelta(hours=1))
    assert (pace.attempts, pace.calls_per_day, pace.is_measured) == (1.0, 1.0, True)


def test_likelihood_is_told_where_somebody_has_learned_it(
    people: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = Customer.objects.all()
    monkeypatch.setattr(likelihood, "_declared", [])
    assert likely(everybody) is None
    likelihood.declare_likelihood(lambda ids: dict.fromkeys(ids, 0.25))
    assert likely(everybody) == 0.25


def test_likelihood_that_takes_too_long_is_not_told(
    people: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "SAMPLE_MS", 20)
    assert likely(Customer.objects.extra(where=["pg_sleep(5) IS NOT NULL"])) is None
    assert Customer.objects.count() == len(people)


def test_a_segment_is_locked_only_to_swap_whom_it_holds(people: list[Customer], by: User) -> None:
    segment = save_segment(
        name="x", conditions=Conditions(((Condition("city", "深圳"),),)), by=by, at=NOON
    )
    with CaptureQueriesContext(connection) as asked:
        assert count_segment(segment_id=segment.pk, at=NOON) == 8
    said = [query["sql"] for query in asked]
    chosen = next(n for n, sql in enumerate(said) if sql.startswith("CREATE TEMPORARY"))
    locked = next(n for n, sql in enumerate(said) if "FOR UPDATE" in sql)
    assert chosen < locked


def test_a_segment_changed_while_it_is_counted_is_left_to_the_next_count(
    people: list[Customer], by: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = save_segment(
        name="x", conditions=Conditions(((Condition("city", "深圳"),),)), by=by, at=NOON
    )
    swap = actions._swap_members

    def changed_first(counted: Segment, *, at: datetime) -> int | None:
        save_segment(
            segment=Segment.objects.get(pk=counted.pk), name="x",
            conditions=Conditions(((Condition("city", "上海"),),)), by=by, at=NOON,
        )  # fmt: skip
        return swap(counted, at=at)

    with monkeypatch.context() as patched:
        patched.setattr(actions, "_swap_members", changed_first)
        assert count_segment(segment_id=segment.pk, at=NOON) is None
    assert not Member.objects.exists()
    assert count_segment(segment_id=segment.pk, at=NOON) == 8


def test_conditions_are_told_in_words(people: list[Customer], by: User) -> None:
    [[one, other]] = in_words(
        Conditions(((Condition("stage", "acquisition"), Condition("city", "x", True)),)), user=by
    )
    assert (str(one.shown), one.is_not) == ("Acquisition", False)
    assert (str(other.label), other.shown, other.is_not) == ("City", "x", True)


# -- the pages -----------------------------------------------------------------------------------

FORM = {
    "name": "Shenzhen", "days": "6", "g0-c0-filter": "city", "g0-c0-was": "city",
    "g0-c0-value": "深圳",
}  # fmt: skip


def test_built_saved_listed_and_into_a_campaign(
    client: Client, people: list[Customer], by: User
) -> None:
    client.force_login(by)
    client.post(reverse("segment-new"), FORM)
    segment = Segment.objects.get()
    count_segment(segment_id=segment.pk, at=NOON)
    page = client.get(reverse("segment", args=[segment.pk])).content.decode()
    assert "8 customers on" in page
    assert f"/campaigns/new/?segment={segment.pk}" in page
    assert "Shenzhen" in client.get(reverse("segments")).content.decode()
    made = client.get(reverse("campaign-create") + f"?segment={segment.pk}").content.decode()
    assert "8 customers fit the filter" in made


def test_the_size_is_told_while_building(client: Client, people: list[Customer], by: User) -> None:
    client.force_login(by)
    part = client.post(reverse("segment-size"), FORM).content.decode()
    assert re.search(r"8 customers\s", part)
    assert "Counted." in part
    assert "1 agent for 6 days" in part
    assert not Segment.objects.exists()


def test_another_filter_asks_for_its_value_anew(client: Client, by: User) -> None:
    client.force_login(by)
    said = {**FORM, "g0-c0-filter": "stage", "more": "0"}
    part = client.post(reverse("segment-draft"), said).content.decode()
    assert "深圳" not in part
    assert "g0-c1-filter" in part
    dropped = client.post(reverse("segment-draft"), {**FORM, "drop": "g0-c0"}).content.decode()
    assert "深圳" not in dropped


@pytest.mark.parametrize(
    "said", [{}, {"g0-c0-filter": "x", "g0-c0-value": "1"}, {**FORM, "name": ""}]
)
def test_what_cannot_be_saved_is_said_and_kept(
    client: Client, by: User, said: dict[str, str]
) -> None:
    client.force_login(by)
    answer = client.post(reverse("segment-new"), said)
    assert answer.status_code == 200
    assert "notice is-bad" in answer.content.decode()
