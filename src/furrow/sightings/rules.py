"""What is unusual about somebody's looking at customers. No database, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused


class AlertKind(TextChoices):
    PLANTED = "planted", _("Touched a planted record")
    LIMIT = "limit", _("Reached the day's limit")
    MANY = "many", _("Opened far more customers than usual")
    FOREIGN = "foreign", _("Opened many customers of others")
    FAST = "fast", _("Opened customers in a fast sequence")
    NIGHT = "night", _("Opened customers at night")


class TooManyOpened(Refused):
    """The day's limit of customers opened is reached (I2)."""


class CannotSettle(Refused):
    """An alert nobody said anything about."""


@dataclass(frozen=True)
class Viewing:
    """What somebody opened in a day; each customer counts once.

    opened   customers
    foreign  of these, such as were neither theirs nor ones they help with
    fastest  the most first looks within FAST_MINUTES
    night    first looks between NIGHT_FROM and NIGHT_UNTIL o'clock of the company
    """

    opened: int
    foreign: int = 0
    fastest: int = 0
    night: int = 0


# The floors are far above a day's honest work with single records, so that an alert is rare enough
# to be looked into. An agent's day is some 150 calls; each opens one record, over eight hours.
LEAST_OPENED = 60
TIMES_USUAL = 3
LEAST_FOREIGN = 40
FOREIGN_SHARE = 0.5
FAST_MINUTES = 10
FAST = 30  # one each 20 seconds: nobody reads that
LEAST_NIGHT = 10
NIGHT_FROM, NIGHT_UNTIL = 22, 6
HABIT_DAYS = 14


@dataclass(frozen=True)
class Finding:
    kind: AlertKind
    evidence: dict[str, int]


def unusual(
    today: Viewing, *, own: Sequence[int], peers: Sequence[int], sees_all: bool
) -> list[Finding]:
    """What of somebody's day wants looking into.

    own       customers opened on each of their working days before, at most HABIT_DAYS
    peers     customers opened today by each colleague of the same role
    sees_all  whether the role reaches the whole company: then nobody's own is the rule, and many
              foreign ones say nothing
    """
    found = []
    usual = round(max(median(own) if own else 0, median(peers) if peers else 0))
    if today.opened >= LEAST_OPENED and today.opened > TIMES_USUAL * usual:
        evidence = {"opened": today.opened, "own": round(median(own)) if own else 0,
                    "peers": round(median(peers)) if peers else 0}  # fmt: skip
        found.append(Finding(AlertKind.MANY, evidence))
    if (
        not sees_all
        and today.foreign >= LEAST_FOREIGN
        and today.foreign > FOREIGN_SHARE * today.opened
    ):
        evidence = {"foreign": today.foreign, "opened": today.opened}
        found.append(Finding(AlertKind.FOREIGN, evidence))
    if today.fastest >= FAST:
        evidence = {"opened": today.fastest, "minutes": FAST_MINUTES}
        found.append(Finding(AlertKind.FAST, evidence))
    if today.night >= LEAST_NIGHT:
        found.append(Finding(AlertKind.NIGHT, {"opened": today.night}))
    return found
