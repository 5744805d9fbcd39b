"""The one gate: may this customer be reached now, by this channel, by this agent, for this purpose?

A pure decision over facts that `queries.facts_for` reads; `actions.request_permit` makes it stick.
The checks run in a fixed order; the first "no" decides, and each answer is recorded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from furrow.common.refusal import Refused
from furrow.compliance.rules import (
    DayKind,
    Policy,
    SuppressionKind,
    broken_cap,
    is_open,
    next_opening,
)


class Channel(TextChoices):
    CALL = "call", _("Call")


class Purpose(TextChoices):
    SALES = "sales", _("Sales")
    SERVICE = "service", _("Service")
    CALLBACK = "callback", _("Promised call-back")


# A permit not spent by then is void; spending it is the very next statement.
PERMIT_LIFE = timedelta(seconds=30)


@dataclass(frozen=True)
class CampaignWindow:
    """A campaign's own hours, in the callee's time; the law's window still applies."""

    opens_minute: int  # minutes after local midnight, 0 to 1440
    closes_minute: int
    is_running: bool
    name: str


@dataclass(frozen=True)
class Facts:
    """Everything the gate looks at, read in one go and locked."""

    suppressions: Sequence[tuple[SuppressionKind, str, datetime | None]]  # kind, reason, until
    policy: Policy
    time_zone: ZoneInfo
    days: Mapping[date, DayKind]
    number_dialled_at: Sequence[datetime]
    customer_dialled_at: Sequence[datetime]
    refused_at: datetime | None
    owner_id: int | None
    owner_name: str
    agent_id: int | None  # None = the dialer dials, and whoever is free will talk
    agent_is_active: bool
    agent_may_call: bool
    may_call_unowned: bool
    on_the_line: str | None  # the name of who is on the line with this customer, or None
    agent_is_on_the_line: bool  # with whomever
    campaign: CampaignWindow | None
    purpose: Purpose = Purpose.SALES
    is_collaborator: bool = False  # the agent helps the owner with this customer (B5)


@dataclass(frozen=True)
class Answer:
    """One check's answer. `next_at` is when a "no" may become a "yes"; None = not by waiting."""

    check: str
    rule: str
    ok: bool
    why: str = ""
    next_at: datetime | None = None
    version: int | None = None

    def as_json(self) -> dict[str, object]:
        body: dict[str, object] = {"check": self.check, "rule": self.rule, "ok": self.ok}
        if self.version is not None:
            body["version"] = self.version
        if not self.ok:
            body["next_at"] = self.next_at.isoformat() if self.next_at else None
        return body


@dataclass(frozen=True)
class Decision:
    answers: tuple[Answer, ...]

    @property
    def refusal(self) -> Answer | None:
        return next((a for a in self.answers if not a.ok), None)

    @property
    def is_allowed(self) -> bool:
        return self.refusal is None


class NotPermitted(Refused):
    """The gate said no. `decision` tells every answer."""

    def __init__(self, decision: Decision) -> None:
        refusal = decision.refusal
        assert refusal is not None  # noqa: S101
        super().__init__(refusal.why, rule=refusal.rule)
        self.decision = decision
        self.next_at = refusal.next_at


class PermitVoid(Refused):
    """The permit was not spent in time, was spent before, or the number was suppressed since."""


# What each check asks, for people, in the order they are asked.
CHECK_NAMES: Mapping[str, str | Promise] = {
    "suppression": _("Not on the do-not-call list"),
    "hours": _("Within calling hours"),
    "campaign": _("Campaign open"),
    "caps": _("Not called too often"),
    "silence": _("No recent refusal"),
    "agent": _("You may make calls"),
    "ownership": _("Yours to call"),
    "line": _("Nobody else on the line"),
}


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _suppression(facts: Facts, at: datetime) -> Answer:
    for kind, reason, until in facts.suppressions:
        why = _t("This number must not be called: %(kind)s.") % {"kind": kind.label}
        if reason:
            why = f"{why} {reason}"
        if until is None:
            hint = _t("Only a manager may lift this, with a reason.")
            return Answer("suppression", "C4", False, f"{why} {hint}")
        return Answer("suppression", "C4", False, why, next_at=until)
    return Answer("suppression", "C4", True)


def _hours(facts: Facts, at: datetime) -> Answer:
    policy, zone = facts.policy, facts.time_zone
    if is_open(policy, at=at, time_zone=zone, days=facts.days):
        return Answer("hours", "D4", True, version=policy.version)
    opening = next_opening(policy, at=at, time_zone=zone, days=facts.days)
    why = _t("Outside calling hours: it is %(local)s at the customer's (%(zone)s).") % {
        "local": _local(at, zone),
        "zone": zone.key,
    }
    again = (
        _t("Calls are allowed again from %(opening)s there.") % {"opening": _local(opening, zone)}
        if opening
        else _t("By the present rules no day of the next year is open.")
    )
    return Answer("hours", "D4", False, f"{why} {again}", next_at=opening, version=policy.version)


