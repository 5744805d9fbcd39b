"""What Furrow asks of a telephone system: commands in, facts out. No switch's words in here.

A *leg* is one line from the switch to one phone. Its id is chosen by the caller, so the intent
to dial can be stored before anything rings. Ids are letters, digits and hyphens, at most 64.
"""

import re
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from furrow.telephony.outcomes import LineOutcome

LEG_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
E164 = re.compile(r"\+[1-9][0-9]{2,14}")


class CannotDial(Exception):
    """The switch will not even try: malformed number or leg id, or no trunk to carry it."""


class CannotReach(Exception):
    """The switch is away. Nothing is lost: ask again."""


class LegGone(Exception):
    """The leg has ended or never was. Normal in a race: its `Ended` is here or on its way."""


class EndedBy(StrEnum):
    US = "us"  # our hang_up
    FAR = "far"  # the other party, or its network
    TIMEOUT = "timeout"  # our ring time-out
    SWITCH = "switch"  # the switch or the trunk went down


class Supervision(StrEnum):
    LISTEN = "listen"  # hears both, heard by nobody
    WHISPER = "whisper"  # hears both, heard by the agent alone
    JOIN = "join"  # hears and is heard by all
    TAKE_OVER = "take_over"  # takes the agent's place; the agent's leg stays up, alone


@dataclass(frozen=True, slots=True)
class Ringing:
    """The far phone rings."""

    leg: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """The network plays something before an answer: a tone or an announcement."""

    leg: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """Somebody, or some machine, picked up."""

    leg: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MachineHeard:
    """What answered is a machine. The leg stays up until somebody hangs up."""

    leg: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """The last word about a leg."""

    leg: str
    at: datetime
    outcome: LineOutcome
    by: EndedBy
    cause: str  # for logs and technicians: "sip 486", "q850 16", "ring time-out"
    answered_at: datetime | None = None  # told by `ended` alone: nobody may have heard of it


@dataclass(frozen=True, slots=True)
class Inbound:
    """Somebody calls us. The leg waits for `answer` or `hang_up`."""

    leg: str
    at: datetime
    caller: str  # E.164, or "" when withheld
    called: str  # the number of ours that was called


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """Whoever is at the far end pressed a key of their phone."""

    leg: str
    at: datetime
    key: str  # 0-9, A-D, * or #


@dataclass(frozen=True, slots=True)
class AgentLineUp:
    """The agent's own line stands, microphone and media proved."""

    leg: str
    at: datetime
    agent: str


@dataclass(frozen=True, slots=True)
class AgentLineDown:
    """The agent's line is lost: tab closed, network gone, or hung up. The leg's `Ended` follows."""

    leg: str
    at: datetime
    agent: str


@dataclass(frozen=True, slots=True)
class RecordingDone:
    """A recording is complete. The only event that may come after the leg's `Ended`, and again at
    the next start while its file lies where the system left it."""

    leg: str
    at: datetime
    name: str
    seconds: float
    file: Path | None  # None when the system makes no audio


@dataclass(frozen=True, slots=True)
class SwitchRestarted:
    """Every leg older than `at` is dead; those the adapter knew have had their `Ended`."""

    at: datetime


Event = (
    Ringing
    | EarlyMedia
    | Answered
    | MachineHeard
    | Ended
    | Inbound
    | KeyPressed
    | AgentLineUp
    | AgentLineDown
    | RecordingDone
    | SwitchRestarted
)


