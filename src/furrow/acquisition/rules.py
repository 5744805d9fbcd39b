"""Words of where customers come from, how a row is read, and how its problem is said.
No database, no clock."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from phonenumbers import SUPPORTED_REGIONS
from rapidfuzz.distance import DamerauLevenshtein
from rapidfuzz.fuzz import ratio

from furrow.common.phone import mask
from furrow.common.refusal import Refused
from furrow.customers.rules import Kind
from furrow.linkage.rules import WORTH_ASKING_BITS, telling
from furrow.science.linkage.companies import is_company
from furrow.science.linkage.compare import Comparison
from furrow.science.linkage.contacts import birthday_key, email_key, sex_key
from furrow.science.linkage.files import TableError
from furrow.science.linkage.mapping import FIELDS
from furrow.science.linkage.numbers import is_mobile, read_numbers
from furrow.science.linkage.text import plain, sound

MOST_BYTES = 300 * 1024 * 1024  # of one uploaded file
KEEP_FILES_DAYS = 30
REASON_HEADER = "Furrow: reason"  # the column added to the error file; never read back
MOST_NUMBERS = 10  # of one row


class SourceKind(TextChoices):
    FILE = "file", _("File")
    BOUGHT = "bought", _("Bought list")
    WEB = "web", _("Web site")
    FORM = "form", _("Form")
    API = "api", _("API")
    REFERRAL = "referral", _("Referral")
    EVENT = "event", _("Event")
    INBOUND = "inbound", _("Inbound call")


class LegalBasis(TextChoices):
    """On what ground the number may be kept and called (I1)."""

    CONSENT = "consent", _("Consent")
    CONTRACT = "contract", _("Contract")
    PUBLIC = "public", _("Lawfully published by the customer")
    INTEREST = "interest", _("Legitimate interest")


class BatchState(TextChoices):
    UPLOADED = "uploaded", _("Uploaded")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked")
    IMPORTING = "importing", _("Being imported")
    DONE = "done", _("Imported")
    STOPPED = "stopped", _("Stopped")
    FAILED = "failed", _("Failed")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


# A job works on these; anything else waits for a person.
WORKING = frozenset({BatchState.CHECKING, BatchState.IMPORTING, BatchState.UNDOING})

MOVES: Mapping[BatchState, frozenset[BatchState]] = {
    BatchState.UPLOADED: frozenset({BatchState.CHECKING}),
    BatchState.CHECKING: frozenset({BatchState.CHECKED, BatchState.FAILED, BatchState.STOPPED}),
    BatchState.CHECKED: frozenset({BatchState.IMPORTING, BatchState.UPLOADED}),
    BatchState.IMPORTING: frozenset({BatchState.DONE, BatchState.FAILED, BatchState.STOPPED}),
    BatchState.DONE: frozenset({BatchState.UNDOING}),
    # What stopped half-way goes on where it was; an import may be undone instead.
    BatchState.STOPPED: WORKING | {BatchState.UPLOADED},
    BatchState.FAILED: WORKING | {BatchState.UPLOADED},
    BatchState.UNDOING: frozenset({BatchState.UNDONE, BatchState.FAILED}),
    BatchState.UNDONE: frozenset(),
}


class RowState(TextChoices):
    """What became of a row. When an import is done no row is READ any more."""

    READ = "read", _("Read")
    CREATED = "created", _("New customer")
    JOINED = "joined", _("Joined to a known customer")
    SKIPPED = "skipped", _("Skipped")
    FAILED = "failed", _("Not importable")


OUTCOMES = (RowState.CREATED, RowState.JOINED, RowState.SKIPPED, RowState.FAILED)


class Finding(TextChoices):
    """What the check found out about a row, before anything is changed."""

    NEW = "new", _("New")
    KNOWN = "known", _("Known customer")
    REPEAT = "repeat", _("Repeats an earlier row")
    DOUBT = "doubt", _("Doubtful")
    PROBLEM = "problem", _("Problem")


class Choice(TextChoices):
    """What to do with a row of a class."""

    USUAL = "", _("As for all")
    JOIN = "join", _("Join, filling in what is blank")
    OVERWRITE = "overwrite", _("Join, overwriting what is known")
    REVIEW = "review", _("New customer, and ask somebody whether they are one")
    APART = "apart", _("New customer, without the shared number")
    SKIP = "skip", _("Leave out")


# What happens unless a person chooses otherwise, and what may be chosen.
USUAL_CHOICES: Mapping[Finding, Choice] = {
    Finding.KNOWN: Choice.JOIN,
    Finding.REPEAT: Choice.JOIN,
    Finding.DOUBT: Choice.REVIEW,
}
CHOICES: Mapping[Finding, tuple[Choice, ...]] = {
    Finding.KNOWN: (Choice.JOIN, Choice.OVERWRITE, Choice.REVIEW, Choice.SKIP),
    Finding.REPEAT: (Choice.JOIN, Choice.OVERWRITE, Choice.SKIP),
    Finding.DOUBT: (Choice.REVIEW, Choice.APART, Choice.JOIN, Choice.OVERWRITE, Choice.SKIP),
}
JOINING = frozenset({Choice.JOIN, Choice.OVERWRITE})
# What overwriting may change; a name stays as the first origin gave it.
FILLABLE = ("city", "address", "email", "category")


def effective_choice(finding: str, own: str, of_class: Mapping[str, str]) -> str:
    """What is to be done with a row: its own choice, else its class's, else the usual."""
    usual = USUAL_CHOICES.get(Finding(finding), Choice.USUAL)
    return own or of_class.get(finding, "") or str(usual)


