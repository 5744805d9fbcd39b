"""Who in the company's data may be the one looked for."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import loads
from typing import Any

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from furrow.common.phone import mask
from furrow.common.sql import load_sql
from furrow.customers.models import (
    EMAIL_KEY,
    HAS_EMAIL,
    HAS_WECHAT,
    WECHAT_KEY,
    Customer,
    MergeEvent,
    Number,
)
from furrow.customers.queries import profile_of
from furrow.customers.rules import Whose
from furrow.customers.showing import Shown, shown_to
from furrow.organisation.models import User
from furrow.science.linkage.compare import compare_profiles
from furrow.science.linkage.profiles import USUAL_ROWS, Profile, Rarity, Record, profile

from .models import Pair, Run
from .rules import (
    MOST_BY_ADDRESS,
    MOST_BY_NAME,
    WORTH_ASKING_BITS,
    Match,
    Probe,
    Verdict,
    best_first,
    in_words,
    telling,
)

MOST_WAITING = 1000  # pages say "1000+" beyond


def matches_for(
    probes: Sequence[Probe],
    *,
    rarity: Rarity | None = None,
    candidates: Mapping[int, Collection[int]] | None = None,
) -> dict[int, list[Match]]:
    """Known customers who share a number, name or address, by the probe's id, best first.

    Everybody who has one of the numbers is among them, however different otherwise; of the
    others only those worth asking about. Probes without any are absent. The customers are live
    ones: a merged record is never answered.

    rarity      how rare values are; default: among a million Chinese customers
    candidates  customers by the probe's id, where they are known already

    Cost: three index scans a probe in one statement, two statements more for what was found.
    """
    rarity = rarity or Rarity(USUAL_ROWS)
    candidates = _candidates(probes) if candidates is None else candidates
    known = profiles_of({customer for found in candidates.values() for customer in found})
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
                number = next(iter(known[customer].numbers), "")
                matches.append(Match(customer, shares, comparison, number))
        if matches:
            result[row] = best_first(matches)
    return result


def _candidates(probes: Sequence[Probe]) -> dict[int, set[int]]:
    numbers: list[tuple[int, str]] = []
    names: list[tuple[int, str]] = []
    addresses: list[tuple[int, str]] = []
    emails: list[tuple[int, str]] = []
    wechats: list[tuple[int, str]] = []
    for probe in probes:
        row = int(probe.record.id)
        numbers += [(row, number) for number in probe.record.numbers]
        names += [(row, key) for key in sorted(probe.name_keys)]
        if key := probe.address_key:
            addresses.append((row, key))
        if key := probe.email_key:
            emails.append((row, key))
        if key := probe.wechat_key:
            wechats.append((row, key))
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
                "email_rows": [row for row, _ in emails],
                "emails": [key for _, key in emails],
                "wechat_rows": [row for row, _ in wechats],
                "wechats": [key for _, key in wechats],
                "most_by_name": MOST_BY_NAME,
                "most_by_address": MOST_BY_ADDRESS,
            },
        )
        for row, customer in cursor.fetchall():
            found[row].add(customer)
    return found


def profiles_of(customers: Collection[int]) -> dict[int, Profile]:
    """Known customers as the comparison sees them, in one statement; without merged ones."""
    if not customers:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.linkage", "known"), {"customers": list(customers)})
        rows = cursor.fetchall()
    return {
        pk: profile(
            record_of(
                pk, name, tuple(numbers.split()), city=city, address=address, email=email,
                details=loads(details),
            )
        )
        for pk, name, city, address, email, details, numbers in rows
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

    shown     None when the typist may not see the record; then only `whose` is told (B3)
    whose     whose it is, for those who may not see it
    """

    shown: Shown | None
    masked: str
    whose: Whose
    reasons: list[str]
    is_same: bool


def likely_duplicates(*, record: Record, user: User, most: int = 5) -> list[Likeness]:
    """Who is known already, likeliest first: data for those the user may see, for the others
    only whose they are. Three statements of a few index lookups each, whatever the size of the
    base."""
    matches = matches_for([Probe(record)]).get(int(record.id), [])[:most]
    if not matches:
        return []
    seen = Customer.objects.visible_to(user).filter(pk=OuterRef("pk"))
    customers = Customer.objects.select_related("owner", "team").annotate(is_seen=Exists(seen))
    ids = [match.customer_id for match in matches]
    found = {one.id: one for one in shown_to(user, customers.filter(pk__in=ids).order_by())}
    likely = []
    for match in matches:
        shown = found.get(match.customer_id)
        if shown is None:
            continue
        customer = shown.customer
        is_seen = bool(vars(customer)["is_seen"])
        if is_seen or match.shares_number:
            # Whoever only resembles somebody hidden is not told: that would give data away.
            likely.append(
                Likeness(
                    shown=shown if is_seen else None,
                    masked=mask(match.number) if is_seen and match.number else "",
                    whose=Whose(
                        owner=str(customer.owner) if customer.owner else "",
                        team=customer.team.name if customer.team else "",
                    ),
                    reasons=in_words(telling(match.comparison)) if is_seen else [],
                    is_same=match.is_same,
                )
            )
    return likely


def similar_to(customer: Customer, *, user: User) -> list[Likeness]:
    """Records that may be this customer too, of those the user may see."""
    numbers = Number.objects.filter(customer=customer).order_by("-is_primary", "id")
    record = record_of(
        customer.pk, customer.name, tuple(numbers.values_list("e164", flat=True)),
        city=customer.city, address=customer.address, email=customer.email,
        details=customer.profile,
    )  # fmt: skip
    found = likely_duplicates(record=record, user=user, most=6)
    return [one for one in found if one.shown is not None and one.shown.id != customer.pk]


