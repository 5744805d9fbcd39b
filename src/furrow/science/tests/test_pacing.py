"""The pacer keeps agents busy, and its promise to those who answer."""

from random import Random
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from furrow.science.pacing import Budget, Hazard, Pacer
from furrow.science.pacing_baselines import Issabel, OmniDialer, OverDial, Vicidial
from furrow.science.pacing_floor import Result, Scenario, World, run, scenarios


def hours(
    count: float, *, agents: int = 20, limit: float = 0.025, cap: float | None = None, seed: int = 1
) -> Result:
    scenario = Scenario(World(agents=agents), hours=count)
    return run(scenario, Pacer(limit, occupancy_cap=cap), seed=seed)


def test_a_floor_of_twenty_is_busy_and_abandons_few() -> None:
    result = hours(2)

    assert result.occupancy > 0.83
    assert result.abandon_rate <= 0.025


def test_it_is_ahead_of_the_rules_it_replaces() -> None:
    scenario = Scenario(World(agents=40), hours=1.2)
    ours = run(scenario, Pacer(0.025), seed=2)

    assert ours.abandon_rate <= 0.025
    for other in (OverDial(1.0), OverDial(3.0), Vicidial(), Vicidial(highest=6, ready_only=True)):
        theirs = run(scenario, other, seed=2)
        assert ours.occupancy > theirs.occupancy + 0.02
    for reckless in (OmniDialer(), Issabel(), Vicidial("ratio", level=2.0)):
        theirs = run(scenario, reckless, seed=2)
        assert theirs.abandon_rate > ours.abandon_rate


@pytest.mark.parametrize("name", ["answers double", "lunch"])
def test_when_the_world_shifts_no_hour_goes_over_the_legal_rate(name: str) -> None:
    result = run(scenarios(60, hours=2.4)[name], Pacer(0.025), seed=3)

    assert result.worst_hour() <= 0.03


def test_a_limit_of_nothing_is_progressive_dialling() -> None:
    result = hours(0.7, limit=0.0)

    assert result.abandoned_at == []
    assert result.occupancy > 0.5


def test_the_cold_start_is_safe() -> None:
    result = hours(0.5, agents=50)

    assert len(result.abandoned_at) <= 0.03 * len(result.answered_at)


def test_agents_work_no_more_than_the_cap() -> None:
    result = hours(1.5, agents=30, cap=0.75)

    assert result.occupancy == pytest.approx(0.75, abs=0.02)


def test_the_same_events_give_the_same_decisions() -> None:
    assert hours(0.5) == hours(0.5)


def test_nobody_is_called_for_an_empty_floor() -> None:
    pacer = Pacer(0.03)
    assert pacer.decide(0.0) == 0
    pacer.agent(1, "ready", 1.0)
    assert pacer.decide(1.0) > 0
    pacer.agent(1, "away", 1.5)
    assert pacer.decide(2.0) == 0


def test_a_waiting_person_takes_the_free_agent() -> None:
    pacer = Pacer(0.0)
    pacer.agent(1, "ready", 0.0)
    pacer.dialed(1, 0.0)
    pacer.resolved(1, "answered", 9.0)

    assert pacer.decide(9.0) == 0


@pytest.mark.parametrize(
    ("limit", "cap", "patience"), [(-0.1, None, 2), (1.1, None, 2), (0.03, 0, 2), (0.03, None, -1)]
)
def test_arguments_out_of_range_are_refused(
    limit: float, cap: float | None, patience: float
) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Pacer(limit, cap, patience)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["ready", "talking", "wrapup", "away", "answered", "failed", "abandoned"]),
        st.integers(0, 5),
        st.floats(0, 30),
    ),
    max_size=60,
)


@given(events=EVENTS, limit=st.floats(0, 0.2))
@settings(deadline=None, max_examples=50)
def test_whatever_happens_a_decision_is_a_number_of_lines(
    events: list[tuple[str, int, float]], limit: float
) -> None:
    """Events in odd orders, of unknown calls, or repeated do no harm."""
    pacer, at, calls = Pacer(limit), 0.0, 0
    for what, which, wait in events:
        at += wait
        match what:
            case "ready" | "talking" | "wrapup" | "away":
                pacer.agent(which, what, at)
            case "answered" | "failed":
                pacer.resolved(which, what, at)
            case _:
                pacer.abandoned(which, at)
        lines = pacer.decide(at)
        assert 0 <= lines <= 32
        for _ in range(lines):
            pacer.dialed(calls, at)
            calls += 1