PROBLEMS: Mapping[str, str | Promise] = {
    "no_name": _("No name."),
    "no_number": _("No phone number."),
    "number_lost": _("The spreadsheet has lost the number's last digits (1.38E+10)."),
    "number_unreadable": _("This is not a phone number."),
    "number_impossible": _("No such number can exist: wrong length or unknown area."),
    "number_placeholder": _("A placeholder, not a number."),
    "number_crowded": _("Too many rows of the list have this number: a switchboard, or made up."),
    "ragged": _("The row has more cells than the header."),
    "several_customers": _("Its numbers belong to different customers already."),
}
# A row without a number may still tell more about somebody known.
MAY_BE_KNOWN = frozenset(
    {"no_number", "number_lost", "number_placeholder", "number_unreadable", "number_impossible"}
)
# Why a row is doubtful.
DOUBTS: Mapping[str, str | Promise] = {
    "contested": _("Much is shared, but the names contradict each other."),
    "other_name": _("The number belongs to somebody of another name."),
    "alike": _("Perhaps the same, but no number is shared."),
}
# Why undoing an import left a customer or a fact in place.
LEFT: Mapping[str, str | Promise] = {
    "owned": _("Somebody looks after the customer now."),
    "touched": _("Somebody has reached out to the customer since."),
    "changed": _("Somebody changed the record since."),
    "used": _("The customer has calls, notes or plans by now."),
    "other_origin": _("Another source named the customer too."),
    "number_used": _("A number this list added has been used since."),
    "edited": _("Somebody edited since what this list had filled in or overwritten."),
}

FIELD_NAMES: Mapping[str, str | Promise] = {
    "name": _("Name"),
    "surname": _("Surname"),
    "given_name": _("Given name"),
    "company": _("Company"),
    "phone": _("Phone number"),
    "phone2": _("Second phone number"),
    "address": _("Address"),
    "street_number": _("House number"),
    "address2": _("Second line of the address"),
    "district": _("District"),
    "city": _("City"),
    "province": _("Province"),
    "postcode": _("Postcode"),
    "email": _("E-mail"),
    "wechat": _("WeChat"),
    "gender": _("Sex"),
    "birthday": _("Birthday"),
    "identity": _("Identity number"),
    "note": _("Note"),
    "category": _("Category"),
    "source": _("Where it came from"),
    "external_id": _("Number in another system"),
}
NUMBER_FIELDS = ("phone", "phone2")


@dataclass(frozen=True)
class Target:
    """Whom we want from a source (A2). What is empty is anybody."""

    kind: str = ""
    cities: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "Target":
        return cls(
            kind=str(stored.get("kind", "")),
            cities=tuple(stored.get("cities", ())),
            categories=tuple(stored.get("categories", ())),
        )

    @property
    def stored(self) -> dict[str, object]:
        said = {"kind": self.kind, "cities": list(self.cities), "categories": list(self.categories)}
        return {name: value for name, value in said.items() if value}

    @property
    def in_words(self) -> str:
        """ "" when anybody is wanted."""
        kind = str(Kind(self.kind).label) if self.kind else ""
        parts = (kind, ", ".join(self.cities), ", ".join(self.categories))
        return "; ".join(filter(None, parts))


