"""How others pace, written anew from descriptions of their rules, for comparison only.

Each has the methods of `pacing.Pacer` and may be driven by `pacing_floor.run`. Names and default
settings are those of the systems; what a rule does not look at, it is not given.
"""

from collections import deque
from math import exp, floor
from typing import Literal

from furrow.science.pacing_floor import AgentState, Outcome


class _Counts:
    """What every baseline counts: agents by state, lines ringing, people waiting."""

    def __init__(self) -> None:
        self.agents: dict[int, tuple[AgentState, float]] = {}
        self.lines: dict[int, float] = {}
        self.waiting: set[int] = set()
        self.answered_calls = 0
        self.abandoned_calls = 0

    def agent(self, agent_id: int, state: AgentState, at: float) -> None:
        self.agents[agent_id] = (state, at)

    def dialed(self, call_id: int, at: float) -> None:
        self.lines[call_id] = at

    def resolved(self, call_id: int, outcome: Outcome, at: float) -> None:
        self.lines.pop(call_id, None)
        if outcome == "answered":
            self.waiting.add(call_id)
            self.answered_calls += 1

    def connected(self, call_id: int, agent_id: int, at: float) -> None:
        self.waiting.discard(call_id)

    def abandoned(self, call_id: int, at: float) -> None:
        self.waiting.discard(call_id)
        self.abandoned_calls += 1

    def in_state(self, state: AgentState) -> int:
        return sum(now == state for now, _ in self.agents.values())

    @property
    def present(self) -> int:
        return len(self.agents) - self.in_state("away")


class OverDial(_Counts):
    """So many lines for each free agent; 1 is progressive dialling, which abandons nobody."""

    def __init__(self, lines_per_free_agent: float = 1.0) -> None:
        super().__init__()
        self._ratio = lines_per_free_agent

    def decide(self, at: float) -> int:
        free = self.in_state("ready") - len(self.waiting)
        return max(0, round(self._ratio * free) - len(self.lines))


class Vicidial(_Counts):
    """VICIdial's dial level: a factor on agents, which climbs while anybody is idle.

    method        "ratio" keeps the level; the others adapt it every 15 s and brake it when the
                  drops of the whole day exceed the limit
    level         where it starts; of "ratio" where it stays
    highest       adaptive maximum level
    ready_only    tally ready agents only ("available only ratio tally")
    shift_hours   what "tapered" takes for the rest of the day
    """

    def __init__(
        self,
        method: Literal["ratio", "hard_limit", "average", "tapered"] = "hard_limit",
        *,
        level: float = 1.0,
        highest: float = 3.0,
        ready_only: bool = False,
        drop_limit: float = 0.03,
        shift_hours: float = 4.0,
    ) -> None:
        super().__init__()
        self._method = method
        self._level = level
        self._highest = highest
        self._ready_only = ready_only
        self._limit = drop_limit
        self._shift_hours = shift_hours
        self._samples: deque[tuple[int, int, int]] = deque(maxlen=15)
        self._next_sample = self._next_adaption = self._next_dialling = 0.0
        self._next_drop_count = 60.0
        self._drop_share = 0.0
        self._queue = 0  # lines the dialling loop still owes, at so many a second
        self._allowance = 0.0
        self._before = 0.0

    def decide(self, at: float) -> int:
        if at >= self._next_sample:
            self._next_sample = at + 1.0
            self._samples.append((self.in_state("ready"), len(self.waiting), self.present))
        if at >= self._next_drop_count:
            self._next_drop_count = at + 60.0
            self._drop_share = self.abandoned_calls / max(self.answered_calls, 1)
        if at >= self._next_adaption and self._method != "ratio":
            self._next_adaption = at + 15.0
            self._adapt(at)
        if at >= self._next_dialling:
            self._next_dialling = at + 2.5
            self._queue = self._wanted()
        calls_per_second = 5.0 * max(1.0, self.present / 25)
        self._allowance = min(self._allowance + calls_per_second * (at - self._before), 50.0)
        self._before = at
        now = min(self._queue, floor(self._allowance))
        self._queue -= now
        self._allowance -= now
        return now

    def _wanted(self) -> int:
        ready, talking = self.in_state("ready"), self.in_state("talking")
        if self._ready_only:
            goal = round(self._level * ready) + talking
        else:
            goal = round(self._level * (ready + talking))
        return max(0, goal - len(self.lines) - len(self.waiting) - talking)

    def _adapt(self, at: float) -> None:
        count = len(self._samples)
        idle = sum(ready - waiting for ready, waiting, _ in self._samples) / count
        present = sum(total for _, _, total in self._samples) / count
        if present <= 0:
            return
        self._level = min(max(self._level * (1 + idle / present), 1.0), self._highest)
        if self.answered_calls > 50 and self._drop_share > self._limit:
            match self._method:
                case "hard_limit":
                    self._level = 1.0
                case "average":
                    self._level /= 2
                case _:  # hours left, read as HHMM, in thousandths
                    self._level *= min(1.0, max(0.0, self._shift_hours - at / 3600) * 100 / 1000)
        self._level = max(self._level, 1.0)


