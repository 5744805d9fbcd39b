"""How much two records speak for being one customer, in bits, and why.

Each field adds log2(P(what is seen | one customer) / P(what is seen | two customers)), as in
Fellegi and Sunter (1969); the second probability comes from how often the value occurs, so a
shared Zhang Wei counts less than a shared Ouyang Siyuan (Winkler's frequency adjustment). Fields
that repeat each other (address and city) are counted once. The prior, 1 in the number of rows,
is part of the weight: 0 bits is an even chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler
from rapidfuzz.fuzz import ratio, token_sort_ratio

from furrow.science.linkage.numbers import is_mobile
from furrow.science.linkage.profiles import (
    USUAL_ROWS,
    Profile,
    Rarity,
    Record,
    profile,
    tokens,
)
from furrow.science.linkage.text import has_han, words

SAME_BITS = 5.0  # from here on two records are joined without asking
DOUBTFUL_BITS = -3.0  # from here on a person is asked
# How much likelier one customer's rows share such a value than its frequency says, in bits.
WORTH: Mapping[str, float] = {
    "mobile": 5.5, "line": 4.0, "email": 11.0, "wechat": 12.0, "identity": 6.0,
}  # fmt: skip
_CONFLICT = -9.0


class Reason(NamedTuple):
    """One field's say: a code for translation, its bits, and the values it compared."""

    code: str
    bits: float
    left: str = ""
    right: str = ""

    def __str__(self) -> str:
        return self.code