@dataclass(frozen=True)
class Worth:
    """What a source or a list gave for its cost. Money in fen, in the company's currency.

    leads        origins named
    customers    whom they name
    contactable  of these, with a number nobody forbids to call: the valid ones
    fitting      of these, as the target profile wants them; all of them where there is none
    named_first  whom it was the first to name: what follows is theirs alone, so that nobody's
                 purchase is counted for two sources
    buyers       who bought after they were named
    revenue      of their purchases since, refunds taken off
    cost         what was paid, refunds by the seller taken off
    """

    leads: int = 0
    customers: int = 0
    contactable: int = 0
    fitting: int = 0
    named_first: int = 0
    buyers: int = 0
    revenue: int = 0
    cost: int = 0

    @property
    def yuan_cost(self) -> float:
        return self.cost / 100

    @property
    def yuan_revenue(self) -> float:
        return self.revenue / 100

    @property
    def validity(self) -> float | None:
        """Share of its customers who can be called."""
        return self.contactable / self.customers if self.customers else None

    @property
    def fit(self) -> float | None:
        return self.fitting / self.customers if self.customers else None

    @property
    def conversion(self) -> float | None:
        return self.buyers / self.named_first if self.named_first else None

    @property
    def cost_per_valid(self) -> float | None:
        """In yuan."""
        return self.cost / 100 / self.contactable if self.cost and self.contactable else None

    @property
    def roi(self) -> float | None:
        """Earned beyond the cost, as a share of it; None for what cost nothing."""
        return (self.revenue - self.cost) / self.cost if self.cost else None


@dataclass(frozen=True)
class Basis:
    """How a lead came that came one by one, and on what ground (A1, A5). Kept with the lead.

    rule       which rule made it: "stay", "again", "asked"; "" = coming was enough
    version    of those rules
    seconds    the longest somebody stayed on a page, `page`
    visits     how many within `days`
    site       where, a host
    asked      whether they asked to be called
    consented_at, words
               when they agreed to be called, and to which words; None = nothing is known of it
    """

    rule: str = ""
    version: int = 0
    seconds: int = 0
    visits: int = 0
    days: int = 0
    site: str = ""
    page: str = ""
    asked: bool = False
    consented_at: datetime | None = None
    words: str = ""

    @property
    def stored(self) -> dict[str, object]:
        said = {name: value for name, value in vars(self).items() if value}
        if self.consented_at:
            said["consented_at"] = self.consented_at.isoformat()
        return said

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "Basis":
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        if "consented_at" in known:
            known["consented_at"] = datetime.fromisoformat(str(known["consented_at"]))
        return cls(**known)

    @property
    def because(self) -> str:
        """Which rule made the lead, in a sentence; "" when none did."""
        words = {
            "seconds": self.seconds, "visits": self.visits, "days": self.days,
            "version": self.version,
        }  # fmt: skip
        match self.rule:
            case "stay":
                return _t("Stayed %(seconds)d s on a page (rules, version %(version)d)") % words
            case "again":
                return (
                    _t("Came %(visits)d times within %(days)d days (rules, version %(version)d)")
                    % words
                )
            case "asked":
                return _t("Asked to be called (rules, version %(version)d)") % words
        return ""


class CannotImport(Refused):
    """This list, or this step of it, cannot be carried out now."""


class DoesNotAddUp(RuntimeError):
    """Rows in differ from rows out: a bug, never to be reported as success."""


def check_move(now: str, to: BatchState) -> None:
    """Raise CannotImport unless a batch in state `now` may become `to`."""
    if to not in MOVES[BatchState(now)]:
        raise CannotImport(
            _t("The list is “%(state)s” now, so this cannot be done.")
            % {"state": BatchState(now).label},
            rule="A3",
        )


def check_sums(*, rows: int, counts: Mapping[str, int]) -> None:
    """Raise DoesNotAddUp unless rows = created + joined + skipped + failed."""
    out = sum(counts.get(state, 0) for state in OUTCOMES)
    if out != rows or counts.get(RowState.READ):
        raise DoesNotAddUp(f"{rows} rows in, {out} out: {dict(counts)}")