# -- pairs to judge ------------------------------------------------------------------------------


def pairs_in(block: str, *, after: str, upto: str, most: int) -> list[tuple[int, int]]:
    """Customers who share a value of `block` in (after, upto] and were never compared."""
    if block in VALUES:
        key, has = VALUES[block]
        sql = load_sql("furrow.linkage", "pairs_by_value").format(key=key, has=has)
    else:
        sql = load_sql("furrow.linkage", f"pairs_by_{block}")
    with connection.cursor() as cursor:
        cursor.execute(sql, {"after": after, "upto": upto, "most": most})
        return list(cursor.fetchall())


# In SQL as in Django below: the value that brings customers together, and who has one.
VALUES: Mapping[str, tuple[str, str]] = {
    "address": ("address_key", "true"),
    "email": ("lower(email)", "email <> ''"),
    "wechat": ("lower(profile ->> 'wechat')", "profile ? 'wechat'"),
}
_KEYS: Mapping[str, tuple[Any, Q]] = {
    "name": (F("name_key"), Q()),
    "address": (F("address_key"), Q()),
    "email": (EMAIL_KEY, HAS_EMAIL),
    "wechat": (WECHAT_KEY, HAS_WECHAT),
}


def range_of(block: str, *, after: str, most: int) -> tuple[str, int]:
    """The next values of `block` behind `after` that together have about `most` customers: the
    last of them, and how many customers there are. Two short walks of an index."""
    key, has_one = _KEYS[block]
    all_keys = Customer.objects.filter(has_one, merged_into=None).annotate(key=key)
    behind = all_keys.filter(key__gt=after)
    keys = behind.order_by("key").values_list("key", flat=True)
    upto = keys[most - 1 : most].first() or keys.last()
    return (upto, behind.filter(key__lte=upto).count()) if upto else ("", 0)


def next_pair(user: User) -> Pair | None:
    """The likeliest pair nobody judged, then those put off, the longest ago first."""
    pairs = Pair.objects.visible_to(user).select_related("left", "right")
    likeliest = pairs.filter(verdict=Verdict.OPEN).order_by("-weight", "id").first()
    return likeliest or pairs.filter(verdict=Verdict.LATER).order_by("decided_at", "id").first()


def last_verdict(user: User) -> Pair | None:
    """The pair this person judged last; what a rule joined is not theirs to take back here."""
    judged = Pair.objects.filter(decided_by=user, by_rule=False)
    return judged.order_by("-decided_at", "-id").first()


def merge_for(user: User, merge_id: int) -> MergeEvent | None:
    """A merge whose kept record, or the one that was joined to, this person may see."""
    seen = Customer.objects.visible_to(user)
    mine = Q(kept__in=seen) | Q(kept__merged_into__in=seen)
    return MergeEvent.objects.filter(mine, pk=merge_id).first()


def last_run() -> Run | None:
    return Run.objects.order_by("-id").first()


def count_to_judge(user: User) -> int:
    """How many pairs wait for this person; counted up to MOST_WAITING, so that it stays cheap."""
    return Pair.objects.visible_to(user).undecided()[:MOST_WAITING].count()


@dataclass(frozen=True)
class Line:
    """One fact of two customers, side by side."""

    label: str | Promise
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return bool(self.left and self.right) and self.left != self.right


@dataclass(frozen=True)
class SideBySide:
    pair: Pair
    reasons: list[str]
    lines: list[Line]


def side_by_side(pair: Pair, *, user: User) -> SideBySide:
    """A pair as a person judges it: every fact either side knows and `user` may see, numbers
    masked."""
    left, right = _facts(pair.left, user=user), _facts(pair.right, user=user)
    lines = [
        Line(label, left.get(key, ("", ""))[1], right.get(key, ("", ""))[1])
        for key, (label, _value) in {**left, **right}.items()
    ]
    known = [line for line in lines if line.left or line.right]
    return SideBySide(pair, in_words(pair.reasons), known)


def _facts(customer: Customer, *, user: User) -> dict[str, tuple[str | Promise, str]]:
    """What may be known of a customer: key -> (label, value in words or "")."""
    known = profile_of(customer, user=user)
    numbers = Number.objects.filter(customer=customer).order_by("-is_primary", "id")
    recorded = formats.date_format(timezone.localtime(customer.created_at), "Y-m-d")
    name, *basics = known.basics
    said: list[tuple[str, str | Promise, str]] = [
        (name.name, name.label, name.shown),
        ("numbers", _("Numbers"), ", ".join(number.masked for number in numbers)),
        *((fact.name, fact.label, str(fact.shown)) for fact in [*basics, *known.facts]),
        ("owner", _("Looked after by"), str(customer.owner or "")),
        ("team", _("Team"), customer.team.name if customer.team else ""),
        ("recorded", _("Recorded on"), recorded),
    ]
    return {key: (label, value) for key, label, value in said}


def labels() -> Iterator[tuple[int, int, str, float, str, str, str]]:
    """Every judged pair, for measuring and training: ids, verdict, weight, reasons, who, when."""
    judged = Pair.objects.filter(verdict__in=[Verdict.SAME, Verdict.DIFFERENT]).order_by("id")
    for pair in judged.select_related("decided_by").iterator():
        yield (
            pair.left_id, pair.right_id, pair.verdict, pair.weight, " ".join(pair.reasons),
            "rule" if pair.by_rule else str(pair.decided_by),
            pair.decided_at.isoformat() if pair.decided_at else "",
        )  # fmt: skip