class Comparison(NamedTuple):
    """The weight of two records in bits, the reasons by weight, and the verdict.

    verdict       "same", "doubtful" or "different"
    is_weak       not two persons nor two firms ("Mr Zhang", a firm's bare entry): it may be
                  joined only if it fits one person
    is_contested  the names contradict each other and only a line or a door is shared: they may
                  be joined only if neither fits anybody better
    """

    weight: float
    findings: tuple[Reason, ...]
    verdict: str
    is_weak: bool = False
    is_contested: bool = False

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes of the reasons, for example ("same_number", "name_similar")."""
        return tuple(finding.code for finding in self.findings)


def compare(a: Record, b: Record, *, rarity: Rarity | None = None) -> Comparison:
    """Compare two records. About 30 µs.

    rarity  how rare values are in the base; default: a million Chinese customers

    >>> one = Record(1, name="张伟", numbers=("13800138000",))
    >>> compare(one, Record(2, name="張偉先生", numbers=("+86 138-0013-8000",))).verdict
    'same'
    >>> compare(one, Record(3, name="李娜", numbers=("13800138000",))).verdict
    'different'
    """
    return compare_profiles(profile(a), profile(b), rarity or Rarity(USUAL_ROWS))


def compare_profiles(a: Profile, b: Profile, rarity: Rarity) -> Comparison:
    """Compare two normalised records. About 8 µs."""
    name, number = _names(a, b, rarity), _numbers(a, b, rarity)
    findings = [finding for finding in (name, number) if finding]
    if a.company and b.company:
        findings += _companies(a, b, rarity)
    findings += _places(a, b, rarity, on_one_line=number is not None and number.bits > 0)
    findings += _contacts(a, b, rarity)
    if rarity.against:
        findings = [_by_experience(finding, rarity) for finding in findings]
    codes = {finding.code for finding in findings}
    is_half_alike = "name_similar" in codes and name is not None and has_han(name.left)
    weight = rarity.prior + _sum(findings, codes, rarity, is_half_alike=is_half_alike)
    is_weak = not ((a.is_full and b.is_full) or (a.is_firm and b.is_firm))
    if weight < SAME_BITS:
        verdict = "doubtful" if weight >= DOUBTFUL_BITS else "different"
    elif (
        _may_be_namesakes(a, b, codes)
        or ((is_weak or is_half_alike) and not _is_personal(findings))
        or (is_half_alike and min(a.times, b.times) > 1)
    ):
        verdict = "doubtful"
    else:
        verdict = "same"
    is_contested = not codes.isdisjoint(_CONTRADICTIONS) and codes.isdisjoint(_BEYOND_A_LINE)
    findings.sort(key=_strength, reverse=True)
    return Comparison(round(weight, 2), tuple(findings), verdict, is_weak, is_contested)


def _strength(finding: Reason) -> float:
    return abs(finding.bits)


# What a family or the people of a firm share because they are one.
_HOUSEHOLD = frozenset(
    words(
        "same_number same_address address_similar same_company company_similar same_city "
        "same_district same_postcode same_province same_email email_similar number_similar"
    )
)


def _sum(
    findings: Sequence[Reason], codes: set[str], rarity: Rarity, *, is_half_alike: bool
) -> float:
    """Bits add up, except where a household explains what is shared as well as one person does.

    Under two different or half-alike full names a line, a door and a firm together are worth no
    more than the prior; under no full name, no more than a mobile alone, so that another birthday
    or sex is heard. Half-alike are two Chinese names that differ in a character: a slip, or, when
    both are written more than once, a sister.
    """
    if is_half_alike or "name_differs" in codes or "surname_differs" in codes:
        most = 0.0
    elif "same_number" in codes and ("same_surname" in codes or codes.isdisjoint(_NAMED)):
        most = WORTH["mobile"]
    else:
        return sum([finding.bits for finding in findings])
    shared = sum([finding.bits for finding in findings if finding.code in _HOUSEHOLD])
    other = sum([finding.bits for finding in findings if finding.code not in _HOUSEHOLD])
    return min(shared, most - rarity.prior) + other


_NAMED = frozenset(
    words(
        "same_name name_similar name_sounds_alike name_swapped name_contradicts same_company "
        "company_similar company_contradicts"
    )
)


def _by_experience(finding: Reason, rarity: Rarity) -> Reason:
    bits = rarity.against.get(finding.code, finding.bits)
    return finding if bits == finding.bits else finding._replace(bits=bits)


_CONTRADICTIONS = frozenset({"name_contradicts", "company_contradicts"})
_PERSONAL_CODES = frozenset(
    words(
        "same_number number_similar same_email same_wechat same_birthday birthday_similar "
        "same_identity identity_similar"
    )
)


_BEYOND_A_LINE = _PERSONAL_CODES - {"same_number"}


def _is_personal(findings: Sequence[Reason]) -> bool:
    """Whether something one person has is shared; a switchboard, a door and a firm are not."""
    return any(
        finding.code in _PERSONAL_CODES
        and finding.code != "birthday_similar"
        and (finding.code != "same_number" or is_mobile(finding.left))
        for finding in findings
    )


def _may_be_namesakes(a: Profile, b: Profile, codes: set[str]) -> bool:
    """Nothing personal in common: two people of one name in one building or firm, or two
    branches of one chain."""
    if not codes.isdisjoint(_PERSONAL_CODES):
        return False
    if "number_differs" in codes and "address_differs" in codes:
        return True
    if "same_address" in codes and _names_a_flat(a.doors):
        return False
    if ("same_address" in codes or "address_similar" in codes) and "same_company" not in codes:
        return a.is_full and has_han(a.name)
    return (
        "number_differs" in codes
        and any(map(is_mobile, a.numbers))
        and any(map(is_mobile, b.numbers))
    )


def _names_a_flat(doors: Sequence[str]) -> bool:
    """18-3-1203 and 18-1203 lead to a flat, 18 and 18-3 to a house with many."""
    return len(doors) >= 3 or (len(doors) == 2 and len(doors[1]) >= 3)


# --- names


def _names(a: Profile, b: Profile, rarity: Rarity) -> Reason | None:
    left, right = (a.name or a.company), (b.name or b.company)
    if not left or not right or (not a.name and not b.name):
        return None
    if not a.name or not b.name:
        if has_han(left) or has_han(right):
            return None  # a person and a firm: neither agreement nor conflict
        found = _latin_names(a, b, rarity)
        return found if found.bits > 0 else found._replace(bits=max(found.bits, -4.0))
    if not (a.is_full and b.is_full):
        if not (a.surname and b.surname):
            return None
        if a.surname == b.surname:
            return Reason("same_surname", 3.0, left, right)
        return Reason("surname_differs", _CONFLICT, left, right)
    if left == right:
        return Reason("same_name", _name_bits(a, rarity), left, right)
    if has_han(left) and has_han(right):
        return _chinese_names(a, b, rarity)
    if has_han(left) or has_han(right):
        if _romanised(a.sound, b.sound):
            return Reason("name_sounds_alike", 4.0, left, right)
        return Reason("name_differs", -4.0, left, right)
    return _latin_names(a, b, rarity)


def _name_bits(a: Profile, rarity: Rarity) -> float:
    if has_han(a.name):
        return rarity.bits("name", a.name)
    return max(rarity.bits("name", a.name), 0.75 * sum(rarity.bits("token", t) for t in tokens(a)))


def _chinese_names(a: Profile, b: Profile, rarity: Rarity) -> Reason:
    left, right = a.name, b.name
    rare = min(_name_bits(a, rarity), _name_bits(b, rarity))
    if a.sound == b.sound:
        return Reason(
            "name_sounds_alike", min(rare, rarity.bits("sound", a.sound)) - 5, left, right
        )
    if sorted(left) == sorted(right):
        return Reason("name_swapped", rare - 6, left, right)
    if a.surname == b.surname and min(len(left), len(right)) >= 2:
        slips = DamerauLevenshtein.distance(left, right)
        if slips == 1 and max(len(left), len(right)) >= 3:
            # A character lost or mistaken. 王小明 and 王小红 may be sisters, so a line they share
            # counts for little beside it: see _sum.
            return Reason("name_similar", 5.5, left, right)
        if slips == 1 and _almost_same_sound(a.sound, b.sound):
            return Reason("name_similar", min(rare - 9, 3.0), left, right)
        return Reason("name_differs", _CONFLICT, left, right)
    if left[1:] == right[1:] and _almost_same_sound(a.sound, b.sound):
        return Reason("name_similar", min(rare - 9, 3.0), left, right)
    return Reason("name_differs", _CONFLICT - 2, left, right)


def _almost_same_sound(left: str, right: str) -> bool:
    """n/l, s/sh, in/ing: sounds that half of the country does not tell apart."""
    return _blurred(left) == _blurred(right)


@lru_cache(maxsize=1 << 14)
def _blurred(sound: str) -> str:
    for precise, loose in (
        ("zh", "z"),
        ("ch", "c"),
        ("sh", "s"),
        ("ng", "n"),
        ("l", "n"),
        ("h", "f"),
    ):
        sound = sound.replace(precise, loose)
    return sound


def _romanised(left: str, right: str) -> bool:
    return sorted(left.replace(" ", "")) == sorted(right.replace(" ", "")) and (
        sorted(left.split()) == sorted(right.split())
        or "".join(sorted(left.split())) == "".join(sorted(right.split()))
    )


def _latin_names(a: Profile, b: Profile, rarity: Rarity, *, field: str = "name") -> Reason:
    """Words are paired off, the most alike first; each pair speaks by how rare its words are.

    A word left over on one side costs little (the delicatessen), words left over on both sides
    contradict each other (the cafe and the dining room of one hotel). The other record's city
    is no word of a name.
    """
    left = (a.company if field == "company" else a.name) or a.company or a.name
    right = (b.company if field == "company" else b.name) or b.company or b.name
    places = {*a.city.split(), *b.city.split()}
    ours = [w for w in left.split() if w not in places] or left.split()
    theirs = [w for w in right.split() if w not in places] or right.split()
    if sorted("".join(ours)) == sorted("".join(theirs)) and (
        sorted(ours) == sorted(theirs) or "".join(ours) == "".join(theirs)
    ):
        bits = sum(rarity.bits("token", word) for word in ours)
        bits = max(rarity.bits(field, left), 0.75 * bits) - 1
        return Reason(f"{field}_similar", bits, left, right)
    bits, paired = 0.0, 0
    alike = ((_alike(x, y), x, y) for x in set(ours) for y in set(theirs))
    for closeness, x, y in sorted(alike, reverse=True):
        if closeness < 0.8 or x not in ours or y not in theirs:
            continue
        ours.remove(x)
        theirs.remove(y)
        rare = min(rarity.bits("token", x), rarity.bits("token", y))
        if x != y:
            rare = max(rarity.bits("token", x), rarity.bits("token", y)) - 3
        bits += max(0.5, rare * closeness)
        paired += 1
    over_left = sum(_leftover(word, rarity) for word in ours)
    over_right = sum(_leftover(word, rarity) for word in theirs)
    if not paired:
        whole = token_sort_ratio(left, right)
        return Reason(f"{field}_differs", -2.0 if whole >= 75 else _CONFLICT, left, right)
    if over_left and over_right:
        bits = 0.75 * bits - 1.5 * min(over_left, over_right) - 0.5 * abs(over_left - over_right)
        return Reason(f"{field}_contradicts", max(bits, _CONFLICT), left, right)
    # One name is the other cut short: as telling as its words are rare.
    bits = max(0.75 * bits - 0.5 * (over_left + over_right), min(bits - 3.3, 3.0))
    return Reason(f"{field}_similar" if bits > 0 else f"{field}_differs", bits, left, right)


def _leftover(word: str, rarity: Rarity) -> float:
    if len(word) == 1:
        return 0.5
    return 2.0 + 0.5 * min(rarity.bits("token", word), 8.0)


@lru_cache(maxsize=1 << 16)
def _alike(x: str, y: str) -> float:
    """0 to 1: one word misspelt, cut short, or split."""
    if x == y:
        return 1.0
    short, long = sorted((x, y), key=len)
    if len(short) == 1 or short.isdecimal() or long.isdecimal():
        return 0.85 if len(short) == 1 and long[0] == short and not short.isdecimal() else 0.0
    if len(short) >= 3 and long.startswith(short):
        return 0.9
    slips = DamerauLevenshtein.distance(x, y)
    if slips == 1 and len(long) >= 4:
        return 0.92
    if slips == 2 and len(long) >= 6:
        return 0.85
    likeness = JaroWinkler.similarity(x, y)
    return likeness if likeness >= 0.88 and len(short) >= 4 else 0.0


# --- numbers


def _numbers(a: Profile, b: Profile, rarity: Rarity) -> Reason | None:
    if not a.numbers or not b.numbers:
        return None
    shared = [number for number in a.numbers if number in b.numbers]
    if shared:
        best = shared[0]
        if len(shared) > 1:
            best = max(shared, key=lambda n: (rarity.bits("number", n), is_mobile(n)))
        worth = WORTH["mobile" if is_mobile(best) else "line"]
        bits = rarity.personal_bits("number", best, worth)
        return Reason("same_number", bits, best, best)
    left, right = a.numbers[0], b.numbers[0]
    for ours in a.numbers:
        for theirs in b.numbers:
            if (
                len(ours) == len(theirs)
                and is_mobile(ours) == is_mobile(theirs)
                and DamerauLevenshtein.distance(ours, theirs, score_cutoff=1) <= 1
            ):
                return Reason("number_similar", 10.0 if is_mobile(ours) else 5.0, ours, theirs)
    both = is_mobile(left) and is_mobile(right)
    return Reason("number_differs", -5.0 if both else -1.5, left, right)


# --- firms, addresses, places


def _companies(a: Profile, b: Profile, rarity: Rarity) -> list[Reason]:
    left, right = a.company, b.company
    are_customers = not a.name or not b.name
    if left == right:
        findings = [Reason("same_company", rarity.bits("company", left), left, right)]
        if a.branch != b.branch and a.branch and b.branch:
            findings.append(Reason("branch_differs", -4.0, a.branch, b.branch))
        return findings
    rare = min(rarity.bits("company", left), rarity.bits("company", right))
    if has_han(left) and has_han(right):
        short, long = sorted((left, right), key=len)
        if len(short) >= 3 and (_in_order(short, long) or ratio(left, right) >= 85):
            return [Reason("company_similar", max(rare - 5, 1.0), left, right)]
        return [Reason("company_differs", _CONFLICT if are_customers else -1.5, left, right)]
    found = _latin_names(a, b, rarity, field="company")
    return [found if found.bits > 0 or are_customers else found._replace(bits=-1.5)]


def _in_order(short: str, long: str) -> bool:
    """Whether the short name's characters stand in the long one in their order: 海图, 海蓝图像."""
    rest = iter(long)
    return short[0] == long[0] and all(character in rest for character in short)


