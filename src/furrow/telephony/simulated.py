"""A carrier that exists only in memory: it rings, answers, refuses and hangs up by the dice.

For demos, for fast tests and for trying a campaign without a trunk. It never touches a network.
The same seed, number and attempt meet the same fate, so a run repeats.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Self

from furrow.telephony.clock import Alarm, Clock, RealClock
from furrow.telephony.outcomes import LineOutcome
from furrow.telephony.port import (
    AgentLineDown,
    AgentLineUp,
    Answered,
    EarlyMedia,
    Ended,
    EndedBy,
    Event,
    Inbound,
    KeyPressed,
    LegGone,
    MachineHeard,
    RecordingDone,
    Ringing,
    Supervision,
    SwitchRestarted,
    check_dial,
    check_leg,
)

_REMEMBERED_LEGS = 100_000  # ended leg ids kept, so that a repeated dial rings nobody


class Fate(StrEnum):
    """What a number does when it is dialled."""

    TALKS = "talks"  # answers, talks a while, hangs up
    STAYS = "stays"  # answers and stays until we hang up, or the longest talk has passed
    MACHINE = "machine"
    RINGS_OUT = "rings_out"
    BUSY = "busy"
    REFUSES = "refuses"
    EMPTY_NUMBER = "empty_number"
    SWITCHED_OFF = "switched_off"
    OUT_OF_SERVICE = "out_of_service"
    TRUNK_FAULT = "trunk_fault"


# fate -> (outcome, cause, does it ring first, does an announcement play first)
_FAILURES: Mapping[Fate, tuple[LineOutcome, str, bool, bool]] = {
    Fate.BUSY: (LineOutcome.BUSY, "sip 486", False, False),
    Fate.REFUSES: (LineOutcome.REFUSED, "sip 603", True, False),
    Fate.EMPTY_NUMBER: (LineOutcome.EMPTY_NUMBER, "sip 404", False, True),
    Fate.SWITCHED_OFF: (LineOutcome.SWITCHED_OFF, "sip 480", False, True),
    Fate.OUT_OF_SERVICE: (LineOutcome.OUT_OF_SERVICE, "sip 502", False, True),
    Fate.TRUNK_FAULT: (LineOutcome.CARRIER_FAULT, "sip 503", False, False),
}


# Numbers ending like this do the same every time, for demos and tests.
KNOWN_ENDINGS: Mapping[str, Fate] = {
    "*0001": Fate.TALKS,
    "*0002": Fate.RINGS_OUT,
    "*0003": Fate.BUSY,
    "*0004": Fate.EMPTY_NUMBER,
    "*0005": Fate.SWITCHED_OFF,
    "*0006": Fate.REFUSES,
    "*0007": Fate.MACHINE,
    "*0008": Fate.STAYS,
    "*0009": Fate.OUT_OF_SERVICE,
    "*0010": Fate.TRUNK_FAULT,
}


@dataclass(frozen=True)
class LogNormal:
    """A duration: half of all are shorter than the median; sigma is the spread of its log."""

    median_seconds: float
    sigma: float

    def draw(self, dice: Random) -> float:
        return self.median_seconds * float(dice.lognormvariate(0.0, self.sigma))


@dataclass(frozen=True)
class CarrierSettings:
    """The world the simulated carrier plays. Weights need not sum to one."""

    seed: int = 0
    weights: Mapping[Fate, float] = field(
        default_factory=lambda: {
            Fate.TALKS: 0.25,
            Fate.MACHINE: 0.10,
            Fate.RINGS_OUT: 0.50,
            Fate.BUSY: 0.05,
            Fate.REFUSES: 0.02,
            Fate.EMPTY_NUMBER: 0.04,
            Fate.SWITCHED_OFF: 0.03,
            Fate.OUT_OF_SERVICE: 0.01,
        }
    )
    # A number, or "*" and its last digits, to a fate that no dice change; the longest rule wins.
    rules: Mapping[str, Fate] = field(default_factory=lambda: dict(KNOWN_ENDINGS))
    setup_seconds: float = 1.5
    ring: LogNormal = LogNormal(11.0, 0.45)
    announcement: LogNormal = LogNormal(2.0, 0.3)
    # Most talks are short refusals, some are conversations: (share, duration).
    talk: tuple[tuple[float, LogNormal], ...] = (
        (0.65, LogNormal(20.0, 0.6)),
        (0.35, LogNormal(200.0, 0.7)),
    )
    longest_talk_seconds: float = 1800.0
    patience: LogNormal = LogNormal(6.0, 0.4)  # how long an answered customer hears silence
    machine_heard_seconds: float = 2.5
    machine_seconds: float = 25.0
    sound_seconds: float = 6.0  # how long any sound we play lasts
    # Share of those we rang and missed who call back soon; one in four from another phone.
    calls_back: float = 0.0
    calls_back_after: LogNormal = LogNormal(60.0, 0.6)
    # A file to which the id of every leg that is dialled is added: what rang survives a crash.
    journal: str = ""

    @classmethod
    def from_json(cls, path: Path) -> Self:
        """Read settings from a JSON file. Raises ValueError as `from_mapping` does."""
        try:
            return cls.from_mapping(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Settings written with these field names; what is absent keeps its default.

        Durations are {"median_seconds": …, "sigma": …}, talk is a list of [share, duration].
        Raises ValueError for a name or a fate that does not exist.
        """
        given = dict(mapping)
        unknown = given.keys() - {each.name for each in fields(cls)}
        if unknown:
            raise ValueError(f"no such settings: {', '.join(sorted(unknown))}")
        for name in ("ring", "announcement", "patience", "calls_back_after"):
            if name in given:
                given[name] = LogNormal(**given[name])
        if "talk" in given:
            given["talk"] = tuple((share, LogNormal(**lasting)) for share, lasting in given["talk"])
        if "weights" in given:
            given["weights"] = {Fate(fate): float(w) for fate, w in given["weights"].items()}
        if "rules" in given:
            given["rules"] = {number: Fate(fate) for number, fate in given["rules"].items()}
        return cls(**given)

    def fate_of(self, number: str, dice: Random) -> Fate:
        """What the number does this time: its rule if it has one, else the dice."""
        matching = [
            rule
            for rule in self.rules
            if rule == number or (rule.startswith("*") and number.endswith(rule[1:]))
        ]
        if matching:
            # An exact number is longer than any suffix of it.
            return self.rules[max(matching, key=lambda rule: len(rule.lstrip("*")))]
        return dice.choices(list(self.weights), list(self.weights.values()))[0]


