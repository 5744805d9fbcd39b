"""What the desk offers, and what a wrap-up needs. No database, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.campaigns.rules import Effect
from furrow.common.refusal import Refused


class CannotFinish(Refused):
    """The wrap-up lacks something."""


class AwayReason(TextChoices):
    BREAK = "break", _("Break")
    MEAL = "meal", _("Meal")
    TRAINING = "training", _("Training")
    MEETING = "meeting", _("Meeting")
    AFTER_HARD_CALL = "hard_call", _("After a hard call")


@dataclass(frozen=True)
class Step:
    """One key that plans the next follow-up: how many days ahead, at the same time of day."""

    code: str
    key: str
    label: str | Promise
    days: int


NEXT_STEPS: tuple[Step, ...] = (
    Step("1d", "q", _("Tomorrow"), 1),
    Step("3d", "w", _("In 3 days"), 3),
    Step("1w", "e", _("In a week"), 7),
    Step("2w", "r", _("In 2 weeks"), 14),
)
STEP_BY_CODE: Mapping[str, Step] = {step.code: step for step in NEXT_STEPS}

# A follow-up planned by one key falls into the working day, whenever the key was pressed.
EARLIEST, LATEST = time(9, 0), time(19, 30)


def due_of(step: Step, *, local_now: datetime) -> datetime:
    """When a one-key follow-up is due: the same time of day, moved into the working day.

    local_now  aware, in the customer's time zone
    """
    wanted = local_now + timedelta(days=step.days)
    clock = min(max(wanted.time().replace(second=0, microsecond=0), EARLIEST), LATEST)
    return datetime.combine(wanted.date(), clock, tzinfo=local_now.tzinfo)


def check_followup(*, needed: bool, given: bool) -> None:
    """Raise CannotFinish when the disposition asks for a next touch and none was chosen."""
    if needed and not given:
        raise CannotFinish(
            _t("This result needs a next follow-up: choose one (keys Q W E R) or a date."),
            rule="E3",
        )


# Results that say what a person said; a call nobody answered cannot have them.
SPOKEN = frozenset({Effect.SOLD, Effect.REFUSED})


def check_spoken(*, effect: Effect, is_answered: bool) -> None:
    """Raise CannotFinish for a sale or a refusal on a call that nobody answered."""
    if effect in SPOKEN and not is_answered:
        raise CannotFinish(
            _t("Nobody answered this call, so nobody bought or refused. Choose another result."),
            rule="E3",
        )
