"""The one gate: may this customer be reached now, by this channel, by this agent, for this purpose?

A pure decision over facts that `queries.facts_for` reads; `actions.request_permit` makes it stick.
The checks run in a fixed order; the first "no" decides, and each answer is recorded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from furrow.common.phone import AT_HOME, Charge, Destination
from furrow.common.refusal import Refused
from furrow.compliance.rules import (
    DayKind,
    Policy,
    SuppressionKind,
    broken_cap,
    closes_somewhere_at,
    is_open_everywhere,
    next_opening_everywhere,
)
from furrow.compliance.rules import (
    Purpose as Purpose,
)


class Channel(TextChoices):
    CALL = "call", _("Call")


# A permit not spent by then is void; spending it is the very next statement.
PERMIT_LIFE = timedelta(seconds=30)


@dataclass(frozen=True)
class CampaignWindow:
    """A campaign's own hours, in the callee's time; the law's window still applies."""

    opens_minute: int  # minutes after local midnight, 0 to 1440
    closes_minute: int
    is_running: bool
    name: str
    stage: str = ""  # pipeline.Stage, "" = fits everybody


@dataclass(frozen=True)
class ConsentGiven:
    """The word that counts of a customer about being called for the purpose asked.

    is_sure  False = typed into a web site by anybody who knows the number
    """

    is_given: bool
    at: datetime
    until: datetime | None = None
    is_sure: bool = True


@dataclass(frozen=True)
class Objection:
    """Why a higher capability is against this call. `until` None = not over by waiting."""

    rule: str
    why: str
    until: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """Everything the gate looks at, read in one go and locked."""

    suppressions: Sequence[tuple[SuppressionKind, str, datetime | None]]  # kind, reason, until
    policy: Policy
    zones: Sequence[ZoneInfo]  # of the number's prefix and the address; all have to be open
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
    consent: ConsentGiven | None = None  # None = never asked
    registers: Sequence[str] = ()  # the do-not-call registers that list the number
    objections: Sequence[Objection] = ()
    destination: Destination = AT_HOME
    is_country_called: bool = True

    @property
    def time_zone(self) -> ZoneInfo:
        """Whose clock is told: the number's."""
        return self.zones[0]


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
    """`changes_at`: the earliest moment at which the whole answer changes, as the facts stand;
    None = not by waiting alone."""

    answers: tuple[Answer, ...]
    changes_at: datetime | None = None

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
        self.next_at = decision.changes_at


class PermitVoid(Refused):
    """The permit was not spent in time, was spent before, or the number was suppressed since."""


# What each check asks, for people, in the order they are asked.
CHECK_NAMES: Mapping[str, str | Promise] = {
    "suppression": _("Not on the do-not-call list"),
    "destination": _("In a country we call, at the usual price"),
    "consent": _("Agreed to be called, where that is needed"),
    "registers": _("Not on an imported do-not-call register"),
    "hours": _("Within calling hours"),
    "campaign": _("Campaign open"),
    "caps": _("Not called too often"),
    "silence": _("No recent refusal"),
    "agent": _("You may make calls"),
    "ownership": _("Yours to call"),
    "line": _("Nobody else on the line"),
    "objections": _("Nothing open speaks against it"),
}


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def destination(destination: Destination, *, is_called: bool) -> Answer:
    """Whether a number is one we pay to call, whoever showed it to us (D4)."""
    if destination.charge is not Charge.ORDINARY:
        kinds = {
            Charge.PREMIUM: _t("Premium-rate numbers are never called: each call costs us dearly."),
            Charge.SHARED: _t("Shared-cost numbers are never called. Ask for an ordinary number."),
            Charge.PERSONAL: _t(
                "Personal numbers that lead anywhere are never called. Ask for an ordinary number."
            ),
        }
        return Answer("destination", "D4", False, kinds[destination.charge])
    if not destination.region:
        why = _t("This number is a satellite's, or of no country we can tell. It is never called.")
        return Answer("destination", "D4", False, why)
    if not is_called:
        why = _t(
            "We do not call numbers of %(region)s. Calling rules of its own, or the setting "
            "FURROW_COUNTRIES, would change that."
        ) % {"region": destination.region}
        return Answer("destination", "D4", False, why)
    return Answer("destination", "D4", True)


def _destination(facts: Facts, at: datetime) -> Answer:
    return destination(facts.destination, is_called=facts.is_country_called)


def _suppression(facts: Facts, at: datetime) -> Answer:
    for kind, reason, until in facts.suppressions:
        if until is not None and until <= at:
            continue
        why = _t("This number must not be called: %(kind)s.") % {"kind": kind.label}
        if reason:
            why = f"{why} {reason}"
        if until is None:
            hint = _t("Only a manager may lift this, with a reason.")
            return Answer("suppression", "C4", False, f"{why} {hint}")
        return Answer("suppression", "C4", False, why, next_at=until)
    return Answer("suppression", "C4", True)