class _Leg:
    """One live leg. `room` is the conversation it belongs to, itself included.

    There is no sound here, so being held, muted or sent tones changes nothing.
    """

    def __init__(self, name: str, dice: Random, *, agent: str = "", inbound: bool = False) -> None:
        self.name = name
        self.dice = dice
        self.agent = agent
        self.inbound = inbound
        self.fate = Fate.STAYS
        self.answered = False
        self.is_machine = False
        self.has_talked = False
        self.room: set[_Leg] = {self}
        self.recordings: dict[str, datetime] = {}
        self.sounds: set[asyncio.Future[None]] = set()
        self.alarms: list[Alarm] = []
        self.patience: Alarm | None = None


class SimulatedTelephony:
    """The simulated carrier and switch. One per event loop; see `port.Telephony` for commands."""

    def __init__(self, settings: CarrierSettings | None = None, clock: Clock | None = None) -> None:
        self._settings = settings or CarrierSettings()
        self._clock = clock or RealClock()
        self._legs: dict[str, _Leg] = {}
        self._ended: dict[str, Ended] = {}
        self._attempts: Counter[str] = Counter()
        self._away: set[str] = set()  # agents whose phone cannot be reached
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()

    # -- the commands of the port ----------------------------------------------------------

    async def dial(self, leg: str, number: str, *, caller_id: str, timeout_seconds: float) -> None:
        check_dial(leg, number)
        if self._is_used(leg):
            return
        self._attempts[number] += 1
        if self._settings.journal:
            with Path(self._settings.journal).open("a", encoding="ascii") as journal:
                journal.write(f"{leg}\n")
        dice = self._dice(number, self._attempts[number])
        line = self._legs[leg] = _Leg(leg, dice)
        line.fate = self._settings.fate_of(number, dice)
        self._play_out(line, timeout_seconds)
        if line.fate is Fate.RINGS_OUT and dice.random() < self._settings.calls_back:
            self._call_back_later(leg, number, caller_id, timeout_seconds, dice)

    async def line_up(self, leg: str, agent: str) -> None:
        check_leg(leg)
        if self._is_used(leg):
            return
        line = self._legs[leg] = _Leg(leg, self._dice(agent, 0), agent=agent)
        if agent in self._away:
            fault = LineOutcome.CARRIER_FAULT
            self._in(line, 0.3, lambda: self._end(line, fault, EndedBy.FAR, "unreachable"))
        else:
            self._in(line, 0.3, lambda: self._agent_up(line))

    async def answer(self, leg: str) -> None:
        line = self._living(leg)
        if line.inbound and not line.answered:
            self._pick_up(line)

    async def name(self, leg: str, to: str) -> None:
        check_leg(to)
        if self._is_used(to):
            return
        if (line := self._legs.pop(leg, None)) is not None:
            line.name, self._legs[to] = to, line
        elif (ended := self._ended.get(leg)) is not None:
            self._ended[to] = replace(ended, leg=to)

    async def hang_up(self, leg: str) -> None:
        line = self._legs.get(leg)
        if line is None:
            return
        if line.answered:
            self._end(line, self._answered_outcome(line), EndedBy.US, "q850 16")
        elif line.inbound:
            self._end(line, LineOutcome.REFUSED, EndedBy.US, "q850 21")
        else:
            self._end(line, LineOutcome.CANCELLED, EndedBy.US, "q850 16")

    async def connect(self, leg: str, other: str) -> None:
        first, second = self._living(leg), self._living(other)
        room = first.room | second.room
        for line in room:
            line.room = room
        for line in room:
            self._begin_talk(line)

    async def separate(self, leg: str) -> None:
        self._leave_room(self._living(leg))

    async def transfer(self, leg: str, to: str) -> None:
        leaving = self._living(leg)
        self._living(to)
        remaining = leaving.room - {leaving}
        self._leave_room(leaving)
        for line in remaining:
            if line.name != to:
                await self.connect(line.name, to)

    async def hold(self, leg: str) -> None:
        line = self._living(leg)
        if line.patience:  # with music people wait longer
            line.patience.cancel()
            self._lose_patience_later(line, times=10)

    async def resume(self, leg: str) -> None:
        self._living(leg)

    async def mute(self, leg: str) -> None:
        self._living(leg)

    async def unmute(self, leg: str) -> None:
        self._living(leg)

    async def dtmf(self, leg: str, digits: str) -> None:
        self._living(leg)

    async def play(self, leg: str, sound: str) -> None:
        line = self._living(leg)
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.sounds.add(heard)
        if line.patience:  # whoever listens waits, and hangs up some seconds after the end
            line.patience.cancel()
        self._in(line, self._settings.sound_seconds, lambda: self._sound_heard(line, heard))
        try:
            await heard
        finally:
            line.sounds.discard(heard)

    async def hush(self, leg: str) -> None:
        for heard in self._living(leg).sounds:
            if not heard.done():
                heard.set_result(None)

    async def record(self, leg: str, name: str) -> None:
        self._living(leg).recordings.setdefault(name, self._clock.now())

    async def pause_recording(self, leg: str) -> None:
        self._living(leg)

    async def resume_recording(self, leg: str) -> None:
        self._living(leg)

    async def give_account(self, agent: str, password: str) -> None:
        """Agents here have no phones of their own: every line stands by itself."""

    async def take_account(self, agent: str) -> None:
        """As above."""

    async def supervise(self, agent_leg: str, supervisor_leg: str, mode: Supervision) -> None:
        agent, supervisor = self._living(agent_leg), self._living(supervisor_leg)
        match mode:
            case Supervision.LISTEN | Supervision.WHISPER:  # beside the conversation, not in it
                self._leave_room(supervisor)
            case Supervision.JOIN:
                await self.connect(agent.name, supervisor.name)
            case Supervision.TAKE_OVER:
                await self.transfer(agent.name, supervisor.name)

    async def legs(self) -> frozenset[str]:
        return frozenset(self._legs)

    async def ended(self, legs: Collection[str]) -> list[Ended]:
        return [told for leg in legs if (told := self._ended.get(leg))]

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        for line in self._legs.values():
            self._silence(line)
        self._legs.clear()
        self._events.put_nowait(None)

    # -- what happens outside our house; demos and tests call these ------------------------

    def ring_in(self, leg: str, *, caller: str, called: str) -> None:
        """Let somebody call us, and give up after as long as a called person lets it ring."""
        if self._is_used(leg):
            return
        line = self._legs[leg] = _Leg(leg, self._dice(caller, 0), inbound=True)
        line.fate = Fate.TALKS
        self._emit(Inbound(leg, self._clock.now(), caller=caller, called=called))
        self._in(line, 2 * self._settings.ring.draw(line.dice), lambda: self._far_end_goes(line))

    def far_hang_up(self, leg: str) -> None:
        """Let the far end of a leg go: the customer hangs up, the agent's tab closes."""
        if (line := self._legs.get(leg)) is not None:
            self._far_end_goes(line)

    def leave(self, agent: str) -> None:
        """Let an agent's phone go: their lines fall, and cannot be raised again."""
        self._away.add(agent)
        for line in list(self._legs.values()):
            if line.agent == agent:
                self._far_end_goes(line)

    def press(self, leg: str, key: str) -> None:
        """Let whoever is at the far end of a leg press a key of their phone."""
        if leg in self._legs:
            self._emit(KeyPressed(leg, self._clock.now(), key=key))

    def restart(self) -> None:
        """Let the switch fall and come back: every leg is cut."""
        for line in list(self._legs.values()):
            outcome = self._answered_outcome(line) if line.answered else LineOutcome.INTERRUPTED
            self._end(line, outcome, EndedBy.SWITCH, "switch restarted")
        self._emit(SwitchRestarted(self._clock.now()))

    # -- how a dialled leg goes -------------------------------------------------------------

    def _play_out(self, line: _Leg, timeout_seconds: float) -> None:
        """Set every alarm of a leg up to its answer or failure; the time-out beats the rest."""
        settings, dice = self._settings, line.dice
        ring_seconds = settings.ring.draw(dice)
        self._in(line, timeout_seconds, lambda: self._time_out(line))
        if line.fate in _FAILURES:
            outcome, cause, rings, announces = _FAILURES[line.fate]
            wait = settings.setup_seconds
            if rings:
                self._in(line, wait, lambda: self._emit(Ringing(line.name, self._clock.now())))
                wait += ring_seconds / 2
            elif announces:
                self._in(line, wait, lambda: self._emit(EarlyMedia(line.name, self._clock.now())))
                wait += settings.announcement.draw(dice)
            self._in(line, wait, lambda: self._end(line, outcome, EndedBy.FAR, cause))
            return
        self._in(
            line,
            settings.setup_seconds,
            lambda: self._emit(Ringing(line.name, self._clock.now())),
        )
        if line.fate is not Fate.RINGS_OUT:
            wait = settings.setup_seconds + ring_seconds
            self._in(line, wait, lambda: self._pick_up(line))

    def _call_back_later(
        self, leg: str, number: str, caller_id: str, timeout_seconds: float, dice: Random
    ) -> None:
        """Who finds a missed call on the phone rings the number it came from."""
        if dice.random() < 0.25:
            number = f"+86154{dice.randrange(10**8):08d}"
        wait = timeout_seconds + self._settings.calls_back_after.draw(dice)
        self._clock.call_in(
            wait, lambda: self.ring_in(f"in-{leg}", caller=number, called=caller_id)
        )

    def _time_out(self, line: _Leg) -> None:
        self._end(line, LineOutcome.NO_ANSWER, EndedBy.TIMEOUT, "ring time-out")

    def _far_end_goes(self, line: _Leg) -> None:
        outcome = self._answered_outcome(line) if line.answered else LineOutcome.NO_ANSWER
        self._end(line, outcome, EndedBy.FAR, "q850 16")

    def _pick_up(self, line: _Leg) -> None:
        self._silence(line)
        line.answered = True
        self._emit(Answered(line.name, self._clock.now()))
        if line.fate is Fate.MACHINE:
            self._in(line, self._settings.machine_heard_seconds, lambda: self._machine_heard(line))
            self._in(line, self._settings.machine_seconds, lambda: self._far_end_goes(line))
        elif line.fate is Fate.STAYS:
            self._in(line, self._settings.longest_talk_seconds, lambda: self._far_end_goes(line))
        elif len(line.room) > 1:  # connected while it rang
            self._begin_talk(line)
        else:
            self._lose_patience_later(line)

    def _machine_heard(self, line: _Leg) -> None:
        line.is_machine = True
        self._emit(MachineHeard(line.name, self._clock.now()))

    def _begin_talk(self, line: _Leg) -> None:
        """A customer who now hears somebody stops waiting and starts to talk."""
        if line.fate is not Fate.TALKS or not line.answered:
            return
        if line.patience:
            line.patience.cancel()
        if line.has_talked:
            return
        line.has_talked = True
        shares = [share for share, _ in self._settings.talk]
        lasting = line.dice.choices([each for _, each in self._settings.talk], shares)[0]
        seconds = min(lasting.draw(line.dice), self._settings.longest_talk_seconds)
        self._in(line, seconds, lambda: self._far_end_goes(line))

    def _lose_patience_later(self, line: _Leg, *, times: float = 1) -> None:
        if line.fate is Fate.TALKS and line.answered:
            seconds = times * self._settings.patience.draw(line.dice)
            line.patience = self._in(line, seconds, lambda: self._far_end_goes(line))

    def _agent_up(self, line: _Leg) -> None:
        line.answered = True
        now = self._clock.now()
        self._emit(Answered(line.name, now))
        self._emit(AgentLineUp(line.name, now, agent=line.agent))

    def _sound_heard(self, line: _Leg, heard: asyncio.Future[None]) -> None:
        if not heard.done():
            heard.set_result(None)
        if len(line.room) == 1:
            self._lose_patience_later(line)

    def _leave_room(self, line: _Leg) -> None:
        remaining = line.room - {line}
        if not remaining:
            return
        for other in remaining:
            other.room = remaining
        line.room = {line}
        self._lose_patience_later(line)
        if len(remaining) == 1:
            self._lose_patience_later(next(iter(remaining)))

    def _end(self, line: _Leg, outcome: LineOutcome, by: EndedBy, cause: str) -> None:
        """The one way out of life. Its alarms are cancelled, so nothing of it comes after."""
        del self._legs[line.name]
        self._leave_room(line)
        self._silence(line)
        now = self._clock.now()
        for name, since in line.recordings.items():
            seconds = (now - since).total_seconds()
            self._emit(RecordingDone(line.name, now, name=name, seconds=seconds, file=None))
        if line.agent and line.answered:
            self._emit(AgentLineDown(line.name, now, agent=line.agent))
        ended = Ended(line.name, now, outcome=outcome, by=by, cause=cause)
        self._remember(ended)
        self._emit(ended)
        for heard in line.sounds:
            if not heard.done():
                heard.set_exception(LegGone(line.name))

    # -- small things -----------------------------------------------------------------------

    @staticmethod
    def _answered_outcome(line: _Leg) -> LineOutcome:
        return LineOutcome.MACHINE if line.is_machine else LineOutcome.ANSWERED

    def _dice(self, number: str, attempt: int) -> Random:
        return Random(f"{self._settings.seed}/{number}/{attempt}")  # noqa: S311 - a game, not a lock

    def _is_used(self, leg: str) -> bool:
        return leg in self._legs or leg in self._ended

    def _remember(self, ended: Ended) -> None:
        self._ended[ended.leg] = ended
        if len(self._ended) > _REMEMBERED_LEGS:
            del self._ended[next(iter(self._ended))]

    def _living(self, leg: str) -> _Leg:
        try:
            return self._legs[leg]
        except KeyError:
            raise LegGone(leg) from None

    def _in(self, line: _Leg, seconds: float, callback: Callable[[], None]) -> Alarm:
        alarm = self._clock.call_in(seconds, callback)
        line.alarms.append(alarm)
        return alarm

    def _silence(self, line: _Leg) -> None:
        for alarm in line.alarms:
            alarm.cancel()
        line.alarms.clear()

    def _emit(self, event: Event) -> None:
        self._events.put_nowait(event)
