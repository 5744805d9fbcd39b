"""Making campaigns, filling them with customers, and working through them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, F
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.sql import load_sql
from furrow.customers.actions import allocate_customers
from furrow.customers.models import Customer, CustomerQuerySet
from furrow.organisation.models import Team, User
from furrow.pipeline.rules import Stage

from .models import Campaign, Disposition, DispositionSet, Script, ScriptVersion, Target
from .rules import (
    DEFAULT_DISPOSITIONS,
    CampaignState,
    CannotChangeCampaign,
    Effect,
    TargetState,
    check_move,
)


@dataclass(frozen=True)
class CampaignDraft:
    """What a campaign is made of. Minutes are after midnight, the customer's time."""

    name: str
    stage: Stage
    script_version: ScriptVersion
    disposition_set: DispositionSet
    agents: Sequence[User]
    opens_minute: int = 9 * 60
    closes_minute: int = 20 * 60
    product: str = ""
    team: Team | None = None
    audience: str = ""
    target_attempts_per_agent_day: int = 150
    target_conversions: int = 0


@transaction.atomic
def create_campaign(*, draft: CampaignDraft, by: User, at: datetime) -> Campaign:
    """Store a campaign in draft. Raises CannotChangeCampaign without agents or open hours."""
    if not draft.agents:
        raise CannotChangeCampaign(_("A campaign needs at least one agent."), rule="C1")
    if draft.opens_minute >= draft.closes_minute:
        raise CannotChangeCampaign(_("The hours must open before they close."), rule="D4")
    campaign = Campaign.objects.create(
        name=draft.name,
        stage=draft.stage,
        product=draft.product,
        team=draft.team,
        script_version=draft.script_version,
        disposition_set=draft.disposition_set,
        audience=draft.audience,
        opens_minute=draft.opens_minute,
        closes_minute=draft.closes_minute,
        target_attempts_per_agent_day=draft.target_attempts_per_agent_day,
        target_conversions=draft.target_conversions,
        by=by,
        created_at=at,
    )
    campaign.agents.set(draft.agents)
    record("campaign.created", of=campaign, by=by.username, at=at, agents=len(draft.agents))
    return campaign


@transaction.atomic
def fill_campaign(
    *, campaign: Campaign, customers: CustomerQuerySet, by: User, at: datetime
) -> Mapping[int, int]:
    """Put customers into a campaign and share the unowned ones evenly among its agents.

    A customer an agent of the campaign owns stays with that agent; one that somebody outside owns
    is left out, because only the owner may call (B3); so is one nobody may call (C4). Who waits in
    the campaign already follows the owner, where that has changed, and otherwise stays.
    Set-based: a few statements, whatever the number of customers.

    Returns agent id -> how many customers wait for that agent in this campaign now.
    """
    agents = list(campaign.agents.agents().order_by("pk"))
    if not agents:
        raise CannotChangeCampaign(_("None of its agents can work any more."), rule="C1")
    # Chosen before anybody is dealt: afterwards a filter such as "in the pool" no longer fits them.
    wanted = list(customers.callable().order_by("pk").values_list("pk", flat=True))
    allocate_customers(customers=wanted, agents=agents, by=by, at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.campaigns", "fill_campaign"),
            {
                "campaign": campaign.pk,
                "customers": wanted,
                "agents": [agent.pk for agent in agents],
            },
        )
        [added] = cursor.fetchone() or [0]
    record("campaign.filled", of=campaign, by=by.username, at=at, added=added)
    waiting = (
        Target.objects.filter(campaign=campaign, state=TargetState.WAITING)
        .exclude(agent=None)
        .values_list("agent_id")
        .annotate(waiting=Count("id"))
        .order_by()
    )
    return dict.fromkeys((agent.pk for agent in agents), 0) | dict(waiting)


@transaction.atomic
def make_campaign(
    *, draft: CampaignDraft, customers: CustomerQuerySet, by: User, at: datetime
) -> tuple[Campaign, Mapping[int, int]]:
    """Create a campaign and fill it, both or neither. Returns it and who got how many.

    Raises CannotChangeCampaign as the two do.
    """
    campaign = create_campaign(draft=draft, by=by, at=at)
    return campaign, fill_campaign(campaign=campaign, customers=customers, by=by, at=at)


