"""Making campaigns, filling them with customers, and working through them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, F
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.sql import load_sql
from furrow.customers.models import Customer, CustomerQuerySet
from furrow.organisation.models import Team, User
from furrow.pipeline.rules import Stage
from furrow.teamwork.actions import deal_customers
from furrow.teamwork.queries.dealing import Offer

from .models import Campaign, Disposition, DispositionSet, Pilot, Script, ScriptVersion, Target
from .rules import (
    BEFORE_ALL,
    DEFAULT_DISPOSITIONS,
    DEFAULT_SLOTS,
    FROM_THE_POOL,
    CampaignState,
    CannotChangeCampaign,
    DialMode,
    Effect,
    PilotVerdict,
    TargetState,
    check_move,
    default_retry_minutes,
)


@dataclass(frozen=True)
class Dialing:
    """How a campaign dials. Minutes of `slots` are after midnight, the customer's time."""

    dial_mode: DialMode = DialMode.MANUAL
    preview_seconds: int = 30  # 0 to 600; 0 = until the agent dials
    abandon_percent: Decimal = Decimal("2.5")  # 0 to 5, of the calls people answer
    abandon_window_hours: int = 24  # 1 to 720, over which the limit is counted
    machine_error_percent: Decimal = Decimal("2.0")  # 0 to 50, of the calls taken for machines'
    small_team: int = 5  # 0 to 50; fewer agents than this are dialled for one line each
    callback_minutes: int = 5  # 0 to 240, until the team keeps an absent agent's promise
    ring_seconds: int = 30  # 15 to 60
    most_attempts: int = 6  # 1 to 50, per customer in this campaign
    attempts_per_slot: int = 1  # >= 1, per customer, day and part of the day
    weight: int = 5  # 1 to 10, beside the agent's other campaigns
    slots: Sequence[int] = DEFAULT_SLOTS
    retry_minutes: Mapping[str, int] = field(default_factory=default_retry_minutes)
    mix: Sequence[Mapping[str, int]] = ()  # [{"source": 3, "share": 60}]

    def check(self) -> None:
        """Raise CannotChangeCampaign naming what lies outside its range."""
        for name, low, high in (
            ("preview_seconds", 0, 600),
            ("abandon_percent", 0, 5),
            ("abandon_window_hours", 1, 720),
            ("machine_error_percent", 0, 50),
            ("small_team", 0, 50),
            ("callback_minutes", 0, 240),
            ("ring_seconds", 15, 60),
            ("most_attempts", 1, 50),
            ("attempts_per_slot", 1, 50),
            ("weight", 1, 10),
        ):
            if not low <= getattr(self, name) <= high:
                raise CannotChangeCampaign(
                    _("“%(name)s” must lie between %(low)d and %(high)d.")
                    % {
                        "name": str(getattr(Campaign._meta.get_field(name), "verbose_name", name)),
                        "low": low,
                        "high": high,
                    },
                    rule="D1",
                )
        if not self.slots or any(not 0 <= minute < 1440 for minute in self.slots):
            raise CannotChangeCampaign(_("Say when each part of the day begins."), rule="D5")
        if any(part["share"] < 0 for part in self.mix):
            raise CannotChangeCampaign(_("A list's share cannot be less than nothing."), rule="H6")


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
    dialing: Dialing = field(default_factory=Dialing)


@transaction.atomic
def create_campaign(*, draft: CampaignDraft, by: User, at: datetime) -> Campaign:
    """Store a campaign in draft. Raises CannotChangeCampaign without agents or open hours."""
    if not draft.agents:
        raise CannotChangeCampaign(_("A campaign needs at least one agent."), rule="C1")
    if draft.opens_minute >= draft.closes_minute:
        raise CannotChangeCampaign(_("The hours must open before they close."), rule="D4")
    draft.dialing.check()
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
        **_stored(draft.dialing),
    )
    campaign.agents.set(draft.agents)
    record("campaign.created", of=campaign, by=by.username, at=at, agents=len(draft.agents))
    return campaign


def _stored(dialing: Dialing) -> dict[str, Any]:
    return {f.name: getattr(dialing, f.name) for f in fields(dialing)} | {
        "slots": sorted(set(dialing.slots)),
        "retry_minutes": dict(dialing.retry_minutes),
        "mix": [dict(part) for part in dialing.mix],
    }


