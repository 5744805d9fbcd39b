"""What was learned, made fit for a page: sentences first, then figures, charts and rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from furrow.acquisition.models import Source
from furrow.organisation.models import User
from furrow.science.matching import Fits
from furrow.science.scoring import Scorecard, Term
from furrow.science.timing import Week

from .models import Learned
from .queries import Times, kind_name, value_name, weekday_names
from .rules import DRIFTED, column_name

_MOST_COLUMNS = 10
_MOST_KINDS = 8
LEAK_REASONS = {
    "late": gettext_lazy("filled in after the outcome was known"),
    "waiting": gettext_lazy("missing where the outcome is still open"),
    "alone": gettext_lazy("knows more alone than all other columns together"),
}


@dataclass(frozen=True)
class Worth:
    """What one value does to the odds of a yes, against the average."""

    text: str
    times: float

    @property
    def is_for(self) -> bool:
        return self.times >= 1


@dataclass(frozen=True)
class Known:
    """One column: how much it matters beside the strongest (0 to 100), and by which values."""

    name: str
    percent: int
    values: list[Worth]
    shift: float | None

    @property
    def has_drifted(self) -> bool:
        return (self.shift or 0) > DRIFTED


@dataclass(frozen=True)
class Refused:
    """A column the model may not use, and why."""

    name: str
    why: str | Promise
    figure: float


def sentence(figures: dict[str, Any]) -> str:
    """What the model is good for, in a sentence."""
    if not figures["knows"]:
        return _(
            "The model knows nothing yet that holds for the calls that came after. Nothing is "
            "suggested."
        )
    return _(
        "In %(right)d of 100 pairs the model ranks the yes above the no; its best tenth says yes "
        "%(lift).1f times as often as usual."
    ) % {"right": round(100 * figures["auc"]), "lift": figures["lift"]}


def columns_of(learned: Learned) -> list[Known]:
    """What the model knows, the strongest first."""
    card = Scorecard.from_data(learned.body["card"])
    weights = sorted(card.importance().items(), key=lambda item: -item[1])
    most = weights[0][1] if weights else 0
    terms = {term.column: term for term in card.terms}
    drift = learned.figures["drift"]
    return [
        Known(
            column_name(column),
            round(100 * weight / most),
            _worths(terms[column]),
            drift.get(column),
        )
        for column, weight in weights[:_MOST_COLUMNS]
        if most and weight >= 0.02 * most
    ]


def _worths(term: Term) -> list[Worth]:
    """The values that matter most: of words the strongest four, of numbers the ends."""
    if term.is_number:
        cuts = [cut for cut in term.parts if not isinstance(cut, str)]
        ends = [cuts[0], cuts[-1]] if cuts else []
        found = [
            (("≤ %.0f" if end == cuts[0] else "≥ %.0f") % end, term.worth(end) - term.mean)
            for end in dict.fromkeys(ends)
        ]
    else:
        found = [
            (value_name(term.column, word), worth - term.mean) for word, worth in term.words.items()
        ]
        found.sort(key=lambda item: -abs(item[1]))
    strong = sorted(found[:4], key=lambda item: -item[1])
    return [Worth(text, math.exp(worth)) for text, worth in strong if abs(worth) >= 0.02]


def refused_of(learned: Learned) -> list[Refused]:
    return [
        Refused(column_name(column), LEAK_REASONS[why], figure)
        for column, why, figure in learned.figures["leaks"]
    ]


def steps_chart(learned: Learned) -> dict[str, Any]:
    """Said and come, by tenths of the newest calls; the most likely first."""
    steps = learned.figures["steps"]
    return {
        "categories": [str(i + 1) for i in range(len(steps))],
        "unit": "%",
        "series": [
            {
                "name": _("Said"),
                "tone": "quiet",
                "data": [round(100 * p, 1) for _n, p, _k in steps],
            },
            {
                "name": _("Came"),
                "tone": "accent",
                "data": [round(100 * k / n, 1) if n else None for n, _p, k in steps],
            },
        ],
    }


def agreements_of(learned: Learned, *, user: User) -> list[dict[str, Any]]:
    """Rows for the agents whose figures `user` may read; all together on top."""
    names = {agent.pk: str(agent) for agent in User.objects.visible_to(user).filter(is_active=True)}
    return [
        row | {"name": names.get(row["agent"]) or _("All agents")}
        for row in learned.figures["agreement"]
        if row["agent"] == 0 or row["agent"] in names
    ]


# -- times ----------------------------------------------------------------------------------------


def effect_sentence(effects: Sequence[Sequence[Any]]) -> str:
    """Which hours and days differ, or that none does."""
    if not effects:
        return _("No effect: no hour and no day differs from the others by more than chance.")
    # A cell is only told where neither its hour nor its weekday says it already.
    told = {(kind, at) for kind, at, _ratio, _p in effects if kind != "cell"}
    news = [
        e for e in effects if e[0] != "cell" or not told & {("weekday", e[1][0]), ("hour", e[1][1])}
    ]
    good = [_moment(kind, at) for kind, at, ratio, _p in news if ratio > 1]
    bad = [_moment(kind, at) for kind, at, ratio, _p in news if ratio <= 1]
    said = []
    if good:
        said.append(_("Better: %(moments)s.") % {"moments": _listed(good)})
    if bad:
        said.append(_("Worse: %(moments)s.") % {"moments": _listed(bad)})
    return " ".join(said)


def _listed(moments: Sequence[str]) -> str:
    return _(", ").join(moments[:6])


def _moment(kind: str, at: Any) -> str:
    if kind == "hour":
        return f"{at:02d}:00"
    if kind == "weekday":
        return weekday_names()[int(at)]
    return f"{weekday_names()[at[0]]} {at[1]:02d}:00"


def heat_chart(week: Week) -> dict[str, Any]:
    """Rates by hour (columns) and weekday (rows), in per cent."""
    hours = sorted({hour for _day, hour in week.cells})
    days = sorted({day for day, _hour in week.cells})
    return {
        "categories": [f"{hour:02d}" for hour in hours],
        "rows": [weekday_names()[day] for day in days],
        "data": [
            [i, j, round(100 * week.rate((day, hour)), 1)]
            for j, day in enumerate(days)
            for i, hour in enumerate(hours)
        ],
        "unit": "%",
    }


@dataclass(frozen=True)
class Hour:
    """One hour: what is believed of it, and between what it lies."""

    name: str
    mean: float
    low: float
    high: float
    tries: int
    differs: float  # > 0 surely better, < 0 surely worse, 0 not surely anything


def hours_of(week: Week, effects: Sequence[Sequence[Any]]) -> list[Hour]:
    sure = {at: ratio - 1 for kind, at, ratio, _p in effects if kind == "hour"}
    return [
        Hour(f"{h:02d}:00", rate.mean, rate.low, rate.high, rate.tries, sure.get(h, 0.0))
        for h, rate in sorted(week.hours.items())
    ]


def lists_of(times: Times) -> list[tuple[int, str]]:
    """The lists with a week of their own, by name."""
    names = dict(Source.objects.filter(pk__in=times.segments).values_list("pk", "name"))
    return sorted(names.items(), key=lambda item: item[1])


# -- fits -----------------------------------------------------------------------------------------


Row = tuple[str, list[dict[str, Any]]]


def fits_table(fits: Fits, *, user: User) -> tuple[list[str], list[Row]]:
    """Kinds of customers, the most met first, and for each agent `user` may see a cell for each."""
    talks: Counter[str] = Counter()
    for (_agent, kind), (n, _k) in fits.counts.items():
        talks[kind] += n
    kinds = [kind for kind, _n in talks.most_common(_MOST_KINDS)]
    people = User.objects.visible_to(user).filter(pk__in=fits.agents, is_active=True)
    rows = []
    for person in people.order_by("team__name", "display_name", "pk"):
        cells = []
        for kind in kinds:
            n, _k = fits.counts.get((person.pk, kind), (0, 0))
            rate, expected = fits.rate(person.pk, kind), fits.expected(person.pk, kind)
            times = rate / expected if expected else 1.0
            cells.append({"rate": rate, "n": n, "times": times})
        rows.append((str(person), cells))
    return [kind_name(kind) for kind in kinds], rows
