"""What stands in the way of a call, read by number and by region."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Case, ExpressionWrapper, Q, When

from furrow.common.phone import zone, zones_of

from .models import (
    CalendarDay,
    Consent,
    PolicyVersion,
    Refusal,
    Register,
    RegisterEntry,
    Suppression,
)
from .packs import BY_KEY, PACKS, Pack
from .rules import (
    DEFAULT_POLICIES,
    EVERYWHERE_ELSE,
    Basis,
    DayKind,
    Policy,
    Purpose,
    country_of,
    digests_of,
    is_open,
    next_opening,
    policy_from,
    regions_for,
)


def standing_suppressions(
    *, e164: str, others: Collection[str] = (), at: datetime
) -> list[Suppression]:
    """What forbids calling this number at `at`; those for good first, then the longest.

    others  more numbers of the same person: who asked on one of them not to be called, or
            complained, is not called on this one either
    """
    rows = Suppression.objects.forbidding(e164, others).standing(at).order_by("pk")
    return sorted(rows, key=lambda s: (s.until is not None, -(s.until or at).timestamp()))


def is_suppressed(*, e164: str, others: Collection[str] = (), at: datetime) -> bool:
    return Suppression.objects.forbidding(e164, others).standing(at).exists()


@dataclass(frozen=True)
class SuppressionTold:
    """One suppression as a timeline or an export tells it."""

    pk: int
    e164: str
    kind: str
    reason: str
    by: str
    at: datetime
    until: datetime | None
    lifted_at: datetime | None
    lifted_by: str
    lifted_reason: str


def suppressions_told(e164s: Iterable[str]) -> list[SuppressionTold]:
    """Every suppression these numbers ever had, newest first."""
    rows = (
        Suppression.objects.filter(e164__in=list(e164s))
        .select_related("by", "lifted_by")
        .order_by("-at", "-pk")
    )
    return [
        SuppressionTold(
            pk=row.pk, e164=row.e164, kind=row.kind, reason=row.reason, by=str(row.by), at=row.at,
            until=row.until, lifted_at=row.lifted_at,
            lifted_by=str(row.lifted_by) if row.lifted_by else "", lifted_reason=row.lifted_reason,
        )
        for row in rows
    ]  # fmt: skip


def last_refusal(*, e164s: Iterable[str], at: datetime) -> datetime | None:
    """When somebody at one of these numbers last said no, by `at`."""
    return (
        Refusal.objects.filter(e164__in=list(e164s), at__lte=at)
        .order_by("-at")
        .values_list("at", flat=True)
        .first()
    )


def refusals_before(*, e164s: Iterable[str], at: datetime) -> list[tuple[str, datetime]]:
    """(number, when) of every refusal at these numbers by `at`, the oldest first."""
    rows = Refusal.objects.filter(e164__in=list(e164s), at__lte=at).order_by("at", "pk")
    return list(rows.values_list("e164", "at"))


def last_consent(
    *, e164: str, others: Collection[str] = (), purpose: Purpose, at: datetime
) -> Consent | None:
    """The word that counts, by `at`, about calling this number for a purpose: the latest at any
    number of the same person.

    others  more numbers of that person

    A consent from a web site (Basis.WEB) may be anybody's who knows the number. It counts only for
    that number, and only where nobody known to be the customer withdrew, or agreed for longer.
    """
    words = Consent.objects.filter(purpose=purpose, at__lte=at).filter(
        Q(e164=e164) | (Q(e164__in=list(others)) & ~Q(basis=Basis.WEB))
    )
    is_web = ExpressionWrapper(Q(basis=Basis.WEB), BooleanField())
    latest = words.annotate(is_web=is_web).order_by("is_web", "-at", "-pk").distinct("is_web")
    by_kind = {word.basis == Basis.WEB: word for word in latest}
    sure, web = by_kind.get(False), by_kind.get(True)
    if sure is not None and (not sure.is_given or sure.until is None or sure.until > at):
        return sure
    return web if web is not None and (sure is None or web.at > sure.at) else sure


def consents_told(e164s: Iterable[str]) -> list[Consent]:
    """Every consent given or withdrawn at these numbers, newest first."""
    rows = Consent.objects.filter(e164__in=list(e164s)).select_related("by")
    return list(rows.order_by("-at", "-pk"))


def registers_listing(*, e164: str, region: str) -> list[str]:
    """The names of the do-not-call registers of this region, or everywhere, that list a number."""
    return list(
        RegisterEntry.objects.filter(
            digest__in=digests_of(e164),
            register__region__in=[country_of(region), EVERYWHERE_ELSE],
            register__is_active=True,
        )
        .order_by("register__name")
        .values_list("register__name", flat=True)
        .distinct()
    )


@dataclass(frozen=True)
class RegisterTold:
    """One register as its page lists it; `missing` = a pack in force asks for it."""

    register: Register | None
    name: str
    region: str
    is_stale: bool


def registers_told(*, at: datetime) -> list[RegisterTold]:
    """Every register by name, and those that rules in force ask for and nobody imported."""
    rows = list(Register.objects.order_by("name"))
    told = [RegisterTold(row, row.name, row.region, row.is_stale(at)) for row in rows]
    known = {row.name.casefold() for row in rows}
    for rules in regions_with_rules(at=at):
        for wanted in rules.current.body.get("registers", []):
            if str(wanted["name"]).casefold() not in known:
                told.append(RegisterTold(None, str(wanted["name"]), rules.region, False))
    return told


def packs_for(region: str) -> list[Pack]:
    """The packs a region may adopt: its own, and its country's or everybody's."""
    regions = {region, country_of(region)}
    return [pack for pack in PACKS if pack.region in regions]


def pack_of(body: Mapping[str, Any]) -> Pack | None:
    """The pack a policy began as."""
    return BY_KEY.get(str(body.get("pack", "")))


def policy_for(*, region: str, at: datetime) -> Policy:
    """The calling rules of `region` in force at `at`, by the version of that time.

    A region without rules of its own gets those for "all others"; before anything was stored,
    the ones Furrow starts with. One query; the body of a version is read once per process.
    """
    version = _version_for(region, at)
    if version is None:
        return _default(next(r for r in regions_for(region) if r in DEFAULT_POLICIES))
    return policy_of(version)


def _version_for(region: str, at: datetime) -> PolicyVersion | None:
    regions = regions_for(region)
    ranks = [When(region=one, then=rank) for rank, one in enumerate(regions)]
    return (
        PolicyVersion.objects.filter(region__in=regions)
        .in_force(at)
        .order_by(Case(*ranks, default=len(ranks)), "-version")
        .first()
    )


def policy_of(version: PolicyVersion) -> Policy:
    """The rules that a stored version says."""
    key = (version.pk, version.region, version.version)
    policy = _read.get(key)
    if policy is None:
        policy = policy_from(version.body, region=version.region, version=version.version)
        if len(_read) > 1000:
            _read.clear()
        _read[key] = policy
    return policy


# Versions never change (a trigger refuses), so what was read stays true.
_read: dict[tuple[int, str, int], Policy] = {}


@lru_cache(maxsize=64)
def _default(region: str) -> Policy:
    return policy_from(DEFAULT_POLICIES[region], region=region, version=0)


def days_for(*, region: str, since: date, until: date) -> Mapping[date, DayKind]:
    """Holidays and make-up workdays of `region` in [since, until)."""
    rows = CalendarDay.objects.filter(
        region=country_of(region), on__gte=since, on__lt=until
    ).order_by("on")
    return {on: DayKind(kind) for on, kind in rows.values_list("on", "kind")}


@dataclass(frozen=True)
class RegionRules:
    """One region as the settings page lists it."""

    region: str
    current: PolicyVersion
    planned: PolicyVersion | None


def regions_with_rules(*, at: datetime) -> list[RegionRules]:
    """Each region's version in force and the next planned one; "all others" comes last."""
    rows = PolicyVersion.objects.select_related("by").order_by("region", "version")
    current: dict[str, PolicyVersion] = {}
    planned: dict[str, PolicyVersion] = {}
    for row in rows:
        if row.from_at <= at:
            current[row.region] = row
            planned.pop(row.region, None)
        elif row.region not in planned or row.from_at <= planned[row.region].from_at:
            planned[row.region] = row
    return [
        RegionRules(region, current[region], planned.get(region))
        for region in sorted(current, key=lambda r: (r == EVERYWHERE_ELSE, r))
    ]


