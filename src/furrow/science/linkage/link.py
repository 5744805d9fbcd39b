"""Finds the customers in a list that fits in memory: block, compare, join, and doubt."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import log2

from furrow.science.linkage.compare import Comparison, compare_profiles
from furrow.science.linkage.profiles import (
    Profile,
    Rarity,
    Record,
    count_values,
    profile,
)
from furrow.science.linkage.text import has_han

MOST_IN_A_BLOCK = 60


@dataclass(frozen=True, slots=True)
class Link:
    """Two records, by id, and what their comparison found."""

    left: int | str
    right: int | str
    comparison: Comparison


@dataclass(frozen=True)
class LinkResult:
    """What a list contains.

    clusters   every record's id once; each cluster in the order of the list
    links      the accepted pairs
    doubtful   pairs a person should look at, the heaviest first
    set_aside  values too common to compare everybody who has them: (kind, value, rows)
    """

    clusters: list[list[int | str]]
    links: list[Link]
    doubtful: list[Link]
    set_aside: list[tuple[str, str, int]] = field(default_factory=list)


def link(
    records: Sequence[Record],
    *,
    region: str = "CN",
    most_in_a_block: int = MOST_IN_A_BLOCK,
    rarity: Rarity | None = None,
) -> LinkResult:
    """Join the records that are one customer.

    A value shared by more than `most_in_a_block` rows brings nobody together by itself, so the
    work is at most rows x keys x most_in_a_block comparisons, about 12 µs each.

    >>> found = link([Record(0, name="张伟", numbers=("13800138000",)),
    ...               Record(1, name="张偉", numbers=("138-0013-8000",)), Record(2, name="李娜")])
    >>> found.clusters
    [[0, 1], [2]]
    """
    profiles = _of_persons(
        [profile(record, region=region) for record in records],
        [bool(record.name.strip()) for record in records],
    )
    pairs, set_aside = candidate_pairs(profiles, most_in_a_block=most_in_a_block)
    profiles = _without(profiles, {(kind, value) for kind, value, _ in set_aside})

    def judge(base: Rarity) -> dict[tuple[int, int], Comparison]:
        return {(a, b): compare_profiles(profiles[a], profiles[b], base) for a, b in pairs}

    # Twice: the second time customers are counted instead of rows.
    judged = judge(rarity or count_values(profiles))
    accepted, doubtful = settle(judged, profiles)
    if rarity is None:
        judged = judge(learn(profiles, judged, accepted))
        accepted, doubtful = settle(judged, profiles)
    clusters = components(len(profiles), accepted)
    together = {row: number for number, cluster in enumerate(clusters) for row in cluster}

    def as_links(chosen: Iterable[tuple[int, int]]) -> list[Link]:
        return [Link(profiles[a].id, profiles[b].id, judged[a, b]) for a, b in chosen]

    open_questions = [(a, b) for a, b in doubtful if together[a] != together[b]]
    open_questions.sort(key=lambda pair: -judged[pair].weight)
    return LinkResult(
        [[profiles[row].id for row in cluster] for cluster in clusters],
        as_links(accepted),
        as_links(open_questions),
        set_aside,
    )


# Conflicts whose weight is learned: how often one customer's rows conflict differs by list.
_LEARNED = {
    "birthday_differs": -7.0, "identity_differs": -6.0, "postcode_differs": -2.0,
    "city_differs": -2.0, "district_differs": -2.0, "province_differs": -2.0,
    "address_differs": -3.0, "email_differs": -1.0,
    "wechat_differs": -1.0,
}  # fmt: skip
_PSEUDO_LINKS = 20


def learn(
    profiles: Sequence[Profile],
    judged: Mapping[tuple[int, int], Comparison],
    accepted: Sequence[tuple[int, int]],
) -> Rarity:
    """What a first pass taught: how common values are among customers, how many rows a customer
    has, and how often rows of one customer conflict (one step of expectation-maximisation, with
    the defaults worth 20 links).
    """
    rarity = count_values(profiles, components(len(profiles), accepted))
    seen: Counter[str] = Counter()
    for pair in accepted:
        for finding in judged[pair].findings:
            seen[finding.code] += 1
            seen[_field(finding.code)] += 1
    against = {}
    for code, bits in _LEARNED.items():
        conflicts = seen[code] + _PSEUDO_LINKS * 2**bits
        against[code] = min(-0.5, max(-9.0, log2(conflicts / (seen[_field(code)] + _PSEUDO_LINKS))))
    partners = min(16.0, max(1.0, 2 * len(accepted) / max(1, len(profiles))))
    return replace(rarity, rows=max(2, len(profiles)), partners=partners, against=against)


def _field(code: str) -> str:
    """same_email, email_similar and email_differs all speak about "email"."""
    return code.removeprefix("same_") if code.startswith("same_") else code.split("_")[0]


def _of_persons(profiles: list[Profile], has_name: Sequence[bool]) -> list[Profile]:
    """In a list of persons an empty name is a person's that is missing, not a firm."""
    if 2 * sum(one.is_full for one in profiles) <= len(profiles):
        return profiles
    return [
        one if named or not one.is_firm else replace(one, is_firm=False)
        for one, named in zip(profiles, has_name, strict=True)
    ]