def _places(a: Profile, b: Profile, rarity: Rarity, *, on_one_line: bool) -> list[Reason]:
    """`on_one_line`: the two share a number; where a line is, its door and city come with it."""
    findings = []
    address = _addresses(a, b, rarity)
    if address:
        if on_one_line and address.bits > 0:
            address = address._replace(bits=address.bits * 0.6)
        findings.append(address)
    if not (a.district or a.city or a.postcode or a.province):
        return findings
    known = address is not None and address.bits > 3
    for code, left, right in (
        ("district", a.district, b.district),
        ("city", a.city, b.city),
        ("postcode", a.postcode, b.postcode),
        ("province", a.province, b.province),
    ):
        if not left or not right:
            continue
        if left == right:
            most = 2.0 if code == "province" else 9.0
            bits = min(rarity.bits(code, left), most) * (0.4 if known else 0.8)
            findings.append(Reason(f"same_{code}", bits, left, right))
        elif ratio(left, right) >= 80 or DamerauLevenshtein.distance(left, right) == 1:
            bits = min(rarity.bits(code, left), 6.0) * 0.5 if code != "province" else 0.0
            findings.append(Reason(f"{code}_similar", bits, left, right))
        elif left in right or right in left:
            findings.append(Reason(f"{code}_similar", 0.5, left, right))
        else:
            findings.append(Reason(f"{code}_differs", -2.0, left, right))
    return findings


