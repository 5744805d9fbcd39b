"""How many lines to dial now, so that agents talk and nobody who answers finds silence.

The idea in four sentences. A line dialled now is answered, if at all, some ten or twenty seconds
from now. For each of those seconds the pacer forecasts how many agents will be free (ready now,
or done with their talk and wrap-up by then) against how many people will have answered by then
(from the lines already ringing); both are sums of many small independent chances, so the balance
is close to normal. The *risk* of one more line is the chance that its answer finds the balance
used up, and lines are dialled as long as the risk stays under a threshold. The threshold is
steered so that the people actually abandoned stay within the limit.

Everything is learned from the events alone: chances and durations as hazards by age, which need
no shape and take unfinished calls and talks into account, forget with time, and rescale
themselves at once when what happens differs too far from what they foretold.
"""

from collections import deque
from collections.abc import Sequence
from math import cbrt, exp, log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
AgentState = Literal["ready", "talking", "wrapup", "away"]
Outcome = Literal["answered", "machine", "failed"]

_HORIZON = 45  # seconds looked ahead, in steps of one
_REFRESH_SECONDS = 5.0  # how often the forecast tables are made anew
_CODES: dict[AgentState, int] = {"ready": 0, "talking": 1, "wrapup": 2, "away": 3}
_STEPS: Floats = np.arange(1.0, _HORIZON + 1)
# Ages by which lines, talks and wrap-ups are told apart, in seconds.
_LINE_AGES: Floats = np.arange(0.0, 75.0, 0.5)
_TALK_AGES: Floats = np.concatenate(
    [np.arange(0.0, 60.0, 2.0), np.arange(60.0, 300.0, 10.0), np.arange(300.0, 1801.0, 60.0)]
)
_WRAP_AGES: Floats = np.concatenate([np.arange(0.0, 60.0), np.arange(60.0, 301.0, 10.0)])


def _middles(ages: Floats) -> Floats:
    """The age that stands for all from one age to the next."""
    middles: Floats = ages + np.append(np.diff(ages) / 2, 0.0)
    return middles


class Hazard:
    """What is known of a duration: the chance per second to end, by age and by cause.

    edges     ages in seconds between which the chance is taken as constant; the last is "never"
    expected  what is believed before anything is seen: per cause, P(ended that way by each edge)
    weight    how many observed durations that belief is worth
    half_life seconds after which what was seen counts half
    """

    def __init__(
        self, edges: Sequence[float], expected: Sequence[Floats], *, weight: float, half_life: float
    ) -> None:
        self.edges: Floats = np.asarray(edges, dtype=np.float64)
        self._widths = np.diff(self.edges)
        self._half_life = half_life
        self._unproved = 10.0 * weight  # ends, and
        self._untried = 300.0  # seconds to see before a surprise counts as one
        alive = 1.0 - np.sum(expected, axis=0)
        self._ended: Floats = np.diff(np.asarray(expected), axis=1) * weight
        self._exposed: Floats = (alive[:-1] + alive[1:]) / 2 * self._widths * weight
        self._seen = np.zeros(len(expected))
        self._foretold = np.zeros(len(expected))
        self._rates: Floats = self._ended / np.maximum(self._exposed, 1e-9)

    def end(self, age: float, cause: int = 0) -> None:
        """One ended at this age."""
        bin_ = min(int(np.searchsorted(self.edges, age, side="right")) - 1, len(self._widths) - 1)
        self._exposed[:bin_] += self._widths[:bin_]
        self._exposed[bin_] += age - self.edges[bin_]
        self._ended[cause, bin_] += 1.0
        self._seen[cause] += 1.0
        self._unproved -= 1.0

    def foretell(self, counts: Floats, ages: Floats, seconds: float) -> None:
        """Book how many ends are expected in the coming seconds, `counts` being alive per age."""
        bins = np.minimum(
            np.searchsorted(self.edges, ages, side="right") - 1, len(self._widths) - 1
        )
        self._foretold += self._rates[:, bins] @ counts * seconds

    def learn(self, living: Floats, elapsed: float) -> None:
        """Take in the ages of those not ended yet, and forget as `elapsed` seconds ask."""
        self._untried -= elapsed
        self._wake()
        keep = 0.5 ** (elapsed / self._half_life)
        self._ended *= keep
        self._exposed *= keep
        exposed = self._exposed.copy()
        if living.size:
            over = living[:, None] - self.edges[None, :-1]
            exposed += np.clip(over, 0.0, self._widths).sum(axis=0)
        self._rates = self._ended / np.maximum(exposed, 1e-9)

    def _wake(self) -> None:
        """Rescale a cause whose ends came far more, or far less, often than foretold."""
        for cause, (seen, foretold) in enumerate(zip(self._seen, self._foretold, strict=True)):
            surprise = max(3.3 * sqrt(foretold + 2.0), 0.15 * foretold)
            is_known = self._unproved < 0.0 and self._untried < 0.0
            if is_known and foretold > 0.0 and abs(seen - foretold) > surprise:
                factor = min(max((seen + 2.0) / (foretold + 2.0), 0.4), 2.5)
                self._ended[cause] *= factor
                self._seen[cause] = self._foretold[cause] = 0.0
        self._seen *= 0.9
        self._foretold *= 0.9

    def cumulative(self, ages: Floats) -> Floats:
        """The hazard of all causes, summed up to each age: -log P(alive)."""
        total: Floats = np.concatenate([[0.0], np.cumsum(self._rates.sum(axis=0) * self._widths)])
        summed: Floats = np.interp(ages, self.edges, total)
        return summed

    def ended_by(self, ages: Floats, cause: int) -> Floats:
        """P(ended by this cause before each age), for one that starts now."""
        total = self._rates.sum(axis=0) * self._widths
        alive = np.exp(-np.concatenate([[0.0], np.cumsum(total)[:-1]]))
        share = self._rates[cause] * self._widths / np.maximum(total, 1e-12)
        ended = np.concatenate([[0.0], np.cumsum(alive * -np.expm1(-total) * share)])
        by: Floats = np.interp(ages, self.edges, ended)
        return by


