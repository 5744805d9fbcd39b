"""Rules tried on the past: who would have lost whom, and which of those were sold later.

The same `rules.due_of` that judges tonight judges every night of the days tried: once by the rules
tried, and to compare by the rules of each night's own time. What the past did not write down cannot
be asked: reasons to be spared (a complaint that was open then) are left out, so a trial errs
towards losing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection

from furrow.common.sql import load_sql
from furrow.customers.models import Customer
from furrow.organisation.models import User

from .declarations import pauses_of, traits_of
from .queries import calendars, company_zone, today_of, versions_until, with_pauses
from .rules import DAY, Clock, Held, Rules, begins, due_of, rules_from, traits_used

_MOST_SHOWN = 100


@dataclass(frozen=True)
class WouldLose:
    """One customer that an owner would have lost on a day, by a clock; `sold_at` if sold later."""

    customer: Customer
    owner: User
    on: date
    clock: str
    sold_at: datetime | None


@dataclass(frozen=True)
class ByOwner:
    """How many an owner would have lost, by the rules tried and by those of the time."""

    owner: User
    tried: int
    present: int


@dataclass(frozen=True)
class Trial:
    """What the rules tried would have done in the last `days` days.

    lost     customers lost by the rules tried
    before   customers lost by the rules that were in force on each of these nights
    sold     how many of `lost` were sold after that day
    """

    days: int
    lost: int
    before: int
    sold: int
    owners: list[ByOwner]
    rows: list[WouldLose]


@dataclass(frozen=True)
class _Loss:
    customer_id: int
    owner_id: int
    on: date
    clock: Clock


# The first loss of each ownership: by customer, and when it began.
_Losses = dict[tuple[int, datetime], _Loss]


def simulate(*, body: Mapping[str, Any], days: int, at: datetime) -> Trial:
    """Try rules on the last `days` days. Raises ValueError when they are none.

    Two passes over the ledger of owners and the acts of the time, and two more for each version
    that was in force meanwhile; about 5 s for each two at 5,000,000 customers, most of it sorting.
    """
    tried = rules_from(body, version=0)
    today = today_of(at)
    mine = list(_losses(tried, from_on=today - days * DAY, until_on=today + DAY, at=at).values())
    theirs = _losses_of_their_time(days=days, at=at).values()
    sold = _sold_after(mine)
    tally = Counter(loss.owner_id for loss in mine)
    before = Counter(loss.owner_id for loss in theirs)
    people = User.objects.select_related("team").in_bulk(tally.keys() | before.keys())
    # Those sold later first: they are what the rules would have cost.
    mine.sort(key=lambda one: (one.customer_id not in sold, one.on, one.customer_id))
    shown = mine[:_MOST_SHOWN]
    customers = Customer.objects.in_bulk([one.customer_id for one in shown])
    return Trial(
        days=days,
        lost=len(mine),
        before=len(theirs),
        sold=len(sold),
        owners=sorted(
            (ByOwner(person, tally[pk], before[pk]) for pk, person in people.items()),
            key=lambda row: (-row.tried, row.owner.pk),
        ),
        rows=[
            WouldLose(
                customers[one.customer_id], people[one.owner_id], one.on,
                str(one.clock.label), sold.get(one.customer_id),
            )
            for one in shown
        ],
    )  # fmt: skip


def _losses_of_their_time(*, days: int, at: datetime) -> _Losses:
    """What was lost by the rules of each night: those in force when its day began."""
    zone, today = company_zone(), today_of(at)
    found: _Losses = {}
    nights = [today + n * DAY for n in range(-days, 1)]
    known = versions_until(at)
    for rules, during in groupby(nights, key=lambda on: _in_force(known, begins(on, zone))):
        stretch = list(during)
        lost = _losses(rules, from_on=stretch[0], until_on=stretch[-1] + DAY, at=at)
        found = lost | found  # what was lost once is lost
    return found


def _in_force(known: Sequence[tuple[datetime, Rules]], at: datetime) -> Rules:
    return next(rules for from_at, rules in known if from_at <= at)


def _losses(rules: Rules, *, from_on: date, until_on: date, at: datetime) -> _Losses:
    """The first loss of each ownership, on a night from `from_on` on and before `until_on`."""
    if not rules.is_on:
        return {}
    zone, today = company_zone(), today_of(at)
    cal = calendars(at=at)
    found: _Losses = {}
    for deals in (False, True):
        gaps = list(_gaps(rules, deals=deals, since=begins(from_on, zone), at=at))
        ids = [gap[0] for gap in gaps]
        known = traits_of(ids, traits_used(rules), at=at)
        stops = pauses_of(ids, at=at)
        for customer, owner, began, from_at, to_at, strength, team in gaps:
            safe_days = rules.protect_days.get(strength, 0) if strength else 0
            held = Held(
                owned_since=began,
                effective_at=from_at if strength and not deals else None,
                dealt_at=from_at if strength and deals else None,
                protected_until=from_at + safe_days * DAY if safe_days else None,
                team_id=team,
                traits=known.get(customer, {}),
            )
            calendar = with_pauses(cal.of(owner), stops.get(customer, ()))
            due = due_of(held, rules=_only(rules, deals=deals), calendar=calendar, zone=zone)
            if due is None:
                continue
            # Announced on the night after the last day; it would be gone some hours later.
            lost_on = max(due.last_on + DAY, from_on)
            gone_on = lost_on + timedelta(hours=rules.soft_hours)
            if gone_on > to_at.astimezone(zone).date() or gone_on > today or lost_on >= until_on:
                continue
            loss = _Loss(customer, owner, lost_on, due.clock)
            earlier = found.get((customer, began))
            if earlier is None or loss.on < earlier.on:
                found[customer, began] = loss
    return found


def _only(rules: Rules, *, deals: bool) -> Rules:
    """The same rules with the clock of the sale alone, or without it."""
    from dataclasses import replace

    pools = tuple(
        replace(
            pool,
            clocks=tuple(
                replace(c, first_days=None, next_days=None) if deals else replace(c, deal_days=None)
                for c in pool.clocks
            ),
        )
        for pool in rules.pools
    )
    return replace(rules, pools=pools)


def _gaps(rules: Rules, *, deals: bool, since: datetime, at: datetime) -> Iterable[tuple[Any, ...]]:
    clocks = [c for pool in rules.pools for c in pool.clocks]
    periods = [c.deal_days for c in clocks] if deals else [
        days for c in clocks for days in (c.first_days, c.next_days)
    ]  # fmt: skip
    shortest = min((period for period in periods if period is not None), default=None)
    if shortest is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.ownership", "gaps"),
            {
                "since": since, "at": at, "deals": deals,
                "talk_seconds": rules.talk_seconds,
                # A period ends with a day: it may be almost a day shorter than it says.
                "shortest": f"{max(shortest - 1, 0)} days",
            },
        )  # fmt: skip
        yield from cursor.fetchall()


def _sold_after(losses: Iterable[_Loss]) -> dict[int, datetime]:
    """Customer -> when it was sold, of those sold after the day it would have been lost."""
    lost = list(losses)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT lost.customer, min(act.at)
               FROM unnest(%s::bigint[], %s::date[]) AS lost (customer, day)
               JOIN ownership_act AS act
                   ON act.customer_id = lost.customer AND act.is_deal AND act.at > lost.day
               GROUP BY lost.customer""",
            [[one.customer_id for one in lost], [one.on for one in lost]],
        )
        return dict(cursor.fetchall())
