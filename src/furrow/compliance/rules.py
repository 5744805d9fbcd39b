"""What the law and the house allow, as data and pure functions. Keyed by number, not customer.

The gate itself, which asks all of these in order, is in permits.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused


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


class DayKind(TextChoices):
    HOLIDAY = "holiday", _("Public holiday")
    WORKDAY = "workday", _("Make-up workday")


MINUTE = timedelta(minutes=1)
EVERYWHERE_ELSE = "*"  # the region of the rules for regions without their own


class CannotSuppress(Refused):
    """This cannot be put on the do-not-call list."""


class CannotLift(Refused):
    """This suppression cannot be lifted, or not so."""


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

    region: str  # ISO region, or "*" for all others
    version: int
    windows: tuple[Window, ...]
    on_holidays: bool  # whether calls are allowed on public holidays
    number_caps: tuple[Cap, ...]
    customer_caps: tuple[Cap, ...]
    silence_after_refusal: timedelta
    source: str = ""


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
     "source": "…"}
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
    return Policy(
        region=region,
        version=version,
        windows=windows,
        on_holidays=bool(body.get("on_holidays", False)),
        number_caps=caps["number_caps"],
        customer_caps=caps["customer_caps"],
        silence_after_refusal=timedelta(days=silence),
        source=str(body.get("source", "")),
    )


@contextmanager
def _naming(field: str) -> Iterator[None]:
    """Say which field of a policy a mistake is in."""
    try:
        yield
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{field}: {error}") from error


_EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]

# What a new company starts with. Editable, versioned; engineering notes, not legal advice.
DEFAULT_POLICIES: Mapping[str, Mapping[str, Any]] = {
    "CN": {
        "windows": [{"weekdays": _EVERY_DAY, "from": "09:00", "to": "20:00"}],
        "on_holidays": False,
        "number_caps": [{"most": 3, "minutes": 5}, {"most": 5, "minutes": 1440}],
        "customer_caps": [{"most": 5, "minutes": 1440}, {"most": 10, "minutes": 10080}],
        "silence_after_refusal_days": 14,
        "source": "MIIT notice on call centres (2020-06): avoid rest hours; carrier practice "
        "3 calls in 5 minutes and 5 in 24 hours per number (read 2026-11)",
    },
    "US": {
        "windows": [{"weekdays": _EVERY_DAY, "from": "08:00", "to": "21:00"}],
        "on_holidays": True,
        "number_caps": [{"most": 3, "minutes": 1440}],
        "customer_caps": [{"most": 3, "minutes": 1440}],
        "silence_after_refusal_days": 30,
        "source": "TCPA 47 CFR 64.1200: 8 am to 9 pm local; Florida: 3 attempts in 24 hours",
    },
    "FR": {
        "windows": [
            {"weekdays": [0, 1, 2, 3, 4], "from": "10:00", "to": "13:00"},
            {"weekdays": [0, 1, 2, 3, 4], "from": "14:00", "to": "20:00"},
        ],
        "on_holidays": False,
        "number_caps": [{"most": 4, "minutes": 43200}],
        "customer_caps": [{"most": 4, "minutes": 43200}],
        "silence_after_refusal_days": 60,
        "source": "Code de la consommation D.223-9",
    },
    "*": {
        "windows": [{"weekdays": [0, 1, 2, 3, 4, 5], "from": "09:00", "to": "20:00"}],
        "on_holidays": False,
        "number_caps": [{"most": 3, "minutes": 1440}],
        "customer_caps": [{"most": 3, "minutes": 1440}],
        "silence_after_refusal_days": 30,
        "source": "House rule for regions without a policy of their own",
    },
}


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
