"""A calling floor that exists only as numbers: agents, lines and customers, event by event.

It drives any pacer that has the methods of `pacing.Pacer`, in a world the pacer knows nothing of.
"""

import heapq
import math
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate, count
from random import Random
from typing import Literal, Protocol

AgentState = Literal["ready", "talking", "wrapup", "away"]
Outcome = Literal["answered", "machine", "failed"]


class Paces(Protocol):
    """What the floor asks of a pacer; `pacing.Pacer` says what each method means."""

    def agent(self, agent_id: int, state: AgentState, at: float) -> None: ...
    def dialed(self, call_id: int, at: float) -> None: ...
    def resolved(self, call_id: int, outcome: Outcome, at: float) -> None: ...
    def connected(self, call_id: int, agent_id: int, at: float) -> None: ...
    def abandoned(self, call_id: int, at: float) -> None: ...
    def decide(self, at: float) -> int: ...


@dataclass(frozen=True)
class World:
    """What the pacer must find out. Durations are log-normal: (median seconds, sigma)."""

    agents: int = 20
    p_person: float = 0.25
    p_machine: float = 0.10
    p_fast_failure: float = 0.15  # the rest rings out
    setup_seconds: float = 1.5
    ring: tuple[float, float] = (11.0, 0.45)
    fast_failure: tuple[float, float] = (2.0, 0.5)
    ring_timeout_seconds: float = 28.0
    # (share, median seconds, sigma) of each kind of talk
    talk: tuple[tuple[float, float, float], ...] = ((0.65, 20.0, 0.6), (0.35, 200.0, 0.7))
    wrap: tuple[float, float] = (15.0, 0.6)
    patience_seconds: float = 2.0


@dataclass(frozen=True)
class Shift:
    """From `at` seconds on, the world is another one. Fewer agents: they leave when free."""

    at: float
    to: Callable[[World], World]


@dataclass(frozen=True)
class Scenario:
    """A world, what becomes of it, and how long it runs."""

    world: World
    shifts: tuple[Shift, ...] = ()
    hours: float = 4.0
    skip_hours: float = 0.5  # the cold start is not counted


@dataclass(frozen=True)
class Result:
    """What came of a run. Times in seconds; per-minute lists start at zero.

    answered_at, abandoned_at   when the people answered, of all and of those abandoned
    busy, present               agent-seconds talking or in wrap-up, and signed in, by minute
    dials, hours, skip_hours    lines dialled; length and uncounted start of the run
    """

    answered_at: list[float]
    abandoned_at: list[float]
    busy: list[float]
    present: list[float]
    dials: int
    hours: float
    skip_hours: float

    @property
    def occupancy(self) -> float:
        """Share of the signed-in time spent talking or wrapping up, after the cold start."""
        first = round(self.skip_hours * 60)
        return sum(self.busy[first:]) / max(sum(self.present[first:]), 1e-9)

    @property
    def abandon_rate(self) -> float:
        """Share of the people who answered that found no agent in time, after the cold start."""
        since = self.skip_hours * 3600
        answered = sum(at >= since for at in self.answered_at)
        return sum(at >= since for at in self.abandoned_at) / max(answered, 1)

    def worst_hour(self, *, after_hours: float = 1.0, step_seconds: float = 60.0) -> float:
        """The highest abandon rate of any hour-long window that starts after `after_hours`."""
        worst, since = 0.0, after_hours * 3600
        while since + 3600 <= self.hours * 3600 + 1e-6:
            answered = _between(self.answered_at, since, since + 3600)
            abandoned = _between(self.abandoned_at, since, since + 3600)
            worst = max(worst, abandoned / max(answered, 1))
            since += step_seconds
        return worst


def _between(times: list[float], since: float, until: float) -> int:
    return bisect_right(times, until) - bisect_right(times, since)


def run(
    scenario: Scenario, pacer: Paces, *, seed: int = 0, decide_every_seconds: float = 0.5
) -> Result:
    """Let a pacer run a floor. Deterministic: the same seed and pacer give the same result."""
    floor = _Floor(scenario, pacer, seed)
    floor.run(decide_every_seconds)
    floor.settle_until(scenario.hours * 3600)
    return Result(
        answered_at=floor.answered_at,
        abandoned_at=sorted(floor.abandoned_at),
        busy=floor.busy,
        present=floor.present,
        dials=floor.dials,
        hours=scenario.hours,
        skip_hours=scenario.skip_hours,
    )


