"""Whom conditions choose, how many they are, and what calling them would take."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from random import Random

from django.db import OperationalError, connection, transaction
from django.db.models import Exists, Max, OuterRef
from django.utils.functional import Promise

from furrow.calls.models import Call
from furrow.customers.filters import Choice, Filter, filters, is_id
from furrow.customers.likelihood import likelihoods
from furrow.customers.models import Customer, CustomerQuerySet
from furrow.organisation.models import User

from .models import Member, Segment
from .rules import (
    ASSUMED,
    Condition,
    Conditions,
    Pace,
    Size,
    estimated,
    exactly,
    mean,
)

EXACT_UP_TO = 10_000
EXACT_MS, SAMPLE_MS = 250, 600  # PostgreSQL's own limits, so that a count answers within a second
SAMPLED = 10_000  # ids
_PACE_DAYS = 7
_FEW_CALLS = 200  # fewer say nothing about the pace


def known_filters() -> dict[str, Filter]:
    """By what a segment may choose: every filter of the list but segments themselves."""
    return {one.name: one for one in filters() if one.name != "segment"}


def chosen_by(conditions: Conditions, customers: CustomerQuerySet) -> CustomerQuerySet:
    """Those of `customers` who meet the conditions. An unknown filter, once declared by somebody
    who is gone, chooses nobody."""
    for group in conditions.said.groups:
        if len(group) == 1 and not group[0].is_not:
            customers = _met(group[0], customers)
        else:
            customers = customers & reduce(or_, (_alone(one) for one in group))
    return customers


def _met(condition: Condition, customers: CustomerQuerySet) -> CustomerQuerySet:
    known = known_filters().get(condition.filter)
    return known.apply(customers, condition.value) if known else customers.none()


def _alone(condition: Condition) -> CustomerQuerySet:
    """The condition as a query set that may be joined to others."""
    if not condition.is_not:
        return _met(condition, Customer.objects.all())
    same = _met(condition, Customer.objects.filter(pk=OuterRef("pk")))
    return Customer.objects.filter(~Exists(same))


def size_of(customers: CustomerQuerySet) -> Size:
    """How many: counted if there are few and that is quick, else estimated from a random sample of
    ids and said so. Answers within a second whatever the conditions."""
    try:
        count = _within(EXACT_MS, customers.order_by()[: EXACT_UP_TO + 1])
    except _TooSlow:
        count = EXACT_UP_TO + 1
    if count <= EXACT_UP_TO:
        return exactly(count)
    highest = Customer.objects.aggregate(most=Max("pk"))["most"] or 1
    looked_at = SAMPLED
    while True:
        # The same ids each time: a condition that chooses fewer is never told to choose more.
        ids = sorted(Random(highest).sample(range(1, highest + 1), min(looked_at, highest)))  # noqa: S311
        try:
            hits = _within(SAMPLE_MS, customers.filter(pk__in=ids).order_by())
        except _TooSlow:
            if looked_at <= SAMPLED // 16:
                raise
            looked_at //= 4
            continue
        return estimated(hits=hits, looked_at=len(ids), of=highest)


class _TooSlow(Exception):
    """PostgreSQL was stopped."""


def _within(milliseconds: int, customers: CustomerQuerySet) -> int:
    with _stopping(milliseconds):
        return customers.count()


@contextmanager
def _stopping(milliseconds: int) -> Iterator[None]:
    """No statement in it takes longer: raises _TooSlow, and the connection goes on."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [milliseconds])
            yield
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError as stopped:
        if "statement timeout" in str(stopped):
            raise _TooSlow from None
        raise


# -- a segment as a filter of the list (see customers.filters) -----------------------------------


def in_segment(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    """Whom the segment with this id held when it was counted last."""
    if not is_id(value):
        return customers.none()
    members = Member.objects.filter(segment=int(value)).values("customer_id")
    return customers.filter(pk__in=members)


def segment_choices(user: User) -> list[Choice]:
    segments = Segment.objects.visible_to(user).order_by("name")
    return [(str(segment.pk), segment.name) for segment in segments]


# -- what calling it takes -----------------------------------------------------------------------


def pace_at(at: datetime) -> Pace:
    """From the calls of the last week; a plan's where there were too few. One query."""
    since = at - timedelta(days=_PACE_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT count(*), count(DISTINCT customer_id),
                    count(DISTINCT (agent_id, (queued_at AT TIME ZONE 'UTC')::date))
                FROM {Call._meta.db_table} WHERE queued_at >= %s AND queued_at < %s
                    AND agent_id IS NOT NULL""",  # noqa: S608  a table's name
            [since, at],
        )
        calls, customers, agent_days = cursor.fetchone() or (0, 0, 0)
    if calls < _FEW_CALLS or not customers or not agent_days:
        return ASSUMED
    return Pace(attempts=calls / customers, calls_per_day=calls / agent_days, is_measured=True)


def likely(customers: CustomerQuerySet, *, most: int = 2000) -> float | None:
    """The mean probability to buy, of a part of them; None where nobody has learned it, or finding
    it takes too long."""
    try:
        with _stopping(SAMPLE_MS):
            ids = list(customers.order_by("-pk").values_list("pk", flat=True)[:most])
            return mean(list(likelihoods(ids).values()))
    except _TooSlow:
        return None


# -- in words ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """A condition as people read it."""

    label: str | Promise
    shown: str | Promise
    is_not: bool


def in_words(conditions: Conditions, *, user: User) -> list[list[Said]]:
    known = known_filters()
    labels: Mapping[str, dict[str, str | Promise]] = {
        name: dict(known[name].choices(user))  # type: ignore[misc]
        for name in conditions.filters
        if name in known and known[name].choices
    }
    return [
        [
            Said(
                known[one.filter].label if one.filter in known else one.filter,
                labels.get(one.filter, {}).get(one.value, one.value),
                one.is_not,
            )
            for one in group
        ]
        for group in conditions.said.groups
    ]
