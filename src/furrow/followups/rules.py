"""When to reach out again. No database, no clock, no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.calls.rules import Outcome
from furrow.common.refusal import Refused


class Reason(TextChoices):
    PROMISE = "promise", _("Promised")
    CALLED_US = "called_us", _("Called us, and talked to nobody")
    INTEREST = "interest", _("Showed interest")
    RETRY = "retry", _("Not reached")
    REFUSAL = "refusal", _("After a refusal, with a fresh reason")
    REVISIT = "revisit", _("Regular revisit")
    OTHER = "other", _("Other")


# They wait for our call: these come first, and pass the silence after a refusal.
CALLS_BACK = (Reason.PROMISE, Reason.CALLED_US)


class CannotPlan(Refused):
    """A follow-up that cannot be kept."""


@dataclass(frozen=True)
class RetryRule:
    """wait before the next attempt; max_attempts in all, the first call included."""

    wait: timedelta
    max_attempts: int


# Tried again in another part of the day, so the wait is not a whole number of days (D5).
RETRIES: Mapping[Outcome, RetryRule] = {
    Outcome.BUSY: RetryRule(wait=timedelta(minutes=20), max_attempts=5),
    Outcome.NO_ANSWER: RetryRule(wait=timedelta(hours=4), max_attempts=4),
    Outcome.REFUSED: RetryRule(wait=timedelta(hours=28), max_attempts=3),
    Outcome.SWITCHED_OFF: RetryRule(wait=timedelta(hours=20), max_attempts=4),
    Outcome.OUT_OF_SERVICE: RetryRule(wait=timedelta(days=2), max_attempts=3),
    Outcome.MACHINE: RetryRule(wait=timedelta(hours=20), max_attempts=3),
    Outcome.CARRIER_FAULT: RetryRule(wait=timedelta(minutes=10), max_attempts=6),
    Outcome.INTERRUPTED: RetryRule(wait=timedelta(minutes=5), max_attempts=6),
    Outcome.CANCELLED: RetryRule(wait=timedelta(hours=2), max_attempts=5),
}

# E1: up to seven refusals; each sets a next touch two to three weeks on.
MOST_REFUSALS = 7
AFTER_REFUSAL = timedelta(days=17)

# Somebody who asks for us on a web site is called while they still think of it (A1).
ANSWER_WITHIN = timedelta(minutes=1)

LONGEST_AHEAD = timedelta(days=400)


def next_attempt(
    outcome: Outcome,
    *,
    attempts: int,
    last_at: datetime,
    rules: Mapping[Outcome, RetryRule] = RETRIES,
) -> datetime | None:
    """When to call again, or None to stop. An outcome without a rule means stop."""
    rule = rules.get(outcome)
    if rule is None or attempts >= rule.max_attempts:
        return None
    return last_at + rule.wait


def after_refusal(*, refusals: int, at: datetime) -> datetime | None:
    """When to try again after the nth refusal; None after the seventh: the customer rests (E1)."""
    return None if refusals >= MOST_REFUSALS else at + AFTER_REFUSAL


def check_due(*, due_at: datetime, at: datetime) -> None:
    """Raise CannotPlan unless `due_at` lies ahead of `at`, and within 400 days."""
    if due_at <= at:
        raise CannotPlan(_t("A follow-up lies in the future. Choose a later time."), rule="E2")
    if due_at - at > LONGEST_AHEAD:
        raise CannotPlan(_t("That is more than 400 days ahead. Choose an earlier day."), rule="E2")