def check_mapping(mapping: Mapping[str, str], headers: Sequence[str]) -> dict[str, str]:
    """The mapping of known headers to known fields. Raises CannotImport when nobody could be
    named or called by it."""
    kept = {h: f for h, f in mapping.items() if h in headers and f in FIELDS}
    fields = set(kept.values())
    if not fields & {"name", "surname", "given_name", "company"}:
        raise CannotImport(_t("Say which column holds the name or the company."), rule="A3")
    if not fields & set(NUMBER_FIELDS):
        raise CannotImport(_t("Say which column holds the phone number."), rule="A3")
    return kept


def check_kind(kind: str) -> str:
    """Raise CannotImport unless rows may all be of this kind; "" = row by row."""
    if kind and kind not in Kind.values:
        raise CannotImport(_t("A list holds people, organisations, or both."), rule="A3")
    return kind


def check_region(region: str) -> str:
    """The region in capitals. Raises CannotImport for one where nobody has a phone."""
    if region.upper() not in SUPPORTED_REGIONS:
        raise CannotImport(_t("There are no phone numbers of this region."), rule="A3")
    return region.upper()


@dataclass(slots=True)  # not frozen: a million are made, and freezing doubles the cost
class Reading:
    """A row as understood. `problem` is a key of PROBLEMS, "" when the row can be imported."""

    kind: Kind
    name: str
    numbers: tuple[str, ...] = ()
    extension: str = ""
    city: str = ""
    address: str = ""
    email: str = ""
    category: str = ""
    profile: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def facts(self) -> dict[str, object]:
        """Everything but numbers and problem, for storing beside them."""
        facts = {
            "kind": str(self.kind), "name": self.name, "extension": self.extension,
            "city": self.city, "address": self.address, "email": self.email,
            "category": self.category, "profile": dict(self.profile),
        }  # fmt: skip
        return {what: said for what, said in facts.items() if said}


_PROFILE_FIELDS = ("wechat", "identity", "district", "province", "postcode", "note")
_NUMBER_PROBLEMS = {
    "empty": "no_number",
    "lost": "number_lost",
    "placeholder": "number_placeholder",
    "unreadable": "number_unreadable",
    "impossible": "number_impossible",
}


@dataclass(frozen=True)
class Columns:
    """Which cells of a row hold which field: made once per list from its mapping."""

    places: Mapping[str, tuple[int, ...]]
    width: int
    details: tuple[str, ...]  # those of _PROFILE_FIELDS that a column holds
    address: tuple[str, ...]  # those of _ADDRESS_FIELDS

    @classmethod
    def of(cls, headers: Sequence[str], mapping: Mapping[str, str]) -> "Columns":
        places: dict[str, tuple[int, ...]] = {}
        for place, header in enumerate(headers):
            if header in mapping:
                meaning = mapping[header]
                places[meaning] = (*places.get(meaning, ()), place)
        return cls(
            places,
            len(headers),
            tuple(field for field in _PROFILE_FIELDS if field in places),
            tuple(field for field in _ADDRESS_FIELDS if field in places),
        )

    def cells(self, meaning: str, cells: Sequence[str]) -> list[str]:
        places = self.places.get(meaning, ())
        return [cells[p].strip() for p in places if p < len(cells) and cells[p].strip()]

    def text(self, meaning: str, cells: Sequence[str]) -> str:
        places = self.places.get(meaning)
        if places is None:
            return ""
        if len(places) == 1:
            return _plain(cells[places[0]]) if places[0] < len(cells) else ""
        return plain(" ".join(self.cells(meaning, cells)))


# Cities, categories, common names: most cells have been read before.
_plain = lru_cache(maxsize=1 << 16)(plain)
_is_company = lru_cache(maxsize=1 << 16)(is_company)
_ADDRESS_FIELDS = ("street_number", "address", "address2")


