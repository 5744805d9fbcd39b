"""What our numbers did, and which is next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from furrow.compliance.areas import area_of
from furrow.compliance.rules import regions_for

from .models import CallerId, Pool, Use
from .rules import DAY, HOUR, LEAST_RESULTS, LineState, free_at


def pools_for(*, e164: str, region: str, campaign_id: int | None) -> list[Pool]:
    """The pools a call may come from, the nearest first: the campaign's own, then by region."""
    regions = regions_for(area_of(e164, region))
    fits = Q(campaigns=None) | Q(campaigns=campaign_id) if campaign_id else Q(campaigns=None)
    pools = Pool.objects.filter(fits, is_active=True, region__in=regions).distinct()
    own = set(Pool.objects.filter(campaigns=campaign_id).values_list("pk", flat=True))
    return sorted(
        pools.order_by("pk"), key=lambda p: (p.pk not in own, regions.index(p.region), p.pk)
    )


def uses_of(caller_id: CallerId, *, at: datetime) -> list[datetime]:
    """When a number called within the day before `at`, the newest first."""
    uses = Use.objects.filter(caller_id=caller_id, at__gt=at - DAY)
    return list(uses.order_by("-at").values_list("at", flat=True))


def next_line_at(pools: list[Pool], *, at: datetime) -> datetime | None:
    """When the first number of these pools may call again; None when none is ours any more."""
    moments = []
    for caller_id in CallerId.objects.filter(pool__in=pools, retired_at=None).select_related(
        "pool"
    ):
        pool = caller_id.pool
        free = free_at(
            uses_of(caller_id, at=at),
            most_per_hour=pool.most_per_hour,
            most_per_day=pool.most_per_day,
            at=at,
        )
        moments.append(max(free, caller_id.resting_until or at))
    return min(moments, default=None)


@dataclass(frozen=True)
class LineTold:
    """One number as the page lists it."""

    caller_id: CallerId
    state: LineState
    last_hour: int
    last_day: int
    answered: float | None  # share of its results, None before there are enough
    evidence: float  # of the alarm, 0 to 1


@dataclass(frozen=True)
class PoolTold:
    pool: Pool
    lines: list[LineTold]
    ready: int
    answer_rate: float | None


def pools_told(*, at: datetime, alarm: float) -> list[PoolTold]:
    """Every pool by name, its numbers, what they did in the last hour and day."""
    used: Mapping[int, dict[str, int]] = {
        row["caller_id"]: {"hour": row["hour"], "day": row["day"]}
        for row in Use.objects.filter(at__gt=at - DAY, at__lte=at)
        .values("caller_id")
        .order_by("caller_id")
        .annotate(day=Count("id"), hour=Count("id", filter=Q(at__gt=at - HOUR)))
    }
    told = []
    pools = Pool.objects.order_by("name").prefetch_related("campaigns", "caller_ids")
    for pool in pools:
        lines = [
            LineTold(
                caller_id=one,
                state=one.state(at),
                last_hour=used.get(one.pk, {}).get("hour", 0),
                last_day=used.get(one.pk, {}).get("day", 0),
                answered=one.answered / one.dialled if one.dialled >= 20 else None,
                evidence=min(one.decay / alarm, 1.0),
            )
            for one in sorted(pool.caller_ids.all(), key=lambda one: one.pk)
        ]
        dialled = sum(line.caller_id.dialled for line in lines)
        answered = sum(line.caller_id.answered for line in lines)
        told.append(
            PoolTold(
                pool=pool,
                lines=lines,
                ready=sum(line.state is LineState.READY for line in lines),
                answer_rate=answered / dialled if dialled >= LEAST_RESULTS else None,
            )
        )
    return told
