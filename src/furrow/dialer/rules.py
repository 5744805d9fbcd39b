"""How long the dialer waits, and how a call's legs are named. No database, no clock."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused

# The dialer gives a sign of life this often …
BEAT_EVERY = timedelta(seconds=2)
# … and after this silence it is taken for dead, and its calls are closed by others.
SILENCE = timedelta(seconds=15)
# A call that nobody dialled by then is not dialled any more: the agent has moved on.
LONGEST_QUEUED = timedelta(seconds=20)
# A promised call-back may be made this much before its minute.
EARLY = timedelta(minutes=15)
# How long a customer's phone may ring, where no campaign says otherwise.
RING_SECONDS = 30.0
# A customer taken is dialled within this, or given back.
LEASE_LIFE = timedelta(seconds=60)
# A call that nobody ends gives its customer back after this; longer than any talk.
LONGEST_CALL = timedelta(hours=4)
# Who answers waits at most this long for an agent; then it counts as abandoned everywhere.
PATIENCE = timedelta(seconds=2)
# A share of fewer answers than this says nothing.
FEWEST_ANSWERS = 20
# Who was rung and met nobody is not risked again for this long: only with an agent kept free.
DROP_SILENCE = timedelta(hours=72)
# An agent with a promise due this soon is given no other call.
FREE_BEFORE_PROMISE = timedelta(seconds=20)
# A promise that could not be kept just now is tried again after this.
TRY_PROMISE_AGAIN = timedelta(minutes=10)
# How long a promise may be kept late before it is only the agent's own list again.
LATEST_PROMISE = timedelta(hours=2)
# A lost line of an agent is raised again after this.
RAISE_AGAIN = timedelta(seconds=5)
# When so many customers one after the other are refused by these checks, the campaign rests.
CLOSES = frozenset({"hours", "campaign"})
REFUSALS_TO_CLOSE = 10
# Which lists are at their best hour is asked anew after this.
ASK_HOURS_AGAIN = timedelta(minutes=1)
# The customer cannot be dialled, for reasons that have no end of their own: not before …
NO_END = timedelta(hours=12)


class Skip(TextChoices):
    """Why an agent passes a shown customer over; it goes back with the reason."""

    LATER = "later", _("Better later today")
    KNOWN = "known", _("Already in talks")
    WRONG_TIME = "wrong_time", _("Not at this time of day")
    NOT_FITTING = "not_fitting", _("Does not fit this campaign")


# How long a customer passed over for a reason is put off; None = out of the campaign.
SKIPPED_FOR: Mapping[Skip, timedelta | None] = {
    Skip.LATER: timedelta(hours=2),
    Skip.KNOWN: timedelta(days=7),
    Skip.WRONG_TIME: timedelta(hours=5),
    Skip.NOT_FITTING: None,
}


class CannotCall(Refused):
    """The agent owes something before the next call."""


def check_nothing_owed(*, owes_result: bool, is_called: bool = False) -> None:
    """Raise CannotCall while the last call waits for its result: unrecorded is undone (E3); or
    while somebody calls the agent, or is talking to them, who called."""
    if is_called:
        raise CannotCall(_t("Somebody is calling you. Take them, or pass them on."), rule="D1")
    if owes_result:
        raise CannotCall(_t("Give your last call its result first, then call."), rule="E3")


@dataclass(frozen=True)
class Wanted:
    """Take a customer: `lines` for whoever is free, or one for the agent who is kept free."""

    campaign_id: int
    lines: int = 1
    agent_id: int | None = None
    order: tuple[int, ...] = ()  # which lists to ask first
    favoured: tuple[int, ...] = ()  # lists at their best hour: first among equals


class CannotTakeCalls(Refused):
    """Nothing would come by itself."""


def abandoned_percent(
    *, answered: int, abandoned: int, machines: int, machine_error_percent: float
) -> float:
    """Share of the people who answered that met nobody, in per cent, as the law counts it.

    answered               connected to an agent
    machines               taken for machines; `machine_error_percent` of them were people
    returns                0.0 to 100.0; an estimate as far as machines are concerned
    """
    unheard = abandoned + machines * machine_error_percent / 100
    people = answered + unheard
    return 100 * unheard / people if people else 0.0


# Whoever is asked to a call answers within this, or the agent is told that nobody came.
ASKED_FOR = timedelta(seconds=25)
# … and whose line is rung for it is there within this.
FETCHED_WITHIN = timedelta(seconds=45)
# Tones the keypad knows, and how many may wait to be sent.
TONES = re.compile(r"[0-9*#]{1,20}")


class Place(TextChoices):
    """What somebody beside the agent and the customer does in a call."""

    CONSULT = "consult", _("Asked, while the customer waits")
    LISTEN = "listen", _("Listening")
    WHISPER = "whisper", _("Whispering to the agent")
    JOIN = "join", _("All talk together")
    TAKE_OVER = "take_over", _("Has taken the call")
    GONE = "gone", _("Has left")


# Which place may follow which; "" = not in the call yet.
HELPERS_MOVES: Mapping[str, frozenset[Place]] = {
    "": frozenset({Place.TAKE_OVER, Place.GONE}),
    Place.CONSULT: frozenset({Place.JOIN, Place.TAKE_OVER, Place.GONE}),
    Place.JOIN: frozenset({Place.TAKE_OVER, Place.GONE}),
}
_SUPERVISING = frozenset({Place.LISTEN, Place.WHISPER, Place.JOIN, Place.TAKE_OVER, Place.GONE})
SUPERVISORS_MOVES: Mapping[str, frozenset[Place]] = {
    "": _SUPERVISING,
    Place.LISTEN: _SUPERVISING,
    Place.WHISPER: _SUPERVISING,
    Place.JOIN: _SUPERVISING,
}


class CannotHandle(Refused):
    """The lines of a call cannot be handled like that now."""


def check_place(*, now: str, wanted: Place, is_supervisor: bool) -> None:
    """Raise CannotHandle unless somebody in place `now` may go on to `wanted`."""
    moves = SUPERVISORS_MOVES if is_supervisor else HELPERS_MOVES
    if wanted not in moves.get(now, frozenset()):
        raise CannotHandle(
            _t("That is not possible from here: “%(place)s”.")
            % {"place": Place(now).label if now else _t("not in the call yet")},
            rule="D7" if is_supervisor else "D1",
        )


_LEG = re.compile(r"call-(\d+)(-agent(?:-(\d+))?)?")


def customer_leg(call_id: int) -> str:
    """The line to the customer. Known before anything rings, so a restart can look for it."""
    return f"call-{call_id}"


def agent_leg(call_id: int, nth: int = 1) -> str:
    """The line to the agent who makes this call: the nth, for lines are lost and a leg rings once.

    >>> agent_leg(17), agent_leg(17, 2)
    ('call-17-agent', 'call-17-agent-2')
    """
    return f"call-{call_id}-agent" + (f"-{nth}" if nth > 1 else "")


def nth_of(leg: str) -> int:
    """Which of the agent's lines of a call a leg is; 0 for other legs.

    >>> nth_of("call-17-agent"), nth_of("call-17-agent-2"), nth_of("seat-3-1")
    (1, 2, 0)
    """
    found = _LEG.fullmatch(leg)
    return int(found[3] or 1) if found and found[2] else 0


def call_of(leg: str) -> tuple[int, bool] | None:
    """The call a leg belongs to, and whether it is the agent's leg; None for others' legs.

    >>> call_of("call-17-agent")
    (17, True)
    """
    found = _LEG.fullmatch(leg)
    return (int(found[1]), found[2] is not None) if found else None


_PARTY = re.compile(r"call-(\d+)-party-(\d+)")


def party_leg(call_id: int, party_id: int) -> str:
    """The line rung for somebody who comes into a call."""
    return f"call-{call_id}-party-{party_id}"


def party_of(leg: str) -> int | None:
    """Whose leg it is that was rung for a call's third; None for others' legs.

    >>> party_of("call-17-party-3")
    3
    """
    found = _PARTY.fullmatch(leg)
    return int(found[2]) if found else None


_SEAT = re.compile(r"seat-(\d+)-(\d+)")


def seat_leg(agent_id: int, nth: int) -> str:
    """The nth standing line of an agent."""
    return f"seat-{agent_id}-{nth}"


def seat_of(leg: str) -> tuple[int, int] | None:
    """Whose standing line a leg is, and which of their lines; None for others' legs.

    >>> seat_of("seat-3-1")
    (3, 1)
    """
    found = _SEAT.fullmatch(leg)
    return (int(found[1]), int(found[2])) if found else None
