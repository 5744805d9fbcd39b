"""When to call: which hours and days are better, how surely, and when there is no such thing.

Calls are counted in cells (weekday and hour) and strata (whatever else makes calls differ: the
list, how often somebody was tried). Two questions are kept apart:

- Is there an effect at all? `find_effects` tests each hour, each weekday and each cell against the
  rest within the strata, exactly where it can, and corrects for asking so often. On data without
  an effect it names an hour with a chance of at most `alpha`, however many hours there are.
- How large is each rate? `shrink` draws what little is known of a cell towards what is known of
  the whole, by as much as the data themselves say cells differ.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

Cell = tuple[int, int]  # (weekday 0 = Monday … 6, hour 0 … 23), local to the customer
Count = tuple[int, int]  # (tries, successes), 0 <= successes <= tries
Key = TypeVar("Key", bound=Hashable)
Table = tuple[int, int, int, int]  # of a stratum: all tries, successes; of a part of it
Kind = Literal["hour", "weekday", "cell"]

ALPHA = 0.05
# Strengths a prior may have, in tries; the last means that cells do not differ.
STRENGTHS: tuple[float, ...] = tuple(2.0**i for i in range(17))
FEWEST = 30  # tries below which a cell is not tested


@dataclass(frozen=True)
class Effect:
    """An hour, a weekday or a cell that differs from the rest, surely.

    kind, at  ("hour", 19), ("weekday", 5), ("cell", (5, 19)); of a weekday and an hour the rest
    ratio     its odds against the rest's, over the strata (Mantel and Haenszel); above 1 is better
    p         corrected for the number of questions (Holm)
    """

    kind: Kind
    at: int | Cell
    ratio: float
    p: float


def find_effects(
    strata: Mapping[Key, Mapping[Cell, Count]], *, alpha: float = ALPHA
) -> list[Effect]:
    """The hours, weekdays and cells that differ from the rest, the surest first.

    strata   within each, calls are alike but for their moment
    alpha    chance of naming anything at all where nothing differs; 0 to 1
    returns  [] = no effect was found, which is the usual answer for little data

    One stratum: Fisher's exact test by the hypergeometric distribution. Several: the sum of
    hypergeometric counts against its normal law with continuity correction, and only where it
    may be used (variance of at least 5). Sources: Mantel and Haenszel (1959), formula 5;
    Holm (1979), A simple sequentially rejective multiple test procedure. O(cells * strata).
    """
    groups: dict[tuple[Kind, int | Cell], list[Table]] = defaultdict(list)
    for cells in strata.values():
        n_all = sum(n for n, _k in cells.values())
        k_all = sum(k for _n, k in cells.values())
        parts: dict[tuple[Kind, int | Cell], list[int]] = defaultdict(lambda: [0, 0])
        for (weekday, hour), (n, k) in cells.items():
            named: tuple[tuple[Kind, int | Cell], ...] = (
                ("hour", hour), ("weekday", weekday), ("cell", (weekday, hour)),
            )  # fmt: skip
            for name in named:
                parts[name][0] += n
                parts[name][1] += k
        for name, (n, k) in parts.items():
            groups[name].append((n_all, k_all, n, k))
    asked = {
        name: tables
        for name, tables in groups.items()
        if sum(n for _na, _ka, n, _k in tables) >= FEWEST
        and sum(n_all - n for n_all, _ka, n, _k in tables) >= FEWEST
    }
    ps = _p_values(asked)
    found, worst = [], 0.0
    for rank, (name, p) in enumerate(sorted(ps.items(), key=lambda item: (item[1], str(item[0])))):
        worst = max(worst, min(1.0, p * (len(ps) - rank)))
        if worst > alpha:
            break
        found.append(Effect(name[0], name[1], _odds_ratio(asked[name]), worst))
    return found


def _p_values(asked: Mapping[Key, Sequence[Table]]) -> dict[Key, float]:
    from scipy.stats import hypergeom, norm

    ps = dict.fromkeys(asked, 1.0)
    alone: dict[Key, Table] = {}
    for name, tables in asked.items():
        telling = [t for t in tables if 0 < t[1] < t[0] and 0 < t[2] < t[0]]
        if len(telling) == 1:
            alone[name] = telling[0]
            continue
        over = sum(k - n * k_all / n_all for n_all, k_all, n, k in telling)
        spread = sum(
            n * (n_all - n) * k_all * (n_all - k_all) / (n_all**2 * (n_all - 1))
            for n_all, k_all, n, _k in telling
        )
        if spread >= 5:
            ps[name] = float(2 * norm.sf(max(0.0, abs(over) - 0.5) / math.sqrt(spread)))
    if alone:
        n_all, k_all, n, k = np.array(list(alone.values())).T
        law = hypergeom(n_all, k_all, n)
        both = np.minimum(1.0, 2 * np.minimum(law.cdf(k), law.sf(k - 1)))
        ps |= dict(zip(alone, map(float, both), strict=True))
    return ps


def _odds_ratio(tables: Sequence[Table]) -> float:
    above = below = 0.0
    for n_all, k_all, n, k in tables:
        if n_all:
            above += k * ((n_all - n) - (k_all - k)) / n_all
            below += (n - k) * (k_all - k) / n_all
    return (above + 0.5) / (below + 0.5)


# -- rates ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rate:
    """A rate as it is believed: its mean, and between what it lies in four cases of five."""

    mean: float
    low: float
    high: float
    tries: int


def strength_of(counts: Sequence[Count], means: Sequence[float]) -> float:
    """How many tries the whole's word weighs beside a part's own: the most likely of `STRENGTHS`.

    counts, means  parts, and the rate expected of each from the whole; 0 < mean < 1
    returns        the greatest strength where parts do not differ beyond chance; also without any

    The parts' rates are Beta(mean * s, (1 - mean) * s); s is chosen by the likelihood of the
    beta-binomial counts (empirical Bayes). Source: Griffiths (1973), Biometrics 29. O(parts).
    """
    fits = _fits(counts, means)
    # Equally likely ones: the greatest, which claims the least.
    return max(s for s, fit in zip(STRENGTHS, fits, strict=True) if fit >= max(fits) - 1e-9)


def differ(counts: Sequence[Count], means: Sequence[float]) -> bool:
    """Whether parts differ from their means by more than chance, at a level of 5 %.

    The likelihood ratio against no difference, which lies at the edge of what is possible: half
    the chi-square's mass. Source: Self and Liang (1987), JASA 82, case 5.
    """
    fits = _fits(counts, means)
    return 2 * (max(fits) - fits[-1]) > 2.706


def _fits(counts: Sequence[Count], means: Sequence[float]) -> list[float]:
    from scipy.special import betaln

    rows = [(n, k, m) for (n, k), m in zip(counts, means, strict=True) if n]
    if not rows:
        return [0.0] * len(STRENGTHS)
    n, k, m = (np.array(column, float) for column in zip(*rows, strict=True))
    return [
        float((betaln(k + s * m, n - k + s * (1 - m)) - betaln(s * m, s * (1 - m))).sum())
        for s in STRENGTHS
    ]


def rate_of(count: Count, mean: float, strength: float) -> Rate:
    """A part's rate: its own tries, and the whole's word as so many more. Beta posterior."""
    from scipy.stats import beta

    n, k = count
    a, b = k + strength * mean, n - k + strength * (1 - mean)
    low, high = beta.ppf((0.1, 0.9), a, b)
    return Rate(a / (a + b), float(low), float(high), n)


def shrink(
    counts: Mapping[Key, Count], means: Mapping[Key, float]
) -> tuple[dict[Key, Rate], float]:
    """Each part's rate, drawn towards its mean; and the strength it was drawn with."""
    keys = list(counts)
    strength = strength_of([counts[key] for key in keys], [means[key] for key in keys])
    return {key: rate_of(counts[key], means[key], strength) for key in keys}, strength


