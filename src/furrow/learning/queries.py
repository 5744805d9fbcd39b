"""What was learned last, what it says of one customer, and whether it deserves trust."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from furrow.acquisition.models import Source
from furrow.calls.models import Call
from furrow.calls.rules import Outcome
from furrow.campaigns.rules import Effect
from furrow.common.phone import zone
from furrow.common.sql import load_sql
from furrow.customers.models import Customer, Number
from furrow.customers.rules import Kind
from furrow.organisation.models import User
from furrow.pipeline.rules import CP_FOR_ACQUISITION, Score, Stage
from furrow.rulebooks.queries import rules_at
from furrow.rulebooks.rules import Book
from furrow.science.matching import Fits, Gain, Pair, gain
from furrow.science.scoring import Scorecard, Value, agreement, score_of
from furrow.science.timing import Cell, Rate, Week, advantages, for_one
from furrow.science.timing import Count as Tried

from .history import row_before, source_of, tried_by
from .models import Learned, Match, Suggestion
from .rules import DEFAULT_BODY, MATURES, Terms, What, column_name, later, terms_from

BOOK: Book[Terms] = Book("learning", rule="C2", default=DEFAULT_BODY, read=terms_from)

# What was read last of each: reading a scorecard anew costs more than asking which is the newest.
_read: dict[str, tuple[int, Any]] = {}


def terms_at(at: datetime) -> Terms:
    """The rubric and the other terms in force at `at`."""
    return rules_at(BOOK, at)


def newest(what: What) -> Learned | None:
    """What was learned last; None before the first time."""
    return Learned.objects.filter(what=what).order_by("-at", "-pk").first()


def _newest_as(what: What, read: Any) -> Any:
    latest = Learned.objects.filter(what=what).order_by("-at", "-pk").values_list("pk", flat=True)
    pk = latest.first()
    if pk is None:
        return None
    known = _read.get(what)
    if known is None or known[0] != pk:
        known = _read[what] = (pk, read(Learned.objects.get(pk=pk).body))
    return known[1]


# -- suggestions ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """A reason in words.

    is_for  whether it speaks for a yes
    """

    text: str
    is_for: bool


@dataclass(frozen=True)
class Advice:
    """What the model says of one customer, with its reasons.

    p, usual  the chance of a yes now, and the average one
    value     0 to 5, given as often as people give it
    """

    score: Score
    learned_id: int
    p: float
    usual: float
    value: int
    reasons: list[Said]


@dataclass(frozen=True)
class _Model:
    card: Scorecard
    cuts: tuple[float, ...]
    usual: float
    knows: bool


def _model(score: Score) -> tuple[int, _Model] | None:
    found = _newest_as(What(score.value), _read_model)
    return (_read[What(score.value)][0], found) if found else None


def _read_model(body: Mapping[str, Any]) -> _Model:
    return _Model(
        Scorecard.from_data(body["card"]), tuple(body["cuts"]), body["usual"], body["knows"]
    )


def advice_of(
    customer: Customer, *, score: Score, stage: str, number: Number | None, at: datetime
) -> Advice | None:
    """What the model suggests before a call at `at`; None while no model knows more than chance."""
    found = _model(score)
    if found is None or not found[1].knows:
        return None
    learned_id, model = found
    row = row_before(customer, stage=stage, number=number, at=at)
    p = model.card.p(row)
    reasons = [
        Said(_in_words(reason.column, reason.value), reason.effect > 0)
        for reason in model.card.reasons(row)
    ]
    return Advice(score, learned_id, p, model.usual, score_of(p, model.cuts), reasons)


def _in_words(column: str, value: Value) -> str:
    """A column and its value; of a profile's facts, which not everybody sees, the name alone."""
    name = column_name(column)
    if column.startswith("profile:"):
        return name
    return _("%(what)s: %(value)s") % {"what": name, "value": value_name(column, value)}


