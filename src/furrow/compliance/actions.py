"""Changes of what must not be done to a number, and of the calling rules."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from furrow.audit.actions import record
from furrow.organisation.models import User
from furrow.science.linkage.numbers import read_numbers

from .models import CalendarDay, Consent, PolicyVersion, Refusal, Register, Suppression
from .packs import BY_KEY
from .queries import hold_number
from .rules import (
    DEFAULT_POLICIES,
    EVERYWHERE_ELSE,
    LONGEST_SUPPRESSION,
    Basis,
    CannotImport,
    CannotLift,
    CannotSetPolicy,
    CannotSuppress,
    DayKind,
    Purpose,
    SuppressionKind,
    country_of,
    digests_of,
    is_region,
    policy_from,
)

ENDED_BY_ITSELF = gettext_noop("Ended by itself")


@transaction.atomic
def suppress_number(
    *,
    e164: str,
    kind: SuppressionKind,
    origin: str,
    by: User,
    at: datetime,
    reason: str = "",
    until: datetime | None = None,
) -> Suppression:
    """Nobody in the company may call this number any more, from now until `until` or for good.

    origin  what led to it: "call:17", "list:4", "person", "api"
    Asked again for the same kind, the longer of both stands and the first reason stays.

    Raises CannotSuppress when `until` is not in the future, or more than a hundred years ahead.
    """
    if until is not None and until <= at:
        raise CannotSuppress(
            _("The end must lie in the future; without one it is for good."), rule="C4"
        )
    if until is not None and until - at > LONGEST_SUPPRESSION:
        raise CannotSuppress(
            _("The end lies more than a hundred years ahead; without one it is for good."),
            rule="C4",
        )
    hold_number(e164, to_change=True)
    known = Suppression.objects.on(e164).filter(kind=kind, lifted_at=None).first()
    if known is not None and known.until is not None and known.until <= at:
        known.lifted_at, known.lifted_by, known.lifted_reason = known.until, by, ENDED_BY_ITSELF
        known.save(update_fields=["lifted_at", "lifted_by", "lifted_reason"])
        known = None
    if known is None:
        known = Suppression.objects.create(
            e164=e164, last4=e164[-4:], kind=kind, reason=reason, origin=origin, by=by, at=at,
            until=until,
        )  # fmt: skip
    elif known.until is not None and (until is None or until > known.until):
        known.until = until
        known.save(update_fields=["until"])
    else:
        return known
    record(
        "number.suppressed", of=known, by=by.username, at=at,
        kind=kind, origin=origin, until=until,
    )  # fmt: skip
    return known


@transaction.atomic
def lift_suppression(
    *, suppression: Suppression, reason: str, by: User, at: datetime
) -> Suppression:
    """Let the number be called again, as far as this suppression goes (C4).

    Raises CannotLift without a reason, or when it was lifted before.
    """
    if not reason.strip():
        raise CannotLift(_("Say why this number may be called again."), rule="C4")
    hold_number(suppression.e164, to_change=True)
    suppression = Suppression.objects.select_for_update(of=("self",)).get(pk=suppression.pk)
    if suppression.lifted_at is not None:
        raise CannotLift(_("This has been lifted already."), rule="C4")
    suppression.lifted_at, suppression.lifted_by = at, by
    suppression.lifted_reason = reason.strip()
    suppression.save(update_fields=["lifted_at", "lifted_by", "lifted_reason"])
    record(
        "number.released", of=suppression, by=by.username, at=at,
        kind=suppression.kind, reason=reason.strip(),
    )  # fmt: skip
    return suppression


@transaction.atomic
def note_refusal(*, e164: str, origin: str, by: User, at: datetime) -> Refusal:
    """Somebody at this number said no; the policy's silence begins (E1)."""
    hold_number(e164, to_change=True)
    refusal = Refusal.objects.create(e164=e164, at=at, origin=origin, by=by)
    record("number.refused", of=refusal, by=by.username, at=at, origin=origin)
    return refusal


