"""A row as the comparison sees it: every value normalised once, with how rare each is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import log2

from furrow.science.linkage.addresses import read_address
from furrow.science.linkage.companies import is_company, read_company
from furrow.science.linkage.contacts import (
    birthday_key,
    email_key,
    identity_key,
    sex_key,
    wechat_key,
)
from furrow.science.linkage.names import read_name
from furrow.science.linkage.numbers import is_mobile, read_numbers
from furrow.science.linkage.text import has_han, name_sound, plain, unaccented


@dataclass(slots=True)  # not frozen: a million are made, and freezing doubles the cost
class Record:
    """One row as it was typed. Everything but the id is optional; numbers may be raw cells."""

    id: int | str
    name: str = ""
    company: str = ""
    numbers: tuple[str, ...] = ()
    address: str = ""
    city: str = ""
    province: str = ""
    district: str = ""
    postcode: str = ""
    email: str = ""
    wechat: str = ""
    birthday: str = ""
    gender: str = ""
    identity: str = ""


@dataclass(slots=True)
class Profile:
    """A record with every value in its one spelling; "" or () where nothing usable stood. A type
    of its own, though the fields are much the same, so that no cell as typed is ever compared.

    is_full  whether a person is named in full
    is_firm  whether the record is about a firm rather than about somebody in it
    times    how many rows say so
    """

    id: int | str
    name: str = ""
    surname: str = ""
    is_full: bool = False
    is_firm: bool = False
    sound: str = ""
    company: str = ""
    branch: str = ""
    numbers: tuple[str, ...] = ()
    address: str = ""
    road: str = ""
    doors: tuple[str, ...] = ()
    city: str = ""
    province: str = ""
    district: str = ""
    postcode: str = ""
    email: str = ""
    wechat: str = ""
    birthday: str = ""
    sex: str = ""
    identity: str = ""
    times: int = 1


# Fields whose frequency matters, and those that belong to one person rather than to a crowd.
COUNTED = (
    "name", "sound", "company", "address", "road", "city", "district", "postcode", "email",
    "wechat",     "birthday", "identity",
)  # fmt: skip
PERSONAL = frozenset({"number", "email", "wechat", "identity"})


def profile(record: Record, *, region: str = "CN") -> Profile:
    """Normalise one record. About 40 µs when nothing was seen before, 10 µs otherwise.

    >>> p = profile(Record(1, name="張偉 先生", numbers=("138 0013 8000",)))
    >>> p.name, p.sound, p.numbers
    ('张伟', 'zhang wei', ('+8613800138000',))
    """
    name = read_name(record.name)
    firm = read_company(record.company)
    key, surname, is_full = name.key, name.surname, name.is_full
    if record.name and (is_company(record.name) or (len(key) > 5 and has_han(key))):
        # A firm stands in the column for names.
        firm = firm if firm.key else read_company(record.name)
        key, surname, is_full = "", "", False
    address = read_address(record.address)
    found: list[str] = []
    for cell in record.numbers:
        found.extend(n for n in read_numbers(cell, region=region).numbers if n not in found)
    wechat = wechat_key(record.wechat)
    if not found and wechat.isdecimal():
        found.extend(n for n in read_numbers(wechat, region=region).numbers if is_mobile(n))
    return Profile(
        id=record.id,
        name=key,
        surname=surname,
        is_full=is_full,
        is_firm=bool(firm.key) and not key,
        sound=(name_sound(key) if has_han(key) else key) if is_full else "",
        company=firm.key,
        branch=firm.branch,
        numbers=tuple(found),
        address=address.key if address.road and address.numbers else "",
        road=address.road,
        doors=address.numbers,
        city=place_key(record.city) or address.city,
        province=place_key(record.province),
        district=place_key(record.district),
        postcode=postcode_key(record.postcode),
        email=email_key(record.email),
        wechat=wechat,
        birthday=birthday_key(record.birthday),
        sex=sex_key(record.gender),
        identity=identity_key(record.identity),
    )


def place_key(text: str) -> str:
    """A city or province as people write it.

    >>> place_key("深圳市"), place_key("New York City")
    ('深圳', 'new york')
    """
    if not text:
        return ""
    place = unaccented(plain(text)).casefold().strip(" .,")
    if has_han(place):
        return place[:-1] if len(place) > 2 and place[-1] in "省市区县" else place
    return place.removesuffix(" city")


def postcode_key(text: str) -> str:
    """A postcode without spaces, in lower case.

    >>> postcode_key("SW1A 1AA")
    'sw1a1aa'
    """
    return plain(text).casefold().replace(" ", "") if text else ""


@dataclass(frozen=True)
class Rarity:
    """What an agreement or a conflict is worth in a certain base.

    rows      customers in the base the two records come from, as far as is known; at least 2
    counts    per field, the number of customers (for personal fields: of different names) with
              a value
    usual     bits of a value that was not counted, where they differ from USUAL_BITS
    partners  how many other rows of the same customer a row has on average; sets the prior
    against   bits of a conflict by reason code, where experience differs from the default
    """

    rows: int
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    partners: float = 1.0
    against: Mapping[str, float] = field(default_factory=dict)
    usual: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def prior(self) -> float:
        """log2 of the odds that two rows taken at random are one customer."""
        return log2(self.partners / self.rows)

    def bits(self, kind: str, value: str) -> float:
        """log2(1 / share of rows that have this value)."""
        counted = self.counts.get(kind)
        count = counted.get(value) if counted else None
        if count is None:
            if kind in PERSONAL:
                return log2(self.rows)
            return self.usual.get(kind, USUAL_BITS.get(kind, 6.0))
        if kind in PERSONAL:
            return max(0.0, log2(self.rows / count))
        # A short list says little about how common a name is: the usual share weighs as 200 rows.
        share = 2.0 ** -self.usual.get(kind, USUAL_BITS.get(kind, 6.0))
        expected = (count + _PRIOR_ROWS * share) / (self.rows + _PRIOR_ROWS)
        return max(0.0, -log2(expected))

    def personal_bits(self, kind: str, value: str, worth: float) -> float:
        """The bits of a value that is one person's as a rule.

        worth  how much likelier one customer has it than its frequency says, in bits; less
               where more than two names (two may be spellings of one) share it
        """
        names = self.counts.get(kind, {}).get(value, 1)
        return self.bits(kind, value) + worth * min(1.0, 2 / names)


_PRIOR_ROWS = 200
# What an agreement is worth without counts, from Chinese customer lists of some 10 000 names.
USUAL_BITS = {
    "name": 12.0, "sound": 10.0, "company": 14.0, "address": 16.0, "road": 10.0, "city": 4.0,
    "district": 6.0, "postcode": 9.0, "birthday": 14.0, "token": 8.0,
}  # fmt: skip
# Without a list the base is thought to be this large: a company's customers.
USUAL_ROWS = 1_000_000


def count_values(
    profiles: Sequence[Profile], clusters: Iterable[Sequence[int]] | None = None
) -> Rarity:
    """The rarities within a list itself. O(values).

    clusters  rows already known to be one customer: each value counts once in a cluster,
              so that many copies of a rare name do not make it common; default: every row alone
    """
    counts: dict[str, dict[str, int]] = {kind: defaultdict(int) for kind in (*COUNTED, "token")}
    names: dict[str, dict[str, set[str]]] = {kind: defaultdict(set) for kind in PERSONAL}
    customers = 0
    for cluster in clusters or ([row] for row in range(len(profiles))):
        customers += 1
        members = [profiles[row] for row in cluster]
        known = [one for one in members if one.is_full or one.company]
        who = min((one.name or one.company for one in known), default="")
        for kind in COUNTED:
            for value in {getattr(one, kind) for one in members} - {""}:
                counts[kind][value] += 1
                if kind in PERSONAL:
                    names[kind][value] |= {who} if who else set()
        for number in {number for one in members for number in one.numbers}:
            names["number"][number] |= {who} if who else set()
        for token in {token for one in members for token in tokens(one)}:
            counts["token"][token] += 1
    for kind, values in names.items():
        counts[kind] = {value: max(1, len(people)) for value, people in values.items()}
    return Rarity(max(2, customers), counts)


def tokens(one: Profile) -> Iterable[str]:
    """The words of a name that is not Chinese."""
    text = one.name or one.company
    return () if has_han(text) else text.split()