def read_row(cells: Sequence[str], columns: Columns, *, region: str, kind: str = "") -> Reading:
    """Understand one row. About 8 µs.

    region  where a number without country code belongs, ISO
    kind    a Kind for every row; "" decides row by row (a firm's name, or only a company)
    """
    text = columns.text
    name = text("name", cells) or _whole_name(text("surname", cells), text("given_name", cells))
    company = text("company", cells)
    if kind:
        chosen = Kind(kind)
    elif (company and not name) or (name and _is_company(name)):
        chosen = Kind.ORGANISATION
    else:
        chosen = Kind.PERSON
    profile = {f: said for f in columns.details if (said := text(f, cells))}
    if chosen is Kind.ORGANISATION and company and name and name != company:
        profile["contact"] = name
        name = company
    elif company and company != name:
        if name:
            profile["company"] = company
        else:
            name = company
    if said := text("gender", cells):
        profile["gender"] = sex_key(said) or said
    if said := text("birthday", cells):
        profile["birthday"] = birthday_key(said) or said
    address = " ".join([said for f in columns.address if (said := text(f, cells))])
    email = text("email", cells)
    numbers, extension, problem = _numbers(columns, cells, region)
    if not name:
        problem = "no_name"
    if len(cells) > columns.width and any(cell.strip() for cell in cells[columns.width :]):
        problem = "ragged"
    return Reading(
        kind=chosen,
        name=name[:200],
        numbers=numbers,
        extension=extension[:10],
        city=(text("city", cells) or text("district", cells))[:80],
        address=address[:300],
        email=(email_key(email) or email)[:200] if email else "",
        category=text("category", cells)[:80],
        profile=profile,
        problem=problem,
    )


def _whole_name(surname: str, given: str) -> str:
    between = "" if _is_chinese(surname) else " "
    return between.join(filter(None, (surname, given)))


def _is_chinese(text: str) -> bool:
    return any("\u3400" <= c <= "\u9fff" for c in text)


def _numbers(
    columns: Columns, cells: Sequence[str], region: str
) -> tuple[tuple[str, ...], str, str]:
    """Numbers of all number columns, the first extension, and the problem when there is none."""
    found: dict[str, None] = {}
    extension = ""
    problem = ""
    for meaning in NUMBER_FIELDS:
        for cell in columns.cells(meaning, cells):
            reading = read_numbers(cell, region=region)
            found.update(dict.fromkeys(reading.numbers))
            extension = extension or reading.extension
            problem = problem or reading.problem
    if found:
        return tuple(found)[:MOST_NUMBERS], extension, ""
    return (), "", _NUMBER_PROBLEMS.get(problem, "no_number")


_DIGITS = re.compile(r"\d(?:[\s().\-/]*\d){6,}")


def shown(cell: str) -> str:
    """A cell as it may stand on a screen: whatever looks like a whole number is masked.

    >>> shown("138 0013 8000 (office)")
    '138****8000 (office)'
    >>> shown("12345")
    '12345'
    """
    return _DIGITS.sub(lambda match: mask(re.sub(r"\D", "", match.group(0))), cell)


# Who a row is compared with: a known customer ("c", id) or an earlier row's customer ("r", line).
Root = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody a row may be, at their likest."""

    root: Root
    shares_number: bool
    comparison: Comparison

    @property
    def is_same(self) -> bool:
        """One customer beyond doubt: alike enough, and the names do not exclude each other."""
        return self.comparison.verdict == "same" and not self.comparison.is_contested


def worth_comparing(
    *,
    shared: Collection[str],
    numbers: tuple[Sequence[str], Sequence[str]],
    facts: tuple[Mapping[str, Any], Mapping[str, Any]],
    address_keys: tuple[str, str],
) -> bool:
    """Whether two rows of one list may turn out to be one, or to be worth asking about. In a long
    list thousands share a name and a city, or a door, by chance; a mobile of their own each, and
    nothing else in common, settles it in 2 µs instead of 60.

    shared  kinds of the keys both have, as linkage.rules.keys_of begins them
    """
    if set(shared) not in ({"k"}, {"a"}):
        return True
    ours, theirs = numbers
    if not all(map(is_mobile, (*ours, *theirs))) or not ours or not theirs:
        return True
    if any(DamerauLevenshtein.distance(x, y, score_cutoff=1) <= 1 for x in ours for y in theirs):
        return True
    left, right = facts
    if (left.get("profile") and right.get("profile")) or (left.get("email") and right.get("email")):
        return True
    if "k" in shared:
        return _may_be_one_door(left, right, address_keys)
    # One door, two names: a family, unless one name may be the other misspelt or cut short.
    one, other = left.get("name", ""), right.get("name", "")
    are_plain = all(len(name) in (2, 3) and _is_chinese(name[:1]) for name in (one, other))
    return not are_plain or not set(one).isdisjoint(other) or _sound_alike(one, other)


def _may_be_one_door(
    left: Mapping[str, Any], right: Mapping[str, Any], keys: tuple[str, str]
) -> bool:
    if not left.get("address") or not right.get("address"):
        return False
    if not all(keys):
        return True
    (road, _s, doors), (other_road, _s, other_doors) = (key.rpartition(" ") for key in keys)
    return (
        doors == other_doors
        or road in other_road
        or other_road in road
        or ratio(road, other_road) >= _LIKE_ROADS
        or not (_is_chinese(road) and _is_chinese(other_road))
    )


_LIKE_ROADS = 70  # percent; from 75 on the comparison may call two roads one


def _sound_alike(one: str, other: str) -> bool:
    return not {*map(sound, one)}.isdisjoint(map(sound, other))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a row is. For KNOWN, REPEAT and DOUBT one of `customer` and `line` says whose."""

    finding: Finding
    customer: int | None = None
    line: int | None = None
    reasons: tuple[str, ...] = ()
    weight: float = 0.0  # bits
    problem: str = ""  # a key of PROBLEMS, or of DOUBTS for a doubt


