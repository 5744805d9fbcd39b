"""Calls, for machines: reading. Making them is in dialer/api.py, their results in desk/api.py."""

from datetime import datetime

from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema
from pydantic import Field

from furrow.common.schema import Id
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .models import Call
from .queries import page_of_calls
from .rules import CallState, Outcome

router = Router(tags=["calls"])


class CallOut(Schema):
    """One call. Ids and the masked number: a whole number never leaves by this door."""

    id: int
    customer_id: int
    number_id: int
    number: str = Field(description="masked")
    agent: str | None = Field(description="username; null while and if nobody talks")
    campaign_id: int | None
    is_inbound: bool = Field(description="the customer called us")
    attempt: int = Field(description="1 for the first call to this customer; 0 of theirs to us")
    state: CallState
    outcome: Outcome | None = Field(description="what the line said; null until the call ends")
    queued_at: datetime
    dialed_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    talk_seconds: int
    disposition_key: int | None = Field(description="the agent's result, 1 to 9")
    cp: int | None = Field(description="customer potential, 0 to 5")
    wrapped_at: datetime | None

    @staticmethod
    def resolve_number(call: Call) -> str:
        return call.number.masked

    @staticmethod
    def resolve_agent(call: Call) -> str | None:
        return call.agent.username if call.agent else None

    @staticmethod
    def resolve_outcome(call: Call) -> Outcome | None:
        return Outcome(call.outcome) if call.outcome else None

    @staticmethod
    def resolve_disposition_key(call: Call) -> int | None:
        return call.disposition.key if call.disposition else None


class CallsOut(Schema):
    items: list[CallOut]
    next_before: int | None = Field(description="`before` of the next page; null at the end")


class Which(Schema):
    """Which calls, newest first."""

    before: Id | None = Field(None, description="older than this call's id")
    most: int = Field(50, ge=1, le=200)
    customer: Id | None = None
    state: CallState | None = None


@router.get("", response=CallsOut)
@requires(Act.USE_API)
def list_calls(request: Request, which: Query[Which]) -> dict[str, object]:
    """The calls the key's user may see, newest first, page by page."""
    calls = page_of_calls(
        user=request.user, before=which.before, most=which.most + 1,
        customer_id=which.customer, state=which.state,
    )  # fmt: skip
    more = len(calls) > which.most
    calls = calls[: which.most]
    return {"items": calls, "next_before": calls[-1].pk if more else None}


@router.get("/{int:call_id}", response=CallOut)
@requires(Act.USE_API)
def one_call(request: Request, call_id: int) -> Call:
    """One call. 404 if there is none or the key's user may not see it."""
    calls = Call.objects.visible_to(request.user).select_related("number", "agent", "disposition")
    return get_object_or_404(calls, pk=call_id)