def _consent(facts: Facts, at: datetime) -> Answer:
    consent, version = facts.consent, facts.policy.version
    if consent is not None and not consent.is_given:
        why = _t(
            "The customer withdrew consent to “%(purpose)s” calls on %(day)s. Only a new consent "
            "changes that."
        ) % {"purpose": facts.purpose.label, "day": _local(consent.at, facts.time_zone)}
        return Answer("consent", "I1", False, why, version=version)
    is_over = consent is not None and consent.until is not None and consent.until <= at
    if facts.purpose in facts.policy.consent_for and (consent is None or is_over):
        why = _t(
            "The rules of %(region)s allow “%(purpose)s” calls only to people who agreed to them, "
            "and no consent is recorded. Record it with its proof first."
        ) % {"region": facts.policy.region, "purpose": facts.purpose.label}
        return Answer("consent", "I1", False, why, version=version)
    return Answer("consent", "I1", True, version=version)


def _registers(facts: Facts, at: datetime) -> Answer:
    if not facts.registers or facts.purpose is not Purpose.SALES:
        return Answer("registers", "D4", True)
    if facts.consent is not None and facts.consent.is_given and facts.consent.is_sure:
        return Answer("registers", "D4", True)  # agreed to by name: stronger than a general no
    why = _t("This number is on the do-not-call register %(names)s.") % {
        "names": ", ".join(facts.registers)
    }
    hint = _t("Only the customer's own consent changes that.")
    return Answer("registers", "D4", False, f"{why} {hint}")


def _hours(facts: Facts, at: datetime) -> Answer:
    policy, zones = facts.policy, facts.zones
    if is_open_everywhere(policy, at=at, zones=zones, days=facts.days):
        return Answer("hours", "D4", True, version=policy.version)
    opening = next_opening_everywhere(policy, at=at, zones=zones, days=facts.days)
    # The clock that is told is one that is closed.
    zone = next(
        z for z in zones if not is_open_everywhere(policy, at=at, zones=[z], days=facts.days)
    )
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
    zone = next((z for z in facts.zones if not _within(campaign, at.astimezone(z))), None)
    if zone is None:
        return Answer("campaign", "D4", True)
    local = at.astimezone(zone)
    minute = local.hour * 60 + local.minute
    day = local.date() if minute < campaign.opens_minute else local.date() + timedelta(days=1)
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    # Added to the wall clock, so that a day of 23 hours opens at its own nine o'clock.
    opening = midnight + timedelta(minutes=campaign.opens_minute)
    why = _t("The campaign “%(name)s” calls again from %(opening)s, the customer's time.") % {
        "name": campaign.name,
        "opening": _local(opening, zone),
    }
    return Answer("campaign", "D4", False, why, next_at=opening.astimezone(UTC))


def _within(campaign: CampaignWindow, local: datetime) -> bool:
    return campaign.opens_minute <= local.hour * 60 + local.minute < campaign.closes_minute


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
    if (facts.owner_id is None and facts.may_call_unowned) or facts.is_collaborator:
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


def _objections(facts: Facts, at: datetime) -> Answer:
    standing = [one for one in facts.objections if one.until is None or one.until > at]
    if not standing:
        return Answer("objections", "D4", True)
    worst = max(standing, key=lambda one: (one.until is None, one.until or at))
    return Answer("objections", worst.rule, False, worst.why, next_at=worst.until)


Check = Callable[[Facts, datetime], Answer]
CHECKS: Sequence[Check] = (
    _suppression,
    _destination,
    _consent,
    _registers,
    _hours,
    _campaign,
    _caps,
    _silence,
    _agent,
    _ownership,
    _line,
    _objections,
)
# How often the next moment is looked for: each try lies later, and passes one more obstacle.
_MOST_TRIES = 500


def decide(facts: Facts, *, at: datetime) -> Decision:
    """Ask every check in order, up to and with the first "no"; then, when that is all over."""
    answers: list[Answer] = []
    for check in CHECKS:
        answer = check(facts, at)
        answers.append(answer)
        if not answer.ok:
            return Decision(tuple(answers), changes_at=next_yes(facts, at=at))
    return Decision(tuple(answers))


def next_yes(facts: Facts, *, at: datetime) -> datetime | None:
    """The earliest moment after `at` when every check says yes, as the facts stand.

    None = not by waiting. Somebody else on the line is left out: nobody knows when they hang up,
    and all else may still have to be waited for. Cost: the checks, once per obstacle passed.
    """
    moment = at
    for _try in range(_MOST_TRIES):
        noes = [
            answer
            for check in CHECKS
            if check is not _line and not (answer := check(facts, moment)).ok
        ]
        if not noes:
            return moment if moment > at else None
        waits = [answer.next_at for answer in noes if answer.next_at is not None]
        if len(waits) < len(noes):
            return None
        moment = max(waits)
    return None


def next_no(facts: Facts, *, at: datetime) -> datetime | None:
    """When a yes at `at` becomes a no by itself: hours close, or a consent runs out."""
    ends = [closes_somewhere_at(facts.policy, at=at, zones=facts.zones, days=facts.days)]
    if facts.campaign is not None and facts.campaign.closes_minute < 1440:
        for zone in facts.zones:
            local = at.astimezone(zone)
            midnight = datetime(local.year, local.month, local.day, tzinfo=zone)
            closing = midnight + timedelta(minutes=facts.campaign.closes_minute)
            ends.append(closing.astimezone(UTC))
    if facts.consent is not None and facts.purpose in facts.policy.consent_for:
        ends.append(facts.consent.until)
    return min((end for end in ends if end is not None and end > at), default=None)
