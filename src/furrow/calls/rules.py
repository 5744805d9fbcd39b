"""The life of one call, as data. docs/reference/call-states.md is drawn from this."""

from collections.abc import Mapping

from django.db.models import TextChoices
from django.utils import translation
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.campaigns.rules import DialMode, Effect
from furrow.common.refusal import Refused
from furrow.ownership.rules import Strength


class CallState(TextChoices):
    QUEUED = "queued", _("Waiting for a line")
    DIALING = "dialing", _("Dialling")
    RINGING = "ringing", _("Ringing")
    WAITING = "waiting", _("Answered, waiting for an agent")
    TALKING = "talking", _("Talking")
    ENDED = "ended", _("Ended")


MOVES: Mapping[CallState, frozenset[CallState]] = {
    CallState.QUEUED: frozenset({CallState.DIALING, CallState.ENDED}),
    CallState.DIALING: frozenset(
        {CallState.RINGING, CallState.WAITING, CallState.TALKING, CallState.ENDED}
    ),
    CallState.RINGING: frozenset({CallState.WAITING, CallState.TALKING, CallState.ENDED}),
    CallState.WAITING: frozenset({CallState.TALKING, CallState.ENDED}),
    CallState.TALKING: frozenset({CallState.ENDED}),
    CallState.ENDED: frozenset(),
}
IN_PROGRESS = tuple(state for state, nexts in MOVES.items() if nexts)
# Somebody calls us, and no agent talks to them yet: it rings, or they wait and hear something.
BEFORE_TALK = (CallState.RINGING, CallState.WAITING)


class Outcome(TextChoices):
    """What the line said (D6): the words of telephony.outcomes.LineOutcome; a test compares.

    The last is ours: somebody answered, and no agent was there for them.
    """

    ANSWERED = "answered", _("Answered")
    NO_ANSWER = "no_answer", _("No answer")
    BUSY = "busy", _("Busy")
    REFUSED = "refused", _("Declined")
    EMPTY_NUMBER = "empty_number", _("Empty number")
    SWITCHED_OFF = "switched_off", _("Switched off")
    OUT_OF_SERVICE = "out_of_service", _("Out of service")
    MACHINE = "machine", _("Answering machine")
    CANCELLED = "cancelled", _("Hung up before an answer")
    CARRIER_FAULT = "carrier_fault", _("Fault of the line, not of the number")
    INTERRUPTED = "interrupted", _("Interrupted by a restart")
    ABANDONED = "abandoned", _("Answered, and no agent was free")


# In these modes a call has no agent until somebody has answered it.
DIALS_BY_ITSELF = frozenset({DialMode.PROGRESSIVE, DialMode.PREDICTIVE})
# Somebody picked up, whether or not an agent was there in time.
BY_A_PERSON = frozenset({Outcome.ANSWERED, Outcome.ABANDONED})

# The line's word is enough to judge the number: it is put on the do-not-call list by itself.
CLEANS_THE_LIST = frozenset({Outcome.EMPTY_NUMBER})


def outcome_of(*, said: str, was_waiting: bool) -> Outcome:
    """One class for each call: what the line said, unless the callee waited for nobody.

    said         the line's last word
    was_waiting  answered by somebody who heard no agent, whoever hung up, however soon
    """
    is_ours = was_waiting and said in {Outcome.ANSWERED, Outcome.INTERRUPTED, Outcome.CANCELLED}
    return Outcome.ABANDONED if is_ours else Outcome(said)


# How much came of a conversation, for whoever looks after the customer; other results: talk.
CAME_OF_IT: Mapping[Effect, Strength] = {
    Effect.FOLLOW_UP: Strength.MEDIUM,
    Effect.SOLD: Strength.ORDER,
}


class CannotWrapUp(Refused):
    """This call cannot be wrapped up now."""


def check_wrap_up(*, is_ended: bool, is_wrapped: bool, is_somebodys: bool = True) -> None:
    """Raise CannotWrapUp unless the call has ended and waits for its agent's disposition."""
    if not is_somebodys:
        raise CannotWrapUp(_t("Nobody talked in this call, so nobody has a result."), rule="E3")
    if not is_ended:
        raise CannotWrapUp(_t("The call is still on. Hang up first (F4)."), rule="E3")
    if is_wrapped:
        raise CannotWrapUp(_t("This call has its result already."), rule="E3")


def reference() -> str:
    """The page docs/reference/call-states.md: the life of a call, drawn from `MOVES`."""
    lines = [
        "# The life of a call",
        "",
        "Drawn from `MOVES` in `calls/rules.py`; do not edit by hand.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {CallState.QUEUED}",
    ]
    lines += [f"    {now} --> {to}" for now in CallState for to in CallState if to in MOVES[now]]
    lines += [
        *(f"    {state} --> [*]" for state in CallState if not MOVES[state]),
        "```",
        "",
        "| State | Meaning |",
        "|---|---|",
    ]
    with translation.override("en"):
        lines += [f"| `{state}` | {state.label} |" for state in CallState]
        lines += [
            "",
            "A call ends with exactly one outcome, the line's own word:",
            "",
            "| Outcome | Meaning | The number is put on the do-not-call list by itself |",
            "|---|---|---|",
        ]
        lines += [
            f"| `{outcome}` | {outcome.label} | {'yes' if outcome in CLEANS_THE_LIST else 'no'} |"
            for outcome in Outcome
        ]
    return "\n".join(lines) + "\n"