def _addresses(a: Profile, b: Profile, rarity: Rarity) -> Reason | None:
    left, right = a.address or a.road, b.address or b.road
    if not left or not right:
        return None
    has_numbers = bool(a.doors) and bool(b.doors)
    if a.road and a.road == b.road:
        rare = rarity.bits("road", a.road)
        if a.doors == b.doors:
            bits = rarity.bits("address", a.address) if a.address else rare
            return Reason("same_address", bits, left, right)
        if has_numbers and _one_within_other(a.doors, b.doors):
            bits = min(rarity.bits("address", a.address), rarity.bits("address", b.address)) - 3
            return Reason("address_similar", max(bits, 0.0), left, right)
        if not has_numbers:
            return Reason("address_similar", max(rare - 2, 0.0), left, right)
        if (
            len(a.doors) == len(b.doors) == 1
            and DamerauLevenshtein.distance(a.doors[0], b.doors[0]) == 1
        ):
            return Reason("address_similar", max(rare - 2, 0.0), left, right)
        return Reason("address_differs", -1.0, left, right)
    alike = max(token_sort_ratio(a.road, b.road), ratio(a.road, b.road))
    if alike >= 75 or (
        len(a.road) >= 3 and len(b.road) >= 3 and (a.road in b.road or b.road in a.road)
    ):
        rare = min(rarity.bits("road", a.road), rarity.bits("road", b.road))
        if has_numbers and (a.doors == b.doors or _one_within_other(a.doors, b.doors)):
            # the road misspelt, the door the same
            return Reason("address_similar", max(min(rare + 3, 12.0) - 2, 2.0), left, right)
        if not has_numbers:
            return Reason("address_similar", max(rare - 4, 0.0), left, right)
        return Reason("address_differs", -1.0, left, right)
    if has_numbers and a.doors == b.doors and ratio(a.road, b.road) >= 50:
        return Reason("address_similar", 2.0, left, right)
    return Reason("address_differs", -3.0, left, right)


