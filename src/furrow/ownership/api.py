"""Claiming, and until when one keeps a customer, for machines."""

from datetime import date, datetime

from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Router, Schema

from furrow.customers.models import Customer
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .actions import claim_customer
from .queries import keeping_of

router = Router(tags=["customers"])


class KeepingOut(Schema):
    customer_id: int
    owner: str = Field(description="username; empty = in the pool")
    owned_since: datetime | None
    last_on: date | None = Field(description="the last day to act; null = no clock runs")
    because: str
    to_keep: str
    exempt: str = Field(description="why it is not taken though the day may come; empty = it is")


def _keeping(customer: Customer) -> dict[str, object]:
    keeping = keeping_of(customer, at=timezone.now())
    return {
        "customer_id": customer.pk,
        "owner": customer.owner.username if customer.owner else "",
        "owned_since": customer.owned_since,
        "last_on": keeping.due.last_on if keeping and keeping.due else None,
        "because": keeping.because if keeping else "",
        "to_keep": keeping.keep if keeping else "",
        "exempt": keeping.exempt if keeping else "",
    }


@router.post("/{int:customer_id}/claim", response=KeepingOut)
@requires(Act.EDIT_CUSTOMERS)
def claim(request: Request, customer_id: int) -> dict[str, object]:
    """Take a pooled customer. 404 if the key's user cannot see it, 409 if a rule refuses."""
    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=customer_id)
    return _keeping(claim_customer(customer=customer, by=request.user, at=timezone.now()))


@router.get("/{int:customer_id}/keeping", response=KeepingOut)
@requires(Act.VIEW_CUSTOMERS)
def keeping(request: Request, customer_id: int) -> dict[str, object]:
    """Until when the owner keeps the customer, why, and what keeps it longer."""
    visible = Customer.objects.visible_to(request.user).select_related("owner")
    return _keeping(get_object_or_404(visible, pk=customer_id))
