"""What may be done with a customer. No database, no clock, no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from furrow.common.refusal import Refused
from furrow.organisation.rights import Field


class Kind(TextChoices):
    PERSON = "person", _("Person")
    ORGANISATION = "organisation", _("Organisation")


class OwnerChange(TextChoices):
    """Why an owner changed (B3, B4, B6)."""

    REGISTERED = "registered", _("First to record the customer")
    ALLOCATED = "allocated", _("Allocated")
    CLAIMED = "claimed", _("Claimed from the pool")
    TRANSFERRED = "transferred", _("Handed over")
    RELEASED = "released", _("Released to the pool")
    RETURNED = "returned", _("Returned to the pool by rule")
    MERGED = "merged", _("Duplicate joined")
    UNDONE = "undone", _("Import undone")
    PARTED = "parted", _("Join undone")


# The columns that say who looks after a customer; they change together.
OWNED = frozenset({"owner_id", "owned_since", "team_id"})


# Lists say "10,000+" beyond this.
MOST_COUNTED = 10_000

# What is typed to find somebody finds at most this many.
MOST_FOUND = 1000

# One person deals at most this many customers in one go; more wants a narrower filter.
MOST_AT_ONCE = 20_000


@dataclass(frozen=True)
class Fact:
    """One thing worth knowing of a customer beyond name and number (B8), kept in `profile`."""

    name: str
    label: str | Promise
    input_type: str = "text"
    choices: tuple[tuple[str, str | Promise], ...] = ()


FACTS: Mapping[Kind, Sequence[Fact]] = {
    Kind.PERSON: (
        Fact("sex", _("Sex"), choices=(("f", _("Female")), ("m", _("Male")))),
        Fact("birthday", _("Birthday"), input_type="date"),
        Fact("marriage", _("Marriage")),
        Fact("residence", _("Residence")),
        Fact("occupation", _("Occupation")),
        Fact("income", _("Income")),
        Fact("family", _("Family")),
        Fact("hobbies", _("Hobbies")),
        Fact("needs", _("Needs")),
        Fact("pains", _("Pains")),
    ),
    Kind.ORGANISATION: (
        Fact("size", _("Size")),
        Fact("industry", _("Industry")),
        Fact("business_model", _("Business model")),
        Fact("head_of_marketing", _("Head of marketing")),
        Fact("head_of_finance", _("Head of finance")),
        Fact("head_of_service", _("Head of service")),
        Fact("competitors", _("Competitors")),
        Fact("products_in_use", _("Products in use")),
        Fact("needs", _("Needs")),
        Fact("pains", _("Pains")),
    ),
}

# The customer's own fields, edited in place like the facts.
BASICS: Mapping[str, str | Promise] = {
    "name": _("Name"),
    "kind": _("Kind"),
    "city": _("City"),
    "address": _("Address"),
    "email": _("E-mail"),
    "category": _("Category"),
}
# Under which right each falls (organisation.rights); everybody who sees the customer is shown the
# others. A fact nobody listed is private.
FIELD_OF_BASIC: Mapping[str, Field] = {
    "name": Field.NAME, "email": Field.EMAIL, "address": Field.ADDRESS,
}  # fmt: skip
_PRIVATE = {"birthday", "marriage", "residence", "income", "family"}
FIELD_OF_FACT: Mapping[str, Field] = {
    fact.name: Field.PRIVATE if fact.name in _PRIVATE else Field.PROFILE
    for facts in FACTS.values()
    for fact in facts
}
_SCORED = ("number", "city", "address", "email", "category")


def completeness(kind: str, basics: Mapping[str, object], profile: Mapping[str, object]) -> int:
    """How much of what is worth knowing is known, in percent (B8). Every fact counts the same.

    basics   the customer's own fields: city, address, email, category, and `number`
    profile  the facts by name; unknown names do not count
    """
    wanted = [fact.name for fact in FACTS[Kind(kind)]]
    known = sum(bool(basics.get(name)) for name in _SCORED)
    known += sum(bool(profile.get(name)) for name in wanted)
    return round(100 * known / (len(_SCORED) + len(wanted)))


class Sort(TextChoices):
    """In which order a list of customers comes."""

    NEWEST = "newest", _("Newest first")
    TOUCH = "touch", _("Latest touch first")
    NAME = "name", _("By name")


@dataclass(frozen=True)
class CustomerDraft:
    """A customer about to be recorded, as understood from a form, a file or a machine.

    numbers   E.164, the first one becomes the primary one; empty is allowed
    profile   facts by their names in FACTS; others are kept as given
    """

    name: str
    kind: Kind = Kind.PERSON
    numbers: tuple[str, ...] = ()
    city: str = ""
    address: str = ""
    email: str = ""
    category: str = ""
    profile: Mapping[str, object] = field(default_factory=dict)


class CannotAssign(Refused):
    """This customer cannot be given to this agent."""


class CannotRecord(Refused):
    """What was given is not enough to make or change a customer."""


# How often one person, or a machine in their name, may ask whose a number is: typing asks too.
MOST_NUMBERS_ASKED, ASKED_WINDOW = 300, timedelta(hours=1)


class TooManyAsked(Refused):
    """Somebody asks whose numbers are whose faster than anybody types."""


def check_asked(recent: int) -> None:
    """Raise TooManyAsked after MOST_NUMBERS_ASKED within ASKED_WINDOW (B3)."""
    if recent >= MOST_NUMBERS_ASKED:
        raise TooManyAsked(
            _t("You have asked about very many numbers. Ask again in an hour."), rule="B3"
        )


class CannotMerge(Refused):
    """These two cannot become one."""


@dataclass
class Left:
    """What undoing a merge left as it is.

    changed  rows that somebody changed since, or whose place is taken
    since    rows the kept record got since; they stay with it
    fields   columns of a customer that somebody changed since
    owners   customers whose owner changed since, or may own no more
    """

    changed: int = 0
    since: int = 0
    fields: list[str] = field(default_factory=list)
    owners: int = 0

    def as_json(self) -> dict[str, int | list[str]]:
        return {name: value for name, value in vars(self).items() if value}

    @property
    def sentences(self) -> list[str]:
        """In words; empty if everything is as it was."""
        said = []
        for name in self.fields:
            label = BASICS.get(name, _t("A fact"))
            said.append(_t("%(fact)s stays: it was changed since.") % {"fact": label})
        if self.changed:
            said.append(
                ngettext(
                    "%(count)d entry stays as it is: it was changed since.",
                    "%(count)d entries stay as they are: they were changed since.",
                    self.changed,
                )
                % {"count": self.changed}
            )
        if self.since:
            said.append(
                ngettext(
                    "%(count)d entry made since stays with this record.",
                    "%(count)d entries made since stay with this record.",
                    self.since,
                )
                % {"count": self.since}
            )
        if self.owners:
            said.append(_t("An owner is not given back: that changed since."))
        return said


def put_back(
    was: Mapping[str, Any], became: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[dict[str, Any], set[str]]:
    """The values to write so that `became` is `was` again, and the names of those left alone
    because they are neither. Facts kept in one column are looked at one by one.

    >>> put_back({"city": "", "age": 1}, {"city": "深圳", "age": 2}, {"city": "深圳", "age": 3})
    ({'city': ''}, {'age'})
    >>> put_back({"profile": {}}, {"profile": {"sex": "f"}}, {"profile": {"sex": "f", "job": "x"}})
    ({'profile': {'job': 'x'}}, set())
    """
    values: dict[str, Any] = {}
    left = set()
    for name, before in was.items():
        after, present = became[name], now.get(name)
        if present == after:
            values[name] = before
        elif isinstance(before, dict) and isinstance(after, dict) and isinstance(present, dict):
            kept = {
                key: value
                for key, value in present.items()
                if key in before or value != after.get(key)
            }
            values[name] = kept
            if any(key in kept for key in after.keys() - before.keys()):
                left.add(name)
        elif present != before:
            left.add(name)
    return values, left


class NumberTaken(Refused):
    """The number belongs to another customer already (B1)."""

    customer_id: int | None = None  # whose it is; for the machine, never shown


@dataclass(frozen=True)
class Whose:
    """All that anybody may learn about a known number (B3): whose it is, not what it is.

    owner  the owner's name; "" = in the pool
    team   the team whose pool or owner it is; "" = the company's
    """

    owner: str
    team: str

    @property
    def sentence(self) -> str:
        if self.owner:
            return _t("This number is known: a customer of %(owner)s.") % {"owner": self.owner}
        if self.team:
            return _t("This number is known: in the pool of %(team)s.") % {"team": self.team}
        return _t("This number is known: in the company's pool.")


@dataclass(frozen=True)
class Moment:
    """One line of a customer's timeline, told by the capability it belongs to.

    kind    names icon and colour: call, note, import, owner, suppression, followup, stage, merge
    title   translated, one line
    body    translated or as written; "" for none
    by      who, as shown
    anchor  stable id within the timeline: "calls.Call:17"
    merge_id  the merge this tells of, while it can be undone
    """

    at: datetime
    kind: str
    title: str
    body: str = ""
    by: str = ""
    anchor: str = ""
    merge_id: int | None = None
