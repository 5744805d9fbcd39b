import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.science.experiments import (
    Arm,
    Verdict,
    compare,
    decay_step,
    judge_pilot,
    likely_range,
)

ALARM = 8.5


def steps_to_alarm(rate: float, seed: int, most: int) -> int:
    draw = random.Random(seed)
    evidence = 0.0
    for n in range(1, most + 1):
        evidence = decay_step(evidence, draw.random() < rate, usual=0.3, fallen=0.18)
        if evidence >= ALARM:
            return n
    return most


def test_a_fallen_rate_is_found_soon_and_a_healthy_one_left_alone() -> None:
    fell = [steps_to_alarm(0.18, seed, 5000) for seed in range(40)]
    healthy = [steps_to_alarm(0.3, seed, 1000) for seed in range(40)]

    assert sum(fell) / len(fell) < 300  # 8.5 / 0.038 = 225 by theory
    # A false alarm once in 5,000 or more: of 40 runs of 1,000 at most a fifth by theory.
    assert sum(n < 1000 for n in healthy) <= 8


def test_looking_after_every_call_finds_no_difference_where_there_is_none() -> None:
    found = 0
    for seed in range(100):
        draw = random.Random(seed)
        hits = [0, 0]
        for n in range(1, 1001):
            for arm in (0, 1):
                hits[arm] += draw.random() < 0.2
            if n % 10 == 0 and compare(Arm(n, hits[0]), Arm(n, hits[1])).is_decided():
                found += 1
                break

    assert found <= 10  # 5 % of 100, and two standard deviations


def test_a_real_difference_is_found_and_lies_within_the_interval() -> None:
    for seed in range(20):
        draw = random.Random(seed)
        hits = [0, 0]
        for n in range(1, 3001):
            hits[0] += draw.random() < 0.10
            hits[1] += draw.random() < 0.16
            told = compare(Arm(n, hits[0]), Arm(n, hits[1]))
            if told.is_decided():
                assert told.low > 0
                break
        else:
            pytest.fail("6 points of difference are not found in 3,000 calls")


@given(
    trials=st.integers(0, 2000),
    share=st.floats(0, 1),
    alpha=st.floats(0.001, 0.2),
)
def test_the_likely_range_holds_the_rate_seen(trials: int, share: float, alpha: float) -> None:
    arm = Arm(trials, round(share * trials))

    low, high = likely_range(arm, alpha=alpha)

    assert 0 <= low <= arm.rate <= high <= 1 or trials == 0
    wider = likely_range(arm, alpha=alpha / 2)
    assert wider[0] <= low + 1e-9
    assert wider[1] >= high - 1e-9


def verdict_at(rate: float, seed: int) -> Verdict:
    draw = random.Random(seed)
    hits = 0
    for n in range(1, 1501):
        hits += draw.random() < rate
        if n % 20:
            continue
        verdict = judge_pilot(Arm(n, hits), good=0.08, bad=0.03, size=1500)
        if verdict is not Verdict.WAIT:
            return verdict
    return Verdict.WAIT


def test_a_pilot_goes_stops_or_changes_and_seldom_wrongly() -> None:
    good = [verdict_at(0.10, seed) for seed in range(40)]
    bad = [verdict_at(0.02, seed) for seed in range(40)]

    assert good.count(Verdict.GO) >= 36
    assert good.count(Verdict.STOP) <= 4
    assert bad.count(Verdict.STOP) >= 36
    assert bad.count(Verdict.GO) <= 4


@pytest.mark.parametrize(("usual", "fallen"), [(0.0, 0.1), (0.2, 0.3), (1.0, 0.5), (0.2, 0.0)])
def test_rates_out_of_range_are_refused(usual: float, fallen: float) -> None:
    with pytest.raises(ValueError, match="out of range"):
        decay_step(0.0, True, usual=usual, fallen=fallen)
    with pytest.raises(ValueError, match="out of order"):
        judge_pilot(Arm(1, 1), good=0.1, bad=0.1, size=10)
