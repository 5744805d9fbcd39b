"""Who suits whom: learned from outcomes, tried a little, assigned as a whole.

Customers come in kinds, agents are few. What an agent does with a kind is believed as far as the
calls go: `Fits` draws each pair towards what agent and kind do on the whole, because most pairs
have met seldom. `assign` then gives each kind to agents within room so that the expected yeses are
as many as possible, with rates drawn from what is believed (Thompson sampling), so that pairs
nobody knows are tried in proportion to the chance that they are best. A share of the customers is
held out and dealt by chance; `gain` compares the two, and so the whole is measured for ever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .timing import STRENGTHS, Count, differ, rate_of, strength_of

Pair = tuple[int, str]  # (agent, kind of customer)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fits:
    """What is believed of agents and kinds.

    base      the rate of all
    agents    agent -> rate on the whole, drawn towards the base
    kinds     kind -> rate on the whole
    counts    (agent, kind) -> (conversations, successes)
    strength  how many conversations the expectation from agent and kind weighs
    has_effect  whether pairs differ by more than agent, kind and chance: whether matching can help
    """

    base: float
    agents: Mapping[int, float]
    kinds: Mapping[str, float]
    counts: Mapping[Pair, Count]
    strength: float
    has_effect: bool = False

    def expected(self, agent: int, kind: str) -> float:
        """From agent and kind alone, which add up in log-odds; strangers count as average."""
        lift = _logit(self.agents.get(agent, self.base)) - _logit(self.base)
        return _sigmoid(_logit(self.kinds.get(kind, self.base)) + lift)

    def rate(self, agent: int, kind: str) -> float:
        """What to expect when this agent talks to this kind."""
        n, k = self.counts.get((agent, kind), (0, 0))
        mean = self.expected(agent, kind)
        return (k + self.strength * mean) / (n + self.strength)

    def draw(self, agents: Sequence[int], kinds: Sequence[str], *, seed: int) -> Floats:
        """Rates as they may be, agents by kinds: one draw from what is believed of each pair.

        Source: Thompson (1933), On the likelihood that one unknown probability exceeds another.
        """
        a, b = np.empty((len(agents), len(kinds))), np.empty((len(agents), len(kinds)))
        for i, agent in enumerate(agents):
            for j, kind in enumerate(kinds):
                n, k = self.counts.get((agent, kind), (0, 0))
                mean = self.expected(agent, kind)
                a[i, j] = k + self.strength * mean
                b[i, j] = n - k + self.strength * (1 - mean)
        return np.random.default_rng(seed).beta(a, b)


def learn_fits(counts: Mapping[Pair, Count]) -> Fits:
    """Fits from conversations and successes by agent and kind. O(pairs)."""
    n_all = sum(n for n, _k in counts.values())
    k_all = sum(k for _n, k in counts.values())
    base = (k_all + 0.5) / (n_all + 1)
    by_agent: dict[int, Count] = {}
    by_kind: dict[str, Count] = {}
    for (agent, kind), (n, k) in counts.items():
        was = by_agent.get(agent, (0, 0))
        by_agent[agent] = (was[0] + n, was[1] + k)
        was = by_kind.get(kind, (0, 0))
        by_kind[kind] = (was[0] + n, was[1] + k)
    of_agents = strength_of(list(by_agent.values()), [base] * len(by_agent))
    of_kinds = strength_of(list(by_kind.values()), [base] * len(by_kind))
    bare = Fits(
        base=base,
        agents={agent: rate_of(count, base, of_agents).mean for agent, count in by_agent.items()},
        kinds={kind: rate_of(count, base, of_kinds).mean for kind, count in by_kind.items()},
        counts=dict(counts),
        strength=STRENGTHS[-1],
    )
    expected = [bare.expected(agent, kind) for agent, kind in counts]
    met = list(counts.values())
    return replace(bare, strength=strength_of(met, expected), has_effect=differ(met, expected))


def assign(worth: Floats, sizes: Sequence[int], rooms: Sequence[int]) -> NDArray[np.int64]:
    """How many of each kind each agent gets, so that the sum of their worths is greatest.

    worth    agents by kinds: the worth of one customer of the kind with the agent, finite;
             -inf = may not be given
    sizes    customers of each kind, whole, >= 0
    rooms    the most each agent may be given, whole, >= 0
    returns  whole numbers, agents by kinds; as many customers placed as can be placed

    A transportation problem, solved as a linear programme; its corners are whole. Source:
    Hitchcock (1941), The distribution of a product from several sources. Raises ValueError for
    shapes that do not fit.
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_matrix

    agents, kinds = worth.shape
    if len(sizes) != kinds or len(rooms) != agents:
        raise ValueError("a size for every kind, a room for every agent")
    allowed = np.argwhere(np.isfinite(worth))
    given = np.zeros((agents, kinds), dtype=np.int64)
    if not len(allowed):
        return given
    values = worth[tuple(allowed.T)]
    # Placing one more is worth more than any rearrangement of all the others.
    reward = values + (values.max() - values.min()) + 1
    column = np.arange(len(allowed))
    rows = np.concatenate([allowed[:, 0], agents + allowed[:, 1]])
    limits = coo_matrix(
        (np.ones(2 * len(allowed)), (rows, np.concatenate([column, column]))),
        shape=(agents + kinds, len(allowed)),
    )
    found = linprog(
        -reward, A_ub=limits.tocsr(), b_ub=[*rooms, *sizes], bounds=(0, None), method="highs-ds"
    )
    given[tuple(allowed.T)] = np.rint(found.x).astype(np.int64)
    return given


@dataclass(frozen=True)
class Gain:
    """What matching brings, against chance.

    difference    successes per customer, matched less random
    low, high     between what it lies with 95 %
    """

    matched: Count
    random: Count
    difference: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        """Whether it surely helps, or surely harms."""
        return self.low > 0 or self.high < 0


def gain(matched: Count, random: Count) -> Gain:
    """Compare those dealt by match with those dealt by chance.

    matched, random  (customers whose outcome is known, successes)
    Source: Newcombe (1998), Statistics in Medicine 17, method 10 (Wilson limits combined).
    """
    (n1, k1), (n2, k2) = matched, random
    if not n1 or not n2:
        return Gain(matched, random, 0.0, -1.0, 1.0)
    p1, p2 = k1 / n1, k2 / n2
    (low1, high1), (low2, high2) = _wilson(k1, n1), _wilson(k2, n2)
    low = p1 - p2 - math.hypot(p1 - low1, high2 - p2)
    high = p1 - p2 + math.hypot(high1 - p1, p2 - low2)
    return Gain(matched, random, p1 - p2, low, high)


def _wilson(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    p = k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(-35.0, min(35.0, x))))
