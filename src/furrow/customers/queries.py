"""Answers about customers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import Expression, F, Model, Q, QuerySet, Value
from django.db.models.lookups import GreaterThan, LessThan
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from furrow.common.paging import row_of
from furrow.organisation.models import User
from furrow.organisation.rules import Act
from furrow.science.linkage.numbers import read_numbers
from furrow.science.linkage.words import in_words

from .filters import filters
from .models import LAST_TOUCH, Customer, CustomerQuerySet, MergeEvent, Note, Number, OwnershipEvent
from .rules import (
    BASICS,
    FACTS,
    MOST_COUNTED,
    MOST_FOUND,
    Fact,
    Kind,
    Moment,
    Sort,
    Whose,
    completeness,
)
from .showing import Access, Shown, access_to, shown_to

R = TypeVar("R", bound=Model)


def whose_is(e164: str) -> Whose | None:
    """Whose customer has this number; None when nobody knows it. The data stay hidden (B3)."""
    number = (
        Number.objects.filter(e164=e164)
        .select_related("customer__owner", "customer__team")
        .only("customer__owner__display_name", "customer__owner__username", "customer__team__name")
        .first()
    )
    if number is None:
        return None
    customer = number.customer
    return Whose(
        owner=str(customer.owner) if customer.owner else "",
        team=customer.team.name if customer.team else "",
    )


# -- one record ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Property:
    """One line of a record: its field name, its label, and what to show; "" = not known."""

    name: str
    label: str | Promise
    shown: str
    can_edit: bool = True  # for those who may edit the customer at all


@dataclass(frozen=True)
class Profile:
    """What is known of a customer and may be shown, and how much of what is worth knowing (percent,
    B8)."""

    shown: Shown
    basics: list[Property]
    facts: list[Property]
    percent: int
    access: Access


def profile_of(customer: Customer, *, user: User) -> Profile:
    seen = shown_to(user, [customer])[0]

    def basic(name: str, shown: str) -> Property:
        return Property(name, BASICS[name], shown, seen.may_edit(name))

    known = {name: getattr(customer, name) for name in ("city", "address", "email", "category")}
    profile = seen.profile
    facts = [
        Property(fact.name, fact.label, _shown(fact, profile.get(fact.name)),
                 seen.may_edit(fact.name))
        for fact in FACTS[Kind(customer.kind)]
    ]  # fmt: skip
    has_number = Number.objects.filter(customer=customer).exists()
    return Profile(
        shown=seen,
        basics=[
            basic("name", seen.name),
            basic("kind", customer.get_kind_display()),
            *(basic(name, getattr(seen, name)) for name in known),
        ],
        facts=facts,
        access=access_to(seen, user=user),
        percent=completeness(customer.kind, {**known, "number": has_number}, customer.profile),
    )


def _shown(fact: Fact, value: object) -> str:
    if value in ("", None):
        return ""
    return str(dict(fact.choices).get(str(value), value))


def kept_record_of(customer_id: int, *, user: User) -> int | None:
    """The record a merged one was joined to, if `user` may see that; None for all others."""
    visible = Customer.objects.visible_to(user).values("pk")
    merged = Customer.objects.filter(pk=customer_id, merged_into__in=visible)
    return merged.values_list("merged_into", flat=True).first()


@dataclass(frozen=True)
class NumberLine:
    """A number as the record shows it."""

    number: Number
    can_reveal: bool


def numbers_of(customer: Customer, *, user: User) -> list[NumberLine]:
    """The primary number first. Masked; revealing is an action of its own (I2)."""
    may = user.scope(Act.REVEAL_NUMBERS) >= user.scope(Act.VIEW_CUSTOMERS) or (
        user.can(Act.REVEAL_NUMBERS)
        and Customer.objects.visible_to(user, Act.REVEAL_NUMBERS).filter(pk=customer.pk).exists()
    )
    numbers = Number.objects.filter(customer=customer).order_by("-is_primary", "id")
    return [NumberLine(number, may) for number in numbers]


def last_change_of_owner(customer: Customer) -> OwnershipEvent | None:
    """How the present owner, or the pool, came to have the customer; None before any change."""
    events = OwnershipEvent.objects.filter(customer=customer).select_related("by")
    return events.order_by("-at", "-id").first()


# -- lists -------------------------------------------------------------------------------------


def filtered(user: User, params: Mapping[str, str]) -> CustomerQuerySet:
    """The customers `user` may see that match every known parameter, in no order.

    params  a URL's parameters (a QueryDict will do); "me" stands for `user`; unknown names, such
            as the order or the page, are passed over; empty values say nothing
    """
    customers = Customer.objects.visible_to(user)
    for known in filters():
        value = params.get(known.name, "").strip()
        if value:
            customers = known.apply(customers, str(user.pk) if value == "me" else value)
    return customers


def sort_of(params: Mapping[str, str]) -> Sort:
    """The order a list's URL asks for; newest first when it asks for none we know."""
    wanted = params.get("sort", "")
    return Sort(wanted) if wanted in Sort.values else Sort.NEWEST


