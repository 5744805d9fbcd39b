"""Which of our numbers a call comes from, and when one has to rest. No database, no clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# A number whose calls are answered this much less than its pool's is taken for marked as spam …
DECAYED_TO = 0.6
# … once the evidence is this strong: a healthy number is rested by mistake once in e^8.5, about
# 5,000, calls or more; one that fell from 30 to 18 % is found after about 230.
DECAY_ALARM = 8.5
# How the pool's answer rate follows its calls: each has this weight, so some 500 count.
RATE_WEIGHT = 1 / 500
# Before a pool has this many results there is nothing to compare with.
LEAST_RESULTS = 200


class LineState(TextChoices):
    READY = "ready", _("Ready")
    RESTING = "resting", _("Resting")
    RETIRED = "retired", _("Not ours any more")


class CannotChangeLines(Refused):
    """A pool or a number cannot be changed so."""


class NoLineFree(Refused):
    """Every number of the pools for this call is at its cap, or rests."""

    def __init__(self, message: str, *, next_at: datetime | None) -> None:
        super().__init__(message, rule="D4")
        self.next_at = next_at


def free_at(
    used_at: Sequence[datetime], *, most_per_hour: int, most_per_day: int, at: datetime
) -> datetime:
    """When a number may call again: `at` itself, or when its oldest calls leave the windows.

    used_at  its calls of the last day, any order. O(n log n).
    """
    calls = sorted(used_at)
    moment = at
    for most, span in ((most_per_hour, HOUR), (most_per_day, DAY)):
        recent = [used for used in calls if used > at - span]
        if len(recent) >= most:
            moment = max(moment, recent[len(recent) - most] + span)
    return moment
