"""Calls as rows to learn from: each with what was known before it, and what came of it.

One walk over a customer's calls gives the rows of the past and the row of a call to come, so that
what is learned from and what is asked about are made alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from furrow.acquisition.models import Lead
from furrow.calls.models import Call
from furrow.calls.rules import Outcome
from furrow.campaigns.rules import Effect
from furrow.common.phone import zone
from furrow.common.sql import load_sql
from furrow.customers.models import Customer, Number
from furrow.customers.rules import FACTS, FIELD_OF_FACT
from furrow.organisation.rights import Field
from furrow.pipeline.rules import CP_FOR_ACQUISITION
from furrow.science.scoring import Value
from furrow.science.timing import Cell

from .rules import MOST_CALLS, WINDOW

# Private facts (family, income, …) are not learned from; free text says little and is left out.
_FACTS = sorted(
    {
        fact.name
        for facts in FACTS.values()
        for fact in facts
        if FIELD_OF_FACT[fact.name] is not Field.PRIVATE
        and fact.name in {"sex", "occupation", "size", "industry", "business_model"}
    }
)


@dataclass(frozen=True)
class Done:
    """One ended call, as told by sql/history.sql."""

    customer: int
    call: int
    at: datetime
    hour: int
    weekday: int
    outcome: str
    effect: str
    cp: int | None
    source: int | None
    stage: str

    @property
    def is_talk(self) -> bool:
        return self.outcome == Outcome.ANSWERED and bool(self.effect)

    @property
    def is_sold(self) -> bool:
        return self.effect == Effect.SOLD

    @property
    def is_worth(self) -> bool:
        """Sold, or judged worth selling to."""
        return self.is_sold or (self.cp or 0) >= CP_FOR_ACQUISITION


@dataclass
class _Before:
    """What is known of a customer before the next call."""

    calls: int = 0
    talks: int = 0
    refusals: int = 0
    last: Done | None = None
    last_cp: int | None = None

    def then(self, done: Done) -> None:
        self.calls += 1
        self.talks += done.is_talk
        self.refusals += done.effect == Effect.REFUSED
        self.last = done
        if done.cp is not None:
            self.last_cp = done.cp


@dataclass(frozen=True)
class Rows:
    """Talks in time order, column by column, and what came of each."""

    columns: dict[str, list[Value]] = field(default_factory=dict)
    talks: list[Done] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.talks)


def talks_since(since: datetime, until: datetime) -> Rows:
    """Every talk with a result in [since, until), at most the newest `MOST_CALLS` calls', each
    with what was known before it. Some seconds for that many."""
    newest = Call.objects.filter(queued_at__lt=until).order_by("-queued_at")
    first = newest.values_list("queued_at", flat=True)[MOST_CALLS : MOST_CALLS + 1]
    since = max([since, *first])
    made: list[tuple[Done, dict[str, Value]]] = []
    before, customer = _Before(), 0
    for done in _done(since, until, None):
        if done.customer != customer:
            before, customer = _Before(), done.customer
        if done.is_talk:
            row = _own(done.at, done.hour, done.weekday, done.source, done.stage, before)
            made.append((done, row))
        before.then(done)
    made.sort(key=lambda row: (row[0].at, row[0].call))
    fields = _fields({done.customer for done, _row in made})
    rows = Rows(talks=[done for done, _row in made])
    for done, own in made:
        for name, value in {**own, **_theirs(fields[done.customer], done.at)}.items():
            rows.columns.setdefault(name, []).append(value)
    return rows


def row_before(
    customer: Customer, *, stage: str, number: Number | None, at: datetime
) -> dict[str, Value]:
    """What is known of a customer before a call at `at`: one row. Three small queries."""
    local = at.astimezone(zone(number.time_zone) if number else at.tzinfo)
    before, source = _Before(), None
    for done in _done(at - WINDOW, at, [customer.pk]):
        before.then(done)
        source = done.source
    source = source or source_of(customer)
    own = _own(at, local.hour, local.weekday(), source, stage, before)
    return {**own, **_theirs(_fields({customer.pk})[customer.pk], at)}


def source_of(customer: Customer) -> int | None:
    """The list that made the customer."""
    leads = Lead.objects.filter(customer=customer).order_by("pk")
    return leads.values_list("source", flat=True).first()


def tried_by(customer: Customer, *, at: datetime) -> dict[Cell, tuple[int, int]]:
    """Weekday and hour -> how often a customer was called then, and answered."""
    cells: dict[Cell, tuple[int, int]] = {}
    for done in _done(at - WINDOW, at, [customer.pk]):
        n, k = cells.get((done.weekday, done.hour), (0, 0))
        answered = done.outcome in {Outcome.ANSWERED, Outcome.ABANDONED}
        cells[done.weekday, done.hour] = (n + 1, k + answered)
    return cells


def never_called(most: int) -> dict[str, list[Value]]:
    """The fields of customers whom nobody has called, to see which of them are filled before."""
    ids = Customer.objects.filter(last_touch_at=None, merged_into=None, is_planted=False)
    fields = _fields(set(ids.order_by("-pk").values_list("pk", flat=True)[:most]))
    columns: dict[str, list[Value]] = {}
    for one in fields.values():
        for name, value in _theirs(one, one["created_at"]).items():
            columns.setdefault(name, []).append(value)
    columns.pop("known_days", None)
    return columns


def _done(since: datetime, until: datetime, customers: Sequence[int] | None) -> Iterator[Done]:
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.learning", "history"),
            {"since": since, "until": until, "customers": list(customers) if customers else None},
        )
        for row in cursor.fetchall():
            yield Done(*row)


def _own(
    at: datetime, hour: int, weekday: int, source: int | None, stage: str, before: _Before
) -> dict[str, Value]:
    last = before.last
    return {
        "source": str(source) if source else None,
        "stage": stage or None,
        "weekday": str(weekday),
        "hour": str(hour),
        "attempts": before.calls,
        "days_since": (at - last.at) / timedelta(days=1) if last else None,
        "talks": before.talks,
        "refusals": before.refusals,
        "last_result": (last.effect or last.outcome) if last else None,
        "last_cp": before.last_cp,
    }


def _fields(ids: set[int]) -> dict[int, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, kind, city, category, created_at, profile FROM customers_customer"
            " WHERE id = ANY(%s::bigint[])",
            [sorted(ids)],
        )
        names = [column.name for column in cursor.description or ()]
        return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def _theirs(fields: Mapping[str, Any], at: datetime) -> dict[str, Value]:
    profile = fields["profile"]
    profile = json.loads(profile) if isinstance(profile, str) else profile
    told: dict[str, Value] = {
        "kind": fields["kind"],
        "city": fields["city"] or None,
        "category": fields["category"] or None,
        "known_days": (at - fields["created_at"]) / timedelta(days=1),
    }
    return told | {f"profile:{name}": _word(profile.get(name)) for name in _FACTS}


def _word(value: object) -> str | None:
    return value.strip()[:80] or None if isinstance(value, str) else None
