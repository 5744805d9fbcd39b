"""Answers about campaigns."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q, Sum, Value

from furrow.acquisition.models import Source
from furrow.customers.models import CustomerQuerySet
from furrow.customers.queries import first_callable
from furrow.organisation.models import User
from furrow.pipeline.queries import BOOK
from furrow.pipeline.rules import Stage
from furrow.rulebooks.queries import rules_at

from .models import Campaign, DispositionSet, Script, ScriptVersion, Target
from .rules import CampaignState, TargetState


@dataclass(frozen=True)
class Progress:
    """How far a campaign is: customers by state, and calls dialled."""

    waiting: int
    done: int
    out: int
    attempts: int

    @property
    def total(self) -> int:
        return self.waiting + self.done + self.out

    @property
    def percent_done(self) -> int:
        return round(100 * (self.done + self.out) / self.total) if self.total else 0


def next_target(*, agent: User, at: datetime, skip: Collection[int] = ()) -> Target | None:
    """Whom this agent calls next: running campaigns, highest priority first, then oldest.

    skip  ids of customers to pass over
    None when nobody waits whom somebody may call. Cost: one index scan of the agent's queue.
    """
    waiting = (
        Target.objects.waiting(at)
        .filter(agent=agent, campaign__state=CampaignState.RUNNING, customer__owner=agent)
        .select_related("campaign__script_version__script", "customer")
        .exclude(customer_id__in=skip)
        .order_by("-priority", "attempts", "id")
    )
    return first_callable(waiting)  # somebody may have opted out since it was filled


def waiting_count(*, agent: User, at: datetime, most: int = 1000) -> int:
    """How many wait for this agent now, counted up to `most`."""
    waiting = Target.objects.waiting(at).filter(
        agent=agent, campaign__state=CampaignState.RUNNING, customer__owner=agent
    )
    return waiting.order_by()[:most].count()


def progress_of(campaigns: list[Campaign]) -> Mapping[int, Progress]:
    """Progress by campaign id; one grouped query for the whole page, counted within an index."""
    rows = (
        Target.objects.filter(campaign__in=campaigns)
        .values("campaign_id")
        .order_by("campaign_id")
        .annotate(
            waiting=Count(Value(1), filter=Q(state__in=[TargetState.WAITING, TargetState.HELD])),
            done=Count(Value(1), filter=Q(state=TargetState.DONE)),
            out=Count(Value(1), filter=Q(state=TargetState.OUT)),
            dialled=Sum("attempts"),
        )
    )
    found = {
        row["campaign_id"]: Progress(row["waiting"], row["done"], row["out"], row["dialled"] or 0)
        for row in rows
    }
    return {c.pk: found.get(c.pk, Progress(0, 0, 0, 0)) for c in campaigns}


@dataclass(frozen=True)
class AgentShare:
    agent_id: int
    name: str
    waiting: int
    done: int
    attempts: int


def shares_of(campaign: Campaign) -> list[AgentShare]:
    """Each agent's part of a campaign, by name; agents without customers included."""
    rows: dict[int | None, dict[str, Any]] = {
        row["agent_id"]: dict(row)
        for row in Target.objects.filter(campaign=campaign)
        .values("agent_id")
        .order_by("agent_id")
        .annotate(
            waiting=Count("id", filter=Q(state=TargetState.WAITING)),
            done=Count("id", filter=~Q(state=TargetState.WAITING)),
            dialled=Sum("attempts"),
        )
    }
    return [
        AgentShare(
            agent.pk,
            str(agent),
            rows.get(agent.pk, {}).get("waiting", 0),
            rows.get(agent.pk, {}).get("done", 0),
            rows.get(agent.pk, {}).get("dialled", 0) or 0,
        )
        for agent in campaign.agents.order_by("display_name", "pk")
    ]


@dataclass(frozen=True)
class ListShare:
    """One list within a campaign: its wanted share, and what it has given so far."""

    source_id: int
    name: str
    share: int  # wanted, in parts beside the others'; 0 = after all lists with a share
    waiting: int
    attempts: int


def lists_of(campaign: Campaign) -> list[ListShare]:
    """The lists whose customers are in a campaign, the most waiting first."""
    wanted = {int(part["source"]): int(part["share"]) for part in campaign.mix}
    counted = (
        Target.objects.filter(campaign=campaign)
        .exclude(source_ref=None)
        .values("source_ref")
        .order_by("source_ref")
        .annotate(waiting=Count("id", filter=Q(state=TargetState.WAITING)), dialled=Sum("attempts"))
    )
    rows: list[dict[str, Any]] = [dict(row) for row in counted]
    names = dict(
        Source.objects.filter(pk__in=[row["source_ref"] for row in rows])
        .order_by("pk")
        .values_list("pk", "name")
    )
    found = [
        ListShare(
            row["source_ref"],
            names.get(row["source_ref"], ""),
            wanted.get(row["source_ref"], 0),
            row["waiting"],
            row["dialled"] or 0,
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (-one.waiting, one.source_id))


@dataclass(frozen=True)
class AudienceSize:
    """How many customers a filter finds, how many of them nobody owns; counted up to a limit."""

    total: int
    in_pool: int
    is_capped: bool


def audience_size(customers: CustomerQuerySet, *, most: int = 200_000) -> AudienceSize:
    total = customers.order_by()[: most + 1].count()
    pool = customers.in_pool().order_by()[: most + 1].count()
    return AudienceSize(min(total, most), min(pool, most), total > most)


@dataclass(frozen=True)
class ScriptRow:
    script: Script
    version: int
    saved_at: datetime | None
    campaigns: int


def scripts_with_latest() -> list[ScriptRow]:
    """Every script by name, its latest version, and how many campaigns use any version."""
    rows = Script.objects.annotate(
        latest=Max("versions__version"),
        saved=Max("versions__at"),
        used=Count("versions__campaign", distinct=True),
    ).order_by("name")
    return [ScriptRow(row, row.latest or 0, row.saved, row.used) for row in rows]


def script_choices() -> list[tuple[str, str]]:
    return [
        (str(pk), name) for pk, name in Script.objects.order_by("name").values_list("pk", "name")
    ]


def disposition_choices() -> list[tuple[str, str]]:
    sets = DispositionSet.objects.order_by("name")
    return [(str(pk), name) for pk, name in sets.values_list("pk", "name")]


def begin_with(stage: str, *, at: datetime) -> dict[str, Any]:
    """What the form of a new campaign of this stage says at first, by the stage's rules."""
    stage = stage if stage in Stage.values else Stage.SCREENING
    rules = rules_at(BOOK, at).stages[Stage(stage)]
    latest = ScriptVersion.objects.filter(script=rules.script).order_by("-version").first()
    said = {
        "stage": stage,
        "team": rules.team,
        "script_version": latest,
        "disposition_set": rules.dispositions or None,
        "target_attempts_per_agent_day": rules.calls_a_day,
    }
    return {name: value for name, value in said.items() if value}