@transaction.atomic
def change_state(*, campaign: Campaign, to: CampaignState, by: User, at: datetime) -> Campaign:
    """Start, pause, resume or end a campaign. Raises CannotChangeCampaign."""
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    check_move(CampaignState(campaign.state), to)
    if to is CampaignState.RUNNING and not campaign.target_set.exists():
        raise CannotChangeCampaign(
            _("Nobody is in this campaign yet. Choose its customers first."), rule="C1"
        )
    before = campaign.state
    campaign.state = to
    if to is CampaignState.RUNNING and campaign.started_at is None:
        campaign.started_at = at
    if to is CampaignState.ENDED:
        campaign.ended_at = at
    campaign.save(update_fields=["state", "started_at", "ended_at"])
    record("campaign.state_changed", of=campaign, by=by.username, at=at, before=before, after=to)
    return campaign


def count_attempt(*, campaign_id: int, customer_id: int) -> None:
    """One more call was dialled to this customer in this campaign."""
    Target.objects.filter(campaign_id=campaign_id, customer_id=customer_id).update(
        attempts=F("attempts") + 1
    )


def finish_target(*, campaign_id: int, customer_id: int, at: datetime) -> bool:
    """This customer needs no more calls in this campaign. False if that was known."""
    return bool(
        Target.objects.filter(
            campaign_id=campaign_id, customer_id=customer_id, state=TargetState.WAITING
        ).update(state=TargetState.DONE, done_at=at)
    )


def put_off_target(*, campaign_id: int, customer_id: int, until: datetime) -> bool:
    """Not before `until`. False if the customer is not waiting in this campaign."""
    return bool(
        Target.objects.filter(
            campaign_id=campaign_id, customer_id=customer_id, state=TargetState.WAITING
        ).update(not_before=until)
    )


def take_out_everywhere(*, customer_id: int, at: datetime) -> int:
    """Take a customer out of every campaign; returns out of how many."""
    return Target.objects.filter(customer_id=customer_id, state=TargetState.WAITING).update(
        state=TargetState.OUT, done_at=at
    )


@transaction.atomic
def save_script(*, name: str, body: Mapping[str, Any], by: User, at: datetime) -> ScriptVersion:
    """A new version of the script called `name`, made if there is none. Old ones stay (H3)."""
    script, _made = Script.objects.get_or_create(name=name)
    Script.objects.select_for_update().get(pk=script.pk)  # two editors: versions 2 and 3
    latest = script.versions.order_by("-version").first()
    version = ScriptVersion.objects.create(
        script=script,
        version=latest.version + 1 if latest else 1,
        body=dict(body),
        by=by,
        at=at,
    )
    record("script.saved", of=script, by=by.username, at=at, version=version.version)
    return version


@transaction.atomic
def seed_dispositions(*, name: str, by: User, at: datetime) -> DispositionSet:
    """The set a new company starts with; the one that is there when it has been made before."""
    found, made = DispositionSet.objects.get_or_create(name=name)
    if made:
        Disposition.objects.bulk_create(
            Disposition(set=found, key=key, name_en=en, name_zh=zh, effect=effect)
            for key, en, zh, effect in DEFAULT_DISPOSITIONS
        )
        record("dispositions.seeded", of=found, by=by.username, at=at)
    return found


@transaction.atomic
def save_disposition(
    *,
    set: DispositionSet,
    key: int,
    name_en: str,
    name_zh: str,
    effect: Effect,
    by: User,
    at: datetime,
) -> Disposition:
    """Change what a key says and does, from now on; earlier calls keep what they were given."""
    found, _made = Disposition.objects.update_or_create(
        set=set, key=key, defaults={"name_en": name_en, "name_zh": name_zh, "effect": effect}
    )
    record("disposition.saved", of=found, by=by.username, at=at, key=key, effect=effect)
    return found


def move_targets(duplicate: Customer, into: Customer) -> None:
    """Where both are in a campaign, the kept one's place stands."""
    both = Target.objects.filter(customer=into).values("campaign_id")
    Target.objects.filter(customer=duplicate, campaign__in=both).delete()
    Target.objects.filter(customer=duplicate).update(customer=into)
