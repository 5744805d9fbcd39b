"""How long the dialer waits, and how a call's legs are named. No database, no clock."""

import re
from datetime import timedelta

from django.utils.translation import gettext as _t

from furrow.common.refusal import Refused

# The dialer gives a sign of life this often …
BEAT_EVERY = timedelta(seconds=2)
# … and after this silence it is taken for dead, and its calls are closed by others.
SILENCE = timedelta(seconds=15)
# A call that nobody dialled by then is not dialled any more: the agent has moved on.
LONGEST_QUEUED = timedelta(seconds=20)
# A promised call-back may be made this much before its minute.
EARLY = timedelta(minutes=15)
# How long a customer's phone may ring.
RING_SECONDS = 30.0


class CannotCall(Refused):
    """The agent owes something before the next call."""


def check_nothing_owed(*, owes_result: bool) -> None:
    """Raise CannotCall while the last call waits for its result: unrecorded is undone (E3)."""
    if owes_result:
        raise CannotCall(_t("Give your last call its result first, then call."), rule="E3")


_LEG = re.compile(r"call-(\d+)(-agent)?")


def customer_leg(call_id: int) -> str:
    """The line to the customer. Known before anything rings, so a restart can look for it."""
    return f"call-{call_id}"


def agent_leg(call_id: int) -> str:
    """The line to the agent who makes this call."""
    return f"call-{call_id}-agent"


def call_of(leg: str) -> tuple[int, bool] | None:
    """The call a leg belongs to, and whether it is the agent's leg; None for others' legs.

    >>> call_of("call-17-agent")
    (17, True)
    """
    found = _LEG.fullmatch(leg)
    return (int(found[1]), found[2] is not None) if found else None
