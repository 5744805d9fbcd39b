"""Who will say yes: a scorecard learned from the past, honest about the future.

Everything is in time order. A model is chosen, calibrated and judged by what it said about calls
that came after those it had learned from; what it says of its own past proves nothing. Columns that
were only filled once the outcome was known are found and refused (`find_leaks`).

What is learned is a `Scorecard`: for each column what each value is worth, in log-odds, added up.
So every prediction is explained exactly by its parts, a model is plain data (no pickle), and
predicting needs neither scikit-learn nor much time. Source of the additive boosted form: Lou,
Caruana and Gehrke (2012), Intelligible models for classification and regression.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

Value = float | int | str | None  # numbers or words; None = not known
Columns = Mapping[str, Sequence[Value]]
Floats = NDArray[np.float64]

FOLDS = 5
LAST_PART = 0.2  # of the calls, the newest: learned without them, judged on them
# The newest call counts as much as two from half the way back: the world drifts.
HALF_LIFE = 0.5
FEWEST = 200  # calls below which nothing is learned …
FEWEST_OF_EACH = 20  # … and outcomes of the rarer kind
MOST_WORDS = 60  # of one column; rarer ones are "other"
FEWEST_OF_A_WORD = 5
_BINS = 32
# A challenger replaces the plain model only where it is better by so much, in most of the folds.
_BETTER_BY = 0.005
# A leak knows this much alone, block for block, and more than all honest columns together.
_SUSPICIOUS = 0.70


# -- measuring ------------------------------------------------------------------------------------


def auc(p: Sequence[float] | Floats, outcomes: Sequence[bool] | NDArray[np.bool_]) -> float:
    """The chance that a random yes was scored above a random no; ties count half.

    returns  0 to 1; 0.5 = knows nothing; nan without both kinds. O(n log n).
    Source: Mann and Whitney (1947).
    """
    scores, yes = np.asarray(p, float), np.asarray(outcomes, bool)
    n_yes = int(yes.sum())
    n_no = len(yes) - n_yes
    if not n_yes or not n_no:
        return math.nan
    _values, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    return float((ranks[yes].sum() - n_yes * (n_yes + 1) / 2) / (n_yes * n_no))


def auc_error(area: float, n_yes: int, n_no: int) -> float:
    """Standard error of an AUC. Source: Hanley and McNeil (1982), Radiology 143, formula 1."""
    if min(n_yes, n_no) < 1 or math.isnan(area):
        return math.inf
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (n_yes - 1) * (one - area**2) + (n_no - 1) * (two - area**2)
    return math.sqrt(max(spread, 0.0) / (n_yes * n_no))


@dataclass(frozen=True)
class Step:
    """A tenth of the calls, by what was predicted: what was said, and what came."""

    calls: int
    p_said: float
    yes: int

    @property
    def rate(self) -> float:
        return self.yes / self.calls if self.calls else 0.0


@dataclass(frozen=True)
class Judgement:
    """How good predictions were, on calls nothing was learned from.

    auc        0.5 knows nothing, 1 knows all; with its standard error
    brier      mean squared error of the probabilities; lower is better
    skill      1 - brier / that of always saying the base rate; below 0 is worse than that
    gap        mean distance between said and came, over the steps (expected calibration error)
    steps      ten parts, the highest predictions first
    """

    calls: int
    yes: int
    auc: float
    auc_error: float
    brier: float
    skill: float
    gap: float
    steps: tuple[Step, ...]

    @property
    def base_rate(self) -> float:
        return self.yes / self.calls if self.calls else 0.0

    @property
    def lift(self) -> float:
        """How many times the base rate the best tenth says yes; 1.0 = no lift."""
        return self.steps[0].rate / self.base_rate if self.yes and self.steps else 1.0

    @property
    def top_half_share(self) -> float:
        """The share of all yeses in the better half of the predictions; 0.5 = no help."""
        half = self.steps[: len(self.steps) // 2]
        return sum(step.yes for step in half) / self.yes if self.yes else 0.5

    @property
    def knows(self) -> bool:
        """Whether it knows more than chance, surely (two standard errors)."""
        return not math.isnan(self.auc) and self.auc - 2 * self.auc_error > 0.5


def judge(p: Sequence[float] | Floats, outcomes: Sequence[bool] | NDArray[np.bool_]) -> Judgement:
    """Hold predictions against what came. O(n log n). Raises ValueError for unequal lengths.

    Equal predictions are spread over the steps evenly, so that lumps neither gain nor lose.
    """
    said, yes = np.asarray(p, float), np.asarray(outcomes, bool)
    if len(said) != len(yes):
        raise ValueError("a prediction for every outcome")
    n, k = len(yes), int(yes.sum())
    if not n:
        return Judgement(0, 0, math.nan, math.inf, 0.0, 0.0, 0.0, ())
    # Within a lump of equal predictions a fixed shuffle, so that the order of rows says nothing.
    order = np.lexsort((np.random.default_rng(0).permutation(n), -said))
    steps = tuple(
        Step(len(part), float(said[part].mean()), int(yes[part].sum()))
        for part in np.array_split(order, 10)
        if len(part)
    )
    brier = float(np.mean((said - yes) ** 2))
    base = k / n
    always = base * (1 - base)
    area = auc(said, yes)
    return Judgement(
        calls=n,
        yes=k,
        auc=area,
        auc_error=auc_error(area, k, n - k),
        brier=brier,
        skill=1 - brier / always if always else 0.0,
        gap=sum(step.calls * abs(step.p_said - step.rate) for step in steps) / n,
        steps=steps,
    )


def agreement(given: Sequence[int], suggested: Sequence[int], *, highest: int = 5) -> float:
    """How far two scorers agree beyond chance, near misses counting partly.

    given, suggested  whole, 0 to `highest`, pair for pair
    returns           quadratic weighted kappa, -1 to 1; 1 = always the same, 0 = as by chance;
                      nan where either never varies and they differ, or without pairs
    Source: Cohen (1968), Weighted kappa, Psychological Bulletin 70.
    """
    one, two = np.asarray(given, int), np.asarray(suggested, int)
    if len(one) != len(two):
        raise ValueError("pairs")
    if not len(one):
        return math.nan
    values = np.arange(highest + 1)
    weight = (values[:, None] - values[None, :]) ** 2
    seen = np.zeros((highest + 1, highest + 1))
    np.add.at(seen, (one, two), 1)
    by_chance = np.outer(seen.sum(1), seen.sum(0)) / len(one)
    expected = float((weight * by_chance).sum())
    if not expected:
        return 1.0 if bool((one == two).all()) else math.nan
    return 1 - float((weight * seen).sum()) / expected


def shift(before: Sequence[float], now: Sequence[float]) -> float:
    """Population stability index between two distributions over the same parts.

    returns  >= 0; by custom under 0.1 the same, above 0.25 another population. Shares of nothing
             count as a ten-thousandth. Source: Siddiqi (2006), Credit Risk Scorecards, ch. 9.
    """
    old = np.maximum(np.asarray(before, float) / max(sum(before), 1e-12), 1e-4)
    new = np.maximum(np.asarray(now, float) / max(sum(now), 1e-12), 1e-4)
    return max(0.0, float(((new - old) * np.log(new / old)).sum()))


# -- a scorecard ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Term:
    """What one column is worth, in log-odds.

    slope, centre   of a number: slope * (x - centre) …
    edges, steps    … plus the step it lies in: steps[i] for edges[i-1] <= x < edges[i]
    words           word -> worth; others are worth `other`
    missing         the worth of not being known
    mean            the average worth in what was learned from: reasons are told against it
    parts, shares   the distribution in what was learned from, for `drift`: cuts of a number, or
                    words, and the share of each; the last share is of missing and others
    """

    column: str
    is_number: bool
    slope: float = 0.0
    centre: float = 0.0
    edges: tuple[float, ...] = ()
    steps: tuple[float, ...] = ()
    words: Mapping[str, float] = field(default_factory=dict)
    other: float = 0.0
    missing: float = 0.0
    mean: float = 0.0
    parts: tuple[float | str, ...] = ()
    shares: tuple[float, ...] = ()

    def worth(self, value: Value) -> float:
        """Log-odds of a value."""
        if value is None:
            return self.missing
        if not self.is_number:
            return self.words.get(str(value), self.other)
        x = float(value)
        step = self.steps[bisect_right(self.edges, x)] if self.steps else 0.0
        return self.slope * (x - self.centre) + step

    def distribution(self, values: Sequence[Value]) -> list[int]:
        """How many values lie in each part; those not known, or other words, in the last."""
        counts = [0] * (len(self.parts) + 1 + self.is_number)
        cuts = [cut for cut in self.parts if not isinstance(cut, str)]
        places = {word: i for i, word in enumerate(self.parts)}
        for value in values:
            if value is None:
                counts[-1] += 1
            elif self.is_number:
                counts[bisect_right(cuts, float(value))] += 1
            else:
                counts[places.get(str(value), -1)] += 1
        return counts


@dataclass(frozen=True)
class Reason:
    """One column's part in a prediction, against the average case.

    effect  log-odds; above 0 speaks for a yes
    """

    column: str
    value: Value
    effect: float

    @property
    def times(self) -> float:
        """By how much the odds are multiplied."""
        return math.exp(self.effect)


@dataclass(frozen=True)
class Scorecard:
    """A model: the sum of its terms, in log-odds.

    kind  "linear" or "steps", whichever held better over time
    """

    intercept: float
    terms: tuple[Term, ...]
    kind: str = "linear"

    def logit(self, row: Mapping[str, Value]) -> float:
        """Log-odds of a yes; columns that `row` lacks are not known. O(columns)."""
        return self.intercept + sum(term.worth(row.get(term.column)) for term in self.terms)

    def p(self, row: Mapping[str, Value]) -> float:
        """The probability of a yes, 0 to 1."""
        return _sigmoid(self.logit(row))

    def p_all(self, columns: Columns, rows: int) -> Floats:
        """The probabilities for `rows` rows at once."""
        total = np.full(rows, self.intercept)
        for term in self.terms:
            values = columns.get(term.column)
            if values is None:
                total += term.missing
            else:
                known = {value: term.worth(value) for value in set(values)}
                total += np.array([known[value] for value in values])
        return cast(Floats, 1 / (1 + np.exp(-np.clip(total, -35, 35))))

    def reasons(self, row: Mapping[str, Value], *, most: int = 3) -> list[Reason]:
        """What speaks most for and against, the strongest first; nothing below a tenth of a unit
        of log-odds (a factor of 1.1). All effects together are `logit` less the average's."""
        found = [
            Reason(term.column, row.get(term.column), term.worth(row.get(term.column)) - term.mean)
            for term in self.terms
        ]
        strong = [reason for reason in found if abs(reason.effect) >= 0.1]
        return sorted(strong, key=lambda reason: -abs(reason.effect))[:most]

    def drift(self, columns: Columns) -> dict[str, float]:
        """`shift` of each column between what was learned from and these rows."""
        return {
            term.column: shift(term.shares, term.distribution(columns[term.column]))
            for term in self.terms
            if term.column in columns and len(columns[term.column])
        }

    def importance(self) -> dict[str, float]:
        """Column -> how far its worths differ, in log-odds (weighted standard deviation)."""
        return {term.column: _spread(term) for term in self.terms}

    def as_data(self) -> dict[str, Any]:
        """Plain data, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Scorecard:
        """What `as_data` gave, also after a way through JSON."""
        terms = tuple(
            Term(**cast(Any, {k: tuple(v) if isinstance(v, list) else v for k, v in term.items()}))
            for term in data["terms"]
        )
        return cls(intercept=data["intercept"], terms=terms, kind=data["kind"])


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(-35.0, min(35.0, x))))


def _spread(term: Term) -> float:
    if not term.shares:
        return 0.0
    if term.is_number:
        cuts = [float(cut) for cut in term.parts]
        middles = [(a + b) / 2 for a, b in pairwise(cuts)]
        points: list[Value] = [cuts[0], *middles, cuts[-1]] if cuts else [term.centre]
        worths = [term.worth(point) for point in points] + [term.missing]
    else:
        worths = [term.worth(part) for part in term.parts] + [term.other]
    shares = np.asarray(term.shares, float)
    if len(worths) != len(shares) or not shares.sum():
        return 0.0
    mean = float(np.average(worths, weights=shares))
    return math.sqrt(float(np.average((np.asarray(worths) - mean) ** 2, weights=shares)))


# -- leaks ----------------------------------------------------------------------------------------

Why = Literal["late", "waiting", "alone"]


@dataclass(frozen=True)
class Leak:
    """A column that cannot have been known when it would be used.

    why     "late": it was seen to be filled after the outcome; "waiting": cases whose outcome is
            still open lack it; "alone": alone it knows more than everything else together
    figure  the share filled late; the share filled among the open; the AUC alone
    """

    column: str
    why: Why
    figure: float


def find_leaks(
    columns: Columns,
    outcomes: Sequence[bool],
    *,
    waiting: Columns | None = None,
    late_seconds: Mapping[str, Sequence[float | None]] | None = None,
    vouched: frozenset[str] = frozenset(),
) -> list[Leak]:
    """The columns that were only known once the outcome was, by three signs.

    columns, outcomes  past cases in time order
    waiting            the same columns of cases whose outcome is still open
    late_seconds       column -> by how much each value became known after it was needed; negative
                       or None = in time, or not known
    vouched            columns somebody answers for: they are not asked

    The third sign needs nothing but the data: in block after block of time, the column alone
    (rates by value, learned from earlier blocks) ranks the outcomes better, by a tenth and three
    standard errors, than all unsuspicious columns together do. An honest column that is that much
    better than all others is rare, and somebody can vouch for it; the length of the call that
    brought the answer always is. Cost: some fits of a linear model, if any column is suspected.
    """
    found: dict[str, Leak] = {}
    for column, seconds in (late_seconds or {}).items():
        filled = [late for late in seconds if late is not None]
        share = sum(late > 0 for late in filled) / len(filled) if filled else 0.0
        if share > 0.01:
            found[column] = Leak(column, "late", share)
    for column, open_values in (waiting or {}).items():
        if column not in columns or len(open_values) < 100:
            continue
        known = _filled(columns[column])
        if known >= 0.05 and (share := _filled(open_values)) < known / 5:
            found.setdefault(column, Leak(column, "waiting", share))
    asked = [c for c in columns if c not in found]
    for column, area in _too_good(columns, outcomes, asked, vouched).items():
        found[column] = Leak(column, "alone", area)
    return [leak for column, leak in sorted(found.items()) if column not in vouched]


def _filled(values: Sequence[Value]) -> float:
    return sum(value is not None for value in values) / len(values) if len(values) else 0.0


def _too_good(
    columns: Columns, outcomes: Sequence[bool], asked: Sequence[str], vouched: frozenset[str]
) -> dict[str, float]:
    yes = np.asarray(outcomes, bool)
    blocks = [b for b in np.array_split(np.arange(len(yes)), FOLDS + 1) if len(b)]
    tested = [b for b in blocks[1:] if 5 <= yes[b].sum() <= len(b) - 5]
    if len(tested) < 2:
        return {}
    alone: dict[str, list[float]] = {}
    for column in set(asked) - vouched:
        codes = _codes(columns[column])
        areas = []
        for block in tested:
            before = np.arange(block[0])
            base = yes[before].mean() if len(before) else 0.5
            size = codes.max() + 1
            n = np.bincount(codes[before], minlength=size)
            k = np.bincount(codes[before], weights=yes[before], minlength=size)
            areas.append(auc(((k + 20 * base) / (n + 20))[codes[block]], yes[block]))
        alone[column] = areas
    suspects = [c for c, areas in alone.items() if np.median(areas) >= _SUSPICIOUS]
    if not suspects:
        return {}
    honest = {c: columns[c] for c in asked if c not in suspects}
    together = [0.5] * len(tested)
    if honest:
        together = [max(0.5, _ahead(honest, yes, block)) for block in tested]
    leaks = {}
    for column in suspects:
        errors = [
            auc_error(a, int(yes[b].sum()), int((~yes[b]).sum()))
            for a, b in zip(alone[column], tested, strict=True)
        ]
        wins = sum(
            a - max(3 * error, 0.1) > other
            for a, error, other in zip(alone[column], errors, together, strict=True)
        )
        if wins > len(tested) / 2:
            leaks[column] = float(np.median(alone[column]))
    return leaks


def _ahead(columns: Columns, yes: NDArray[np.bool_], block: NDArray[np.int64]) -> float:
    """AUC on a block of time of what was learned before it."""
    card = _linear(_upto(columns, block[0]), yes[: block[0]])
    return auc(card.p_all(_at(columns, block), len(block)), yes[block])


def _codes(values: Sequence[Value]) -> NDArray[np.int64]:
    """Values as small whole numbers: twentieths of a number, words, and one for not known."""
    if _is_number(values):
        x = np.array([np.nan if v is None else float(v) for v in values])
        known = x[~np.isnan(x)]
        cuts = np.unique(np.quantile(known, np.linspace(0.05, 0.95, 19)))
        return cast(
            NDArray[np.int64],
            np.where(np.isnan(x), len(cuts) + 1, np.searchsorted(cuts, x, side="right")),
        )
    places: dict[Value, int] = {}
    return np.array([places.setdefault(value, len(places)) for value in values], dtype=np.int64)


def _is_number(values: Sequence[Value]) -> bool:
    return all(v is None or isinstance(v, (int, float)) for v in values) and any(
        v is not None for v in values
    )


def _upto(columns: Columns, end: int) -> dict[str, Sequence[Value]]:
    return {name: values[:end] for name, values in columns.items()}


def _at(columns: Columns, rows: NDArray[np.int64]) -> dict[str, Sequence[Value]]:
    first, last = int(rows[0]), int(rows[-1]) + 1
    return {name: values[first:last] for name, values in columns.items()}


# -- learning -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Learned:
    """What came of learning.

    card     learned from all calls
    judged   of a twin learned without the newest fifth, on that fifth
    said     the twin's probabilities of that fifth, in order
    held     AUC of each fold, on what came after it was learned: how steady it is
    leaks    columns that were refused
    """

    card: Scorecard
    judged: Judgement
    said: tuple[float, ...]
    held: tuple[float, ...]
    leaks: tuple[Leak, ...]


class TooLittle(ValueError):
    """Too few calls, or too few of one outcome, to learn anything from."""


def learn(
    columns: Columns,
    outcomes: Sequence[bool],
    *,
    waiting: Columns | None = None,
    late_seconds: Mapping[str, Sequence[float | None]] | None = None,
    vouched: frozenset[str] = frozenset(),
) -> Learned:
    """Learn a scorecard from past calls in time order, and judge it on the newest fifth.

    columns   name -> a value for each call, as it was known before the call
    outcomes  whether each said yes
    others    see `find_leaks`; the columns it finds are left out

    Raises TooLittle below 200 calls or 20 of the rarer outcome, ValueError for unequal lengths.
    Cost: some seconds for 100,000 calls with 20 columns. Deterministic.
    """
    yes = np.asarray(outcomes, bool)
    if any(len(values) != len(yes) for values in columns.values()):
        raise ValueError("a value for every call")
    cut = round(len(yes) * (1 - LAST_PART))
    if len(yes) < FEWEST or min(yes[:cut].sum(), (~yes[:cut]).sum()) < FEWEST_OF_EACH:
        raise TooLittle(len(yes))
    leaks = find_leaks(
        columns, outcomes, waiting=waiting, late_seconds=late_seconds, vouched=vouched
    )
    refused = {leak.column for leak in leaks}
    honest = {name: values for name, values in columns.items() if name not in refused}
    twin, held = fit(_upto(honest, cut), yes[:cut])
    newest = {name: values[cut:] for name, values in honest.items()}
    said = twin.p_all(newest, len(yes) - cut)
    card, _held = fit(honest, yes)
    return Learned(card, judge(said, yes[cut:]), tuple(map(float, said)), held, tuple(leaks))


def fit(
    columns: Columns, outcomes: Sequence[bool] | NDArray[np.bool_]
) -> tuple[Scorecard, tuple[float, ...]]:
    """A calibrated scorecard from calls in time order, and each fold's AUC on what came after.

    Two forms are tried, each fold learned from what came before it: logistic regression, and
    boosted steps without interactions, which takes over only if it is better in most folds. Then
    the log-odds are stretched and shifted to what really came in the folds. Source of the last
    step: Platt (1999), Probabilistic outputs for support vector machines.
    """
    yes = np.asarray(outcomes, bool)
    folds = [b for b in np.array_split(np.arange(len(yes)), FOLDS) if len(b)][1:]
    folds = [b for b in folds if _can_learn(yes[: b[0]])]
    said: dict[str, list[Floats]] = {"linear": [], "steps": []}
    for block in folds:
        past, now = _upto(columns, block[0]), _at(columns, block)
        said["linear"].append(_logit(_linear(past, yes[: block[0]]).p_all(now, len(block))))
        said["steps"].append(_logit(_steps(past, yes[: block[0]]).p_all(now, len(block))))
    areas = {
        kind: [auc(p, yes[b]) for p, b in zip(parts, folds, strict=True)]
        for kind, parts in said.items()
    }
    gains = np.nan_to_num(np.subtract(areas["steps"], areas["linear"]))
    is_better = len(folds) > 1 and gains.mean() > _BETTER_BY and (gains > 0).mean() > 0.7
    kind = "steps" if is_better else "linear"
    card = _steps(columns, yes) if is_better else _linear(columns, yes)
    if folds:
        logits, came = np.concatenate(said[kind]), np.concatenate([yes[b] for b in folds])
        card = _stretched(card, _stretch(logits, came), columns, yes)
    return card, tuple(areas[kind])


def _can_learn(yes: NDArray[np.bool_]) -> bool:
    return bool(min(yes.sum(), (~yes).sum()) >= 5)


def _logit(p: Floats) -> Floats:
    return cast(Floats, np.log(p) - np.log1p(-p))


def _recency(n: int) -> Floats:
    weights = 0.5 ** ((n - 1 - np.arange(n)) / max(1.0, n * HALF_LIFE))
    return cast(Floats, weights / weights.mean())


def _linear(columns: Columns, yes: NDArray[np.bool_]) -> Scorecard:
    """Logistic regression: numbers in their standard deviations, words one by one, ridge 1."""
    from sklearn.linear_model import LogisticRegression  # two seconds; only who learns pays
    from threadpoolctl import threadpool_limits

    shapes = [_shape(name, values) for name, values in columns.items()]
    parts: list[Floats] = []
    places: list[tuple[Term, float, int]] = []
    width = 0
    for term, values in zip(shapes, columns.values(), strict=True):
        if term.is_number:
            x = np.array([np.nan if v is None else float(v) for v in values])
            known = x[~np.isnan(x)]
            scale = float(known.std()) if len(known) else 0.0
            scale = scale if scale > 1e-9 else 1.0
            block = np.stack([np.nan_to_num((x - term.centre) / scale), np.isnan(x)], axis=1)
        else:
            scale = 1.0
            codes = {word: i for i, word in enumerate(term.words)}
            block = np.zeros((len(values), len(codes) + 2))
            for i, value in enumerate(values):
                at = len(codes) if value is None else codes.get(str(value), len(codes) + 1)
                block[i, at] = 1
        parts.append(cast(Floats, np.asarray(block, float)))
        places.append((term, scale, width))
        width += block.shape[1]
    if not width or yes.all() or not yes.any():
        return _base_only(yes)
    model = LogisticRegression(C=1.0, max_iter=1000)
    with threadpool_limits(1):  # beside people at work, and for small data quicker
        model.fit(np.hstack(parts), yes, sample_weight=_recency(len(yes)))
    weights = model.coef_[0]
    terms = []
    for term, scale, first in places:
        if term.is_number:
            made = replace(
                term, slope=float(weights[first] / scale), missing=float(weights[first + 1])
            )
        else:
            size = len(term.words)
            worths = dict(zip(term.words, map(float, weights[first : first + size]), strict=True))
            made = replace(
                term, words=worths, missing=float(weights[first + size]),
                other=float(weights[first + size + 1]),
            )  # fmt: skip
        terms.append(made)
    return _averaged(Scorecard(float(model.intercept_[0]), tuple(terms), "linear"), columns)


def _steps(columns: Columns, yes: NDArray[np.bool_]) -> Scorecard:
    """Boosted steps, each tree on one column, so that they add up to a term for each column."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    shapes = [_shape(name, values) for name, values in columns.items()]
    if not shapes or yes.all() or not yes.any():
        return _base_only(yes)
    cuts: list[tuple[float, ...]] = []
    table = np.full((len(yes), len(shapes)), np.nan)
    for j, (term, values) in enumerate(zip(shapes, columns.values(), strict=True)):
        if term.is_number:
            known = np.array([float(v) for v in values if v is not None])
            inside = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1]))
            cuts.append(tuple(float(cut) for cut in inside))
            table[:, j] = [
                np.nan if v is None else bisect_right(cuts[-1], float(v)) for v in values
            ]
        else:
            cuts.append(())
            codes = {word: i for i, word in enumerate(term.words)}
            table[:, j] = [np.nan if v is None else codes.get(str(v), len(codes)) for v in values]
    model = HistGradientBoostingClassifier(
        interaction_cst="no_interactions", learning_rate=0.05, max_iter=120, max_leaf_nodes=8,
        min_samples_leaf=max(20, len(yes) // 200), l2_regularization=10.0, early_stopping=False,
        categorical_features=[not term.is_number for term in shapes], random_state=0,
    )  # fmt: skip
    with threadpool_limits(1):
        model.fit(table, yes, sample_weight=_recency(len(yes)))
    nowhere = np.full((1, len(shapes)), np.nan)
    base = float(model.decision_function(nowhere)[0])
    terms = []
    for j, term in enumerate(shapes):
        size = len(cuts[j]) + 1 if term.is_number else len(term.words) + 1
        probe = np.repeat(nowhere, size, axis=0)
        probe[:, j] = np.arange(size)
        worths = [float(w) - base for w in model.decision_function(probe)]
        if term.is_number:
            terms.append(replace(term, edges=cuts[j], steps=tuple(worths)))
        else:
            words = dict(zip(term.words, worths, strict=False))
            terms.append(replace(term, words=words, other=worths[-1]))
    return _averaged(Scorecard(base, tuple(terms), "steps"), columns)


def _base_only(yes: NDArray[np.bool_]) -> Scorecard:
    rate = (float(yes.sum()) + 0.5) / (len(yes) + 1)
    return Scorecard(math.log(rate / (1 - rate)), ())


def _shape(name: str, values: Sequence[Value]) -> Term:
    """A column's make-up, worth nothing yet."""
    if _is_number(values):
        known = np.array([float(v) for v in values if v is not None])
        parts: tuple[float | str, ...] = tuple(
            float(cut) for cut in np.unique(np.quantile(known, np.linspace(0.1, 0.9, 9)))
        )
        bare = Term(name, is_number=True, centre=float(known.mean()), parts=parts)
    else:
        counts = Counter(str(value) for value in values if value is not None)
        common = [w for w, n in counts.most_common(MOST_WORDS) if n >= FEWEST_OF_A_WORD]
        bare = Term(name, is_number=False, words=dict.fromkeys(common, 0.0), parts=tuple(common))
    counted = bare.distribution(values)
    return replace(bare, shares=tuple(n / max(1, len(values)) for n in counted))


def _averaged(card: Scorecard, columns: Columns) -> Scorecard:
    terms = []
    for term in card.terms:
        counts = Counter(columns[term.column])
        total = sum(term.worth(value) * n for value, n in counts.items())
        terms.append(replace(term, mean=total / max(1, sum(counts.values()))))
    return Scorecard(card.intercept, tuple(terms), card.kind)


def _stretch(logits: Floats, came: NDArray[np.bool_]) -> float:
    """The factor on the log-odds under which they fit best what came: 0.05 to 1.5."""
    from scipy.optimize import minimize

    centred = logits - logits.mean()
    weights = _recency(len(came))

    def loss(shape: Floats) -> float:
        z = shape[0] + shape[1] * centred
        return float(np.mean(weights * (np.logaddexp(0, z) - came * z)))

    found = minimize(loss, x0=np.array([0.0, 1.0]), method="BFGS")
    return float(np.clip(found.x[1], 0.05, 1.5))


def _stretched(
    card: Scorecard, factor: float, columns: Columns, yes: NDArray[np.bool_]
) -> Scorecard:
    """The card with its terms times `factor`, and the base rate of the newest fifth."""
    terms = tuple(
        replace(
            term, slope=term.slope * factor, missing=term.missing * factor,
            steps=tuple(s * factor for s in term.steps), other=term.other * factor,
            words={w: v * factor for w, v in term.words.items()}, mean=term.mean * factor,
        )
        for term in card.terms
    )  # fmt: skip
    newest = slice(round(len(yes) * (1 - LAST_PART)), None)
    recent = {name: values[newest] for name, values in columns.items()}
    rows = len(yes[newest])
    rate = (float(yes[newest].sum()) + 20 * float(yes.mean())) / (rows + 20)
    bare = Scorecard(0.0, terms, card.kind)
    logits = _logit(bare.p_all(recent, rows))
    low, high = -30.0, 30.0
    for _step in range(60):
        middle = (low + high) / 2
        if float(np.mean(1 / (1 + np.exp(-(logits + middle))))) < rate:
            low = middle
        else:
            high = middle
    return Scorecard((low + high) / 2, terms, card.kind)


# -- scores from 0 to 5 ---------------------------------------------------------------------------


def cuts_like(given: Sequence[int], p: Sequence[float], *, highest: int = 5) -> tuple[float, ...]:
    """Where to cut probabilities so that the model gives its scores as often as people give theirs.

    given    scores people gave, whole, 0 to `highest`
    p        what the model says of as many cases, or others of the same kind
    returns  `highest` cuts, rising: the score is how many of them p reaches
    Source: equipercentile equating, Kolen and Brennan (2014), ch. 2. Without scores given, even
    parts.
    """
    ordered = np.sort(np.asarray(p, float))
    if not len(ordered):
        return tuple((i + 1) / (highest + 1) for i in range(highest))
    counts = np.bincount(np.asarray(given, int), minlength=highest + 1) + 1
    below = np.cumsum(counts)[:-1] / counts.sum()
    return tuple(float(cut) for cut in np.quantile(ordered, below))


def score_of(p: float, cuts: Sequence[float]) -> int:
    """How many of the rising `cuts` a probability reaches."""
    return bisect_right(cuts, p)


def in_order(columns: Columns, n: int) -> Iterator[dict[str, Value]]:
    """The rows of some columns, one by one."""
    for i in range(n):
        yield {name: values[i] for name, values in columns.items()}
