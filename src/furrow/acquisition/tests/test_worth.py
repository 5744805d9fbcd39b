"""What sources and lists are worth, who fits, and the return of a bad list."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from furrow.acquisition import actions
from furrow.acquisition.models import Batch, Lead, Source
from furrow.acquisition.queries import count_fitting, tally_batches, tally_sources
from furrow.acquisition.rules import BatchState, CannotImport, Target, Worth
from furrow.compliance.actions import suppress_number
from furrow.compliance.rules import SuppressionKind
from furrow.customers.actions import add_note
from furrow.customers.models import Customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_user
from furrow.teamwork.actions import claw_back, credit_sale

from .make import carry_out, check, make_list, make_source, work

pytestmark = pytest.mark.django_db

ROWS = (
    ("张伟", "13800138001", "深圳"),
    ("李娜", "13800138002", "上海"),
    ("王芳", "13800138003", "深圳"),
)
HEADERS = ("姓名", "手机号", "城市")


@pytest.fixture
def by() -> User:
    return make_user(role=Role.MANAGER)


def bought_list(source: Source, *, cost_minor: int = 30_00) -> Batch:
    batch = make_list(ROWS, headers=HEADERS, source=source)
    Batch.objects.filter(pk=batch.pk).update(cost_minor=cost_minor)
    return carry_out(Batch.objects.get(pk=batch.pk))


def sell(name: str, yuan: int, *, by: User, back: int = 0) -> None:
    at = timezone.now() + timedelta(minutes=1)
    ref = f"{name}-{yuan}"
    customer = Customer.objects.get(name=name)
    credit_sale(order_ref=ref, customer=customer, amount_minor=yuan * 100, sold_at=at, by=by, at=at)
    if back:
        claw_back(
            order_ref=ref, refund_ref=f"R-{ref}", amount_minor=back * 100, refunded_at=at,
            by=by, at=at,
        )  # fmt: skip


def worth_of(source: Source, *, by: User) -> Worth:
    tallies = {t.source.pk: t.worth for t in tally_sources(user=by, at=timezone.now())}
    return tallies[source.pk]


def test_a_source_is_worth_what_came_of_it_against_its_cost(by: User) -> None:
    source = make_source()
    batch = bought_list(source)
    sell("张伟", 100, by=by, back=10)
    suppress_number(
        e164="+8613800138002", kind=SuppressionKind.INVALID, origin="person", by=by,
        at=timezone.now(),
    )  # fmt: skip

    worth = worth_of(source, by=by)

    assert (worth.customers, worth.contactable, worth.buyers) == (3, 2, 1)
    assert (worth.revenue, worth.cost) == (90_00, 30_00)
    assert (worth.roi, worth.cost_per_valid) == (2.0, 15.0)
    [(told, of_list)] = tally_batches(source, user=by, at=timezone.now())
    assert (told, of_list) == (batch, worth)


def test_a_purchase_counts_for_the_source_that_named_the_customer_first(by: User) -> None:
    first, second = make_source(), make_source()
    bought_list(first)
    bought_list(second)
    sell("李娜", 50, by=by)
    assert worth_of(first, by=by).revenue == 50_00
    assert worth_of(second, by=by).revenue == 0
    assert worth_of(second, by=by).conversion is None


def test_how_many_rows_fit_is_told_before_the_list_is_used(by: User) -> None:
    source = make_source()
    actions.change_source(
        source=source, target=Target(cities=("深圳",)).stored, by=by, at=timezone.now()
    )
    source.refresh_from_db()
    batch = check(make_list(ROWS, headers=HEADERS, source=source))
    assert count_fitting(batch) == 2
    assert worth_of(source, by=by).fitting == 0
    bought_list(source)
    assert worth_of(source, by=by).fitting == 2


def test_a_bad_list_goes_back_in_one_step_with_all_that_is_untouched(by: User) -> None:
    source = make_source()
    batch = bought_list(source)
    add_note(customer=Customer.objects.get(name="张伟"), text="spoken", by=by, at=timezone.now())

    actions.return_batch(
        batch=batch, reason="dead numbers", refunded_minor=20_00, by=by, at=timezone.now()
    )
    batch = work(batch)

    assert batch.state == BatchState.UNDONE
    assert list(Customer.objects.values_list("name", flat=True)) == ["张伟"]
    assert Lead.objects.filter(batch=batch).count() == 1
    assert worth_of(source, by=by).cost == 10_00


@pytest.mark.parametrize(("reason", "refund"), [("", 0), ("bad", 30_01), ("bad", -1)])
def test_a_return_needs_a_reason_and_no_more_than_the_cost(
    by: User, reason: str, refund: int
) -> None:
    batch = bought_list(make_source())
    with pytest.raises(CannotImport):
        actions.return_batch(
            batch=batch, reason=reason, refunded_minor=refund, by=by, at=timezone.now()
        )
    assert Batch.objects.get(pk=batch.pk).state == BatchState.DONE


def test_the_pages_show_the_figures_and_take_the_target(client: Client, by: User) -> None:
    source = make_source()
    batch = bought_list(source)
    sell("张伟", 100, by=by)
    client.force_login(by)
    assert b"233.3" in client.get(reverse("sources")).content
    page = reverse("source", args=[source.pk])
    assert b"233.3" in client.get(page).content
    said = {
        "name": source.name, "kind": "bought", "legal_basis": "consent", "purpose": "",
        "region": "", "team": "", "target_kind": "person", "target_cities": "深圳，上海",
        "target_categories": "",
    }  # fmt: skip
    client.post(page, said)
    source.refresh_from_db()
    assert Target.read(source.target) == Target("person", ("深圳", "上海"))
    answer = client.post(reverse("import-return", args=[batch.pk]), {"reason": "bad"})
    assert answer.status_code == 302
    assert Batch.objects.get(pk=batch.pk).state == BatchState.UNDOING
