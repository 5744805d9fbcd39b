"""The credit ledger: who gets what of a sale, and gives what back of a refund (B5)."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.customers.models import Customer
from furrow.organisation.models import User
from furrow.ownership.actions import note_act
from furrow.ownership.rules import ActKind, Strength
from furrow.teamwork.models import Credit, Refund, Sale
from furrow.teamwork.queries.credit import helpers_at, left_of, owner_at
from furrow.teamwork.rules import CannotCredit, parts_of_refund, parts_of_sale

_CLOCKS_DIFFER = timedelta(minutes=5)


@transaction.atomic
def credit_sale(
    *,
    order_ref: str,
    customer: Customer,
    amount_minor: int,
    currency: str = "CNY",
    sold_at: datetime,
    by: User,
    at: datetime,
) -> tuple[Sale, bool]:
    """Write down a sale and cut its credit by what was agreed when it was made. Returns it, and
    whether it is new: the same order told twice is one.

    amount_minor  cents or fen, more than 0
    sold_at       whoever owned the customer and helped then gets the credit, whatever came since

    Raises CannotCredit for an order told before with other facts, or sold in the future.
    """
    if amount_minor <= 0:
        raise CannotCredit(_("A sale is worth more than nothing."), rule="F1")
    if sold_at > at + _CLOCKS_DIFFER:
        raise CannotCredit(
            _("A sale lies in the past. Look at the clock of your system."), rule="F1"
        )
    # The customer's row is the lock: owner and shares stand still while the credit is cut.
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    if customer.merged_into_id is not None:
        customer = Customer.objects.select_for_update(no_key=True).get(pk=customer.merged_into_id)
    told = (customer.pk, amount_minor, currency, sold_at)
    try:
        with transaction.atomic():
            sale = Sale.objects.create(
                order_ref=order_ref, customer=customer, amount_minor=amount_minor,
                currency=currency, sold_at=sold_at, by=by, at=at,
            )  # fmt: skip
    except IntegrityError:
        sale = Sale.objects.get(order_ref=order_ref)
        if (sale.customer_id, sale.amount_minor, sale.currency, sale.sold_at) != told:
            raise CannotCredit(
                _("This order was told before, with other facts. Send a refund, or a new order."),
                rule="F1",
            ) from None
        return sale, False
    owner = owner_at(customer, sold_at)
    helpers = [(pk, share) for pk, share in helpers_at(customer, sold_at) if pk != owner]
    Credit.objects.bulk_create(
        [
            Credit(
                sale=sale, user_id=part.person, share=part.share, amount_minor=part.amount_minor,
                at=at,
            )
            for part in parts_of_sale(amount_minor=amount_minor, owner=owner, helpers=helpers)
        ]
    )  # fmt: skip
    if owner is not None:  # an order keeps its customer (B4)
        note_act(
            customer_id=customer.pk, kind=ActKind.ORDER, strength=Strength.ORDER, is_deal=True,
            source=f"teamwork.Sale:{sale.pk}", by=User(pk=owner), at=sold_at,
        )  # fmt: skip
    record(
        "sale.credited", of=sale, by=by.username, at=at,
        customer=customer.pk, amount_minor=amount_minor, currency=currency, helpers=len(helpers),
    )  # fmt: skip
    return sale, True


@transaction.atomic
def claw_back(
    *,
    order_ref: str,
    refund_ref: str,
    amount_minor: int,
    refunded_at: datetime,
    by: User,
    at: datetime,
) -> tuple[Refund, bool]:
    """Take back a refund's credit from those who got it, by what each still has of the sale.
    Returns it, and whether it is new.

    Raises CannotCredit for an unknown order, more than is left of it, or a refund told before
    with other facts.
    """
    sale = Sale.objects.select_for_update().filter(order_ref=order_ref).first()
    if sale is None:
        raise CannotCredit(_("No such order was told. Send the sale first."), rule="F1")
    if amount_minor <= 0:
        raise CannotCredit(_("A refund is worth more than nothing."), rule="F1")
    known = Refund.objects.filter(refund_ref=refund_ref).first()
    if known is not None:
        if (known.sale_id, known.amount_minor) != (sale.pk, amount_minor):
            raise CannotCredit(_("This refund was told before, with other facts."), rule="F1")
        return known, False
    left = left_of(sale)
    if amount_minor > sum(line.amount_minor for line in left):
        raise CannotCredit(_("More than is left of this order cannot be refunded."), rule="F1")
    refund = Refund.objects.create(
        sale=sale, refund_ref=refund_ref, amount_minor=amount_minor, refunded_at=refunded_at,
        by=by, at=at,
    )  # fmt: skip
    parts = parts_of_refund(amount_minor=amount_minor, left=[line.amount_minor for line in left])
    Credit.objects.bulk_create(
        [
            Credit(
                sale=sale, refund=refund, user_id=line.person, share=line.share,
                amount_minor=-part, at=at,
            )
            for line, part in zip(left, parts, strict=True)
        ]
    )  # fmt: skip
    record(
        "sale.clawed_back", of=refund, by=by.username, at=at,
        sale=sale.pk, amount_minor=amount_minor,
    )  # fmt: skip
    return refund, True
