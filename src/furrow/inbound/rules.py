"""Whom a caller is given to, how long anybody rings, and what comes of a call nobody took."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused


class Why(TextChoices):
    """Why a caller rings at this agent."""

    OWNER = "owner", _("You look after this customer")
    LONGEST_FREE = "longest_free", _("You have been free the longest in your team")


class Result(TextChoices):
    """What came of ringing at one agent."""

    TAKEN = "taken", _("Taken")
    DECLINED = "declined", _("Declined")
    UNANSWERED = "unanswered", _("Let it ring")
    GONE = "gone", _("The caller was quicker")


class CameOfIt(TextChoices):
    """What came of somebody's calling us."""

    TAKEN = "taken", _("An agent talked to them")
    GAVE_UP = "gave_up", _("Hung up before anybody talked to them")
    PROMISED = "promised", _("Promised to be called back")
    CLOSED = "closed", _("Called outside our hours")
    OPTED_OUT = "opted_out", _("Wants to be called no more")
    WITHHELD = "withheld", _("Showed no number")


# Somebody wanted to talk to us and could not: one lead for whoever calls back (A4).
NEEDS_CALL_BACK = frozenset({CameOfIt.GAVE_UP, CameOfIt.PROMISED, CameOfIt.CLOSED})

# The keys of a caller's phone while they wait, and in the message of an abandoned call.
KEY_CALL_ME_BACK = "1"
KEY_NEVER_AGAIN = "9"

# A call-back is due this soon.
CALL_BACK_WITHIN = timedelta(minutes=1)
# So many callers nobody knew, at one hotline within an hour, are dialled back by the machine; those
# beyond are on people's lists: who shows made-up numbers does not have us dial them all.
NEW_CALL_BACKS = 20
NEW_WITHIN = timedelta(hours=1)
# A caller taken within this was served well; the share of them is the service level.
WELL_SERVED = timedelta(seconds=20)


class CannotSaveHotline(Refused):
    """A hotline cannot be changed so."""


class CannotTake(Refused):
    """The caller is not there to be taken any more."""


def next_to_ring(
    *, free: Sequence[int], owner: int | None, tried: Collection[int]
) -> tuple[int, Why] | None:
    """At whom a caller rings next; None when nobody is left, so that the caller waits.

    free   agents who could take it now, the longest free first; the owner may be among them
    tried  agents at whom this caller rang already
    """
    left = [agent for agent in free if agent not in tried]
    if owner in left:
        return owner, Why.OWNER
    return (left[0], Why.LONGEST_FREE) if left else None


@dataclass(frozen=True)
class Hours:
    """When a hotline is answered: minutes after local midnight, and days (0 = Monday)."""

    opens_minute: int
    closes_minute: int
    weekdays: frozenset[int]

    def is_open(self, local: datetime) -> bool:
        minute = local.hour * 60 + local.minute
        return local.weekday() in self.weekdays and self.opens_minute <= minute < self.closes_minute

    def next_opening(self, local: datetime) -> datetime:
        """When it is answered again; `local` itself while it is open, or if it never is."""
        if self.is_open(local) or not self.weekdays:
            return local
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        for days in range(8):
            opens = midnight + timedelta(days=days, minutes=self.opens_minute)
            if opens > local and opens.weekday() in self.weekdays:
                return opens
        return local
