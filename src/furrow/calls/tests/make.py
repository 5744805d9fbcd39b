"""Calls for tests: with a real permit, moved by the real actions."""

from datetime import datetime, timedelta
from itertools import count

from furrow.calls.actions import move_call, place_call
from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.campaigns.models import (
    Campaign,
    Disposition,
    DispositionSet,
    Script,
    ScriptVersion,
)
from furrow.campaigns.rules import CampaignState, Effect
from furrow.customers.models import Customer, Number
from furrow.customers.tests.make import make_customer, number_of
from furrow.organisation.models import User
from furrow.organisation.tests.make import NOON, make_agent
from furrow.permits.models import Permit

_next = count(1)


def make_disposition(
    *, key: int = 1, effect: Effect = Effect.NOTHING, set: DispositionSet | None = None
) -> Disposition:
    return Disposition.objects.create(
        set=set or DispositionSet.objects.create(name=f"Results {next(_next)}"),
        key=key,
        name_en="Interested",
        name_zh="有意向",
        effect=effect,
    )


def make_campaign(
    *, agent: User, state: CampaignState = CampaignState.RUNNING, name: str = ""
) -> Campaign:
    """A campaign with one result (key 1), one agent, and hours round the clock."""
    name = name or f"Campaign {next(_next)}"
    script = ScriptVersion.objects.create(
        script=Script.objects.create(name=name), version=1, body={}, by=agent, at=NOON
    )
    campaign = Campaign.objects.create(
        name=name,
        state=state,
        script_version=script,
        disposition_set=make_disposition().set,
        opens_minute=0,
        closes_minute=24 * 60,
        by=agent,
        created_at=NOON,
    )
    campaign.agents.add(agent)
    return campaign


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
    call = place_call(permit=permit, campaign=campaign, by=permit.agent, at=at)
    way = [CallState.DIALING, CallState.RINGING, CallState.TALKING, CallState.ENDED]
    if state is CallState.ENDED and outcome is not Outcome.ANSWERED:
        way.remove(CallState.TALKING)
    for step in way[: way.index(state) + 1] if state in way else []:
        ends = step is CallState.ENDED
        at += timedelta(seconds=talk_seconds if ends else 2)
        assert move_call(
            call_id=call.pk, to=step, at=at, outcome=outcome if ends else "", cause="test"
        )
    return Call.objects.get(pk=call.pk)
