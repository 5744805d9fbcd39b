"""Making and ending calls, for machines. The same gate as for people, and no way around it."""

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Field

from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.campaigns.models import Campaign
from furrow.common.refusal import Refused
from furrow.common.schema import Id
from furrow.customers.models import Number
from furrow.organisation.http import Request, requires, touched
from furrow.organisation.rules import Act
from furrow.permits.rules import Purpose

from .actions import ask_hang_up, start_call

router = Router(tags=["calls"])


class CallNow(Schema):
    """Whom to call: a number, or a customer, whose primary number is meant."""

    number: Id | None = Field(None, description="id of the number")
    customer: Id | None = Field(None, description="id of the customer")
    campaign: Id | None = None
    purpose: Purpose = Field(
        Purpose.SALES,
        description="a call-back that was not promised, and service to somebody who never bought,"
        " are judged as sales",
    )


class Placed(Schema):
    """A call that was let through, or ended. GET /calls/{id} tells how it goes."""

    id: int
    customer_id: int
    number_id: int
    state: CallState


@router.post("/now", response={201: Placed})
@requires(Act.USE_DESK)
def call_now(request: Request, whom: CallNow) -> Status[Call]:
    """Call now, as the key's user. 404 if the user may not see the number, customer or campaign;
    409 with the rule and the reason if the gate says no."""
    numbers = Number.objects.visible_to(request.user)
    if whom.number is not None:
        number = get_object_or_404(numbers, pk=whom.number)
        touched(request, number.customer_id)
    elif whom.customer is not None:
        mine = numbers.filter(customer_id=whom.customer).order_by("-is_primary", "pk")
        number = get_object_or_404(mine[:1])
    else:
        raise NobodyNamed(_("Name a number or a customer to call."), rule="D4")
    campaigns = Campaign.objects.visible_to(request.user)
    campaign = get_object_or_404(campaigns, pk=whom.campaign) if whom.campaign else None
    call = start_call(
        number=number, agent=request.user, campaign=campaign, purpose=whom.purpose,
        by=request.user, at=timezone.now(),
    )  # fmt: skip
    return Status(201, call)


@router.post("/{int:call_id}/hangup", response={202: Placed})
@requires(Act.USE_DESK)
def hang_up(request: Request, call_id: int) -> Status[Call]:
    """End a call of one's own. Safe to repeat; a call that has ended stays as it is. 404 for
    others' calls."""
    mine = Call.objects.visible_to(request.user).filter(agent=request.user)
    call = get_object_or_404(mine, pk=call_id)
    ask_hang_up(call=call, by=request.user, at=timezone.now())
    call.refresh_from_db()
    return Status(202, call)


class NobodyNamed(Refused):
    """Neither a number nor a customer was given."""