@transaction.atomic
def set_dialing(*, campaign: Campaign, dialing: Dialing, by: User, at: datetime) -> Campaign:
    """Change how a campaign dials; the next call already follows. Raises CannotChangeCampaign."""
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if campaign.state == CampaignState.ENDED:
        raise CannotChangeCampaign(_("This campaign has ended."), rule="C1")
    dialing.check()
    changed = {
        name: value for name, value in _stored(dialing).items() if getattr(campaign, name) != value
    }
    for name, value in changed.items():
        setattr(campaign, name, value)
    if changed:
        campaign.save(update_fields=list(changed))
        told = {name: str(value) for name, value in changed.items()}
        record("campaign.dialing_changed", of=campaign, by=by.username, at=at, **told)
    return campaign


@transaction.atomic
def set_agents(
    *, campaign: Campaign, agents: Sequence[User], by: User, at: datetime
) -> tuple[int, int]:
    """Who works on a campaign, from now on. Returns how many came and how many went.

    Who went keeps no place in it: their waiting customers stay theirs and wait for nobody here
    until the campaign is refilled. Raises CannotChangeCampaign when nobody would be left.
    """
    if not agents:
        raise CannotChangeCampaign(_("A campaign needs at least one agent."), rule="C1")
    before = set(campaign.agents.values_list("pk", flat=True))
    after = {agent.pk for agent in agents}
    if before != after:
        campaign.agents.set(agents)
        record(
            "campaign.agents_changed", of=campaign, by=by.username, at=at,
            came=sorted(after - before), went=sorted(before - after),
        )  # fmt: skip
    return len(after - before), len(before - after)


@transaction.atomic
def pause_drained(*, busy: Collection[int], by: User, at: datetime) -> int:
    """Pause the draining campaigns nobody is called for any more; returns how many.

    busy  ids of campaigns with somebody taken or on the line. Safe to repeat.
    """
    draining = Campaign.objects.filter(state=CampaignState.DRAINING)
    drained = list(draining.exclude(pk__in=busy).order_by("pk"))
    for campaign in drained:
        change_state(campaign=campaign, to=CampaignState.PAUSED, by=by, at=at)
    return len(drained)


@transaction.atomic
def fill_campaign(
    *, campaign: Campaign, customers: CustomerQuerySet, by: User, at: datetime
) -> Mapping[int, int]:
    """Put customers into a campaign and deal the unowned ones to its agents: by share, room and
    what suits (see teamwork).

    Where the dialer dials for whoever is free, the unowned ones stay in the pool: each becomes
    the customer of the agent who speaks first.

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
    keeps_pool = campaign.dial_mode in FROM_THE_POOL
    if not keeps_pool:
        # Whom nobody suits goes to anybody with room: whoever was chosen is to be called.
        offer = Offer(agents=agents, seed=campaign.pk, evens_out=False, insists=False)
        deal_customers(customer_ids=wanted, offer=offer, by=by, at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.campaigns", "fill_campaign"),
            {
                "campaign": campaign.pk,
                "customers": wanted,
                "agents": [agent.pk for agent in agents],
                "pool": keeps_pool,
                # While a trial is undecided, who comes later waits for its end.
                "state": TargetState.HELD if _is_on_trial(campaign) else TargetState.WAITING,
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
    """Start, drain, pause, resume or end a campaign. Raises CannotChangeCampaign."""
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


def _is_on_trial(campaign: Campaign) -> bool:
    return Pilot.objects.filter(campaign=campaign, decided_at=None).exists()


@dataclass(frozen=True)
class PilotDraft:
    """A trial: how many customers, and the success rates, in per cent of answered calls."""

    size: int
    good_percent: Decimal
    bad_percent: Decimal


@transaction.atomic
def start_pilot(*, campaign: Campaign, draft: PilotDraft, by: User, at: datetime) -> Pilot:
    """Try a campaign on a random part of its waiting customers; the others are held (H4).

    Started again after a verdict it is a new trial. Raises CannotChangeCampaign while one is on,
    or for figures out of order.
    """
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if campaign.state == CampaignState.ENDED:
        raise CannotChangeCampaign(_("This campaign has ended."), rule="C1")
    if _is_on_trial(campaign):
        raise CannotChangeCampaign(_("A trial is on. Decide it first."), rule="H4")
    if not 0 <= draft.bad_percent < draft.good_percent <= 100 or draft.size < 10:
        raise CannotChangeCampaign(
            _("A trial needs ten customers or more, and “pays” above “does not pay”."), rule="H4"
        )
    Target.objects.filter(campaign=campaign, state=TargetState.HELD).update(
        state=TargetState.WAITING
    )
    waiting = Target.objects.filter(campaign=campaign, state=TargetState.WAITING)
    chosen = list(waiting.order_by("?").values_list("pk", flat=True)[: draft.size])
    held = waiting.exclude(pk__in=chosen).update(state=TargetState.HELD)
    pilot, _made = Pilot.objects.update_or_create(
        campaign=campaign,
        defaults={
            "size": draft.size,
            "good_percent": draft.good_percent,
            "bad_percent": draft.bad_percent,
            "started_at": at,
            "by": by,
            "verdict": PilotVerdict.WAIT,
            "decided_at": None,
            "decided_by": None,
        },
    )
    record("pilot.started", of=pilot, by=by.username, at=at, size=len(chosen), held=held)
    return pilot


@transaction.atomic
def conclude_pilot(
    *, pilot: Pilot, verdict: PilotVerdict, trials: int, successes: int, by: User, at: datetime
) -> bool:
    """Go: the held customers are called too. Change or stop: the campaign pauses, they stay held.

    trials, successes  what the verdict rests on, for the record
    False when it was decided before, or the verdict is to wait.
    """
    if verdict is PilotVerdict.WAIT:
        return False
    open_ = Pilot.objects.select_for_update(of=("self",)).filter(pk=pilot.pk, decided_at=None)
    if not open_.update(verdict=verdict, decided_at=at, decided_by=by):
        return False
    campaign = Campaign.objects.select_for_update().get(pk=pilot.campaign_id)
    if verdict is PilotVerdict.GO:
        Target.objects.filter(campaign=campaign, state=TargetState.HELD).update(
            state=TargetState.WAITING
        )
    elif campaign.may_dial:
        change_state(campaign=campaign, to=CampaignState.PAUSED, by=by, at=at)
    record(
        "pilot.decided", of=pilot, by=by.username, at=at,
        verdict=verdict, trials=trials, successes=successes,
    )  # fmt: skip
    return True


@transaction.atomic
def set_second_script(
    *, campaign: Campaign, script: ScriptVersion | None, by: User, at: datetime
) -> None:
    """Let every second customer hear another script, to compare; None ends it."""
    Campaign.objects.filter(pk=campaign.pk).update(second_script=script)
    record(
        "campaign.second_script", of=campaign, by=by.username, at=at,
        script=script.pk if script else None,
    )  # fmt: skip


def uncount_attempt(*, campaign_id: int, customer_id: int) -> None:
    """The fault was ours: the attempt does not count against the customer's."""
    Target.objects.filter(campaign_id=campaign_id, customer_id=customer_id, attempts__gt=0).update(
        attempts=F("attempts") - 1
    )