def weekday_names() -> list[str]:
    return [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")]


def value_name(column: str, value: Value) -> str:
    """One value of a column, for people."""
    if value is None:
        return _("not known")
    text = str(value)
    if column == "weekday":
        return weekday_names()[int(text)]
    if column == "hour":
        return f"{int(text):02d}:00"
    if column == "source":
        name = Source.objects.filter(pk=int(text)).values_list("name", flat=True).first()
        return name or text
    for labels in ({"kind": Kind, "stage": Stage}.get(column), Effect, Outcome):
        if labels is not None and column in {"kind", "stage", "last_result"}:
            found = dict(labels.choices).get(text)
            if found:
                return str(found)
    return f"{value:.0f}" if isinstance(value, float) else text


@dataclass(frozen=True)
class BestTime:
    """When one customer is reached best, against now."""

    cell: Cell
    p: float
    p_now: float

    @property
    def text(self) -> str:
        return f"{weekday_names()[self.cell[0]]} {self.cell[1]:02d}:00–{self.cell[1] + 1:02d}:00"


# -- times ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Times:
    """Best times as learned.

    has_effect  whether any hour or day differs, surely; if not, nothing follows these rates
    company     everybody's week; segments: list -> its own
    strength    how many calls the segment's word weighs beside a customer's own
    """

    has_effect: bool
    company: Week
    segments: Mapping[int, Week]
    strength: float

    def week(self, source_id: int | None) -> Week:
        return self.segments.get(source_id or 0, self.company)


def week_data(week: Week) -> dict[str, Any]:
    """A week as plain data."""

    def row(rate: Rate) -> list[float]:
        return [rate.mean, rate.low, rate.high, rate.tries]

    return {
        "base": week.base,
        "strength": week.strength,
        "hours": {str(h): row(rate) for h, rate in week.hours.items()},
        "weekdays": {str(d): row(rate) for d, rate in week.weekdays.items()},
        "cells": [[d, h, *row(rate)] for (d, h), rate in week.cells.items()],
    }


def week_from(data: Mapping[str, Any]) -> Week:
    return Week(
        base=data["base"],
        hours={int(h): _rate(row) for h, row in data["hours"].items()},
        weekdays={int(d): _rate(row) for d, row in data["weekdays"].items()},
        cells={(d, h): _rate(row) for d, h, *row in data["cells"]},
        strength=data["strength"],
    )


def _rate(row: Sequence[float]) -> Rate:
    return Rate(row[0], row[1], row[2], int(row[3]))


def _read_times(body: Mapping[str, Any]) -> Times:
    return Times(
        has_effect=body["has_effect"],
        company=week_from(body["answered"]),
        segments={int(pk): week_from(week) for pk, week in body["segments"].items()},
        strength=body["strength"],
    )


def times() -> Times | None:
    """The best times as learned last; None before the first time."""
    found: Times | None = _newest_as(What.TIMES, _read_times)
    return found


def counts_by_moment(
    since: datetime, until: datetime
) -> list[tuple[int, int, int, int, int, int, int]]:
    """Rows of list, tries, weekday, hour, calls, answered, yes; see sql/times.sql."""
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.learning", "times"),
            {"since": since, "until": until, "cp": CP_FOR_ACQUISITION},
        )
        rows: list[tuple[int, int, int, int, int, int, int]] = cursor.fetchall()
        return rows


def best_time(customer: Customer, *, number: Number, at: datetime) -> BestTime | None:
    """When this customer is reached best in a week, from the list's week and the own calls; None
    where no hour is better."""
    learned = times()
    if learned is None or not learned.has_effect:
        return None
    source = source_of(customer)
    tried: dict[Cell, Tried] = tried_by(customer, at=at)
    rates = for_one(learned.week(source), tried, strength=learned.strength)
    if not rates:
        return None
    local = at.astimezone(zone(number.time_zone))
    best = max(rates, key=lambda cell: (rates[cell], -cell[0], -cell[1]))
    now = rates.get((local.weekday(), local.hour), learned.week(source).base)
    return BestTime(best, rates[best], now)


def better_moment(
    *, source_id: int | None, earliest: datetime, opens: int, closes: int, at: datetime
) -> datetime:
    """When to try again, at `earliest` or at a better hour within a day of it (D5).

    earliest  aware, in the customer's time zone
    Returns `earliest` while no hour is better for sure, or the terms say so.
    """
    learned = times()
    if learned is None or not learned.has_effect or not terms_at(at).uses_times:
        return earliest
    week = learned.week(source_id)
    rates = {cell: week.rate(cell) for cell in _all_cells()}
    return later(rates, earliest=earliest, opens=opens, closes=closes)


def _all_cells() -> list[Cell]:
    return [(weekday, hour) for weekday in range(7) for hour in range(24)]


