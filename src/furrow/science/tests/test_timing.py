"""When to call: nothing is claimed of chance, and what there is is found."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from furrow.science.timing import (
    STRENGTHS,
    Cell,
    Count,
    Week,
    advantages,
    best_cell,
    differ,
    find_effects,
    for_one,
    rate_of,
    shrink,
    strength_of,
    week_of,
)

HOURS = range(9, 20)
WEEK = [(weekday, hour) for weekday in range(6) for hour in HOURS]
cell_counts = st.dictionaries(
    st.sampled_from(WEEK),
    st.integers(0, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
    max_size=20,
)


def _calls(
    rng: Random, *, each: int = 40, p: float = 0.3, better: dict[int, float] | None = None
) -> dict[Cell, Count]:
    """A week of calls: each cell `each` tries at rate p, an hour of `better` at its own."""
    rates = {cell: (better or {}).get(cell[1], p) for cell in WEEK}
    return {
        cell: (each, sum(rng.random() < rate for _ in range(each))) for cell, rate in rates.items()
    }


@pytest.mark.parametrize("strata", [1, 3])
def test_where_nothing_differs_hours_are_named_no_more_than_agreed(strata: int) -> None:
    rng = Random(7)
    runs = 300

    named = sum(
        bool(find_effects({s: _calls(rng, p=0.1 + 0.2 * s) for s in range(strata)}))
        for _run in range(runs)
    )

    # 5 % allowed; three standard errors above it would be 8.8 %.
    assert named / runs <= 0.088


def test_different_lists_at_different_hours_are_not_an_effect_of_the_hour() -> None:
    """A good list called in the evening, a bad one in the morning: no hour is better."""
    rng = Random(11)

    def called(p: float, hours: range) -> dict[Cell, Count]:
        return {
            (d, h): (60, sum(rng.random() < p for _ in range(60))) for d in range(5) for h in hours
        }

    good, bad = called(0.5, range(15, 20)), called(0.1, range(9, 16))

    assert find_effects({"good": good, "bad": bad}, alpha=0.01) == []
    mixed = {cell: (sum(c.get(cell, (0, 0))[0] for c in (good, bad)),
                    sum(c.get(cell, (0, 0))[1] for c in (good, bad)))
             for cell in {*good, *bad}}  # fmt: skip
    assert find_effects({"all": mixed})  # without strata it would look like one


def test_an_hour_that_is_better_is_found() -> None:
    found = find_effects({0: _calls(Random(3), each=80, better={19: 0.5})})

    assert ("hour", 19) in {(effect.kind, effect.at) for effect in found}
    best = next(effect for effect in found if effect.at == 19)
    assert best.ratio == pytest.approx((0.5 / 0.5) / (0.3 / 0.7), rel=0.25)
    assert best.p <= 0.05


@given(cell_counts)
def test_rates_lie_between_their_own_and_the_whole(counts: dict[Cell, Count]) -> None:
    means = dict.fromkeys(counts, 0.3)

    rates, strength = shrink(counts, means)

    assert strength in STRENGTHS
    for cell, (n, k) in counts.items():
        own = k / n if n else 0.3
        low, high = min(own, 0.3), max(own, 0.3)
        assert low - 1e-9 <= rates[cell].mean <= high + 1e-9
        assert 0 <= rates[cell].low <= rates[cell].high <= 1


@given(n=st.integers(1, 400), more=st.integers(2, 5), p=st.floats(0.1, 0.9))
def test_more_tries_are_less_uncertain(n: int, more: int, p: float) -> None:
    few = rate_of((n, round(n * p)), p, 20)
    many = rate_of((n * more, round(n * p) * more), p, 20)

    assert many.high - many.low <= few.high - few.low + 1e-9


def test_cells_that_do_not_differ_are_all_the_same() -> None:
    counts = [(50, 15)] * 30

    assert strength_of(counts, [0.3] * 30) == STRENGTHS[-1]
    week = week_of(dict(zip(WEEK, counts, strict=False)))
    assert all(rate.mean == pytest.approx(week.base, abs=0.01) for rate in week.cells.values())


def test_cells_that_differ_are_believed_the_more_the_more_they_differ() -> None:
    near = [(100, 28 + i % 5) for i in range(30)]
    far = [(100, 5 + 50 * (i % 2)) for i in range(30)]

    assert strength_of(far, [0.3] * 30) < strength_of(near, [0.3] * 30)
    assert differ(far, [0.3] * 30)
    assert not differ(near, [0.3] * 30)


def test_a_segment_of_few_calls_looks_like_the_company_at_its_own_level() -> None:
    company = week_of(_calls(Random(5), each=200, better={18: 0.5, 19: 0.5}))
    few: dict[Cell, Count] = {(d, h): (3, 0 if h < 18 else 1) for d in range(5) for h in HOURS}

    segment = week_of(few, like=company)

    assert segment.base < company.base
    assert segment.rate((2, 19)) > 1.3 * segment.rate((2, 10))


def test_ones_own_calls_are_heard_but_do_not_drown_the_rest() -> None:
    week = week_of(_calls(Random(5), each=200, better={19: 0.5}))

    fresh = for_one(week, {}, strength=8)
    once = for_one(week, {(0, 10): (1, 1)}, strength=8)
    often = for_one(week, {(0, 10): (6, 6)}, strength=8)

    assert fresh[0, 10] == pytest.approx(week.rate((0, 10)))
    assert fresh[0, 10] < once[0, 10] < often[0, 10]
    assert once[0, 10] < 0.55
    assert often[3, 12] > fresh[3, 12]  # who answers, answers more at any hour


@settings(max_examples=50)
@given(cell_counts)
def test_a_week_says_probabilities_of_every_cell(counts: dict[Cell, Count]) -> None:
    week = week_of(counts)

    for cell in WEEK:
        assert 0 < week.rate(cell) < 1
        assert not math.isnan(week.rate(cell))


def test_waiting_must_be_worth_it() -> None:
    rates = {(0, 10): 0.30, (0, 11): 0.31, (0, 19): 0.5}

    assert best_cell(rates, [(0, 10), (0, 11)]) is None
    assert best_cell(rates, [(0, 10), (0, 11), (0, 19)]) == (0, 19)
    assert best_cell(rates, [(0, 19), (1, 10)]) is None
    assert best_cell(rates, []) is None


def test_the_hour_suits_one_list_more_than_another() -> None:
    weeks: dict[int, Week] = {
        1: week_of(_calls(Random(1), each=200, better={19: 0.6})),
        2: week_of(_calls(Random(2), each=200, better={10: 0.6})),
    }

    evening = advantages(weeks, (1, 19))

    assert evening[1] > 1.3 > evening[2]