def found_by(customers: CustomerQuerySet, text: str, *, region: str = "CN") -> CustomerQuerySet:
    """Those whose number ends with the four digits typed, or is the number typed, or whose name
    contains the text: the newest MOST_FOUND of them, so that a lone surname stays quick to sort.
    """
    text = text.strip()
    if len(text) == 4 and text.isascii() and text.isdecimal():
        found = customers.with_number_ending(text)
    elif numbers := read_numbers(text, region=region).numbers:
        owners = Number.objects.filter(e164__in=numbers).values("customer")
        found = customers.filter(pk__in=owners)
    else:
        found = customers.named(text)
    ids = found.order_by("-pk").values_list("pk", flat=True)[:MOST_FOUND]
    return customers.filter(pk__in=list(ids))


@dataclass(frozen=True)
class Page:
    """One page of a list. `before` and `after` are the ids to go on from; None = the end."""

    customers: list[Customer]
    before: int | None
    after: int | None


def page_of(
    customers: CustomerQuerySet,
    *,
    sort: Sort = Sort.NEWEST,
    after: int | None = None,
    before: int | None = None,
    size: int = 50,
) -> Page:
    """The `size` customers that follow the customer `after`, or precede `before`, in `sort`.

    A place in the list is a customer's id, so no name stands in the URL; a place that no longer
    exists is the list's beginning. Cost: walks an index, whatever the page.
    """
    key = _key(sort)
    place = Customer.objects.filter(pk=before or after or 0).values_list(*key).first()
    is_back = before is not None and place is not None
    is_falling = (sort is not Sort.NAME) != is_back
    if place is not None:
        compare = LessThan if is_falling else GreaterThan
        here = row_of(*(Value(part) for part in place))
        customers = customers.filter(compare(row_of(*key), here))
    ordered = customers.order_by(*(part.desc() if is_falling else part.asc() for part in key))
    rows = list(ordered.select_related("owner", "team")[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    if is_back:
        rows.reverse()
    has_before = more if is_back else place is not None
    has_after = True if is_back else more
    return Page(
        customers=rows,
        before=rows[0].pk if rows and has_before else None,
        after=rows[-1].pk if rows and has_after else None,
    )


def neighbours(
    customers: CustomerQuerySet, customer: Customer, *, sort: Sort
) -> tuple[int | None, int | None]:
    """Ids of the customers before and after `customer` in a list; None at its ends."""
    previous = page_of(customers, sort=sort, before=customer.pk, size=1).customers
    following = page_of(customers, sort=sort, after=customer.pk, size=1).customers
    return (
        previous[0].pk if previous else None,
        following[0].pk if following else None,
    )


def counted(customers: CustomerQuerySet) -> int:
    """How many, but never more than MOST_COUNTED + 1: "10,000+" is known without counting all."""
    return customers.order_by()[: MOST_COUNTED + 1].count()


_LOOKED_AT = 20  # rows of a queue at a time


def first_callable(rows: QuerySet[R]) -> R | None:
    """The first of `rows`, in their order, whose customer somebody may call; None if there is
    none. Looks at a few at a time: a queue may be long, and nearly everybody in it may be called.

    rows  of a model with a `customer`, ordered
    """
    start = 0
    while few := list(rows[start : start + _LOOKED_AT]):
        ids = [row.customer_id for row in few]  # type: ignore[attr-defined]
        may_be_called = Customer.objects.filter(pk__in=ids).callable()
        callable_ids = set(may_be_called.order_by().values_list("pk", flat=True))
        for row, customer_id in zip(few, ids, strict=True):
            if customer_id in callable_ids:
                return row
        start += _LOOKED_AT
    return None


def masked_numbers(ids: Sequence[int]) -> dict[int, str]:
    """Customer id -> primary number, masked. Customers without a number are absent."""
    primary = Number.objects.filter(customer__in=ids, is_primary=True)
    return {number.customer_id: number.masked for number in primary}


def _key(sort: Sort) -> list[Expression | F]:
    match sort:
        case Sort.TOUCH:
            return [LAST_TOUCH, F("pk")]
        case Sort.NAME:
            return [F("sort_key"), F("pk")]
        case _:
            return [F("pk")]


# -- what customers itself tells on the timeline (see holdings) --------------------------------


def tell_recording(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    """When the record was made."""
    if most < 1 or (before is not None and customer.created_at >= before):
        return []
    return [
        Moment(
            at=customer.created_at,
            kind="customer",
            title=_("Customer recorded"),
            anchor=f"customers.Customer:{customer.pk}",
        )
    ]


def tell_notes(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    notes = Note.objects.filter(customer=customer).filter(_earlier(before))
    return [
        Moment(
            at=note.at,
            kind="note",
            title=_("Note"),
            body=note.text,
            by=str(note.by),
            anchor=f"customers.Note:{note.pk}",
        )
        for note in notes.select_related("by").order_by("-at", "-id")[:most]
    ]


def tell_ownership(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    """Who looked after the customer, and after the records that were joined to it."""
    events = OwnershipEvent.objects.filter(customer__in=_with_duplicates(customer)).filter(
        _earlier(before)
    )
    newest = events.select_related("from_owner", "to_owner", "by").order_by("-at", "-id")[:most]
    pool = _("the pool")
    return [
        Moment(
            at=event.at,
            kind="owner",
            title=_("%(change)s: %(from)s → %(to)s")
            % {
                "change": event.get_change_display(),
                "from": event.from_owner or pool,
                "to": event.to_owner or pool,
            },
            body=event.reason,
            by=str(event.by),
            anchor=f"customers.OwnershipEvent:{event.pk}",
        )
        for event in newest
    ]


def tell_merges(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    """What was joined to the customer, and what was parted from it again."""
    merges = MergeEvent.objects.filter(
        Q(kept__in=_with_duplicates(customer)) | Q(duplicate=customer)
    ).select_related("by", "undone_by")
    joined = merges.filter(_earlier(before)).order_by("-at", "-id")[:most]
    parted = merges.filter(_earlier(before, "undone_at")).exclude(undone_at=None)
    names = _("Records #%(duplicate)d and #%(kept)d joined")
    undone = _("Join of records #%(duplicate)d and #%(kept)d undone")
    return [
        Moment(
            at=merge.at,
            kind="merge",
            title=names % {"duplicate": merge.duplicate_id, "kept": merge.kept_id},
            body=in_words(" ".join(merge.reasons), get_language() or "en"),
            by=str(merge.by),
            anchor=f"customers.MergeEvent:{merge.pk}",
            merge_id=merge.pk if merge.undone_at is None else None,
        )
        for merge in joined
    ] + [
        Moment(
            at=merge.undone_at,
            kind="merge",
            title=undone % {"duplicate": merge.duplicate_id, "kept": merge.kept_id},
            body=" ".join(merge.what_was_left.sentences),
            by=str(merge.undone_by),
            anchor=f"customers.MergeEvent:{merge.pk}:undone",
        )
        for merge in parted.order_by("-undone_at", "-id")[:most]
        if merge.undone_at is not None
    ]


def _earlier(before: datetime | None, instant: str = "at") -> Q:
    return Q() if before is None else Q(**{f"{instant}__lt": before})


def _with_duplicates(customer: Customer) -> list[int]:
    joined = Customer.objects.filter(merged_into=customer).order_by("pk")
    return [customer.pk, *joined.values_list("pk", flat=True)]