@transaction.atomic
def note_consent(
    *,
    e164: str,
    purpose: Purpose,
    is_given: bool,
    basis: Basis,
    origin: str,
    by: User,
    at: datetime,
    evidence: str = "",
    until: datetime | None = None,
) -> Consent:
    """Somebody at this number agreed to be called for a purpose, or took it back (I1).

    evidence  where the proof lies: a form's name, a recording's id. No phone numbers.
    Whoever wants no calls at all is suppressed instead (`suppress_number`).
    """
    if until is not None and until <= at:
        raise CannotSuppress(_("The end must lie in the future."), rule="I1")
    hold_number(e164, to_change=True)
    consent = Consent.objects.create(
        e164=e164, purpose=purpose, is_given=is_given, basis=basis, evidence=evidence,
        origin=origin, by=by, at=at, until=until if is_given else None,
    )  # fmt: skip
    what = "number.consented" if is_given else "number.consent_withdrawn"
    record(what, of=consent, by=by.username, at=at, purpose=purpose, basis=basis, origin=origin)
    return consent


@dataclass(frozen=True)
class RegisterLoad:
    """What an import of a register found."""

    register: Register
    listed: int  # numbers and digests read
    bad_lines: tuple[int, ...]  # the first hundred lines that are neither
    bad: int


@transaction.atomic
def load_register(
    *,
    name: str,
    region: str,
    lines: Iterable[str],
    default_region: str,
    by: User,
    at: datetime,
    refresh_days: int | None = None,
    is_whole: bool = True,
) -> RegisterLoad:
    """Import a do-not-call list: a number or a SHA-256 in hex per line, first column counts.

    region    where it holds: "GB", "*" everywhere
    is_whole  the file is the whole list, and what it no longer names is dropped; else added to
    default_region  of numbers without country code when the list holds everywhere
    Calls already see the old list until this commits. Streaming; about 20 µs a line of digits,
    100 µs one to be parsed.

    Raises CannotImport when no line at all is a number or a digest.
    """
    name = name.strip()
    if not name or not is_region(region) or "-" in region:
        raise CannotImport(_("Name the register, and a region of two letters or *."), rule="D4")
    hold_number(f"register:{name}", to_change=True)
    register, _made = Register.objects.get_or_create(name=name)
    load = register.load + 1
    spoken = default_region if region == EVERYWHERE_ELSE else region
    listed, bad, bad_lines = 0, 0, list[int]()
    batch: set[bytes] = set()
    for place, line in enumerate(lines, start=1):
        cell = re.split(r"[,;\t]", line.strip().lstrip("\ufeff"), maxsplit=1)[0].strip(" \"'")
        if not cell:
            continue
        if re.fullmatch(r"[0-9a-fA-F]{64}", cell):
            found = [bytes.fromhex(cell)]
        else:
            found = [digests_of(e164)[0] for e164 in read_numbers(cell, region=spoken).numbers]
        if not found:
            bad += 1
            if len(bad_lines) < 100:
                bad_lines.append(place)
        listed += len(found)
        batch.update(found)
        if len(batch) >= 10_000:
            _store_entries(register, load, batch)
            batch.clear()
    if not listed:
        raise CannotImport(
            _("No line of this file is a phone number or a SHA-256 in hex."), rule="D4"
        )
    _store_entries(register, load, batch)
    entries = register.registerentry_set
    if is_whole:
        entries.filter(load__lt=load).delete()
    register.region, register.refresh_days, register.load = region, refresh_days, load
    register.loaded_at, register.is_active = at, True
    register.size = entries.count()
    register.save()
    record("register.loaded", of=register, by=by.username, at=at, listed=listed, bad=bad, load=load)
    return RegisterLoad(register, listed, tuple(bad_lines), bad)


def _store_entries(register: Register, load: int, digests: Iterable[bytes]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO compliance_registerentry (register_id, digest, load)"
            " SELECT %s, digest, %s FROM unnest(%s::bytea[]) AS digest"
            " ON CONFLICT (digest, register_id) DO UPDATE SET load = excluded.load",
            [register.pk, load, list(digests)],
        )


@transaction.atomic
def set_register_active(*, register: Register, is_active: bool, by: User, at: datetime) -> Register:
    """Stop calling by a register, or begin again; its entries are kept."""
    if register.is_active != is_active:
        register.is_active = is_active
        register.save(update_fields=["is_active"])
        what = "register.resumed" if is_active else "register.set_aside"
        record(what, of=register, by=by.username, at=at)
    return register


@transaction.atomic
def adopt_pack(*, key: str, region: str, by: User, at: datetime) -> PolicyVersion:
    """Put a pack's rules in force for a region, as its next version.

    Raises CannotSetPolicy for a pack that is not for this region.
    """
    pack = BY_KEY.get(key)
    if pack is None or pack.region not in {region, country_of(region)}:
        raise CannotSetPolicy(_("There is no such pack for this region."), rule="D4")
    note = _("Adopted the pack “%(name)s”") % {"name": pack.name}
    body = {**pack.body, "pack": pack.key}
    return set_policy(region=region, body=body, note=note[:200], by=by, at=at)


