"""When to reach out again. No database, no clock, no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from furrow.calls.rules import Outcome
from furrow.common.refusal import Refused
from furrow.rulebooks.rules import naming, whole

DAY = timedelta(days=1)


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


class Channel(TextChoices):
    """How the next touch is made. Calls come to the desk; the others are tasks on one's list."""

    CALL = "call", _("Call")
    WECHAT = "wechat", _("WeChat")
    SMS = "sms", _("Text message")
    EMAIL = "email", _("E-mail")
    VISIT = "visit", _("Visit")


class CannotPlan(Refused):
    """A follow-up that cannot be kept."""


# -- the rules, as data ----------------------------------------------------------------------------


@dataclass(frozen=True)
class RetryRule:
    """wait before the next attempt; max_attempts in all, the first call included."""

    wait: timedelta
    max_attempts: int


@dataclass(frozen=True)
class RefusalRules:
    """E1. most: refusals until the customer rests; the next touch comes least to most days later,
    with the next of `reasons` to call; rest_days in the pool after the last."""

    most: int
    least_days: int
    most_days: int
    rest_days: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Revisit:
    """E2. Whom it is about, and at least how often somebody reaches out to them.

    bought_days  bought within so many days; 0 = at any time; None = whether or not
    pi_from      with a PI of at least this; None = whatever
    """

    key: str
    name: str
    bought_days: int | None
    pi_from: int | None
    every_days: int


@dataclass(frozen=True)
class Promise:
    """Something an agent may promise in a call by one tick: it becomes a task."""

    name: str
    channel: Channel
    hours: int


@dataclass(frozen=True)
class FollowUpRules:
    """One version of all follow-up rules. See `rules_from` for the JSON.

    revisits       the first that fits a customer counts; the last fits everybody
    forgotten_days nobody goes so long untouched without a reminder
    per_agent_day  reminders of one night spread over days, so many for each agent
    """

    version: int
    is_on: bool
    retries: Mapping[Outcome, RetryRule]
    refusals: RefusalRules
    revisits: tuple[Revisit, ...]
    promises: tuple[Promise, ...]
    forgotten_days: int
    per_agent_day: int


# Tried again in another part of the day, so the wait is not a whole number of days (D5).
DEFAULT_BODY: Mapping[str, Any] = {
    "is_on": True,
    "retries": {
        Outcome.BUSY.value: {"minutes": 20, "attempts": 5},
        Outcome.NO_ANSWER.value: {"minutes": 240, "attempts": 4},
        Outcome.REFUSED.value: {"minutes": 28 * 60, "attempts": 3},
        Outcome.SWITCHED_OFF.value: {"minutes": 20 * 60, "attempts": 4},
        Outcome.OUT_OF_SERVICE.value: {"minutes": 44 * 60, "attempts": 3},
        Outcome.MACHINE.value: {"minutes": 20 * 60, "attempts": 3},
        Outcome.CARRIER_FAULT.value: {"minutes": 10, "attempts": 6},
        Outcome.INTERRUPTED.value: {"minutes": 5, "attempts": 6},
        Outcome.CANCELLED.value: {"minutes": 120, "attempts": 5},
    },
    "refusals": {
        "most": 7,
        "least_days": 14,
        "most_days": 21,
        "rest_days": 180,
        "reasons": [
            gettext_noop("Ask what has changed since"),
            gettext_noop("Tell how somebody like them uses it"),
            gettext_noop("A new offer or price"),
            gettext_noop("An event or a trial to join"),
            gettext_noop("A season or date that concerns them"),
            gettext_noop("A question about their business, nothing to sell"),
        ],
    },
    "revisits": [
        {"key": "just_bought", "name": gettext_noop("Just bought"), "bought_days": 91,
         "pi_from": None, "every_days": 7},
        {"key": "bought", "name": gettext_noop("Bought long ago"), "bought_days": 0,
         "pi_from": None, "every_days": 30},
        {"key": "intent", "name": gettext_noop("Recent intent"), "bought_days": None,
         "pi_from": 3, "every_days": 14},
        {"key": "others", "name": gettext_noop("No intent"), "bought_days": None,
         "pi_from": None, "every_days": 60},
    ],
    "promises": [
        {"name": gettext_noop("Send the details on WeChat"), "channel": "wechat", "hours": 4},
        {"name": gettext_noop("Send a text message"), "channel": "sms", "hours": 4},
        {"name": gettext_noop("Come by"), "channel": "visit", "hours": 72},
    ],
    "forgotten_days": 90,
    "per_agent_day": 40,
}  # fmt: skip


