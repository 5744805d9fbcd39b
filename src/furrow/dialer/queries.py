"""What the dialing loop asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from furrow.calls.models import Call
from furrow.calls.rules import CallState

from .models import Heartbeat
from .rules import SILENCE

NAME = "dialer"


@dataclass(frozen=True)
class Dial:
    """One line to open. `e164` goes to the switch and nowhere else."""

    call_id: int
    e164: str
    agent: str  # username; the switch knows the agent's phone by it


def hang_ups_asked() -> list[int]:
    """Calls on a line that somebody wants ended."""
    calls = Call.objects.in_progress().exclude(state=CallState.QUEUED)
    return list(
        calls.filter(hangup_asked_at__isnull=False).order_by("pk").values_list("pk", flat=True)
    )


def calls_on_a_line() -> frozenset[int]:
    """Calls that were handed to the switch and have not ended, as we know it."""
    calls = Call.objects.in_progress().exclude(state=CallState.QUEUED)
    return frozenset(calls.order_by("pk").values_list("pk", flat=True))


def is_silent(*, at: datetime) -> bool:
    """Whether no dialer has given a sign of life lately."""
    return not Heartbeat.objects.filter(name=NAME, beat_at__gte=at - SILENCE).exists()


def last_beat_at() -> datetime | None:
    """The dialer's last sign of life, for health checks and metrics."""
    return Heartbeat.objects.filter(name=NAME).values_list("beat_at", flat=True).first()
