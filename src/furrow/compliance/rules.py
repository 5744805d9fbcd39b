"""What the law and the house allow, as data and pure functions. Keyed by number, not customer.

The gate itself, which asks all of these in order, is in permits.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused

from .packs import DEFAULT_POLICIES as DEFAULT_POLICIES


class SuppressionKind(TextChoices):
    """Why a number must not be called (C4, I1)."""

    INVALID = "invalid", _("Number judged invalid")
    OPTED_OUT = "opted_out", _("Asked not to be called")
    NOT_THIS_PERSON = "not_this_person", _("Belongs to somebody else")
    DO_NOT_CALL_LIST = "do_not_call", _("On a do-not-call list")
    COMPLAINT = "complaint", _("Complained")


# Said by the person, not by the line: it holds for every number of theirs.
OF_THE_PERSON = frozenset({SuppressionKind.OPTED_OUT, SuppressionKind.COMPLAINT})

# Later than this is "for good"; and no clock on earth can be asked for the year 10,000.
LONGEST_SUPPRESSION = timedelta(days=36_525)

# What led to a suppression, by the first part of its origin: "call:17".
ORIGINS: Mapping[str, str | Promise] = {
    "person": _("by hand"),
    "call": _("call"),
    "list": _("list"),
    "api": "API",
}


class Purpose(TextChoices):
    """What somebody is called for; consent is given and withdrawn per purpose."""

    SALES = "sales", _("Sales")
    SERVICE = "service", _("Service")
    CALLBACK = "callback", _("Promised call-back")


class Basis(TextChoices):
    """How a consent was given, for whoever has to prove it."""

    FORM = "form", _("Ticked in a form")
    # By whoever typed the number into a page open to everybody: see queries.last_consent.
    WEB = "web", _("Ticked on a web site, unconfirmed")
    WRITTEN = "written", _("In writing")
    SPOKEN = "spoken", _("Said in a recorded call")
    CONTRACT = "contract", _("Part of a contract")
    OTHER = "other", _("Otherwise")


class DayKind(TextChoices):
    HOLIDAY = "holiday", _("Public holiday")
    WORKDAY = "workday", _("Make-up workday")


MINUTE = timedelta(minutes=1)
EVERYWHERE_ELSE = "*"  # the region of the rules for regions without their own


class CannotSuppress(Refused):
    """This cannot be put on the do-not-call list."""


class CannotLift(Refused):
    """This suppression cannot be lifted, or not so."""


class CannotImport(Refused):
    """This do-not-call register cannot be read."""


class CannotSetPolicy(Refused):
    """These calling rules cannot be put in force."""


@dataclass(frozen=True)
class Window:
    """When calls are allowed in the callee's own time.

    weekdays  0 = Monday … 6 = Sunday
    opens, closes  local times, closes exclusive; 24:00 is written as time.max (23:59:59.999999)
    """

    weekdays: frozenset[int]
    opens: time
    closes: time


@dataclass(frozen=True)
class Cap:
    """At most `most` calls dialled to one number (or customer) within `within`."""

    most: int
    within: timedelta


@dataclass(frozen=True)
class Policy:
    """Calling rules of one region in one version. See `policy_from` for its JSON.

    source says where each figure comes from, for the settings page and for evidence.
    """

    region: str  # ISO region, with a state where that has its own ("US-FL"), "*" for all others
    version: int
    windows: tuple[Window, ...]
    on_holidays: bool  # whether calls are allowed on public holidays
    number_caps: tuple[Cap, ...]
    customer_caps: tuple[Cap, ...]
    silence_after_refusal: timedelta
    source: str = ""
    consent_for: frozenset[str] = frozenset()  # purposes nobody is called for without consent
    tells_of_listening: bool = True  # agents are shown that a supervisor listens to their call


def _hhmm(text: str) -> time:
    if text == "24:00":
        return time.max
    hours, minutes = text.split(":")
    return time(int(hours), int(minutes))


def policy_from(body: Mapping[str, Any], *, region: str, version: int) -> Policy:
    """Read a policy's JSON body; raises ValueError naming the field that is wrong.

    {"windows": [{"weekdays": [0,1,2,3,4], "from": "09:00", "to": "20:00"}],
     "on_holidays": false, "number_caps": [{"most": 3, "minutes": 5}],
     "customer_caps": [{"most": 3, "minutes": 1440}], "silence_after_refusal_days": 14,
     "consent_for": ["sales"], "tells_of_listening": true, "source": "…"}

    `sources` (a figure's name -> where it comes from), `registers` and `pack` are for people.
    """
    with _naming("windows"):
        windows = tuple(
            Window(frozenset(int(d) for d in w["weekdays"]), _hhmm(w["from"]), _hhmm(w["to"]))
            for w in body["windows"]
        )
        for window in windows:
            if window.opens >= window.closes:
                raise ValueError(_t("“from” must be before “to”"))
            if not window.weekdays or not window.weekdays <= set(range(7)):
                raise ValueError(_t("choose at least one weekday, 0 (Monday) to 6 (Sunday)"))
    caps: dict[str, tuple[Cap, ...]] = {}
    for name in ("number_caps", "customer_caps"):
        with _naming(name):
            caps[name] = tuple(
                Cap(int(c["most"]), int(c["minutes"]) * MINUTE) for c in body.get(name, [])
            )
            if any(cap.most < 1 or cap.within < MINUTE for cap in caps[name]):
                raise ValueError(_t("at least one call in at least one minute"))
    with _naming("silence_after_refusal_days"):
        silence = int(body.get("silence_after_refusal_days", 14))
        if not 0 <= silence <= 3650:
            raise ValueError(_t("between 0 and 3650 days"))
    with _naming("consent_for"):
        consent_for = frozenset(Purpose(purpose).value for purpose in body.get("consent_for", []))
    return Policy(
        region=region,
        version=version,
        windows=windows,
        on_holidays=bool(body.get("on_holidays", False)),
        number_caps=caps["number_caps"],
        customer_caps=caps["customer_caps"],
        silence_after_refusal=timedelta(days=silence),
        source=str(body.get("source", "")),
        consent_for=consent_for,
        tells_of_listening=bool(body.get("tells_of_listening", True)),
    )


def country_of(region: str) -> str:
    """The country a region lies in: "US" for "US-FL"; others are their own."""
    return region.partition("-")[0]


def regions_for(region: str) -> list[str]:
    """Whose rules a region may follow, its own first: US-FL, US, *."""
    return list(dict.fromkeys([region, country_of(region), EVERYWHERE_ELSE]))


def is_region(text: str) -> bool:
    """Whether rules may be kept for it: CN, US-FL, or * for all others."""
    return text == EVERYWHERE_ELSE or re.fullmatch(r"[A-Z]{2}(-[A-Z]{2})?", text) is not None


def digests_of(e164: str) -> list[bytes]:
    """The SHA-256 digests under which a number may stand in a hashed list, the E.164 one first.

    Lists hash +8613800138000, 8613800138000 or 13800138000: each spelling is looked for.
    """
    spellings = [e164, e164.removeprefix("+")]
    with suppress(phonenumbers.NumberParseException):
        number = phonenumbers.parse(e164)
        spellings.append(phonenumbers.national_significant_number(number))
    return [hashlib.sha256(spelling.encode()).digest() for spelling in dict.fromkeys(spellings)]


@contextmanager
def _naming(field: str) -> Iterator[None]:
    """Say which field of a policy a mistake is in."""
    try:
        yield
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{field}: {error}") from error


def is_open(
    policy: Policy, *, at: datetime, time_zone: ZoneInfo, days: Mapping[date, DayKind]
) -> bool:
    """Whether calls are allowed at `at`, in the callee's own time.

    days  the region's holidays and make-up workdays; a make-up workday counts as a Monday
    """
    local = at.astimezone(time_zone)
    kind = days.get(local.date())
    if kind is DayKind.HOLIDAY and not policy.on_holidays:
        return False
    weekday = 0 if kind is DayKind.WORKDAY else local.weekday()
    return any(weekday in w.weekdays and w.opens <= local.time() < w.closes for w in policy.windows)


def next_opening(
    policy: Policy, *, at: datetime, time_zone: ZoneInfo, days: Mapping[date, DayKind]
) -> datetime | None:
    """The next moment after `at` when the window opens, or None within the next 400 days.

    Computed in the callee's time zone, so clock changes are honoured. O(days looked ahead).
    """
    local = at.astimezone(time_zone)
    for ahead in range(400):
        day = local.date() + timedelta(days=ahead)
        kind = days.get(day)
        if kind is DayKind.HOLIDAY and not policy.on_holidays:
            continue
        weekday = 0 if kind is DayKind.WORKDAY else day.weekday()
        starts = sorted(
            datetime.combine(day, w.opens, time_zone).astimezone(UTC)
            for w in policy.windows
            if weekday in w.weekdays
        )
        for start in starts:
            if start > at:
                return start
    return None


def closes_at(
    policy: Policy, *, at: datetime, time_zone: ZoneInfo, days: Mapping[date, DayKind]
) -> datetime | None:
    """When the window that is open at `at` closes; None when it stays open for the next year.

    A window to midnight goes on in one that opens then. Raises ValueError when it is closed.
    """
    if not is_open(policy, at=at, time_zone=time_zone, days=days):
        raise ValueError(f"closed at {at}")
    moment = at
    for _window in range(800):
        local = moment.astimezone(time_zone)
        kind = days.get(local.date())
        weekday = 0 if kind is DayKind.WORKDAY else local.weekday()
        ends = max(
            w.closes
            for w in policy.windows
            if weekday in w.weekdays and w.opens <= local.time() < w.closes
        )
        if ends == time.max:
            end = datetime.combine(local.date() + timedelta(days=1), time(0), time_zone)
        else:
            end = datetime.combine(local.date(), ends, time_zone)
        moment = end.astimezone(UTC)
        if not is_open(policy, at=moment, time_zone=time_zone, days=days):
            return moment
    return None


def is_open_everywhere(
    policy: Policy, *, at: datetime, zones: Sequence[ZoneInfo], days: Mapping[date, DayKind]
) -> bool:
    """Whether calls are allowed at `at` in each of `zones`."""
    return all(is_open(policy, at=at, time_zone=zone, days=days) for zone in zones)


def next_opening_everywhere(
    policy: Policy, *, at: datetime, zones: Sequence[ZoneInfo], days: Mapping[date, DayKind]
) -> datetime | None:
    """The next moment after `at` that is open in each of `zones`; None within the next year.

    Only at the opening of one of them can all become open, so only those are tried.
    """
    tried = at
    for _opening in range(1200):
        openings = [
            opening
            for zone in zones
            if (opening := next_opening(policy, at=tried, time_zone=zone, days=days)) is not None
        ]
        if not openings:
            return None
        tried = min(openings)
        if tried - at > timedelta(days=400):
            return None
        if is_open_everywhere(policy, at=tried, zones=zones, days=days):
            return tried
    return None


def closes_somewhere_at(
    policy: Policy, *, at: datetime, zones: Sequence[ZoneInfo], days: Mapping[date, DayKind]
) -> datetime | None:
    """When the first of the zones open at `at` closes; None when none does within a year."""
    ends = [closes_at(policy, at=at, time_zone=zone, days=days) for zone in zones]
    return min((end for end in ends if end is not None), default=None)


def broken_cap(
    caps: Iterable[Cap], *, dialled_at: Iterable[datetime], at: datetime
) -> tuple[Cap, datetime] | None:
    """The cap that forbids one more call at `at` for longest, and when it no longer will.

    dialled_at  instants of other calls, answered or not, any order; those after `at` (another
                process's clock, or a call placed while this one waited) count as well
    returns     None when one more call keeps every cap. O(calls × caps).
    A call exactly `within` ago no longer counts.
    """
    calls = sorted(dialled_at)
    worst: tuple[Cap, datetime] | None = None
    for cap in caps:
        recent = [t for t in calls if t > at - cap.within]
        if len(recent) < cap.most:
            continue
        # Free again when the cap.most-th latest call leaves the window.
        free_at = recent[len(recent) - cap.most] + cap.within
        if worst is None or free_at > worst[1]:
            worst = (cap, free_at)
    return worst