def _lognormal(edges: Sequence[float], median: float, sigma: float) -> Floats:
    at = np.maximum(np.asarray(edges, dtype=np.float64), 1e-9)
    by: Floats = ndtr(np.log(at / median) / sigma)
    return by


def _line_hazard() -> Hazard:
    """Beliefs before the first call: many answer. Over-estimating them is the safe side."""
    edges = [*range(61), 1e4]
    answered, other = 0, 1
    rings = _lognormal(edges, 14.0, 0.5)
    expected = {
        answered: 0.35 * rings,
        other: 0.15 * rings
        + 0.2 * _lognormal(edges, 4.0, 0.5)
        + 0.3 * _lognormal(edges, 29.0, 0.05),
    }
    return Hazard(edges, [expected[answered], expected[other]], weight=30, half_life=1200)


def _talk_hazard() -> Hazard:
    edges = [0, 4, 8, 12, 16, 20, 25, 30, 36, 42, 50, 60, 80, 100, 130, 170, 220, 300, 400]
    edges += [600, 900, 1800, 100_000]
    return Hazard(edges, [_lognormal(edges, 120.0, 1.2)], weight=20, half_life=2400)


def _wrap_hazard() -> Hazard:
    edges = [0, 2, 4, 6, 8, 10, 12, 14, 17, 20, 24, 28, 34, 42, 55, 80, 120, 300, 100_000]
    return Hazard(edges, [_lognormal(edges, 20.0, 0.8)], weight=20, half_life=2400)