def policy_history(*, region: str) -> list[PolicyVersion]:
    """Newest first."""
    return list(
        PolicyVersion.objects.filter(region=region).select_related("by").order_by("-version")
    )


def hold_number(e164: str, *, to_change: bool) -> None:
    """Wait for, and keep until the transaction ends, the right to decide about a number.

    Those who only ask (a permit) share it; who changes (a suppression) has it alone. So a call
    is allowed before the number was suppressed, or refused: never allowed just afterwards.
    """
    lock = "pg_advisory_xact_lock" if to_change else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {lock}(%s, hashtext(%s))", [_NUMBERS, e164])


def hold_numbers(e164s: Iterable[str], *, to_change: bool) -> None:
    """`hold_number` for several, in the one order that keeps two who ask from waiting for each
    other."""
    for e164 in sorted(set(e164s)):
        hold_number(e164, to_change=to_change)


_NUMBERS = 0x4E554D  # the advisory locks about numbers: "NUM"


def policy_body(*, region: str, at: datetime) -> Mapping[str, Any]:
    """The JSON of the rules in force for a region, to begin a change from."""
    version = _version_for(region, at)
    if version is not None:
        return dict(version.body)
    return next(DEFAULT_POLICIES[r] for r in regions_for(region) if r in DEFAULT_POLICIES)


@dataclass(frozen=True)
class HoursNow:
    """Whether one place may be called now, and when it next opens."""

    time_zone: str
    local: datetime
    is_open: bool
    opens_at: datetime | None


def hours_now(*, region: str, at: datetime) -> list[HoursNow]:
    """A region's calling hours as they are now, in each time zone worth showing."""
    policy = policy_for(region=region, at=at)
    days = days_for(
        region=region,
        since=at.date() - timedelta(days=1),
        until=at.date() + timedelta(days=402),
    )
    found = []
    for name in zones_of(country_of(region)):
        time_zone = zone(name)
        allowed = is_open(policy, at=at, time_zone=time_zone, days=days)
        opens = None if allowed else next_opening(policy, at=at, time_zone=time_zone, days=days)
        found.append(
            HoursNow(
                time_zone=name,
                local=at.astimezone(time_zone),
                is_open=allowed,
                opens_at=opens.astimezone(time_zone) if opens else None,
            )
        )
    return found


def calendar_of(*, region: str, year: int) -> list[CalendarDay]:
    return list(CalendarDay.objects.filter(region=region, on__year=year).order_by("on"))
