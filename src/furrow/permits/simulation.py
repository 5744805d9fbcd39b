"""What calling rules not in force yet would have said to the calls of the past."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from furrow.common.phone import zone, zones_of_number
from furrow.compliance.areas import area_of
from furrow.compliance.queries import consents_told, days_for, refusals_before
from furrow.compliance.rules import (
    EVERYWHERE_ELSE,
    Basis,
    DayKind,
    Policy,
    broken_cap,
    country_of,
    is_open_everywhere,
)

from .models import Denial, Permit
from .rules import Purpose

# So many calls are looked at; a busier month is judged by its newest.
MOST_SIMULATED = 100_000


@dataclass(frozen=True)
class Simulation:
    """What calling rules would have said to the calls of the last days.

    refused  check -> calls that were made and would have been refused
    freed    check -> refusals that would not have been; only of the checks a policy decides
    """

    days: int
    made: int
    allowed: int
    refused: Mapping[str, int]
    denied: int
    freed: Mapping[str, int]
    is_capped: bool


_DAY = timedelta(days=2)
_POLICY_CHECKS = ("consent", "hours", "caps", "silence")


def simulate_policy(
    *, region: str, policy: Policy, days: int, at: datetime, most: int = MOST_SIMULATED
) -> Simulation:
    """Judge the calls of the last `days` to numbers of a region by a policy not in force yet.

    Each call is judged by what was dialled before it and not refused in the simulation, so a cap
    counts only calls the new rules would have let through. Ownership, other suppressions and the
    line are as they were. About 10 s per 100,000 calls.
    """
    since = at - timedelta(days=days)
    country = country_of(region)
    longest = max(
        (cap.within for cap in (*policy.number_caps, *policy.customer_caps)), default=timedelta(0)
    )
    numbers: dict[int, tuple[str, tuple[str, ...], int]] = {}
    spent = Permit.objects.filter(spent_at__gte=since - longest, spent_at__lt=at)
    denied = Denial.objects.filter(at__gte=since, at__lt=at, check_name__in=_POLICY_CHECKS)
    if country != EVERYWHERE_ELSE:
        spent = spent.filter(number__region=country)
        denied = denied.filter(number__region=country)
    fields = ("number_id", "number__e164", "number__region", "number__time_zone", "customer_id")
    events: list[tuple[datetime, int, int, Purpose, str]] = []
    for rows, moment, check in ((spent, "spent_at", None), (denied, "at", "check_name")):
        asked = rows.order_by(f"-{moment}").values_list(
            moment, *fields, "purpose", *([check] if check else [])
        )
        for when, number_id, e164, of_region, zone_name, customer_id, purpose, *by in asked[:most]:
            if not _follows(region, e164, of_region):
                continue
            if number_id not in numbers:
                zones = tuple(dict.fromkeys((zone_name, *zones_of_number(e164))))
                numbers[number_id] = (e164, zones, customer_id)
            events.append(
                (when, number_id, customer_id, Purpose(purpose), str(by[0]) if by else "")
            )
    events.sort(key=lambda event: (event[0], event[1]))
    days_of = days_for(
        region=region, since=(since - longest).date() - timedelta(days=1), until=at.date() + _DAY
    )
    refusals = _refusals_of([e164 for e164, _zones, _customer in numbers.values()], at)
    consents = _consents_of([e164 for e164, _zones, _customer in numbers.values()], policy)
    by_number: dict[int, list[datetime]] = defaultdict(list)
    by_customer: dict[int, list[datetime]] = defaultdict(list)
    made = allowed = 0
    refused: Counter[str] = Counter()
    freed: Counter[str] = Counter()
    judged = 0
    for when, number_id, customer_id, purpose, was in events:
        e164, zones, _customer = numbers[number_id]
        no = _no_of(
            policy, when, purpose, zones=zones, days=days_of,
            number_calls=by_number[number_id], customer_calls=by_customer[customer_id],
            refused_at=refusals.get(e164, ()), consents=consents.get((e164, purpose.value)),
        )  # fmt: skip
        if not was and no is None:
            by_number[number_id].append(when)
            by_customer[customer_id].append(when)
        if when < since:
            continue
        if was:
            judged += 1
            if no is None:
                freed[was] += 1
        else:
            made += 1
            if no is None:
                allowed += 1
            else:
                refused[no] += 1
    return Simulation(
        days=days, made=made, allowed=allowed, refused=dict(refused), denied=judged,
        freed=dict(freed), is_capped=len(events) >= most,
    )  # fmt: skip


def _follows(region: str, e164: str, of_region: str) -> bool:
    """Whether a number is judged by the rules of `region`: those of its state come first."""
    return region == EVERYWHERE_ELSE or area_of(e164, of_region) == region


def _no_of(
    policy: Policy,
    at: datetime,
    purpose: Purpose,
    *,
    zones: Sequence[str],
    days: Mapping[date, DayKind],
    number_calls: Sequence[datetime],
    customer_calls: Sequence[datetime],
    refused_at: Sequence[datetime],
    consents: Sequence[tuple[datetime, bool]] | None,
) -> str | None:
    """The check of a policy that says no to one call of the past, or None."""
    if purpose in policy.consent_for:
        words = [is_given for when, is_given in consents or () if when <= at]
        if not words or not words[-1]:
            return "consent"
    if not is_open_everywhere(policy, at=at, zones=[zone(name) for name in zones], days=days):
        return "hours"
    for caps, dialled in (
        (policy.number_caps, number_calls),
        (policy.customer_caps, customer_calls),
    ):
        if broken_cap(caps, dialled_at=dialled[-200:], at=at):
            return "caps"
    if purpose is Purpose.SALES and any(
        when <= at < when + policy.silence_after_refusal for when in refused_at
    ):
        return "silence"
    return None


def _refusals_of(e164s: list[str], at: datetime) -> Mapping[str, list[datetime]]:
    found: dict[str, list[datetime]] = defaultdict(list)
    for e164, when in refusals_before(e164s=e164s, at=at):
        found[e164].append(when)
    return found


def _consents_of(
    e164s: list[str], policy: Policy
) -> Mapping[tuple[str, str], list[tuple[datetime, bool]]]:
    found: dict[tuple[str, str], list[tuple[datetime, bool]]] = defaultdict(list)
    if policy.consent_for:
        for consent in reversed(consents_told(e164s)):
            words = found[consent.e164, consent.purpose]
            if consent.basis != Basis.WEB or not words or words[-1][1]:  # see last_consent
                words.append((consent.at, consent.is_given))
    return found
