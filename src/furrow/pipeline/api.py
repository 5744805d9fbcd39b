"""Stages and scores, for machines."""

from datetime import datetime

from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from furrow.customers.models import Customer
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .actions import give_score
from .models import Standing
from .rules import HIGHEST, LOWEST, Score, Stage

router = Router(tags=["customers"])


class StandingOut(Schema):
    customer_id: int
    stage: Stage
    since: datetime
    cp: int | None = Field(description="customer potential, 0 to 5")
    pi: int | None = Field(description="purchase intention, 0 to 5")


class ScoreIn(Schema):
    score: Score
    value: int = Field(ge=LOWEST, le=HIGHEST)


@router.get("/{int:customer_id}/standing", response=StandingOut)
@requires(Act.VIEW_CUSTOMERS)
def standing(request: Request, customer_id: int) -> Standing:
    """Where a customer stands. 404 too when it has not entered the pipeline."""
    return get_object_or_404(Standing.objects.visible_to(request.user), pk=customer_id)


@router.post("/{int:customer_id}/scores", response=StandingOut)
@requires(Act.EDIT_CUSTOMERS)
def score(request: Request, customer_id: int, given: ScoreIn) -> Standing:
    """Give CP or PI. A CP of three or more in screening hands the customer on."""
    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=customer_id)
    return give_score(
        customer=customer,
        score=given.score,
        value=given.value,
        by=request.user,
        at=timezone.now(),
    )
