"""Who in the company's data may be the one looked for."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from furrow.common.phone import mask
from furrow.common.sql import load_sql
from furrow.customers.models import Customer, Number
from furrow.customers.rules import Whose
from furrow.organisation.models import User
from furrow.science.linkage.compare import compare_profiles
from furrow.science.linkage.profiles import USUAL_ROWS, Profile, Rarity, Record, profile

from .rules import (
    MOST_BY_ADDRESS,
    MOST_BY_NAME,
    WORTH_ASKING_BITS,
    Match,
    Probe,
    best_first,
    in_words,
    telling,
)


def matches_for(probes: Sequence[Probe], *, rarity: Rarity | None = None) -> dict[int, list[Match]]:
    """Known customers who share a number, name or address, by the probe's id, best first.

    Everybody who has one of the numbers is among them, however different otherwise; of the
    others only those worth asking about. Probes without any are absent. The customers are live
    ones: a merged record is never answered.

    rarity  how rare values are; default: among a million Chinese customers

    Cost: three index scans a probe in one statement, two statements more for what was found.
    """
    rarity = rarity or Rarity(USUAL_ROWS)
    candidates = _candidates(probes)
    known = _profiles({customer for found in candidates.values() for customer in found})
    result: dict[int, list[Match]] = {}
    for probe in probes:
        row = int(probe.record.id)
        if row not in candidates:
            continue
        looked_for = profile(probe.record)
        matches = []
        for customer in candidates[row]:
            if customer not in known:
                continue
            comparison = compare_profiles(looked_for, known[customer], rarity)
            shares = not set(looked_for.numbers).isdisjoint(known[customer].numbers)
            if shares or comparison.weight >= WORTH_ASKING_BITS:
                matches.append(Match(customer, shares, comparison))
        if matches:
            result[row] = best_first(matches)
    return result


def _candidates(probes: Sequence[Probe]) -> dict[int, set[int]]:
    numbers: list[tuple[int, str]] = []
    names: list[tuple[int, str]] = []
    addresses: list[tuple[int, str]] = []
    for probe in probes:
        row = int(probe.record.id)
        numbers += [(row, number) for number in probe.record.numbers]
        names += [(row, key) for key in sorted(probe.name_keys)]
        if key := probe.address_key:
            addresses.append((row, key))
    found: dict[int, set[int]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.linkage", "candidates"),
            {
                "number_rows": [row for row, _ in numbers],
                "numbers": [number for _, number in numbers],
                "name_rows": [row for row, _ in names],
                "name_keys": [key for _, key in names],
                "address_rows": [row for row, _ in addresses],
                "address_keys": [key for _, key in addresses],
                "most_by_name": MOST_BY_NAME,
                "most_by_address": MOST_BY_ADDRESS,
            },
        )
        for row, customer in cursor.fetchall():
            found[row].add(customer)
    return found


def _profiles(customers: set[int]) -> dict[int, Profile]:
    """Known customers as the comparison sees them."""
    if not customers:
        return {}
    numbers: dict[int, list[str]] = defaultdict(list)
    pairs = Number.objects.filter(customer__in=customers).order_by("-is_primary", "id")
    for customer, e164 in pairs.values_list("customer_id", "e164"):
        numbers[customer].append(e164)
    rows = Customer.objects.filter(pk__in=customers, merged_into=None).values(
        "id", "name", "city", "address", "email", "profile"
    )
    return {
        row["id"]: profile(
            record_of(
                row["id"], row["name"], tuple(numbers[row["id"]]), city=row["city"],
                address=row["address"], email=row["email"], details=row["profile"],
            )
        )
        for row in rows
    }  # fmt: skip


def record_of(
    id: int,
    name: str,
    numbers: tuple[str, ...],
    *,
    city: str = "",
    address: str = "",
    email: str = "",
    details: dict[str, str] | None = None,
) -> Record:
    """A customer, or somebody about to become one, as science.linkage compares them."""
    more = details or {}
    return Record(
        id, name=name, numbers=numbers, city=city, address=address, email=email,
        company=str(more.get("company", "")), wechat=str(more.get("wechat", "")),
        birthday=str(more.get("birthday", "")), gender=str(more.get("gender", "")),
        identity=str(more.get("identity", "")), postcode=str(more.get("postcode", "")),
        district=str(more.get("district", "")), province=str(more.get("province", "")),
    )  # fmt: skip


@dataclass(frozen=True)
class Likeness:
    """Somebody known who may be the one being typed in.

    customer  None when the typist may not see the record; then only `whose` is told (B3)
    whose     whose it is, for those who may not see it
    """

    customer: Customer | None
    masked: str
    whose: Whose
    reasons: list[str]
    is_same: bool


def likely_duplicates(*, record: Record, user: User, most: int = 5) -> list[Likeness]:
    """Who is known already, likeliest first: data for those the user may see, for the others
    only whose they are. Cost: five index scans, whatever the size of the base."""
    matches = matches_for([Probe(record)]).get(int(record.id), [])[:most]
    ids = [match.customer_id for match in matches]
    seen = set(Customer.objects.visible_to(user).filter(pk__in=ids).values_list("pk", flat=True))
    known = Customer.objects.select_related("owner", "team").in_bulk(ids)
    numbers = {
        number.customer_id: mask(number.e164)
        for number in Number.objects.filter(customer__in=seen, is_primary=True)
    }
    # Whoever only resembles somebody hidden is not told: that would give their data away.
    return [
        Likeness(
            customer=customer if customer.pk in seen else None,
            masked=numbers.get(customer.pk, ""),
            whose=Whose(
                owner=str(customer.owner) if customer.owner else "",
                team=customer.team.name if customer.team else "",
            ),
            reasons=in_words(telling(match.comparison)) if customer.pk in seen else [],
            is_same=match.is_same,
        )
        for match in matches
        if (customer := known.get(match.customer_id))
        and (customer.pk in seen or match.shares_number)
    ]
