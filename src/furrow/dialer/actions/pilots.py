"""Deciding trials while they run."""

from __future__ import annotations

from datetime import datetime

from furrow.campaigns.actions import conclude_pilot
from furrow.campaigns.models import Pilot
from furrow.dialer.trials import trial_of
from furrow.organisation.actions import system_user


def judge_pilots(*, at: datetime) -> int:
    """Conclude the trials whose calls are enough by now; returns how many. Safe to repeat."""
    concluded = 0
    for pilot in Pilot.objects.filter(decided_at=None).order_by("pk"):
        trial = trial_of(pilot)
        concluded += conclude_pilot(
            pilot=pilot,
            verdict=trial.verdict,
            trials=trial.arm.trials,
            successes=trial.arm.successes,
            by=system_user(),
            at=at,
        )
    return concluded