class Telephony(Protocol):
    """One telephone system. Every command may be repeated: a repeat changes nothing.

    All commands on a leg that has ended raise LegGone, except `hang_up`.
    """

    async def dial(self, leg: str, number: str, *, caller_id: str, timeout_seconds: float) -> None:
        """Start ringing an E.164 number. The line's answer comes as events.

        A leg id is used once. Dialling a leg that exists or has ended rings nobody and is no
        error, so a caller unsure whether its dial arrived may repeat it.
        Raises CannotDial.
        """
        ...

    async def line_up(self, leg: str, agent: str) -> None:
        """Ring the agent's own phone and keep the line open; AgentLineUp or Ended follows.

        Raises CannotDial.
        """
        ...

    async def answer(self, leg: str) -> None:
        """Take an inbound call; Answered follows."""
        ...

    async def name(self, leg: str, to: str) -> None:
        """Know a leg that called us by a name of ours from now on: in commands and events, `legs`
        and `ended`. To be repeated after each start, for only the caller remembers it.

        A leg already gone is no error: then `ended` knows its end by the new name.
        """
        ...

    async def hang_up(self, leg: str) -> None:
        """End a leg. A leg already gone is success, not an error."""
        ...

    async def connect(self, leg: str, other: str) -> None:
        """Let two legs hear each other.

        A leg already in a conversation brings it along: this is also how a third joins.
        """
        ...

    async def separate(self, leg: str) -> None:
        """Take a leg out of its conversation, or from listening to one. It stays up, alone."""
        ...

    async def transfer(self, leg: str, to: str) -> None:
        """Let `to` take the place of `leg` in its conversation. `leg` stays up, alone."""
        ...

    async def hold(self, leg: str) -> None:
        """Park a leg with music; the others of its conversation go on."""
        ...

    async def resume(self, leg: str) -> None:
        """Bring a held leg back."""
        ...

    async def mute(self, leg: str) -> None:
        """Let nobody hear this leg; it hears on."""
        ...

    async def unmute(self, leg: str) -> None:
        """Let this leg be heard again."""
        ...

    async def dtmf(self, leg: str, digits: str) -> None:
        """Send tones to the leg's far end. Digits are 0-9, A-D, * and #."""
        ...

    async def play(self, leg: str, sound: str) -> None:
        """Play a sound of Furrow's library to a leg; returns when it has been heard.

        Raises LegGone when the leg ends before the sound does.
        """
        ...

    async def hush(self, leg: str) -> None:
        """Stop the sounds a leg hears; whoever waits for their end waits no more."""
        ...

    async def record(self, leg: str, name: str) -> None:
        """Record a leg and all it hears, until it ends; RecordingDone follows."""
        ...

    async def pause_recording(self, leg: str) -> None:
        """Keep what is said now out of the leg's recordings: a card number, a password."""
        ...

    async def resume_recording(self, leg: str) -> None:
        """Record again."""
        ...

    async def give_account(self, agent: str, password: str) -> None:
        """Let the agent's own phone sign in with this password, and with none it had before.

        Raises CannotReach.
        """
        ...

    async def take_account(self, agent: str) -> None:
        """Let the agent's phone sign in no more. One that could not is success.

        Raises CannotReach.
        """
        ...

    async def supervise(self, agent_leg: str, supervisor_leg: str, mode: Supervision) -> None:
        """Put a supervisor on an agent's conversation. A later mode replaces the earlier."""
        ...

    async def legs(self) -> frozenset[str]:
        """The legs alive in the switch now, for reconciliation after a restart.

        Raises CannotReach: nobody knows.
        """
        ...

    async def ended(self, legs: Collection[str]) -> list[Ended]:
        """What the switch's own journal says of these legs' ends; those it does not know of are
        left out. For what ended while nobody listened.
        """
        ...

    def events(self) -> AsyncIterator[Event]:
        """Facts about legs, in order per leg, for one reader. Ends after `close`.

        Each fact is delivered at least once, and a lost connection may lose some: readers keep
        the first `Ended` of a leg and reconcile with `legs`.
        """
        ...

    async def close(self) -> None:
        """Let go of the switch. Legs of a real switch live on."""
        ...


def check_dial(leg: str, number: str) -> None:
    """Raise CannotDial unless both are well formed. Every system calls it first."""
    check_leg(leg)
    if not E164.fullmatch(number):
        raise CannotDial("The number is not in E.164 form.")


def check_leg(leg: str) -> None:
    """Raise CannotDial unless the leg id is well formed."""
    if not LEG_ID.fullmatch(leg):
        raise CannotDial(f"Not a leg id: {leg!r}.")
