"""Follow-up rules tried on the past: how many reminders, for whom, and how many tries and refusals
would have led to another call."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count
from django.utils.translation import gettext as _

from furrow.calls.models import Call
from furrow.calls.rules import Outcome
from furrow.common.sql import load_sql
from furrow.organisation.models import User
from furrow.rulebooks.queries import rules_at

from .queries import BOOK, policy_arrays
from .rules import DAY, FollowUpRules, rules_from


@dataclass(frozen=True)
class Tried:
    """One kind of reminder: by the rules tried, by those in force, and sold soon after."""

    name: str
    tried: int
    present: int
    sold: int | None  # of `tried`; None where it is not asked


@dataclass(frozen=True)
class Trial:
    """What the rules tried would have done in the last `days` days."""

    days: int
    revisits: list[Tried]
    retries: list[Tried]
    busiest: tuple[User, float, float] | None  # who, reminders a day tried and by those in force

    @property
    def tried(self) -> int:
        return sum(row.tried for row in self.revisits)

    @property
    def present(self) -> int:
        return sum(row.present for row in self.revisits)


def simulate(*, body: Mapping[str, Any], days: int, at: datetime) -> Trial:
    """Try rules on the last `days` days. Raises ValueError when they are none.

    One pass over the calls for the revisits, twice, and one over the unanswered of those days.
    """
    tried, now = rules_from(body, version=0), rules_at(BOOK, at)
    mine, theirs = (_reminders(rules, days=days, at=at) for rules in (tried, now))
    names = {one.key: _(one.name) for one in (*now.revisits, *tried.revisits)}
    keys = list(dict.fromkeys(one.key for one in (*tried.revisits, *now.revisits)))
    loads = Counter[int]()
    for (_key, owner), (count, _sold) in mine.items():
        loads[owner] += count
    busiest = None
    if loads:
        [(owner, most)] = loads.most_common(1)
        before = sum(n for (_key, who), (n, _sold) in theirs.items() if who == owner)
        busiest = (User.objects.get(pk=owner), most / days, before / days)
    return Trial(
        days=days,
        revisits=[
            Tried(names[key], _sum(mine, key, 0), _sum(theirs, key, 0), _sum(mine, key, 1))
            for key in keys
        ],
        retries=_retries(tried, now, days=days, at=at),
        busiest=busiest,
    )


def _sum(found: Mapping[tuple[str, int], tuple[int, int]], key: str, place: int) -> int:
    return sum(counts[place] for (one, _owner), counts in found.items() if one == key)


def _reminders(
    rules: FollowUpRules, *, days: int, at: datetime
) -> dict[tuple[str, int], tuple[int, int]]:
    """(policy, owner) -> reminders, and how many of them bought soon after."""
    if not rules.is_on:
        return {}
    shortest = min(one.every_days for one in rules.revisits)
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.followups", "gaps"),
            {
                **policy_arrays(rules), "since": at - days * DAY, "at": at,
                "shortest": f"{shortest} days",
            },
        )  # fmt: skip
        return {(key, owner): (count, sold) for key, owner, count, sold in cursor.fetchall()}


def _retries(tried: FollowUpRules, now: FollowUpRules, *, days: int, at: datetime) -> list[Tried]:
    """Of the calls of those days that reached nobody, how many would be tried again."""
    missed = (
        Call.objects.filter(ended_at__gte=at - timedelta(days=days), dialed_at__isnull=False)
        .exclude(outcome=Outcome.ANSWERED)
        .order_by()
        .values_list("outcome", "attempt")
        .annotate(n=Count("*"))
    )
    tally: dict[str, list[int]] = {}
    for outcome, attempt, count in missed:
        for place, rules in enumerate((tried, now)):
            rule = rules.retries.get(Outcome(outcome))
            row = tally.setdefault(outcome, [0, 0])
            row[place] += count if rule and attempt < rule.max_attempts else 0
    return [
        Tried(str(Outcome(outcome).label), mine, theirs, None)
        for outcome, (mine, theirs) in sorted(tally.items())
    ]
