"""When a visit of the web site makes a lead, and what the collecting process takes. No database,
no clock."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db.models import TextChoices
from django.utils.translation import gettext as _t

from furrow.common.refusal import Refused
from furrow.common.text import storable

MOST_BYTES = 8_000  # of one hit
MOST_SECONDS = 24 * 3600  # somebody stays on a page
# What a form may give, and what a customer's record has room for; what is longer is cut.
FIELDS = {
    "name": 200, "phone": 60, "company": 200, "city": 80, "email": 200, "message": 1000,
}  # fmt: skip
_KEY = re.compile(r"[0-9a-f]{16,32}")


class HitKind(TextChoices):
    VIEW = "view", "view"
    STAY = "stay", "stay"
    FORM = "form", "form"
    FORGET = "forget", "forget"


class CannotCapture(Refused):
    """This site cannot be saved."""


# -- the rules, as data ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Rules:
    """When somebody who left a number with consent becomes a lead (A1). One version.

    seconds      longer than this on one page; None = that alone is nothing
    visits       this many visits within `days`; None = likewise
    asked        asking to be called is enough
    gap_minutes  after so long without a hit the next one is another visit
    keep_days    so long visits are kept, and numbers that made no lead
    """

    version: int
    seconds: int | None
    visits: int | None
    days: int
    asked: bool
    gap_minutes: int
    keep_days: int


DEFAULT_BODY: Mapping[str, Any] = {
    "seconds": 60,
    "visits": 2,
    "days": 7,
    "asked": True,
    "gap_minutes": 30,
    "keep_days": 90,
}
_RANGES = {
    "seconds": (1, 3600),
    "visits": (2, 100),
    "days": (1, 365),
    "gap_minutes": (5, 240),
    "keep_days": (1, 730),
}
_MAY_BE_OFF = ("seconds", "visits")


def rules_from(body: Mapping[str, Any], *, version: int) -> Rules:
    """Read a version's JSON, shaped like DEFAULT_BODY. Raises ValueError for what lies outside its
    range, or when nothing would make a lead."""
    read: dict[str, Any] = {}
    for name, (least, most) in _RANGES.items():
        value = body.get(name)
        if value in (None, "") and name in _MAY_BE_OFF:
            read[name] = None
            continue
        if not isinstance(value, int) or not least <= value <= most:
            raise ValueError(
                _t("“%(name)s” must lie between %(least)d and %(most)d.")
                % {"name": name, "least": least, "most": most}
            )
        read[name] = value
    asked = bool(body.get("asked"))
    if read["seconds"] is None and read["visits"] is None and not asked:
        raise ValueError(_t("Nothing would make a lead. Leave one rule on."))
    return Rules(version=version, asked=asked, **read)


@dataclass(frozen=True)
class Seen:
    """What is known of a visitor who left a number.

    seconds  the longest stay on a page, whole; 0 for somebody whose visits we were not to see
    page     which page that was
    visits   when each visit began
    asked    whether they asked to be called
    """

    seconds: int = 0
    page: str = ""
    visits: Sequence[datetime] = ()
    asked: bool = False


def rule_met(seen: Seen, rules: Rules) -> str:
    """Which rule makes this visitor a lead: "stay", "again" or "asked", the first that holds; ""
    for none yet. More of anything never unmakes a lead."""
    if rules.seconds is not None and seen.seconds > rules.seconds:
        return "stay"
    if rules.visits is not None and most_within(seen.visits, days=rules.days) >= rules.visits:
        return "again"
    return "asked" if rules.asked and seen.asked else ""


def most_within(visits: Collection[datetime], *, days: int) -> int:
    """The most visits that began within any `days` days of each other. O(n log n)."""
    begun = sorted(visits)
    most = first = 0
    for last, at in enumerate(begun):
        while at - begun[first] > timedelta(days=days):
            first += 1
        most = max(most, last - first + 1)
    return most


# -- sites -----------------------------------------------------------------------------------------


def read_hosts(text: str) -> list[str]:
    """The hosts in a text, one per line or comma; a whole address will do. Raises CannotCapture for
    what is no host, or none at all."""
    hosts = []
    for word in re.split(r"[\s,，]+", text.strip()):
        host = urlsplit(word if "//" in word else f"//{word}").hostname or ""
        if not re.fullmatch(r"[\w.-]+", host):
            raise CannotCapture(_t("“%(word)s” is no host.") % {"word": word[:80]}, rule="A1")
        hosts.append(host)
    return sorted(set(hosts))


def is_from(origin: str, hosts: Collection[str]) -> bool:
    """Whether a page of one of these hosts sent it; a browser always says which."""
    return urlsplit(origin).hostname in hosts


# -- hits ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hit:
    """One thing the snippet told: a page opened, how long somebody stays, a form sent, or that
    everything is to be forgotten. Keys are random and made in the browser.

    visitor  "" unless the visitor agreed to visits being kept
    key      of the view, or of the form
    """

    site: str
    kind: HitKind
    visitor: str
    key: str
    page: str = ""
    referrer: str = ""
    seconds: int = 0
    given: Mapping[str, Any] | None = None


def read_hit(said: object) -> Hit:
    """A hit from the snippet's JSON. Raises ValueError for anything the snippet never says."""
    if not isinstance(said, dict):
        raise ValueError("not an object")
    kind = HitKind(str(said.get("k")))
    visitor, key = _text(said, "v", 32), _text(said, "i", 32)
    if visitor and not _KEY.fullmatch(visitor):
        raise ValueError("no visitor")
    if not visitor and kind is not HitKind.FORM:
        raise ValueError("a visit of nobody")
    if kind is not HitKind.FORGET and not _KEY.fullmatch(key):
        raise ValueError("no key")
    seconds = said.get("t", 0)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
        raise ValueError("no duration")
    return Hit(
        site=_text(said, "s", 16), kind=kind, visitor=visitor, key=key,
        page=_text(said, "p", 300), referrer=_text(said, "r", 120),
        seconds=min(seconds, MOST_SECONDS),
        given=_given(said) if kind is HitKind.FORM else None,
    )  # fmt: skip


def _given(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a form gave. Without a number and consent nothing of it may be kept (I1)."""
    fields = said.get("f")
    if not isinstance(fields, dict) or not said.get("y"):
        raise ValueError("no form with consent")
    kept: dict[str, Any] = {name: _text(fields, name, most) for name, most in FIELDS.items()}
    if not kept["phone"]:
        raise ValueError("no number")
    words = _text(said, "w", 1000)
    if not words:
        raise ValueError("consent to nothing")
    return {
        **{name: value for name, value in kept.items() if value},
        "words": words,
        "asked": bool(said.get("a")),
    }


def _text(said: Mapping[str, Any], name: str, most: int) -> str:
    value = said.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return storable(value)[:most]