def lists_at_their_best(*, at: datetime, local: datetime, most: int = 3) -> tuple[int, ...]:
    """Lists whose customers answer clearly better at this hour than usual, the best first.

    local  the hour where most customers are. Empty while no hour is better for sure.
    """
    learned = times()
    if learned is None or not learned.has_effect or not terms_at(at).uses_times:
        return ()
    cell = (local.weekday(), local.hour)
    gains = {pk: gain for pk, gain in advantages(learned.segments, cell).items() if pk}
    good = [pk for pk in gains if gains[pk] >= 1.1]
    return tuple(sorted(good, key=lambda pk: (-gains[pk], pk))[:most])


# -- fits -----------------------------------------------------------------------------------------

# What customers are told apart by when agents are matched to them: little, so that pairs meet.
KIND_SQL = (
    "CASE WHEN u.kind = 'organisation' THEN 'organisation/' || u.category"
    " ELSE 'person/' || coalesce(u.profile ->> 'sex', '') END"
)


def kinds_of(ids: Collection[int]) -> dict[int, str]:
    """Customer -> kind, for every id that exists."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT u.id, {KIND_SQL} FROM customers_customer AS u"  # noqa: S608
            " WHERE u.id = ANY(%s::bigint[])",
            [list(ids)],
        )
        return dict(cursor.fetchall())


def kind_name(kind: str) -> str:
    """A kind of customer, for people."""
    head, _slash, tail = kind.partition("/")
    if head == Kind.ORGANISATION:
        return tail or str(Kind.ORGANISATION.label)
    return {"f": _("Women"), "m": _("Men")}.get(tail, _("Persons, sex not known"))


def met(since: datetime, until: datetime) -> dict[Pair, Tried]:
    """(agent, kind) -> (conversations, successes) in [since, until)."""
    sql = load_sql("furrow.learning", "fits").replace("{kind}", KIND_SQL)
    with connection.cursor() as cursor:
        cursor.execute(sql, {"since": since, "until": until, "cp": CP_FOR_ACQUISITION})
        return {(agent, kind): (n, k) for agent, kind, n, k in cursor.fetchall()}


def fits_data(fits: Fits) -> dict[str, Any]:
    return {
        "base": fits.base,
        "agents": {str(agent): rate for agent, rate in fits.agents.items()},
        "kinds": dict(fits.kinds),
        "counts": [[agent, kind, n, k] for (agent, kind), (n, k) in fits.counts.items()],
        "strength": fits.strength,
        "has_effect": fits.has_effect,
    }


def _read_fits(body: Mapping[str, Any]) -> Fits:
    return Fits(
        base=body["base"],
        agents={int(agent): rate for agent, rate in body["agents"].items()},
        kinds=body["kinds"],
        counts={(agent, kind): (n, k) for agent, kind, n, k in body["counts"]},
        strength=body["strength"],
        has_effect=body["has_effect"],
    )


def fits() -> Fits | None:
    """Who suits whom as learned last; None before the first time."""
    found: Fits | None = _newest_as(What.FITS, _read_fits)
    return found


def gain_of_matching(*, at: datetime) -> Gain:
    """Of those dealt by match and those dealt by chance, whose 30 days are over: the share that was
    sold to, or judged worth selling to, by the one they were dealt to."""
    came = Call.objects.filter(
        Q(disposition__effect=Effect.SOLD) | Q(cp__gte=CP_FOR_ACQUISITION),
        customer=OuterRef("customer"), agent=OuterRef("agent"), queued_at__gt=OuterRef("at"),
        queued_at__lte=OuterRef("at") + MATURES,
    )  # fmt: skip
    ripe = Match.objects.filter(at__lte=at - MATURES)
    sums = {}
    for is_drawn in (False, True):
        part = ripe.filter(is_drawn=is_drawn)
        sums[is_drawn] = (part.count(), part.filter(Exists(came)).count())
    return gain(sums[False], sums[True])


def live_agreement(*, user: User, score: Score) -> tuple[int, float | None]:
    """In how many calls agents gave a score beside the model's, and how far they agree (kappa);
    None below twenty. The newest 20,000 of those `user` may read about."""
    pairs = list(
        Suggestion.objects.visible_to(user)
        .filter(score=score, given__isnull=False)
        .order_by("-at")
        .values_list("given", "value")[:20_000]
    )
    if len(pairs) < 20:
        return len(pairs), None
    kappa = agreement([given or 0 for given, _v in pairs], [value for _g, value in pairs])
    return len(pairs), None if math.isnan(kappa) else kappa