class _Floor:
    """The running world: a heap of what happens next, free agents, and customers who wait."""

    def __init__(self, scenario: Scenario, pacer: Paces, seed: int) -> None:
        self.scenario = scenario
        self.world = scenario.world
        self.pacer = pacer
        self.dice = Random(f"floor/{seed}")  # noqa: S311 - a simulation
        self.heap: list[tuple[float, int, Callable[[float], None]]] = []
        self.order = count()
        self.dials = 0
        self.ready: deque[int] = deque()
        self.waiting: dict[int, float] = {}  # answered calls without an agent, oldest first
        self.state: dict[int, AgentState] = {}
        self.since: dict[int, float] = {}
        self.answered_at: list[float] = []
        self.abandoned_at: list[float] = []
        minutes = math.ceil(scenario.hours * 60)
        self.busy = [0.0] * minutes
        self.present = [0.0] * minutes

    def run(self, decide_every_seconds: float) -> None:
        until = self.scenario.hours * 3600
        for agent in range(self.world.agents):
            self._move(agent, "ready", 0.0)
            self.ready.append(agent)
        for shift in self.scenario.shifts:
            self._at(shift.at, lambda at, shift=shift: self._shift(shift, at))  # type: ignore[misc]
        next_decision = 0.0
        while next_decision < until:
            while self.heap and self.heap[0][0] <= next_decision:
                at, _, happen = heapq.heappop(self.heap)
                happen(at)
            for _ in range(self.pacer.decide(next_decision)):
                self._dial(next_decision)
            next_decision += decide_every_seconds

    def settle_until(self, until: float) -> None:
        """Book the time of every state still going on."""
        for agent, state in self.state.items():
            self._book(state, self.since[agent], until)

    # -- calls ------------------------------------------------------------------------------

    def _dial(self, at: float) -> None:
        call, world, luck = self.dials, self.world, self.dice.random()
        self.dials += 1
        self.pacer.dialed(call, at)
        outcome: Outcome = "failed"
        seconds = world.setup_seconds + world.ring_timeout_seconds
        if luck < world.p_fast_failure:
            seconds = world.setup_seconds + self._draw(world.fast_failure)
        elif luck < world.p_fast_failure + world.p_person + world.p_machine:
            ring = self._draw(world.ring)
            if ring < world.ring_timeout_seconds:
                seconds = world.setup_seconds + ring
                outcome = "answered" if luck < world.p_fast_failure + world.p_person else "machine"
        self._at(at + seconds, lambda at: self._resolve(call, outcome, at))

    def _resolve(self, call: int, outcome: Outcome, at: float) -> None:
        self.pacer.resolved(call, outcome, at)
        if outcome != "answered":
            return
        self.answered_at.append(at)
        if self.ready:
            self._connect(call, self.ready.popleft(), at)
        else:
            self.waiting[call] = at
            self._at(at + self.world.patience_seconds, lambda at: self._lose(call, at))

    def _lose(self, call: int, at: float) -> None:
        answered_at = self.waiting.pop(call, None)
        if answered_at is not None:
            self.abandoned_at.append(answered_at)
            self.pacer.abandoned(call, at)

    def _connect(self, call: int, agent: int, at: float) -> None:
        self.pacer.connected(call, agent, at)
        self._move(agent, "talking", at)
        shares = list(accumulate(share for share, _, _ in self.world.talk))
        kind = bisect_right(shares, self.dice.random() * shares[-1])
        _, median, sigma = self.world.talk[min(kind, len(shares) - 1)]
        self._at(at + self._draw((median, sigma)), lambda at: self._wrap_up(agent, at))

    # -- agents -----------------------------------------------------------------------------

    def _wrap_up(self, agent: int, at: float) -> None:
        self._move(agent, "wrapup", at)
        self._at(at + self._draw(self.world.wrap), lambda at: self._free(agent, at))

    def _free(self, agent: int, at: float) -> None:
        if agent >= self.world.agents:
            self._move(agent, "away", at)
            return
        self._move(agent, "ready", at)
        if self.waiting:
            call = next(iter(self.waiting))
            del self.waiting[call]
            self._connect(call, agent, at)
        else:
            self.ready.append(agent)

    def _shift(self, shift: Shift, at: float) -> None:
        self.world = shift.to(self.world)
        for agent in [agent for agent in self.ready if agent >= self.world.agents]:
            self.ready.remove(agent)
            self._move(agent, "away", at)
        for agent in range(self.world.agents):
            if self.state.get(agent, "away") == "away":
                self._free(agent, at)

    def _move(self, agent: int, state: AgentState, at: float) -> None:
        if agent in self.state:
            self._book(self.state[agent], self.since[agent], at)
        self.state[agent], self.since[agent] = state, at
        self.pacer.agent(agent, state, at)

    # -- small things -----------------------------------------------------------------------

    def _book(self, state: AgentState, since: float, until: float) -> None:
        """Add a stretch of an agent's time to its minutes."""
        if state == "away":
            return
        minute = int(since // 60)
        while since < until and minute < len(self.present):
            part = min(until, 60.0 * (minute + 1)) - since
            self.present[minute] += part
            if state != "ready":
                self.busy[minute] += part
            since += part
            minute += 1

    def _draw(self, duration: tuple[float, float]) -> float:
        return duration[0] * math.exp(duration[1] * self.dice.gauss(0.0, 1.0))

    def _at(self, at: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self.heap, (at, next(self.order), happen))


def _answering(factor: float) -> Callable[[World], World]:
    return lambda world: replace(world, p_person=world.p_person * factor)


def _talking(factor: float) -> Callable[[World], World]:
    return lambda world: replace(
        world, talk=tuple((share, median * factor, s) for share, median, s in world.talk)
    )


def _staffed(factor: float) -> Callable[[World], World]:
    return lambda world: replace(world, agents=max(1, round(world.agents * factor)))


def scenarios(agents: int, hours: float = 4.0) -> dict[str, Scenario]:
    """The worlds that every pacer is tried in, by name; the shifts come at half time and later."""
    world = World(agents=agents)
    half = hours * 1800
    poor_list = replace(world, p_person=0.10)
    good_list = replace(world, p_person=0.45, p_machine=0.05)

    def shifting(*shifts: Shift) -> Scenario:
        return Scenario(world, shifts, hours=hours)

    return {
        "stationary": Scenario(world, hours=hours),
        "poor list": Scenario(poor_list, hours=hours),
        "good list": Scenario(good_list, hours=hours),
        "answers halve": shifting(Shift(half, _answering(0.5))),
        "answers double": shifting(Shift(half, _answering(2.0))),
        "talks get longer": shifting(Shift(half, _talking(2.0))),
        "talks get shorter": shifting(Shift(half, _talking(0.5))),
        "lunch": shifting(Shift(half, _staffed(0.5)), Shift(half + 2700, _staffed(2.0))),
        "another list": shifting(
            Shift(
                half, lambda world: replace(world, p_person=0.4, ring=(8.0, 0.4), wrap=(30.0, 0.5))
            )
        ),
    }