def _campaign(facts: Facts, at: datetime) -> Answer:
    campaign = facts.campaign
    if campaign is None:
        return Answer("campaign", "D4", True)
    if not campaign.is_running:
        why = _t("The campaign “%(name)s” is not running. Start it first.") % {
            "name": campaign.name
        }
        return Answer("campaign", "D4", False, why)
    local = at.astimezone(facts.time_zone)
    minute = local.hour * 60 + local.minute
    if campaign.opens_minute <= minute < campaign.closes_minute:
        return Answer("campaign", "D4", True)
    day = local.date() if minute < campaign.opens_minute else local.date() + timedelta(days=1)
    midnight = datetime(day.year, day.month, day.day, tzinfo=facts.time_zone)
    opening = midnight + timedelta(minutes=campaign.opens_minute)
    why = _t("The campaign “%(name)s” calls again from %(opening)s, the customer's time.") % {
        "name": campaign.name,
        "opening": _local(opening, facts.time_zone),
    }
    return Answer("campaign", "D4", False, why, next_at=opening)


def _span(within: timedelta) -> str:
    """A cap's span as people say it: 5 minutes, 24 hours, 7 days."""
    minutes = within // timedelta(minutes=1)
    if minutes % 60:
        words = ngettext("%(count)d minute", "%(count)d minutes", minutes)
        return words % {"count": minutes}
    if minutes % 1440 or minutes == 1440:
        hours = minutes // 60
        return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
    return _t("%(count)d days") % {"count": minutes // 1440}


def _caps(facts: Facts, at: datetime) -> Answer:
    policy = facts.policy
    for caps, dialled, whose in (
        (policy.number_caps, facts.number_dialled_at, _t("this number")),
        (policy.customer_caps, facts.customer_dialled_at, _t("this customer")),
    ):
        if broken := broken_cap(caps, dialled_at=dialled, at=at):
            cap, free_at = broken
            why = _t(
                "Called too often: %(most)d calls to %(whose)s within %(span)s is the most, over "
                "all campaigns. Possible again at %(free)s."
            ) % {
                "most": cap.most,
                "whose": whose,
                "span": _span(cap.within),
                "free": _local(free_at, facts.time_zone),
            }
            return Answer("caps", "D4", False, why, next_at=free_at, version=policy.version)
    return Answer("caps", "D4", True, version=policy.version)


def _silence(facts: Facts, at: datetime) -> Answer:
    if facts.refused_at is None or facts.purpose is not Purpose.SALES:
        return Answer("silence", "E1", True, version=facts.policy.version)
    ends = facts.refused_at + facts.policy.silence_after_refusal
    if at >= ends:
        return Answer("silence", "E1", True, version=facts.policy.version)
    why = _t("The customer refused lately and is left in peace until %(ends)s.") % {
        "ends": _local(ends, facts.time_zone)
    }
    return Answer("silence", "E1", False, why, next_at=ends, version=facts.policy.version)


def _agent(facts: Facts, at: datetime) -> Answer:
    if facts.agent_id is None:  # asked again of whoever takes the call
        return Answer("agent", "I3", True)
    if facts.agent_is_active and facts.agent_may_call:
        return Answer("agent", "I3", True)
    return Answer("agent", "I3", False, _t("This person may not make calls."))


def _ownership(facts: Facts, at: datetime) -> Answer:
    if facts.owner_id == facts.agent_id:  # both None: nobody's customer, dialled for nobody yet
        return Answer("ownership", "B3", True)
    if facts.owner_id is None and facts.may_call_unowned or facts.is_collaborator:
        return Answer("ownership", "B3", True)
    if facts.owner_id is None:
        return Answer("ownership", "B3", False, _t("Nobody owns this customer. Claim it first."))
    why = _t(
        "This customer is looked after by %(owner)s. Only the owner and collaborators may call."
    ) % {"owner": facts.owner_name}
    return Answer("ownership", "B3", False, why)


def _line(facts: Facts, at: datetime) -> Answer:
    if facts.agent_is_on_the_line:
        return line_taken_by_agent()
    if facts.on_the_line is not None:
        return line_taken_by(facts.on_the_line)
    return Answer("line", "D4", True)


def line_taken_by(who: str) -> Answer:
    """No: somebody else is on the line with this customer."""
    why = _t("%(who)s is on the line with this customer. Possible once that call has ended.") % {
        "who": who
    }
    return Answer("line", "D4", False, why)


def line_taken_by_agent() -> Answer:
    """No: whoever asks is on the line already."""
    return Answer("line", "D4", False, _t("You are on the line already. Hang up first, then call."))


Check = Callable[[Facts, datetime], Answer]
CHECKS: Sequence[Check] = (
    _suppression,
    _hours,
    _campaign,
    _caps,
    _silence,
    _agent,
    _ownership,
    _line,
)


def decide(facts: Facts, *, at: datetime) -> Decision:
    """Ask every check in order, up to and with the first "no"."""
    answers: list[Answer] = []
    for check in CHECKS:
        answer = check(facts, at)
        answers.append(answer)
        if not answer.ok:
            break
    return Decision(tuple(answers))
