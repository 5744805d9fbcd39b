"""What the gate would say, for machines. Getting a permit is part of starting a call."""

from datetime import datetime

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Router, Schema

from furrow.customers.models import Customer
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .queries import may_call

router = Router(tags=["permits"])


class AnswerOut(Schema):
    check: str = Field(description="suppression, hours, campaign, caps, silence, …")
    rule: str
    ok: bool
    why: str = Field(description="empty for a yes")
    next_at: datetime | None = Field(
        description="when a no may become a yes; null = not by waiting"
    )


class MayCallOut(Schema):
    is_allowed: bool
    number_id: int
    time_zone: str = Field(description="the callee's")
    changes_at: datetime | None = Field(
        description="the earliest moment at which the whole answer changes; null = not by waiting"
    )
    answers: list[AnswerOut] = Field(description="in the order asked, up to the first no")


@router.get("/{int:customer_id}/may-call", response=MayCallOut)
@requires(Act.VIEW_CUSTOMERS)
def ask(request: Request, customer_id: int) -> dict[str, object]:
    """May the key's user call this customer's first number now? Promises nothing: only the
    permit that starting a call asks for counts. 404 without a number."""
    customer = get_object_or_404(
        Customer.objects.visible_to(request.user).select_related("owner"), pk=customer_id
    )
    number = customer.numbers.order_by("-is_primary", "pk").first()
    if number is None:
        raise Http404
    number.customer = customer
    decision = may_call(number=number, agent=request.user, at=timezone.now())
    return {
        "is_allowed": decision.is_allowed,
        "number_id": number.pk,
        "time_zone": number.time_zone,
        "changes_at": decision.changes_at,
        "answers": decision.answers,
    }
