"""Sales and refunds from an order system outside, and whose credit they are."""

from datetime import datetime
from typing import Annotated

from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Router, Schema, Status
from pydantic import AwareDatetime, Field

from furrow.common.schema import Id, Text
from furrow.customers.models import Customer
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .actions import claw_back, credit_sale
from .models import Credit, Refund, Sale

router = Router(tags=["sales"])

Amount = Annotated[int, Field(ge=1, le=10**15, description="cents or fen")]
Ref = Annotated[Text, Field(min_length=1, max_length=80)]


class SaleIn(Schema):
    """The same `order_ref` told twice is one sale; told with other facts it is refused."""

    order_ref: Ref
    customer_id: Id
    amount_minor: Amount
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "CNY"
    sold_at: AwareDatetime


class RefundIn(Schema):
    """The same `refund_ref` told twice is one refund."""

    order_ref: Ref
    refund_ref: Ref
    amount_minor: Amount
    refunded_at: AwareDatetime


class CreditOut(Schema):
    username: str | None = Field(description="null = the house: nobody owned the customer")
    share: int = Field(description="hundredths of a percent; those of a sale sum to 10,000")
    amount_minor: int = Field(description="negative when it was taken back")

    @staticmethod
    def resolve_username(credit: Credit) -> str | None:
        return credit.user.username if credit.user else None


class SaleOut(Schema):
    id: int
    order_ref: str
    customer_id: int
    amount_minor: int
    currency: str
    sold_at: datetime
    credits: list[CreditOut]

    @staticmethod
    def resolve_credits(sale: Sale) -> list[Credit]:
        return list(sale.credits.filter(refund=None).select_related("user").order_by("pk"))


class RefundOut(Schema):
    id: int
    order_ref: str
    refund_ref: str
    amount_minor: int
    refunded_at: datetime
    credits: list[CreditOut]

    @staticmethod
    def resolve_order_ref(refund: Refund) -> str:
        return refund.sale.order_ref

    @staticmethod
    def resolve_credits(refund: Refund) -> list[Credit]:
        return list(refund.credits.select_related("user").order_by("pk"))


@router.post("", response={200: SaleOut, 201: SaleOut})
@requires(Act.POST_SALES)
def tell_sale(request: Request, told: SaleIn) -> Status[Sale]:
    """Tell of a sale. Its credit goes to whoever owned the customer and helped when it was sold,
    by the shares agreed then. 200 when it was told before."""
    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=told.customer_id)
    sale, is_new = credit_sale(
        order_ref=told.order_ref, customer=customer, amount_minor=told.amount_minor,
        currency=told.currency, sold_at=told.sold_at, by=request.user, at=timezone.now(),
    )  # fmt: skip
    return Status(201 if is_new else 200, sale)


@router.post("/refunds", response={200: RefundOut, 201: RefundOut})
@requires(Act.POST_SALES)
def tell_refund(request: Request, told: RefundIn) -> Status[Refund]:
    """Tell of a refund, whole or in part. Credit is taken back by what each still has of the
    sale. 409 for more than is left of it. 200 when it was told before."""
    refund, is_new = claw_back(
        order_ref=told.order_ref, refund_ref=told.refund_ref, amount_minor=told.amount_minor,
        refunded_at=told.refunded_at, by=request.user, at=timezone.now(),
    )  # fmt: skip
    return Status(201 if is_new else 200, refund)