@transaction.atomic
def set_policy(
    *,
    region: str,
    body: Mapping[str, Any],
    note: str,
    by: User,
    at: datetime,
    from_at: datetime | None = None,
) -> PolicyVersion:
    """Put calling rules in force for a region, now or from a later instant.

    Raises CannotSetPolicy when the body is not a policy (naming the field) or would begin in
    the past: what was allowed then stays judged by the rules of its time.
    """
    begins = from_at or at
    if begins < at:
        raise CannotSetPolicy(_("Calling rules cannot begin in the past."), rule="D4")
    if not is_region(region):
        raise CannotSetPolicy(
            _("A region is two capital letters, such as CN, with a state, US-FL, or * for all."),
            rule="D4",
        )
    try:
        policy_from(body, region=region, version=0)
    except ValueError as wrong:
        raise CannotSetPolicy(str(wrong), rule="D4") from None
    hold_number(f"policy:{region}", to_change=True)  # two people saving together
    latest = PolicyVersion.objects.filter(region=region).aggregate(most=Max("version"))["most"]
    version = PolicyVersion.objects.create(
        region=region, version=(latest or 0) + 1, body=dict(body), note=note, by=by, at=at,
        from_at=begins,
    )  # fmt: skip
    record(
        "policy.set", of=version, by=by.username, at=at,
        region=region, version=version.version, from_at=begins,
    )  # fmt: skip
    return version


@transaction.atomic
def set_calendar_day(
    *, region: str, on: date, kind: DayKind | None, by: User, at: datetime, name: str = ""
) -> CalendarDay | None:
    """Make a day a holiday or a make-up workday of a region; `kind` None makes it ordinary."""
    known = CalendarDay.objects.select_for_update().filter(region=region, on=on).first()
    if kind is None:
        if known is not None:
            record("calendar_day.removed", of=known, by=by.username, at=at, region=region, on=on)
            known.delete()
        return None
    day = known or CalendarDay(region=region, on=on)
    if known and (known.kind, known.name) == (kind, name):
        return known
    day.kind, day.name = kind, name
    day.save()
    record("calendar_day.set", of=day, by=by.username, at=at, region=region, on=on, kind=kind)
    return day


@transaction.atomic
def seed_compliance(*, by: User, at: datetime) -> None:
    """The rules and holidays a company starts with, this year's and next year's.

    Safe to repeat: what people have set is left as it is. Holidays come from the `holidays`
    package; a year whose make-up workdays are not announced yet has to be completed by hand.
    """
    stored = set(PolicyVersion.objects.values_list("region", flat=True))
    for region, body in DEFAULT_POLICIES.items():
        if region not in stored:
            set_policy(region=region, body=body, note="", by=by, at=at)
    for region in DEFAULT_POLICIES:
        if region == country_of(region) != EVERYWHERE_ELSE:
            for year in (at.year, at.year + 1):
                import_holidays(region=region, year=year, by=by, at=at)


@transaction.atomic
def import_holidays(*, region: str, year: int, by: User, at: datetime) -> int:
    """Add the published holidays and make-up workdays of a year; returns how many were new.

    Days that are set already stay as they are. 0 for a region nobody publishes.
    """
    from holidays import country_holidays

    try:
        names = {"CN": "zh_CN"}
        published = country_holidays(region, years=year, language=names.get(region))
    except NotImplementedError:
        return 0
    days = [
        CalendarDay(region=region, on=on, kind=DayKind.HOLIDAY, name=name[:60])
        for on, name in published.items()
        if on.year == year
    ]
    days += [
        CalendarDay(region=region, on=on, kind=DayKind.WORKDAY)
        for on in getattr(published, "weekend_workdays", ())
        if on.year == year
    ]
    known = set(
        CalendarDay.objects.filter(region=region, on__year=year).values_list("on", flat=True)
    )
    fresh = [day for day in days if day.on not in known]
    if fresh:
        CalendarDay.objects.bulk_create(fresh)
        record(
            "calendar.imported", of=fresh[0], by=by.username, at=at,
            region=region, year=year, days=len(fresh),
        )  # fmt: skip
    return len(fresh)
