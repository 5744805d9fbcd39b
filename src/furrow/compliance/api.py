"""The do-not-call list, for machines: asking, adding, lifting."""

from datetime import datetime
from typing import Annotated

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema, Status
from pydantic import AwareDatetime, Field

from furrow.common.paging import newest_first
from furrow.common.schema import Text
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act
from furrow.science.linkage.numbers import read_numbers

from .actions import lift_suppression, suppress_number
from .models import Suppression
from .queries import standing_suppressions
from .rules import CannotSuppress, SuppressionKind

router = Router(tags=["do not call"])


class SuppressionOut(Schema):
    id: int
    number: str = Field(description="masked")
    kind: SuppressionKind
    reason: str
    origin: str
    by: str = Field(description="username")
    at: datetime
    until: datetime | None = Field(description="null = for good")
    lifted_at: datetime | None
    lifted_reason: str

    @staticmethod
    def resolve_number(suppression: Suppression) -> str:
        return suppression.masked

    @staticmethod
    def resolve_by(suppression: Suppression) -> str:
        return suppression.by.username


class SuppressionsOut(Schema):
    items: list[SuppressionOut]
    next_after: str = Field(description="`after` of the next page; empty at the end")


class Which(Schema):
    after: Annotated[Text, Field(max_length=40)] = ""
    most: int = Field(50, ge=1, le=200)
    kind: SuppressionKind | None = None
    lifted: bool = Field(False, description="those that were lifted or are over as well")


class NumberIn(Schema):
    number: Annotated[Text, Field(min_length=1, max_length=60)]


class SuppressIn(NumberIn):
    kind: SuppressionKind = SuppressionKind.OPTED_OUT
    reason: Annotated[Text, Field(max_length=300)] = ""
    until: AwareDatetime | None = Field(None, description="null = for good")


class LiftIn(Schema):
    reason: Annotated[Text, Field(min_length=1, max_length=300)]


class CheckedOut(Schema):
    is_suppressed: bool
    standing: list[SuppressionOut]


@router.get("", response=SuppressionsOut)
@requires(Act.SUPPRESS)
def list_suppressions(request: Request, which: Query[Which]) -> dict[str, object]:
    """Who must not be called, newest first, numbers masked."""
    rows = Suppression.objects.visible_to(request.user).select_related("by")
    if not which.lifted:
        rows = rows.standing(timezone.now())
    if which.kind is not None:
        rows = rows.filter(kind=which.kind)
    page = newest_first(rows, after=which.after, size=which.most)
    return {"items": page.rows, "next_after": page.older}


@router.post("/check", response=CheckedOut)
@requires(Act.SUPPRESS)
def check_number(request: Request, asked: NumberIn) -> dict[str, object]:
    """Whether a number must not be called, and why. A POST: numbers stand in no address."""
    rows = standing_suppressions(e164=_e164(asked.number), at=timezone.now())
    return {"is_suppressed": bool(rows), "standing": rows}


@router.post("", response={201: SuppressionOut})
@requires(Act.SUPPRESS)
def suppress(request: Request, given: SuppressIn) -> Status[Suppression]:
    """Nobody in the company may call this number any more. Said twice, it stands once."""
    suppression = suppress_number(
        e164=_e164(given.number),
        kind=given.kind,
        reason=given.reason,
        origin="api",
        until=given.until,
        by=request.user,
        at=timezone.now(),
    )
    return Status(201, suppression)


@router.post("/{int:suppression_id}/lift", response=SuppressionOut)
@requires(Act.LIFT_SUPPRESSION)
def lift(request: Request, suppression_id: int, given: LiftIn) -> Suppression:
    """Allow calls again, with a reason. 409 when it was lifted before."""
    suppression = get_object_or_404(Suppression.objects.visible_to(request.user), pk=suppression_id)
    return lift_suppression(
        suppression=suppression, reason=given.reason, by=request.user, at=timezone.now()
    )


def _e164(text: str) -> str:
    """One number in any spelling. Raises CannotSuppress for anything else."""
    numbers = read_numbers(text, region=settings.DEFAULT_REGION).numbers
    if len(numbers) != 1:
        raise CannotSuppress(
            _("This is not a phone number. Write it with its area or country code."), rule="B2"
        )
    return numbers[0]