def _without(profiles: list[Profile], common: set[tuple[str, str]]) -> list[Profile]:
    """What belongs to a crowd says nothing about a person."""
    if not common:
        return profiles
    return [
        replace(
            one,
            numbers=tuple(n for n in one.numbers if ("number", n) not in common),
            email="" if ("email", one.email) in common else one.email,
            wechat="" if ("wechat", one.wechat) in common else one.wechat,
            identity="" if ("identity", one.identity) in common else one.identity,
        )
        for one in profiles
    ]


def settle(
    judged: Mapping[tuple[int, int], Comparison], profiles: Sequence[Profile]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Which pairs to join and which to ask about.

    First the records that name somebody are joined. A pair whose names contradict each other is
    joined only when neither has found anybody else: two shops in one hotel, each listed twice,
    stay two. Then those that name nobody ("Mr Zhang",
    an empty name) are joined to them, if all they match is by then one customer; when they fit
    two, neither is right to choose and a person is asked.
    """
    is_person = [one.is_full for one in profiles]
    same = [pair for pair, found in judged.items() if found.verdict == "same"]
    strong = [pair for pair in same if not (judged[pair].is_weak or judged[pair].is_contested)]
    contested = [pair for pair in same if judged[pair].is_contested]
    weak = [pair for pair in same if judged[pair].is_weak and not judged[pair].is_contested]
    doubtful = [pair for pair, found in judged.items() if found.verdict == "doubtful"]
    customers = _Forest(len(profiles))
    for left, right in strong:
        customers.join(left, right)
    taken = {row for pair in strong for row in pair}
    best: dict[int, tuple[float, tuple[int, int]]] = {}
    for pair in contested:
        for row in pair:
            best[row] = min(best.get(row, (0.0, pair)), (-judged[pair].weight, pair))
    for pair in contested:
        left, right = pair
        is_best = best[left][1] == best[right][1] == pair
        if is_best and left not in taken and right not in taken:
            strong.append(pair)
            customers.join(left, right)
        else:
            doubtful.append(pair)
    weak, worse = _clearest(weak, judged, profiles)
    doubtful += worse
    around = _Forest(len(profiles))
    for left, right in weak:
        around.join(customers.find(left), customers.find(right))
    fits: dict[int, set[int]] = defaultdict(set)
    names: dict[int, set[str]] = defaultdict(set)
    surnames: dict[int, set[str]] = defaultdict(set)
    for row in {row for pair in weak for row in pair}:
        group = around.find(customers.find(row))
        if is_person[row]:
            fits[group].add(customers.find(row))
            names[group].add(profiles[row].name)
        if profiles[row].surname:
            surnames[group].add(profiles[row].surname)
    for pair in weak:
        group = around.find(customers.find(pair[0]))
        is_one = len(fits[group]) <= 1 or len(names[group]) == 1
        is_clear = is_one and len(surnames[group]) <= 1
        (strong if is_clear else doubtful).append(pair)
    return strong, doubtful


CLEARLY_BETTER_BITS = 4.0


def _clearest(
    weak: Sequence[tuple[int, int]],
    judged: Mapping[tuple[int, int], Comparison],
    profiles: Sequence[Profile],
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The weak pairs, without those where what names nobody fits another name clearly better."""
    best: dict[int, tuple[float, str]] = {}
    for left, right in weak:
        for row, other in ((left, right), (right, left)):
            if profiles[other].is_full:
                fit = (judged[left, right].weight, profiles[other].name)
                best[row] = max(best.get(row, fit), fit)

    def is_clear(pair: tuple[int, int]) -> bool:
        for row, other in (pair, pair[::-1]):
            if profiles[other].is_full and not profiles[row].is_full:
                weight, name = best[row]
                if (
                    name != profiles[other].name
                    and judged[pair].weight <= weight - CLEARLY_BETTER_BITS
                ):
                    return False
        return True

    return [p for p in weak if is_clear(p)], [p for p in weak if not is_clear(p)]


def candidate_pairs(
    profiles: Sequence[Profile], *, most_in_a_block: int = MOST_IN_A_BLOCK
) -> tuple[list[tuple[int, int]], list[tuple[str, str, int]]]:
    """Pairs worth comparing, as positions, and the values set aside as too common.

    A block larger than `most_in_a_block` is cut by the other values of its rows, so that two
    namesakes behind one switchboard still meet; what stays too large is set aside.
    """
    blocks: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, one in enumerate(profiles):
        for key in set(blocking_keys(one)):
            blocks[key].append(row)
    pairs: set[tuple[int, int]] = set()
    set_aside: list[tuple[str, str, int]] = []
    for (kind, value), rows in blocks.items():
        if len(rows) <= most_in_a_block:
            pairs.update(combinations(rows, 2))
            continue
        if kind in _REPORTED:
            set_aside.append((kind, value, len(rows)))
        for cut in _CUTS:
            parts: dict[str, list[int]] = defaultdict(list)
            for row in rows:
                part: str = getattr(profiles[row], cut)
                if part:
                    parts[part].append(row)
            for inner in parts.values():
                if len(inner) <= most_in_a_block:
                    pairs.update(combinations(inner, 2))
    set_aside.sort(key=lambda item: -item[2])
    return sorted(pairs), set_aside


_REPORTED = frozenset({"number", "email", "wechat", "identity", "address", "company"})
_CUTS = ("sound", "road", "company", "birthday", "email", "postcode", "identity")


def blocking_keys(one: Profile) -> Iterator[tuple[str, str]]:
    """The values that bring two records together; any one of them is enough."""
    for number in one.numbers:
        yield "number", number
    for kind in ("email", "wechat", "identity", "company", "address", "birthday"):
        value: str = getattr(one, kind)
        if value:
            yield kind, value
    if one.email:
        yield "mail name", one.email.split("@")[0]
    if one.is_full:
        yield "sound", one.sound
    who = one.name or one.company
    if who and not has_han(who):
        yield from _latin_keys(one, who.split())
    door = one.doors[0] if one.doors else ""
    if one.road and door:
        yield "door", f"{one.road[:4]} {door}"
    if one.postcode and door:
        yield "door", f"{one.postcode} {door}"
    if one.road and one.postcode:
        yield "road", f"{one.road} {one.postcode}"
    if one.district and door:
        yield "door", f"{one.district} {door}"


def _latin_keys(one: Profile, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Whole name in any order, and each word together with one other value of the record."""
    yield "name", " ".join(sorted(words))
    yield "name", "".join(words)
    places = [one.postcode, one.district, one.road, one.city, one.birthday[:4], one.birthday[5:]]
    for word in words:
        for place in places:
            if place:
                yield "word", f"{word} {place}"
    for first, second in combinations(sorted(word[:4] for word in words), 2):
        yield "words", f"{first} {second}"


def components(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The connected components of rows 0 … count - 1, each and all in row order."""
    forest = _Forest(count)
    for left, right in pairs:
        forest.join(left, right)
    clusters: dict[int, list[int]] = defaultdict(list)
    for row in range(count):
        clusters[forest.find(row)].append(row)
    return list(clusters.values())


class _Forest:
    """Disjoint sets; the smallest row is the root."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, row: int) -> int:
        parent = self._parent
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    def join(self, left: int, right: int) -> None:
        left, right = self.find(left), self.find(right)
        if left != right:
            self._parent[max(left, right)] = min(left, right)