class Budget:
    """Spends the abandoned calls that the limit allows, and says how much risk to take.

    limit  share of the people who answered that may be abandoned, 0 to 1

    Three terms, all logarithms of the risk, added up:

    - *Balance*: what the limit allowed so far, less the people abandoned. The risk is pulled, by
      `pull` per call, to where the balance keeps a small reserve, which chance alone may use up.
      With a pull g the balance strays by about sqrt(0.6 / g) calls, and a risk that swings with
      it costs occupancy in proportion to g. The sum of both losses is least about where g falls
      with the cube root of the calls abandoned per hour.
    - *Calibration*: people abandoned, against those whom the accepted risks foretold. More are
      abandoned than each line's own risk says, because later lines overtake it.
    - *Guard*: of all hour-long windows that reach from the past into the future, the one that
      may take the fewest calls more, up to a seventh above the limit, if from now on the limit is
      kept. The risk fades as those run out. Ten agents have one or two such calls, of which none
      can be promised; the guard is for teams whose hour is long enough to be steered.

    The first half hour is for learning: what it saves is not spent later, its debts are kept.
    The numbers were chosen by simulation, over worlds of 10 to 500 agents.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._began_at: float | None = None
        self._balance = 0.0
        self._foretold = self._happened = 0.0  # abandoned, fading with a half-life of two hours
        self._strain = 0.0  # balance and guard, as of the last look
        self._minutes: deque[tuple[int, list[int]]] = deque()  # (minute, [answered, abandoned])
        self._hour = [0, 0]
        self._spare_at: tuple[int, int, int] | None = None
        self._spare = 0.0

    def answered(self, at: float) -> None:
        self._count(0, at)
        keep = 0.5 ** (1.0 / (2.0 * self._pace(at)))
        self._foretold = self._foretold * keep + self._limit * exp(self._strain)
        self._happened *= keep
        most = 0.0 if self._is_learning(at) else 4.0 * self._stray(at) + 0.1 * self._usual(at)
        self._balance = min(self._balance + self._limit, most)

    def abandoned(self, at: float) -> None:
        self._count(1, at)
        self._happened += 1.0
        self._balance -= 1.0

    def risk(self, at: float) -> float:
        """The highest chance to be abandoned that a new line may have now."""
        if self._limit <= 0.0:
            return 0.0
        self._forget(at)
        reserve = 0.0 if self._is_learning(at) else self._stray(at) + 0.02 * self._usual(at)
        strain = self._pull(at) * (self._balance - reserve) - self._guard(at)
        self._strain = min(max(strain, -4.0), 2.0)
        calibration = log((self._foretold + 8.0) / (self._happened + 8.0))
        return min(0.68 * self._limit * exp(calibration + self._strain), 0.5)

    def _guard(self, at: float) -> float:
        """How far the risk must fade, lest an hour-long window goes a seventh above the limit."""
        usual = self._usual(at)
        weight = 5.0 * max(1.0 - 3.5 / sqrt(usual), 0.0)
        if weight <= 0.0:
            return 0.0
        enough = min(0.18 * usual, 10.0)
        short = max(1.0 - self._calls_to_spare(at) / enough, 0.0)
        return weight * short * short

    def _calls_to_spare(self, at: float) -> float:
        """Calls that may be abandoned beyond the usual in the tightest hour still to end."""
        minute = int(at // 60)
        state = (minute, self._hour[0], self._hour[1])
        if state != self._spare_at:
            self._spare_at = state
            since = minute - int((self._began_at or 0.0) // 60) + 1
            recent = sum(counts[0] for when, counts in self._minutes if when > minute - 5)
            # Calls to spare per minute, when from now on 0.96 of the limit are abandoned.
            to_come = 0.18 * self._limit * recent / min(since, 5)
            answered = abandoned = 0
            self._spare = 1e9
            for when, counts in reversed(self._minutes):
                if when <= minute - 60:
                    break
                answered += counts[0]
                abandoned += counts[1]
                left = 59 - (minute - when)
                spare = 1.14 * self._limit * answered - abandoned + to_come * left
                self._spare = min(self._spare, spare)
        return self._spare

    def _pull(self, at: float) -> float:
        return 0.54 / cbrt(max(self._usual(at), 1.0))

    def _stray(self, at: float) -> float:
        """Calls by which chance moves the balance while the pull holds it: one deviation."""
        return sqrt(0.6 / self._pull(at))

    def _usual(self, at: float) -> float:
        """People abandoned per hour when the limit is kept."""
        return self._limit * self._pace(at)

    def _pace(self, at: float) -> float:
        """People who answer per hour, by the last hour; >= 30."""
        since = at - (at if self._began_at is None else self._began_at)
        return max(self._hour[0] * 3600.0 / min(max(since, 600.0), 3600.0), 30.0)

    def _is_learning(self, at: float) -> bool:
        return self._began_at is None or at < self._began_at + 1800.0

    def _count(self, which: int, at: float) -> None:
        if self._began_at is None:
            self._began_at = at
        minute = int(at // 60)
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append((minute, [0, 0]))
        self._minutes[-1][1][which] += 1
        self._hour[which] += 1

    def _forget(self, at: float) -> None:
        while self._minutes and self._minutes[0][0] < int(at // 60) - 60:
            answered, abandoned = self._minutes.popleft()[1]
            self._hour[0] -= answered
            self._hour[1] -= abandoned


class Pacer:
    """Decides how many lines to dial; told what happens on the floor. No clock, no I/O.

    abandon_limit     share of people answered that may find no agent in time; 0 to 1
    occupancy_cap     highest share of their time that agents shall work, None for no cap; 0 to 1
    patience_seconds  how long an answered person may wait before it counts as abandoned; >= 0
    seed              kept for callers that give one; the pacer throws no dice

    Times are seconds on any one clock, never decreasing. The same events give the same decisions.
    One decision costs about 0.3 ms, at 800 agents under 1 ms; memory is O(agents + lines).
    Raises ValueError for arguments outside their ranges.
    """

    def __init__(
        self,
        abandon_limit: float,
        occupancy_cap: float | None = None,
        patience_seconds: float = 2.0,
        seed: int = 0,
    ) -> None:
        if not 0.0 <= abandon_limit <= 1.0:
            raise ValueError(f"out of range: {abandon_limit=}")
        if occupancy_cap is not None and not 0.0 < occupancy_cap <= 1.0:
            raise ValueError(f"out of range: {occupancy_cap=}")
        if patience_seconds < 0.0:
            raise ValueError(f"out of range: {patience_seconds=}")
        self._patience = patience_seconds
        self._cap = occupancy_cap
        self._reserve = 0.0  # ready agents held back to keep the occupancy cap
        self._budget = Budget(abandon_limit)
        self._lines: dict[int, float] = {}  # call -> dialled at
        self._first_dialed_at: float | None = None
        self._resolved = 0
        self._waiting: set[int] = set()  # answered, nobody on the line yet
        self._slots: dict[int, int] = {}  # agent -> place in the two arrays
        self._codes: NDArray[np.int64] = np.full(64, _CODES["away"])
        self._since: Floats = np.zeros(64)
        self._returns = 0.98  # share of finished wrap-ups after which the agent stays
        self._line, self._talk, self._wrap = _line_hazard(), _talk_hazard(), _wrap_hazard()
        self._refreshed_at: float | None = None
        self._decided_at: float | None = None

    # -- what happens -----------------------------------------------------------------------

    def agent(self, agent_id: int, state: AgentState, at: float) -> None:
        """An agent is now in this state. Repeating a state changes nothing."""
        slot = self._slot(agent_id)
        before, now = int(self._codes[slot]), _CODES[state]
        if before == now:
            return
        age = at - float(self._since[slot])
        if before == _CODES["talking"]:
            self._talk.end(age)
            if state != "wrapup":
                self._wrap.end(0.0)
        elif before == _CODES["wrapup"]:
            self._wrap.end(age)
        if before in (_CODES["talking"], _CODES["wrapup"]) and state in ("ready", "away"):
            self._returns += 0.1 * ((state == "ready") - self._returns)
        self._codes[slot], self._since[slot] = now, at

    def dialed(self, call_id: int, at: float) -> None:
        """A line was dialled."""
        self._lines[call_id] = at
        if self._first_dialed_at is None:
            self._first_dialed_at = at

    def resolved(self, call_id: int, outcome: Outcome, at: float) -> None:
        """A line was answered by a person, by a machine, or not at all."""
        self._resolved += 1
        dialed_at = self._lines.pop(call_id, None)
        if dialed_at is not None:
            self._line.end(at - dialed_at, 0 if outcome == "answered" else 1)
        if outcome == "answered":
            self._waiting.add(call_id)
            self._budget.answered(at)

    def connected(self, call_id: int, agent_id: int, at: float) -> None:
        """An answered person reached an agent, who talks from now on."""
        self._waiting.discard(call_id)
        self.agent(agent_id, "talking", at)

    def abandoned(self, call_id: int, at: float) -> None:
        """An answered person found no agent in time."""
        self._waiting.discard(call_id)
        self._budget.abandoned(at)

    # -- what to do -------------------------------------------------------------------------

    def decide(self, at: float) -> int:
        """Lines to dial now, >= 0. Call it at least every half second."""
        ready = int(np.count_nonzero(self._codes == _CODES["ready"]))
        present = int(np.count_nonzero(self._codes != _CODES["away"]))
        elapsed = 0.0 if self._decided_at is None else at - self._decided_at
        self._decided_at = at
        if self._cap is not None and present:
            too_busy = 1.0 - ready / present - self._cap
            self._reserve += too_busy * present * elapsed / 60.0
            self._reserve = min(max(self._reserve, 0.0), float(present))
        if present == 0:
            return 0
        if self._refreshed_at is None or at - self._refreshed_at >= _REFRESH_SECONDS:
            self._refresh(at)
        mean, variance = self._balance(at, elapsed)
        free = ready - len(self._waiting) - self._reserve
        sure = int(free) - len(self._lines)  # no more lines than agents: no risk at all
        most = 4 * present + 8
        if self._first_dialed_at is None or self._resolved < 60 or at < self._first_dialed_at + 30:
            return min(max(sure, 0), most)  # nothing is known yet
        return min(max(self._lines_at_risk(mean - free, variance, at, most), sure, 0), most)

    def _lines_at_risk(self, mean: Floats, variance: Floats, at: float, most: int) -> int:
        """The most new lines whose risk stays within the accepted one."""
        accepted = self._budget.risk(at)
        answers = self._answers[0]
        lands = np.diff(answers, prepend=0.0)
        lands = lands / max(float(lands.sum()), 1e-9)
        spread = answers * (1.0 - answers)

        def risk(lines: int) -> float:
            """P(nobody is free for a line's answer), when so many other lines are dialled now."""
            deviation = np.sqrt(np.maximum(variance + lines * spread, 1e-6))
            none_free = ndtr((mean + lines * answers + 0.5) / deviation)
            return float(none_free @ lands)

        if risk(0) > accepted:
            return 0
        low, high = 1, 2
        while high < most and risk(high - 1) <= accepted:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if risk(middle - 1) <= accepted else (low, middle)
        return low

    def _balance(self, at: float, elapsed: float) -> tuple[Floats, Floats]:
        """Answers minus agents freed within each step from now: mean and variance."""
        mean, variance = np.zeros(_HORIZON), np.zeros(_HORIZON)
        lines = np.fromiter(self._lines.values(), np.float64, len(self._lines))
        for hazard, ages, living, chances, sign in (
            (self._line, _LINE_AGES, at - lines, self._answers, 1.0),
            (self._talk, _TALK_AGES, self._ages("talking", at), self._freed_by_talk, -1.0),
            (self._wrap, _WRAP_AGES, self._ages("wrapup", at), self._freed_by_wrap, -1.0),
        ):
            if living.size:
                places = np.searchsorted(ages, living, side="right") - 1
                counts = np.bincount(np.maximum(places, 0), minlength=len(ages)).astype(np.float64)
                mean += sign * (counts @ chances)
                variance += counts @ (chances * (1.0 - chances))
                hazard.foretell(counts, _middles(ages), elapsed)
        return mean, variance

    # -- what is learned --------------------------------------------------------------------

    def _refresh(self, at: float) -> None:
        """Make the forecast tables anew: chance by age (rows) and step ahead (columns)."""
        elapsed = 0.0 if self._refreshed_at is None else at - self._refreshed_at
        self._refreshed_at = at
        self._line.learn(at - np.fromiter(self._lines.values(), np.float64), elapsed)
        self._talk.learn(self._ages("talking", at), elapsed)
        self._wrap.learn(self._ages("wrapup", at), elapsed)

        ages = np.append(0.0, _middles(_LINE_AGES)[1:])  # the first row is a line dialled now
        by_now = self._line.ended_by(ages, 0)
        by_then = self._line.ended_by(ages[:, None] + _STEPS, 0)
        ringing = np.exp(-self._line.cumulative(ages))
        chances = (by_then - by_now[:, None]) / np.maximum(ringing, 1e-6)[:, None]
        self._answers: Floats = np.clip(chances, 0.0, 1.0)

        # An agent who comes free within an answered person's patience is in time.
        then = _STEPS + self._patience
        self._freed_by_wrap: Floats = self._returns * self._over(
            self._wrap, _middles(_WRAP_AGES), then
        )
        seconds = np.arange(0.0, _HORIZON + int(self._patience) + 1)
        talk_ends = np.diff(self._over(self._talk, _middles(_TALK_AGES), seconds), axis=1)
        left = then[None, :] - seconds[:-1, None] - 0.5  # for the wrap-up, after the talk's end
        wrapped = -np.expm1(-self._wrap.cumulative(np.maximum(left, 0.0)))
        self._freed_by_talk: Floats = self._returns * (talk_ends @ wrapped)

    @staticmethod
    def _over(hazard: Hazard, ages: Floats, seconds: Floats) -> Floats:
        """P(over within so many seconds), for each age."""
        to_come = hazard.cumulative(ages[:, None] + seconds) - hazard.cumulative(ages)[:, None]
        over: Floats = -np.expm1(-to_come)
        return over

    # -- small things -----------------------------------------------------------------------

    def _ages(self, state: AgentState, at: float) -> Floats:
        ages: Floats = at - self._since[self._codes == _CODES[state]]
        return ages

    def _slot(self, agent_id: int) -> int:
        slot = self._slots.setdefault(agent_id, len(self._slots))
        if slot == len(self._codes):
            self._codes = np.concatenate([self._codes, np.full(slot, _CODES["away"])])
            self._since = np.concatenate([self._since, np.zeros(slot)])
        return slot