class OmniDialer(_Counts):
    """OMniDialer: expected free agents over an exponentially forgotten answer rate."""

    def __init__(self, drop_limit: float = 0.03, lines_per_agent: float = 3.0) -> None:
        super().__init__()
        self._limit = drop_limit
        self._lines_per_agent = lines_per_agent
        self._hit_rate = 0.3
        self._drop_rate = 0.0
        self._ring_seconds = 20.0  # ring and machine detection
        self._talk_seconds, self._wrap_seconds = 120.0, 30.0
        self._talks = 0
        self._next = 0.0
        self._over_for = 0
        self._is_progressive = False

    def agent(self, agent_id: int, state: AgentState, at: float) -> None:
        before, since = self.agents.get(agent_id, ("away", at))
        if before == "talking" and state != "talking":
            self._talks += 1
            self._talk_seconds += 0.1 * (at - since - self._talk_seconds)
        if before == "wrapup" and state != "wrapup":
            self._wrap_seconds += 0.1 * (at - since - self._wrap_seconds)
        super().agent(agent_id, state, at)

    def resolved(self, call_id: int, outcome: Outcome, at: float) -> None:
        if outcome == "answered" and call_id in self.lines:
            self._ring_seconds += 0.1 * (at - self.lines[call_id] - self._ring_seconds)
        self._hit_rate += 0.1 * ((outcome == "answered") - self._hit_rate)
        if outcome == "answered":
            self._drop_rate *= 0.9
        super().resolved(call_id, outcome, at)

    def abandoned(self, call_id: int, at: float) -> None:
        self._drop_rate += 0.1
        super().abandoned(call_id, at)

    def decide(self, at: float) -> int:
        if at < self._next:
            return 0
        self._next = at + 1.0
        free = self.in_state("ready") - len(self.waiting)
        self._over_for = self._over_for + 1 if self._drop_rate >= self._limit else 0
        if self._over_for >= 5:
            self._is_progressive = True
        elif self._drop_rate <= 0.8 * self._limit:
            self._is_progressive = False
        if self._talks < 50 or self._is_progressive:
            return max(0, free - len(self.lines))
        rate = max(self._hit_rate, 0.05)
        expected = 0.0
        for state, since in self.agents.values():
            if state in ("talking", "wrapup"):
                mean = self._talk_seconds if state == "talking" else self._wrap_seconds
                left = max(1.0, mean - (at - since))
                expected += 1.0 - exp(-self._ring_seconds / left)
        ramp = 1.0 - (self._drop_rate / self._limit - 0.5) * 1.6
        eagerness = min(1.0, max(0.2, ramp))
        lines = floor((free + expected - len(self.lines) * rate) / rate * eagerness)
        room = int(self._lines_per_agent * self.present) - len(self.lines)
        return max(0, min(lines, room))


class Issabel(_Counts):
    """Issabel's call centre: agents almost surely free soon, over the half-hour answer rate."""

    def __init__(self, certainty: float = 0.97) -> None:
        super().__init__()
        self._certainty = certainty
        self._talks: deque[float] = deque(maxlen=200)
        self._rings: deque[float] = deque(maxlen=200)
        self._results: deque[tuple[float, bool]] = deque()
        self._next = 0.0

    def agent(self, agent_id: int, state: AgentState, at: float) -> None:
        before, since = self.agents.get(agent_id, ("away", at))
        if before == "talking" and state != "talking":
            self._talks.append(at - since)
        super().agent(agent_id, state, at)

    def resolved(self, call_id: int, outcome: Outcome, at: float) -> None:
        if outcome == "answered" and call_id in self.lines:
            self._rings.append(at - self.lines[call_id])
        self._results.append((at, outcome == "answered"))
        super().resolved(call_id, outcome, at)

    def decide(self, at: float) -> int:
        if at < self._next:
            return 0
        self._next = at + 3.0
        while self._results and self._results[0][0] < at - 1800:
            self._results.popleft()
        wanted: float = self.in_state("ready")
        if len(self._talks) >= 10:
            pace = len(self._talks) / sum(self._talks)
            ring = sum(self._rings) / len(self._rings)
            wanted += sum(
                1.0 - exp(-pace * (at - since + ring)) >= self._certainty
                for state, since in self.agents.values()
                if state == "talking"
            )
        wanted -= len(self.waiting) + len(self.lines)
        answered = sum(was for _, was in self._results) / max(len(self._results), 1)
        rate = max(0.20, answered) if len(self._results) >= 10 else 1.0
        return max(0, floor(wanted / rate))
