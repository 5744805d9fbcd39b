"""Calls for tests: with a real permit, moved by the real actions."""

from datetime import datetime, timedelta

from furrow.calls.actions import move_call, place_call
from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.campaigns.models import Campaign
from furrow.campaigns.tests.make import make_campaign, make_disposition
from furrow.customers.models import Customer, Number
from furrow.customers.tests.make import make_customer, number_of
from furrow.organisation.models import User
from furrow.organisation.tests.make import NOON, make_agent
from furrow.permits.models import Permit

__all__ = ["make_call", "make_campaign", "make_disposition", "make_permit"]


def make_permit(
    *, agent: User | None = None, number: Number | None = None, at: datetime = NOON
) -> Permit:
    """An open permit, as if the gate had just said yes."""
    agent = agent or make_agent()
    number = number or number_of(make_customer(owner=agent))
    return Permit.objects.create(
        customer=number.customer,
        number=number,
        agent=agent,
        issued_at=at,
        expires_at=at + timedelta(seconds=30),
        answers=[],
    )


def make_call(
    *,
    agent: User | None = None,
    customer: Customer | None = None,
    campaign: Campaign | None = None,
    state: CallState = CallState.QUEUED,
    outcome: Outcome = Outcome.ANSWERED,
    at: datetime = NOON,
    talk_seconds: int = 60,
) -> Call:
    """A call brought to `state` by the moves that lead there, two seconds each.

    An ended call was talked for `talk_seconds` if its outcome is ANSWERED.
    """
    permit = make_permit(agent=agent, number=number_of(customer) if customer else None, at=at)
    call = place_call(permit=permit, campaign=campaign, by=permit.holder, at=at)
    way = [CallState.DIALING, CallState.RINGING, CallState.TALKING, CallState.ENDED]
    if state is CallState.ENDED and outcome is not Outcome.ANSWERED:
        way.remove(CallState.TALKING)
    if state is CallState.WAITING:
        way[2:] = [CallState.WAITING]
    for step in way[: way.index(state) + 1] if state in way else []:
        ends = step is CallState.ENDED
        at += timedelta(seconds=talk_seconds if ends else 2)
        assert move_call(
            call_id=call.pk, to=step, at=at, outcome=outcome if ends else "", cause="test"
        )
    return Call.objects.get(pk=call.pk)
