"""Campaigns for tests: valid by default, one function per model."""

from itertools import count

from furrow.campaigns.models import (
    Campaign,
    Disposition,
    DispositionSet,
    Script,
    ScriptVersion,
    Target,
)
from furrow.campaigns.rules import DEFAULT_DISPOSITIONS, CampaignState, Effect, TargetState
from furrow.customers.models import Customer
from furrow.organisation.models import User
from furrow.organisation.tests.make import NOON

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


def make_dispositions() -> DispositionSet:
    """All nine that a new company starts with."""
    made = DispositionSet.objects.create(name=f"Results {next(_next)}")
    for key, name_en, name_zh, effect in DEFAULT_DISPOSITIONS:
        Disposition.objects.create(
            set=made, key=key, name_en=name_en, name_zh=name_zh, effect=effect
        )
    return made


def make_script(*, by: User, name: str = "") -> ScriptVersion:
    return ScriptVersion.objects.create(
        script=Script.objects.create(name=name or f"Script {next(_next)}"),
        version=1,
        body={"opening": "Good day."},
        by=by,
        at=NOON,
    )


def make_campaign(
    *,
    agent: User,
    state: CampaignState = CampaignState.RUNNING,
    name: str = "",
    dispositions: DispositionSet | None = None,
) -> Campaign:
    """A campaign with one agent and hours round the clock; one result (key 1) unless given."""
    name = name or f"Campaign {next(_next)}"
    campaign = Campaign.objects.create(
        name=name,
        state=state,
        script_version=make_script(by=agent, name=name),
        disposition_set=dispositions or make_disposition().set,
        opens_minute=0,
        closes_minute=24 * 60,
        by=agent,
        created_at=NOON,
    )
    campaign.agents.add(agent)
    return campaign


def make_target(
    *, campaign: Campaign, customer: Customer, agent: User, priority: int = 0
) -> Target:
    return Target.objects.create(
        campaign=campaign,
        customer=customer,
        agent=agent,
        priority=priority,
        state=TargetState.WAITING,
    )