def test_a_decision_for_800_agents_is_quick() -> None:
    dice, pacer = Random(1), Pacer(0.03)
    for agent in range(800):
        pacer.agent(agent, "talking" if agent % 10 else "ready", -dice.uniform(0, 300))
    for call in range(600):
        pacer.dialed(call, -dice.uniform(0, 28))
    pacer.decide(0.0)
    since = process_time()
    for tick in range(1, 101):
        pacer.decide(0.5 * tick)

    assert (process_time() - since) / 100 < 0.005


def test_a_hazard_finds_the_duration_it_is_fed() -> None:
    edges = [float(edge) for edge in range(0, 101, 2)] + [1e5]
    belief = np.minimum(np.asarray(edges) / 200, 1.0)
    hazard, dice = Hazard(edges, [belief], weight=5, half_life=1e9), Random(2)
    for _ in range(4000):
        hazard.end(dice.expovariate(1 / 20))
    hazard.learn(np.array([]), 1.0)
    over = hazard.ended_by(np.array([10.0, 20.0, 40.0]), 0)

    assert over == pytest.approx(1 - np.exp([-0.5, -1.0, -2.0]), abs=0.03)


def test_those_not_ended_yet_are_not_forgotten() -> None:
    """Learning from the finished alone would call every duration short."""
    edges = [0.0, 10.0, 20.0, 40.0, 80.0, 1e5]
    belief = np.minimum(np.asarray(edges) / 200, 1.0)

    def half_over(living: list[float]) -> float:
        hazard = Hazard(edges, [belief], weight=1, half_life=1e9)
        for _ in range(50):
            hazard.end(5.0)
        hazard.learn(np.array(living), 1.0)
        return float(hazard.ended_by(np.array([30.0]), 0)[0])

    assert half_over([60.0] * 50) < half_over([]) - 0.2


def test_a_budget_overspent_takes_less_risk_and_recovers() -> None:
    budget = Budget(0.03)
    for second in range(600):
        budget.answered(float(second))
    calm = budget.risk(600.0)
    for _ in range(20):
        budget.abandoned(600.0)
    alarmed = budget.risk(600.0)
    for second in range(600, 4200):
        budget.answered(float(second))

    assert alarmed < calm / 4
    assert budget.risk(4200.0) > alarmed


def fed(budget: Budget, *, seconds: range, abandon_every: int | None = None) -> Budget:
    """One answer a second; every so many of them are abandoned."""
    for second in seconds:
        budget.answered(float(second))
        if abandon_every and second % abandon_every == 0:
            budget.abandoned(float(second))
    return budget


def test_what_is_saved_while_learning_is_not_spent_later() -> None:
    saved = fed(Budget(0.025), seconds=range(1800))
    on_course = fed(Budget(0.025), seconds=range(1800), abandon_every=40)

    # One has abandoned nobody, the other as many as allowed: the balance of both is naught.
    assert saved._balance <= on_course._balance + 1.0


def test_risk_is_calibrated_by_what_was_abandoned() -> None:
    """Both balances are full; but one has seen risks that were worse than they looked."""
    harmless, harmful = Budget(0.025), Budget(0.025)
    fed(harmless, seconds=range(3600), abandon_every=80)
    fed(harmful, seconds=range(3600), abandon_every=20)
    harmless._balance = harmful._balance = 5.0
    fed(harmless, seconds=range(3600, 9000), abandon_every=200)
    fed(harmful, seconds=range(3600, 9000), abandon_every=41)

    assert harmful.risk(9000.0) < harmless.risk(9000.0)


def test_risk_fades_before_an_hour_gets_tight() -> None:
    calm = fed(Budget(0.025), seconds=range(7200), abandon_every=41)
    burst = fed(Budget(0.025), seconds=range(7200), abandon_every=41)
    calm_risk = calm.risk(7200.0)
    for _ in range(25):
        burst.abandoned(7200.0)
    burst._balance = calm._balance  # the long run has no fault to find

    assert burst.risk(7200.0) < calm_risk / 3


@given(
    answered=st.lists(st.booleans(), max_size=400),
    limit=st.floats(0, 1),
    pace=st.floats(0.05, 60),
)
@settings(deadline=None, max_examples=50)
def test_risk_is_a_chance_and_never_grows_by_abandoning(
    answered: list[bool], limit: float, pace: float
) -> None:
    budget, at = Budget(limit), 0.0
    for is_abandoned in answered:
        at += pace
        budget.answered(at)
        before = budget.risk(at)
        if is_abandoned:
            budget.abandoned(at)
            assert budget.risk(at) <= before
        assert 0.0 <= budget.risk(at) <= 0.5


def test_a_floor_books_every_second_once() -> None:
    result = run(Scenario(World(agents=7), hours=1.0), OverDial(2.0), seed=4)

    assert sum(result.present) == pytest.approx(7 * 3600)
    assert 0 < sum(result.busy) < sum(result.present)
    assert len(result.abandoned_at) <= len(result.answered_at) <= result.dials