def judge(candidates: Iterable[Candidate]) -> Verdict:
    """What a row is, from everybody it may be.

    A number belongs to one customer (B1), so whoever has it is the answer, or a doubt when their
    names contradict each other (two shops behind one switchboard); numbers of two customers are a
    problem. Without a shared number, or when somebody else fits beyond doubt, the likest decides.
    """
    best: dict[Root, Candidate] = {}
    owners: set[Root] = set()
    for one in candidates:
        if one.shares_number:
            owners.add(one.root)
        if one.root not in best or _likeness(one) > _likeness(best[one.root]):
            best[one.root] = one
    if len(owners) > 1:
        return Verdict(Finding.PROBLEM, problem="several_customers")
    sames = [one for one in best.values() if one.is_same]
    if owners and (best[owner := owners.pop()].is_same or not sames):
        return _verdict(best[owner], is_clear=True)
    if sames:
        likest = max(sames, key=_likeness)
        # A record that names nobody may be joined only when it fits exactly one customer.
        return _verdict(likest, is_clear=len(sames) == 1 or not likest.comparison.is_weak)
    doubtful = [one for one in best.values() if one.comparison.weight >= WORTH_ASKING_BITS]
    if doubtful:
        return _verdict(max(doubtful, key=_likeness), is_clear=False)
    return Verdict(Finding.NEW)


def _likeness(one: Candidate) -> tuple[bool, float, bool, int]:
    is_customer = one.root[0] == "c"
    return one.is_same, one.comparison.weight, is_customer, -one.root[1]


def _verdict(one: Candidate, *, is_clear: bool) -> Verdict:
    is_same = is_clear and one.is_same
    kind, number = one.root
    sure = Finding.KNOWN if kind == "c" else Finding.REPEAT
    return Verdict(
        sure if is_same else Finding.DOUBT,
        customer=number if kind == "c" else None,
        line=number if kind == "r" else None,
        reasons=tuple(telling(one.comparison)),
        weight=one.comparison.weight,
        problem="" if is_same else _doubt(one),
    )


def _doubt(one: Candidate) -> str:
    if one.comparison.verdict == "same" and one.comparison.is_contested:
        return "contested"
    return "other_name" if one.shares_number else "alike"


# How a file that cannot be read is told; `code` is science.linkage.files.TableError's.
FILE_ERRORS: Mapping[str, str | Promise] = {
    "missing": _("The file is no longer there. Upload it again."),
    "empty": _("The file is empty."),
    "encoding": _("The file is not text in UTF-8, UTF-16 or GBK/GB18030, and not a workbook."),
    "ragged": _("A row has more or fewer cells than the header."),
    "quote": _("A quotation mark is opened and never closed."),
    "workbook": _("The workbook cannot be read. Save it again as .xlsx or .csv."),
    "bomb": _("The workbook is too large to open at once. Save it as .csv."),
    "sheet": _("There is no such sheet in the workbook."),
}


def file_error(error: TableError) -> str:
    """A file's fault in a sentence, with the place where it was found."""
    sentence = str(FILE_ERRORS.get(error.code, error.message))
    if error.line:
        sentence += " " + _t("Line %(line)d.") % {"line": error.line}
    return sentence
