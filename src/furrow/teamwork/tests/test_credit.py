"""Shares agreed before the sale; a ledger that adds up to the cent, or is refused."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from furrow.customers.actions import assign_customer
from furrow.customers.models import Customer
from furrow.customers.rules import OwnerChange
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.ownership.models import Act
from furrow.teamwork.actions import (
    add_collaborator,
    claw_back,
    credit_sale,
    end_collaboration,
)
from furrow.teamwork.models import Collaboration, Credit, Refund, Sale
from furrow.teamwork.queries.credit import earned, newest_sales
from furrow.teamwork.rules import CannotCredit, CannotShare

from .make import make_collaboration, make_sale

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def _owned() -> Customer:
    return make_customer(owner=make_agent())


def _parts(sale: Sale) -> dict[int | None, int]:
    lines = Credit.objects.filter(sale=sale, refund=None)
    return dict(lines.values_list("user_id", "amount_minor"))


def _refund(sale: Sale, amount_minor: int, ref: str = "r1") -> tuple[Refund, bool]:
    return claw_back(
        order_ref=sale.order_ref, refund_ref=ref, amount_minor=amount_minor, refunded_at=LATER,
        by=make_user(role=Role.OPERATIONS), at=LATER,
    )  # fmt: skip


def test_a_collaborator_sees_the_customer_until_the_agreement_ends() -> None:
    customer, at = _owned(), timezone.now()
    agreed = make_collaboration(customer=customer, at=at - timedelta(hours=1))

    assert Customer.objects.visible_to(agreed.user).filter(pk=customer.pk).exists()
    end_collaboration(collaboration=agreed, by=agreed.user, at=at)
    assert not Customer.objects.visible_to(agreed.user).filter(pk=customer.pk).exists()


def test_a_collaboration_that_has_run_out_shows_nothing() -> None:
    agreed = make_collaboration(customer=_owned(), at=timezone.now() - timedelta(days=40), days=30)

    assert not Customer.objects.visible_to(agreed.user).filter(pk=agreed.customer_id).exists()


@pytest.mark.parametrize("who", ["owner", "twice", "qa", "pooled"])
def test_who_cannot_be_a_collaborator(who: str) -> None:
    customer = _owned() if who != "pooled" else make_customer()
    helper: User | None = make_agent()
    if who == "owner":
        helper = customer.owner
    elif who == "twice":
        helper = make_collaboration(customer=customer, at=NOON).user
    elif who == "qa":
        helper = make_user(role=Role.QA)
    assert helper is not None

    with pytest.raises(CannotShare):
        add_collaborator(
            customer=customer, user=helper, share=100, until=NOON + timedelta(days=9),
            by=helper, at=NOON,
        )  # fmt: skip


def test_shares_of_one_customer_are_at_most_the_whole() -> None:
    customer = _owned()
    make_collaboration(customer=customer, share=6000, at=NOON)

    with pytest.raises(CannotShare, match="40 %"):
        make_collaboration(customer=customer, share=4001, at=NOON)


def test_credit_goes_by_what_stood_when_it_was_sold() -> None:
    customer = _owned()
    seller = customer.owner
    assert seller is not None
    helper = make_collaboration(customer=customer, share=3333, at=NOON).user
    late = make_collaboration(customer=customer, share=1000, at=LATER + timedelta(days=1))
    by = make_user(role=Role.MANAGER)
    assign_customer(
        customer=customer, to=make_agent(), change=OwnerChange.TRANSFERRED, by=by,
        at=LATER + timedelta(days=2),
    )  # fmt: skip

    sale, _new = credit_sale(
        order_ref="o-1", customer=customer, amount_minor=10_001, sold_at=LATER, by=by,
        at=LATER + timedelta(days=3),
    )  # fmt: skip

    assert _parts(sale) == {seller.pk: 6668, helper.pk: 3333}
    assert late.user_id not in _parts(sale)


def test_an_order_keeps_its_customer_by_the_ownership_rules() -> None:
    customer = _owned()
    make_sale(customer=customer, at=LATER)

    act = Act.objects.get(customer=customer)
    assert (act.kind, act.is_deal, act.is_effective, act.at) == ("order", True, True, LATER)


def test_a_sale_to_a_pooled_customer_is_the_houses() -> None:
    assert _parts(make_sale(customer=make_customer(), amount_minor=99)) == {None: 99}


def test_an_order_told_twice_is_one_and_told_differently_is_refused() -> None:
    customer, by = _owned(), make_user(role=Role.OPERATIONS)
    told: dict[str, Any] = {
        "order_ref": "o-1", "customer": customer, "amount_minor": 500, "sold_at": NOON, "by": by,
    }  # fmt: skip
    first, is_new = credit_sale(**told, at=NOON)
    again, is_new_again = credit_sale(**told, at=LATER)

    assert (first, is_new, is_new_again) == (again, True, False)
    assert Credit.objects.count() == 1
    with pytest.raises(CannotCredit, match="other facts"):
        credit_sale(**told | {"amount_minor": 501}, at=LATER)


def test_refunds_take_back_in_proportion_and_leave_nothing_in_the_end() -> None:
    customer = _owned()
    make_collaboration(customer=customer, share=3333, at=NOON)
    sale = make_sale(customer=customer, amount_minor=1000, at=LATER)

    for step, amount in enumerate([1, 332, 667]):
        _refund(sale, amount, f"r{step}")

    sums = [sum(line.amount_minor for line in Credit.objects.filter(user=user))
            for user in (customer.owner, Collaboration.objects.get().user)]  # fmt: skip
    assert sums == [0, 0]
    with pytest.raises(CannotCredit, match="left"):
        _refund(sale, 1, "r9")


def test_a_refund_told_twice_is_one_and_told_differently_is_refused() -> None:
    sale = make_sale(customer=_owned())
    assert _refund(sale, 10)[1] is True
    assert _refund(sale, 10)[1] is False

    with pytest.raises(CannotCredit, match="other facts"):
        _refund(sale, 11)


@pytest.mark.parametrize("amount", [0, -5])
def test_nothing_is_no_sale_and_no_refund(amount: int) -> None:
    sale = make_sale(customer=_owned())
    with pytest.raises(CannotCredit):
        make_sale(customer=_owned(), amount_minor=amount)
    with pytest.raises(CannotCredit):
        _refund(sale, amount)


def test_a_sale_tomorrow_or_a_refund_of_nothing_known_is_refused() -> None:
    by = make_user(role=Role.OPERATIONS)
    with pytest.raises(CannotCredit, match="past"):
        credit_sale(
            order_ref="x", customer=_owned(), amount_minor=1, sold_at=NOON + timedelta(days=1),
            by=by, at=NOON,
        )  # fmt: skip
    with pytest.raises(CannotCredit, match="No such order"):
        claw_back(
            order_ref="x", refund_ref="r", amount_minor=1, refunded_at=NOON, by=by, at=NOON
        )  # fmt: skip


def _check_now() -> None:
    """Deferred triggers fire at commit; tests roll back, so ask for it."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _write(customer: Customer, amounts: Sequence[int]) -> None:
    """A sale of 100 with these lines, past the actions, and the check that a commit makes."""
    with transaction.atomic(), connection.cursor() as cursor:
        sale = Sale.objects.create(
            order_ref="o", customer=customer, amount_minor=100, sold_at=NOON,
            by=make_agent(), at=NOON,
        )  # fmt: skip
        for amount in amounts:
            Credit.objects.create(
                sale=sale, user=customer.owner, share=10_000, amount_minor=amount, at=NOON
            )
        # Deferred triggers fire at commit; tests roll back, so ask for it.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("amounts", [[99], []])
