"""What the dialing loop asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.followups.models import FollowUp
from furrow.followups.rules import Reason
from furrow.permits.rules import Purpose
from furrow.pipeline.models import Standing
from furrow.pipeline.rules import Stage

from .models import Heartbeat
from .rules import EARLY, SILENCE

NAME = "dialer"


@dataclass(frozen=True)
class Dial:
    """One line to open. `e164` goes to the switch and nowhere else."""

    call_id: int
    e164: str
    agent: str  # username; the switch knows the agent's phone by it


def proved(claimed: Purpose, *, customer_id: int, at: datetime) -> Purpose:
    """The purpose of a call as far as it can be proved; whoever only says so is selling.

    A call-back was promised, and is due; service is for those in retention, who bought. Both
    pass the silence after a refusal (E1), so a word alone must not be enough.
    """
    match claimed:
        case Purpose.CALLBACK:
            due = FollowUp.objects.due(at + EARLY)
            holds = due.filter(customer=customer_id, reason=Reason.PROMISE).exists()
        case Purpose.SERVICE:
            holds = Standing.objects.filter(pk=customer_id, stage=Stage.RETENTION).exists()
        case _:
            holds = True
    return claimed if holds else Purpose.SALES


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