def count_attempt(*, campaign_id: int, customer_id: int) -> None:
    """One more call was dialled to this customer in this campaign."""
    Target.objects.filter(campaign_id=campaign_id, customer_id=customer_id).update(
        attempts=F("attempts") + 1
    )


@transaction.atomic
def wake_targets(*, at: datetime, most: int = 5000) -> int:
    """Bring those put off until `at` back into the ready queue; returns how many. Safe to repeat.

    Whoever is being changed by somebody else comes with the next round.
    """
    due = Target.objects.filter(state=TargetState.WAITING, not_before__lte=at)
    few = due.order_by("not_before").select_for_update(skip_locked=True)[:most]
    return Target.objects.filter(pk__in=list(few.values_list("pk", flat=True))).update(
        not_before=None
    )


def prefer_target(*, campaign_id: int, customer_id: int) -> None:
    """Before all others in this campaign: we owe it to them (they were rung and met nobody)."""
    Target.objects.filter(campaign_id=campaign_id, customer_id=customer_id).update(
        priority=BEFORE_ALL
    )


def give_target(*, campaign_id: int, customer_id: int, agent_id: int) -> None:
    """From now on this agent works this customer here: somebody has spoken with them."""
    Target.objects.filter(campaign_id=campaign_id, customer_id=customer_id).update(agent=agent_id)


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


def hand_on(heirs: Mapping[int, int], person: User, at: datetime) -> int:
    """Places waiting in campaigns go with the customers: customer -> new owner. How many; one
    statement. An heir who is not one of the campaign's agents becomes one."""
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.campaigns", "hand_on"),
            {
                "customers": list(heirs),
                "heirs": list(heirs.values()),
                "person": person.pk,
            },
        )
        [moved] = cursor.fetchone() or [0]
    return int(moved)


def move_targets(duplicate: Customer, into: Customer) -> None:
    """Where both are in a campaign, the kept one's place stands."""
    both = Target.objects.filter(customer=into).values("campaign_id")
    Target.objects.filter(customer=duplicate, campaign__in=both).delete()
    Target.objects.filter(customer=duplicate).update(customer=into)
