"""Who suits whom: shrunk, explored, assigned within room, and measured."""

from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from furrow.science.matching import Fits, Pair, assign, gain, learn_fits
from furrow.science.timing import Count

KINDS = ["north", "south", "firm"]


def _met(rng: Random, *, n: int, suits: bool) -> dict[Pair, Count]:
    """Six agents and three kinds; if somebody suits somebody, each agent has a kind."""
    counts: dict[Pair, Count] = {}
    for agent, (place, kind) in product(range(6), enumerate(KINDS)):
        p = 0.1 + 0.03 * agent / 5 + 0.02 * place
        p += 0.15 if suits and agent % 3 == place else 0
        counts[agent, kind] = (n, sum(rng.random() < p for _ in range(n)))
    return counts


def test_agents_and_kinds_that_only_differ_on_the_whole_suit_nobody_better() -> None:
    fits = learn_fits(_met(Random(1), n=400, suits=False))

    for agent, kind in product(range(6), KINDS):
        assert fits.rate(agent, kind) == pytest.approx(fits.expected(agent, kind), abs=0.02)


def test_pairs_that_suit_are_found_and_small_numbers_not_believed() -> None:
    many = learn_fits(_met(Random(2), n=400, suits=True))
    few = learn_fits(_met(Random(2), n=4, suits=True))

    assert many.has_effect
    assert many.rate(0, "north") > 1.5 * many.rate(1, "north")
    spread = [few.rate(agent, "north") for agent in range(6)]
    assert max(spread) - min(spread) < 0.15  # their own rates: 0 to 0.5
    assert not few.has_effect


def test_a_stranger_is_average_and_tried_more_widely_than_somebody_known() -> None:
    fits = learn_fits(_met(Random(2), n=400, suits=True))

    assert fits.expected(99, "north") == pytest.approx(fits.kinds["north"])
    draws = np.array([fits.draw([0, 99], ["north"], seed=seed)[:, 0] for seed in range(200)])
    assert draws[:, 1].std() > draws[:, 0].std()
    assert (fits.draw([0], ["north"], seed=5) == fits.draw([0], ["north"], seed=5)).all()


small = st.lists(st.integers(0, 3), min_size=2, max_size=2)


@settings(max_examples=60, deadline=None)
@given(
    worth=st.lists(st.integers(0, 9), min_size=4, max_size=4),
    barred=st.sets(st.integers(0, 3), max_size=2),
    sizes=small,
    rooms=small,
)
def test_no_other_way_to_assign_is_worth_more(
    worth: list[int], barred: set[int], sizes: list[int], rooms: list[int]
) -> None:
    table = np.array(worth, float).reshape(2, 2)
    for place in barred:
        table[place // 2, place % 2] = -np.inf

    given_ = assign(table, sizes, rooms)

    assert (given_ >= 0).all()
    assert (given_.sum(axis=1) <= rooms).all()
    assert (given_.sum(axis=0) <= sizes).all()
    finite = np.where(np.isfinite(table), table, 0)
    best = max(
        (sum(way), float((finite.ravel() * way).sum()))
        for way in product(range(4), repeat=4)
        if way[0] + way[1] <= rooms[0] and way[2] + way[3] <= rooms[1]
        and way[0] + way[2] <= sizes[0] and way[1] + way[3] <= sizes[1]
        and not any(way[place] for place in barred)
    )  # fmt: skip
    assert (int(given_.sum()), float((finite * given_).sum())) == pytest.approx(best)


def test_assigning_needs_sizes_and_rooms_that_fit() -> None:
    with pytest.raises(ValueError, match="room"):
        assign(np.zeros((2, 2)), [1], [1, 1])
    assert assign(np.full((1, 1), -np.inf), [3], [3]).sum() == 0


def test_matching_by_draws_learns_to_beat_chance_and_the_holdout_shows_it() -> None:
    """Fifty days: what suits is unknown at first; a fifth of the customers is dealt by chance."""
    rng = Random(4)
    truth = {
        (agent, kind): 0.1 + (0.25 if agent % 3 == place else 0)
        for agent, (place, kind) in product(range(6), enumerate(KINDS))
    }
    counts: dict[Pair, Count] = {}
    sums = {"matched": [0, 0], "random": [0, 0]}

    def meet(agent: int, kind: str, how: str) -> None:
        said_yes = rng.random() < truth[agent, kind]
        n, k = counts.get((agent, kind), (0, 0))
        counts[agent, kind] = (n + 1, k + said_yes)
        sums[how][0] += 1
        sums[how][1] += said_yes

    for day in range(50):
        fits = learn_fits(counts) if counts else Fits(0.1, {}, {}, {}, 4.0)
        given_ = assign(fits.draw(range(6), KINDS, seed=day), [16] * 3, [8] * 6)
        for agent, (place, kind) in product(range(6), enumerate(KINDS)):
            for _customer in range(given_[agent, place]):
                meet(agent, kind, "matched")
        for _customer in range(12):
            meet(rng.randrange(6), rng.choice(KINDS), "random")

    found = gain((sums["matched"][0], sums["matched"][1]), (sums["random"][0], sums["random"][1]))
    assert found.is_sure
    assert found.low > 0
    assert found.difference > 0.08


@given(n=st.integers(1, 200), m=st.integers(1, 200), p=st.floats(0, 1), q=st.floats(0, 1))
def test_the_gain_lies_within_its_limits(n: int, m: int, p: float, q: float) -> None:
    found = gain((n, round(n * p)), (m, round(m * q)))

    assert -1 - 1e-9 <= found.low <= found.difference + 1e-9
    assert found.difference - 1e-9 <= found.high <= 1 + 1e-9


def test_without_a_holdout_nothing_is_said() -> None:
    assert not gain((100, 90), (0, 0)).is_sure
