"""Results of calls, for machines: all that one key press on the desk does, and nothing less."""

from datetime import datetime
from typing import Annotated

from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Router, Schema
from pydantic import AwareDatetime, Field

from furrow.calls.models import Call
from furrow.campaigns.models import Disposition
from furrow.common.schema import Text
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .actions import WrapUp, wrap_up
from .queries import any_campaign

router = Router(tags=["calls"])


class OutcomeIn(Schema):
    """What came of a call, as the agent would say it."""

    disposition: int = Field(ge=1, le=9, description="the key in the campaign's set of results")
    cp: int | None = Field(None, ge=0, le=5, description="customer potential")
    remark: Annotated[Text, Field(max_length=1000)] = ""
    follow_up_at: AwareDatetime | None = Field(None, description="when to reach out again")
    is_promise: bool = Field(False, description="the follow-up was promised to the customer")


class OutcomeOut(Schema):
    id: int
    disposition: int
    cp: int | None
    wrapped_at: datetime | None

    @staticmethod
    def resolve_disposition(call: Call) -> int:
        assert call.disposition is not None  # noqa: S101
        return call.disposition.key


@router.post("/{int:call_id}/outcome", response=OutcomeOut)
@requires(Act.USE_DESK)
def give_outcome(request: Request, call_id: int, given: OutcomeIn) -> Call:
    """Give one's own ended call its result, once. 404 for others' calls and unknown results;
    409 if the call is still on, has its result, or the result needs a follow-up."""
    mine = Call.objects.visible_to(request.user).filter(agent=request.user)
    call = get_object_or_404(mine.select_related("campaign", "agent"), pk=call_id)
    campaign = call.campaign or any_campaign(call.talker)
    disposition = get_object_or_404(
        Disposition,
        set=campaign.disposition_set_id if campaign else None,
        key=given.disposition,
    )
    result = WrapUp(
        disposition=disposition,
        cp=given.cp,
        due_at=given.follow_up_at,
        is_promise=given.is_promise,
        remark=given.remark,
    )
    return wrap_up(call=call, result=result, by=request.user, at=timezone.now())
