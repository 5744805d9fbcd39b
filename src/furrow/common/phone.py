"""Phone numbers as Furrow keeps them: E.164 text, shown masked, with a region and a time zone."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import NumberParseException, timezone

# Time zones whose whole country keeps one clock, where looking into the prefix adds nothing.
_ONE_CLOCK = {"CN": "Asia/Shanghai"}
DEFAULT_TIME_ZONE = "Asia/Shanghai"


@dataclass(frozen=True)
class Place:
    """Where a number lives: ISO region ("CN"; "" when unknown) and IANA time zone."""

    region: str
    time_zone: str


@lru_cache(maxsize=65536)
def place_of(e164: str) -> Place:
    """Region and time zone of a number, from its prefix alone.

    A prefix that spans several zones gives the westernmost by name order that libphonenumber
    lists first; the address of the customer, where known, overrides it (see permits).
    """
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return Place("", DEFAULT_TIME_ZONE)
    region = phonenumbers.region_code_for_number(number) or (
        phonenumbers.region_code_for_country_code(number.country_code or 0)
    )
    if region in {"ZZ", "001", None}:
        region = ""
    if zone := _ONE_CLOCK.get(region):
        return Place(region, zone)
    zones = [z for z in timezone.time_zones_for_number(number) if z != "Etc/Unknown"]
    return Place(region, zones[0] if zones else DEFAULT_TIME_ZONE)


class Charge(StrEnum):
    """What calling a number costs whoever calls, by its kind."""

    ORDINARY = "ordinary"
    PREMIUM = "premium"
    SHARED = "shared"
    PERSONAL = "personal"


_CHARGES = {
    phonenumbers.PhoneNumberType.PREMIUM_RATE: Charge.PREMIUM,
    phonenumbers.PhoneNumberType.SHARED_COST: Charge.SHARED,
    phonenumbers.PhoneNumberType.PERSONAL_NUMBER: Charge.PERSONAL,
}


@dataclass(frozen=True)
class Destination:
    """Where a call goes, for whoever pays it. `region` is "" for satellites and other numbers of no
    country, and where several countries share a prefix and the rest does not tell which."""

    region: str
    charge: Charge = Charge.ORDINARY


AT_HOME = Destination("CN")


@lru_cache(maxsize=65536)
def destination_of(e164: str) -> Destination:
    """What it is to call a number. Stricter than `place_of`, which guesses for the clock's sake.

    >>> destination_of("+19005551234")
    Destination(region='US', charge=<Charge.PREMIUM: 'premium'>)
    >>> destination_of("+881612345678").region
    ''
    """
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return Destination("")
    region = phonenumbers.region_code_for_number(number)
    charge = _CHARGES.get(phonenumbers.number_type(number), Charge.ORDINARY)
    return Destination("" if region in {"ZZ", "001", None} else region, charge)


@lru_cache(maxsize=65536)
def zones_of_number(e164: str) -> tuple[str, ...]:
    """Every time zone the number's prefix spans, by libphonenumber; () when it knows none.

    A toll-free prefix spans its whole numbering plan, and so do mobiles of some countries.
    """
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return ()
    if phonenumbers.region_code_for_number(number) in _ONE_CLOCK:
        return ()
    zones = timezone.time_zones_for_number(number)
    return tuple(z for z in zones if z != "Etc/Unknown")


def zones_of(region: str) -> list[str]:
    """The time zones of a region worth showing, the most populous first.

    Several for the United States and Canada; elsewhere the one most people keep. The default
    zone for a region that is not a country.
    """
    if region in {"US", "CA"}:
        return ["America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"]
    number = phonenumbers.example_number(region)
    if number is None:
        return [DEFAULT_TIME_ZONE]
    return [
        place_of(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)).time_zone
    ]


def mask(e164: str) -> str:
    """The number as most people may see it: 138****8000, +131****1501.

    Chinese numbers lose their country code; others keep it. Never fewer than four
    digits are hidden unless the number has fewer than eight digits, then all but two are.
    """
    digits = e164.removeprefix("+86") if e164.startswith("+86") else e164
    if len(digits) < 8:
        return "*" * max(len(digits) - 2, 0) + digits[-2:]
    return f"{digits[:-8]}****{digits[-4:]}"


def pretty(e164: str) -> str:
    """The whole number for those who may see it, in its international or Chinese spelling."""
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return e164
    style = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(
        number, style.NATIONAL if number.country_code == 86 else style.INTERNATIONAL
    )


def zone(name: str) -> ZoneInfo:
    """The time zone, or the default one for a name this machine does not know."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError):
        return ZoneInfo(DEFAULT_TIME_ZONE)