@dataclass(frozen=True)
class Week:
    """Rates by weekday and hour, of everybody or of one segment.

    base      the rate over all cells
    cells     of those with tries; a cell that is absent has the mean of its hour and weekday
    strength  how far cells are drawn towards hour and weekday; see `strength_of`
    """

    base: float
    hours: Mapping[int, Rate]
    weekdays: Mapping[int, Rate]
    cells: Mapping[Cell, Rate]
    strength: float

    def rate(self, cell: Cell) -> float:
        """What to expect of a call in this cell."""
        found = self.cells.get(cell)
        return found.mean if found else self.expected(cell)

    def expected(self, cell: Cell) -> float:
        """From hour and weekday alone, which add up in log-odds."""
        return _added(self.base, self.weekdays.get(cell[0]), self.hours.get(cell[1]))


def week_of(counts: Mapping[Cell, Count], *, like: Week | None = None) -> Week:
    """Rates by weekday and hour, each level drawn towards the one above it.

    like  the company's, which a segment is drawn towards cell by cell; None: cells are drawn
          towards hour and weekday, these towards the whole

    Where nothing varies beyond chance, every rate is the base rate. O(cells).
    """
    n_all = sum(n for n, _k in counts.values())
    k_all = sum(k for _n, k in counts.values())
    base = (k_all + 0.5) / (n_all + 1)
    hours = _margin(counts, base, lambda cell: cell[1])
    weekdays = _margin(counts, base, lambda cell: cell[0])
    bare = Week(base, hours, weekdays, {}, STRENGTHS[-1])
    if like is None:
        means = {cell: bare.expected(cell) for cell in counts}
    else:
        # The company's week, at this segment's own level.
        lift = _logit(base) - _logit(like.base)
        means = {cell: _sigmoid(_logit(like.rate(cell)) + lift) for cell in counts}
    cells, strength = shrink(counts, means)
    return Week(base, hours, weekdays, {c: cells[c] for c in counts}, strength)