def rules_from(body: Mapping[str, Any], *, version: int) -> FollowUpRules:
    """Read a version's JSON, shaped like DEFAULT_BODY. Raises ValueError naming what is wrong."""
    with naming("retries"):
        retries = {
            Outcome(outcome): RetryRule(
                timedelta(minutes=whole(said["minutes"], least=1, most=43_200)),
                whole(said["attempts"], least=1, most=50),
            )
            for outcome, said in body["retries"].items()
        }
    with naming("refusals"):
        said = body["refusals"]
        refusals = RefusalRules(
            most=whole(said["most"], least=1, most=20),
            least_days=whole(said["least_days"], least=1, most=365),
            most_days=whole(said["most_days"], least=1, most=365),
            rest_days=whole(said["rest_days"], most=3650),
            reasons=tuple(str(one)[:120] for one in said["reasons"] if str(one).strip()),
        )
        if refusals.least_days > refusals.most_days:
            raise ValueError(_t("the least days are more than the most"))
        if len(refusals.reasons) < refusals.most - 1:
            raise ValueError(_t("a fresh reason for each refusal but the last"))
    with naming("revisits"):
        revisits = tuple(_revisit_from(one) for one in body["revisits"])
        last = revisits[-1] if revisits else None
        if last is None or last.bought_days is not None or last.pi_from is not None:
            raise ValueError(_t("the last row has to fit everybody"))
        if len({one.key for one in revisits}) != len(revisits):
            raise ValueError(_t("two rows have the same key"))
    with naming("promises"):
        promises = tuple(
            Promise(str(one["name"])[:80], Channel(one["channel"]),
                    whole(one["hours"], least=1, most=2400))
            for one in body["promises"]
        )  # fmt: skip
    with naming("forgotten_days"):
        forgotten = whole(body["forgotten_days"], least=7, most=365)
        if any(one.every_days > forgotten for one in revisits):
            raise ValueError(_t("a revisit is rarer than this"))
    with naming("per_agent_day"):
        per_day = whole(body["per_agent_day"], least=1, most=1000)
    return FollowUpRules(
        version, bool(body["is_on"]), retries, refusals, revisits, promises, forgotten, per_day
    )


def _revisit_from(one: Mapping[str, Any]) -> Revisit:
    bought, pi = one["bought_days"], one["pi_from"]
    return Revisit(
        key=str(one["key"])[:20],
        name=str(one["name"])[:60],
        bought_days=None if bought is None else whole(bought, most=3650),
        pi_from=None if pi is None else whole(pi, most=5),
        every_days=whole(one["every_days"], least=1, most=365),
    )


# Somebody who asks for us on a web site is called while they still think of it (A1).
ANSWER_WITHIN = timedelta(minutes=1)

LONGEST_AHEAD = timedelta(days=400)


def next_attempt(
    outcome: Outcome, *, attempts: int, last_at: datetime, rules: Mapping[Outcome, RetryRule]
) -> datetime | None:
    """When to call again, or None to stop. An outcome without a rule means stop."""
    rule = rules.get(outcome)
    if rule is None or attempts >= rule.max_attempts:
        return None
    return last_at + rule.wait


def after_refusal(
    *, customer_id: int, refusals: int, at: datetime, rules: RefusalRules
) -> tuple[datetime, str] | None:
    """When to try again after the nth refusal, and the fresh reason; None after the last: the
    customer rests (E1). Customers refused on one day come back on different days."""
    if refusals >= rules.most:
        return None
    span = rules.most_days - rules.least_days + 1
    days = rules.least_days + (customer_id * 31 + refusals * 7) % span
    return at + days * DAY, _t(rules.reasons[(refusals - 1) % len(rules.reasons)])


def revisit_of(
    rules: FollowUpRules, *, bought_at: datetime | None, pi: int | None, at: datetime
) -> Revisit:
    """Which revisit policy is a customer's: the first that fits. `sql/revisits.sql` says the same.

    bought_at  the last purchase; None = never
    """
    for one in rules.revisits:
        if one.bought_days is not None and (
            bought_at is None or (one.bought_days and bought_at <= at - one.bought_days * DAY)
        ):
            continue
        if one.pi_from is None or (pi is not None and pi >= one.pi_from):
            return one
    return rules.revisits[-1]


def check_due(*, due_at: datetime, at: datetime) -> None:
    """Raise CannotPlan unless `due_at` lies ahead of `at`, and within 400 days."""
    if due_at <= at:
        raise CannotPlan(_t("A follow-up lies in the future. Choose a later time."), rule="E2")
    if due_at - at > LONGEST_AHEAD:
        raise CannotPlan(_t("That is more than 400 days ahead. Choose an earlier day."), rule="E2")