def test_the_database_refuses_lines_that_do_not_add_up(amounts: list[int]) -> None:
    with pytest.raises(IntegrityError, match="add up"):
        _write(_owned(), amounts)


def _write_back(sale: Sale, amount: int) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        refund = Refund.objects.create(
            sale=sale, refund_ref="r", amount_minor=amount, refunded_at=NOON, by=make_agent(),
            at=NOON,
        )  # fmt: skip
        Credit.objects.create(
            sale=sale, refund=refund, user=sale.credits.get().user, share=10_000,
            amount_minor=-amount, at=NOON,
        )  # fmt: skip
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_database_refuses_more_back_than_was_got() -> None:
    sale = make_sale(customer=_owned(), amount_minor=100)
    with pytest.raises(IntegrityError, match="add up"):
        _write_back(sale, 101)


@pytest.mark.parametrize(
    "change",
    [
        lambda sale: Credit.objects.update(amount_minor=1),
        lambda sale: Credit.objects.all().delete(),
        lambda sale: Sale.objects.update(amount_minor=1),
        lambda sale: Sale.objects.filter(pk=sale.pk)._raw_delete("default"),
    ],
)
def test_nothing_in_the_ledger_ever_changes(change: Callable[[Sale], Any]) -> None:
    sale = make_sale(customer=_owned())
    with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
        change(sale)


def test_each_sees_the_credit_of_the_own_reach() -> None:
    customer = _owned()
    assert customer.owner is not None
    helper = make_collaboration(customer=customer, share=2500, at=NOON).user
    sale = make_sale(customer=customer, amount_minor=1000, at=LATER)
    until = LATER + timedelta(days=1)

    def seen(user: User) -> list[int]:
        return [one.net_minor for one in earned(user=user, since=NOON, until=until)]

    assert seen(helper) == [250]
    assert seen(make_user(role=Role.LEADER, team=customer.owner.team)) == [750]
    assert seen(make_user(role=Role.MANAGER)) == [750, 250]
    assert seen(make_agent()) == []
    assert [line.sale for line in newest_sales(user=helper)] == [sale]
    assert newest_sales(user=make_agent()) == []