def _margin(
    counts: Mapping[Cell, Count], base: float, of: Callable[[Cell], int]
) -> dict[int, Rate]:
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for cell, (n, k) in counts.items():
        key = of(cell)
        sums[key][0] += n
        sums[key][1] += k
    parts: dict[int, Count] = {key: (n, k) for key, (n, k) in sums.items()}
    rates, _strength = shrink(parts, dict.fromkeys(parts, base))
    return {key: rates[key] for key in sums}


def _added(base: float, *parts: Rate | None) -> float:
    lifts = sum(_logit(part.mean) - _logit(base) for part in parts if part is not None)
    return _sigmoid(_logit(base) + lifts)


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(-35.0, min(35.0, x))))


def for_one(week: Week, tried: Mapping[Cell, Count], *, strength: float) -> dict[Cell, float]:
    """What to expect of one customer in each cell: the segment's week, and the own few calls.

    tried     this customer's calls
    strength  how many calls the segment's word weighs; from `strength_of` over many customers

    Own calls speak for their own hour fully, and by their share for the customer as a whole: who
    answers seldom, answers seldom at any hour.
    """
    n_all = sum(n for n, _k in tried.values())
    k_all = sum(k for _n, k in tried.values())
    level = rate_of((n_all, k_all), week.base, strength).mean
    lift = _logit(level) - _logit(week.base)
    expected = {cell: _sigmoid(_logit(rate.mean) + lift) for cell, rate in week.cells.items()}
    return {
        cell: (tried[cell][1] + strength * mean) / (tried[cell][0] + strength)
        if cell in tried
        else mean
        for cell, mean in expected.items()
    }


def best_cell(
    rates: Mapping[Cell, float], cells: Iterable[Cell], *, at_least: float = 1.1
) -> Cell | None:
    """The first of the best among `cells`, if it beats the first of them; None = do not wait.

    cells     in the order they come, the earliest first
    at_least  by what factor a later one must be better than the earliest to be worth the wait
    """
    order = list(cells)
    if not order:
        return None
    first = rates.get(order[0], 0.0)
    best = max(order, key=lambda cell: (rates.get(cell, 0.0), -order.index(cell)))
    return best if rates.get(best, 0.0) >= first * at_least and best != order[0] else None


def advantages(weeks: Mapping[int, Week], cell: Cell) -> dict[int, float]:
    """How many times its usual rate this hour brings, for each segment that has any."""
    return {segment: week.rate(cell) / week.base for segment, week in weeks.items() if week.base}