def _one_within_other(left: Sequence[str], right: Sequence[str]) -> bool:
    short, long = sorted((left, right), key=len)
    return len(short) < len(long) and tuple(long[: len(short)]) == tuple(short)


# --- e-mail, WeChat, birthday, sex, identity


def _contacts(a: Profile, b: Profile, rarity: Rarity) -> list[Reason]:
    findings = []
    for code, left, right, against in (
        ("email", a.email, b.email, -1.0),
        ("wechat", a.wechat, b.wechat, -1.0),
        ("identity", a.identity, b.identity, -6.0),
    ):
        if not left or not right:
            continue
        if left == right:
            bits = rarity.personal_bits(code, left, WORTH[code])
            findings.append(Reason(f"same_{code}", bits, left, right))
        elif _slipped(left, right):
            # One slip in a WeChat id is as likely to be somebody else's.
            bits = 4.0 if code == "wechat" else min(rarity.bits(code, left) - 2, 11.0)
            findings.append(Reason(f"{code}_similar", bits, left, right))
        elif code == "email" and left.split("@")[0] == right.split("@")[0]:
            findings.append(Reason("email_similar", 6.0, left, right))
        else:
            findings.append(Reason(f"{code}_differs", against, left, right))
    if a.birthday and b.birthday:
        findings.append(_birthdays(a.birthday, b.birthday, rarity))
    if a.sex and b.sex:
        same = a.sex == b.sex
        findings.append(Reason("same_sex" if same else "sex_differs", 0.9 if same else -5.0))
    return findings


def _slipped(left: str, right: str) -> bool:
    allowed = 2 if "@" in left and min(len(left), len(right)) >= 12 else 1
    return (
        min(len(left), len(right)) >= 5
        and DamerauLevenshtein.distance(left, right, score_cutoff=allowed) <= allowed
    )


def _birthdays(left: str, right: str, rarity: Rarity) -> Reason:
    if left == right:
        most = 14.0 if len(left) == 10 else 9.0
        return Reason("same_birthday", min(rarity.bits("birthday", left), most), left, right)
    slips = DamerauLevenshtein.distance(left, right)
    if slips == 1:
        return Reason("birthday_similar", 6.0, left, right)
    if sorted(left.split("-")) == sorted(right.split("-")):
        return Reason("birthday_similar", 6.0, left, right)
    if left.startswith(right) or right.startswith(left):
        return Reason("birthday_similar", 7.0, left, right)
    if left[4:] == right[4:] or left[:7] == right[:7]:
        return Reason("birthday_similar", 2.5, left, right)
    if slips == 2:
        return Reason("birthday_similar", 0.0, left, right)
    return Reason("birthday_differs", -7.0, left, right)
