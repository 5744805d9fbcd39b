"""Recording customers and changing them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.audit.models import Event
from furrow.common.phone import place_of
from furrow.common.text import grams, pinyin_key
from furrow.compliance.actions import suppress_number
from furrow.compliance.rules import SuppressionKind
from furrow.customers.models import (
    Customer,
    Note,
    Number,
    SavedView,
)
from furrow.customers.queries import whose_is
from furrow.customers.rules import (
    ASKED_WINDOW,
    CannotRecord,
    CustomerDraft,
    Kind,
    NumberTaken,
    Whose,
    check_asked,
)
from furrow.organisation.models import Team, User
from furrow.science.linkage.addresses import address_key
from furrow.science.linkage.companies import company_key
from furrow.science.linkage.names import name_key

from .owners import locked, note_registration, register_owner

# What a person may change; owner, team and merging have their own doors.
EDITABLE = frozenset({"kind", "name", "city", "address", "email", "category", "profile"})


# -- recording ---------------------------------------------------------------------------------


@transaction.atomic
def create_customer(
    *,
    name: str,
    numbers: Sequence[str] = (),
    kind: Kind = Kind.PERSON,
    city: str = "",
    address: str = "",
    email: str = "",
    category: str = "",
    profile: Mapping[str, object] | None = None,
    team: Team | None = None,
    owner: User | None = None,
    by: User,
    at: datetime,
) -> Customer:
    """Record a customer. The first to record one owns it when `owner` is given (B3).

    numbers  E.164, the first becomes the primary one; repeats are dropped
    team     whose pool it belongs to; None = the owner's team, else the company's

    Raises NumberTaken, naming whose the number is, also when somebody else records it in the
    same instant; CannotRecord without a name.
    """
    draft = CustomerDraft(
        name=name, kind=kind, numbers=tuple(numbers), city=city, address=address, email=email,
        category=category, profile=profile or {},
    )  # fmt: skip
    customer = unsaved(draft, team=team or (owner.team if owner else None), at=at)
    if owner is not None:
        register_owner(customer, owner, by=by, at=at)
    customer.save()
    _add_numbers(customer, draft.numbers, at=at)
    if owner is not None:
        note_registration(customer, by=by, at=at)
    record("customer.created", of=customer, by=by.username, at=at, numbers=len(draft.numbers))
    return customer


@transaction.atomic
def update_customer(
    *, customer: Customer, changes: Mapping[str, object], by: User, at: datetime
) -> Customer:
    """Change a customer's own facts. Returns the changed record.

    changes  field -> new value, fields from EDITABLE; `profile` is laid over the present one,
             and a key given as "" or None is forgotten

    Raises ValueError for another field, CannotRecord for an empty name.
    """
    if unknown := changes.keys() - EDITABLE:
        raise ValueError(f"not editable: {', '.join(sorted(unknown))}")
    customer = locked(customer)
    before = {name: getattr(customer, name) for name in EDITABLE}
    for name, value in changes.items():
        if name == "profile":
            assert isinstance(value, Mapping)  # noqa: S101
            merged = {**customer.profile, **value}
            value = {key: said for key, said in merged.items() if said not in ("", None)}
        setattr(customer, name, value)
    changed = sorted(name for name in EDITABLE if getattr(customer, name) != before[name])
    if changed:
        set_keys(customer)
        customer.save()
        record("customer.changed", of=customer, by=by.username, at=at, fields=changed)
    return customer


@transaction.atomic
def add_number(
    *, customer: Customer, e164: str, label: str = "", extension: str = "", by: User, at: datetime
) -> Number:
    """One more number; the first one a customer has becomes the primary one. Raises NumberTaken."""
    customer = locked(customer)
    [number] = _add_numbers(customer, [e164], label=label, extension=extension, at=at)
    record("number.added", of=number, by=by.username, at=at, customer=customer.pk)
    return number


@transaction.atomic
def add_note(*, customer: Customer, text: str, by: User, at: datetime) -> Note:
    """Raises CannotRecord for an empty text."""
    if not text.strip():
        raise CannotRecord(_("A note needs some words."), rule="E3")
    note = Note.objects.create(customer=customer, text=text.strip(), by=by, at=at)
    record("note.added", of=note, by=by.username, at=at, customer=customer.pk)
    return note


@transaction.atomic
def reveal_number(*, number: Number, by: User, at: datetime) -> str:
    """The whole number, once the look at it is in the audit trail (I2)."""
    record("number.revealed", of=number, by=by.username, at=at, customer=number.customer_id)
    return number.e164


@transaction.atomic
def look_up_number(*, e164: str, by: User, at: datetime) -> Whose | None:
    """Whose customer has this number; that somebody asked is written down (B3).

    Raises TooManyAsked.
    """
    # One question at a time per person: two tabs must not both pass the count.
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    recent = Event.objects.filter(
        who=by.username, what="number.looked_up", at__gt=at - ASKED_WINDOW
    )
    check_asked(recent.count())
    whose = whose_is(e164)
    record("number.looked_up", of=by, by=by.username, at=at, is_known=whose is not None)
    return whose


def mark_touched(*, customer_id: int, at: datetime) -> None:
    """Remember the latest attempt to reach a customer; an earlier one changes nothing."""
    Customer.objects.filter(pk=customer_id).filter(
        Q(last_touch_at=None) | Q(last_touch_at__lt=at)
    ).update(last_touch_at=at)


# -- saved views -------------------------------------------------------------------------------


@transaction.atomic
def save_view(*, name: str, query: str, team: Team | None, by: User, at: datetime) -> SavedView:
    """Keep a list's filters under a name, for oneself or for a team. Raises CannotRecord."""
    if not name.strip():
        raise CannotRecord(_("Give the view a name."), rule="I3")
    view = SavedView.objects.create(name=name.strip()[:60], query=query[:500], user=by, team=team)
    record("view.saved", of=view, by=by.username, at=at)
    return view


@transaction.atomic
def delete_view(*, view: SavedView, by: User, at: datetime) -> None:
    record("view.deleted", of=view, by=by.username, at=at)
    view.delete()


# -- parts ---------------------------------------------------------------------------------------


def unsaved(draft: CustomerDraft, *, team: Team | None, at: datetime) -> Customer:
    customer = Customer(
        kind=draft.kind, name=draft.name.strip(), city=draft.city.strip(),
        address=draft.address.strip(), email=draft.email.strip(), category=draft.category.strip(),
        profile=dict(draft.profile), team=team, created_at=at,
    )  # fmt: skip
    set_keys(customer)
    return customer


def set_keys(customer: Customer) -> None:
    """What is made from the fields, for searching, sorting and finding duplicates."""
    customer.name = customer.name.strip()[:200]
    if not customer.name:
        raise CannotRecord(_("A customer needs a name."), rule="B2")
    read = company_key if customer.kind == Kind.ORGANISATION else name_key
    customer.grams = grams(customer.name)
    customer.sort_key = pinyin_key(customer.name)
    customer.name_key = read(customer.name)[:200]
    customer.address_key = address_key(customer.address)[:200]


def _unsaved_number(
    customer: Customer,
    e164: str,
    *,
    is_primary: bool,
    at: datetime,
    label: str = "",
    extension: str = "",
) -> Number:
    place = place_of(e164)
    return Number(
        customer=customer, e164=e164, last4=e164[-4:], label=label, extension=extension,
        region=place.region, time_zone=place.time_zone, is_primary=is_primary, created_at=at,
    )  # fmt: skip


def _add_numbers(
    customer: Customer,
    e164s: Sequence[str],
    *,
    at: datetime,
    label: str = "",
    extension: str = "",
) -> list[Number]:
    """Raises NumberTaken. Written in the order of the numbers, so writers never deadlock."""
    has_primary = Number.objects.filter(customer=customer, is_primary=True).exists()
    first = None if has_primary or not e164s else e164s[0]
    added = []
    for e164 in sorted(set(e164s)):
        number = _unsaved_number(
            customer, e164, is_primary=e164 == first, at=at, label=label, extension=extension
        )
        try:
            with transaction.atomic():
                number.save()
        except IntegrityError:
            whose = whose_is(e164)
            if whose is None:
                raise
            refusal = NumberTaken(whose.sentence, rule="B1")
            owner = Number.objects.filter(e164=e164).values_list("customer", flat=True)
            refusal.customer_id = owner.first()
            raise refusal from None
        added.append(number)
    return added


@transaction.atomic
def mark_planted(*, customer: Customer, by: User, at: datetime) -> None:
    """A made-up record: in no pool, and its numbers may never be called (sightings plants them)."""
    Customer.objects.filter(pk=customer.pk).update(is_planted=True)
    for e164 in Number.objects.filter(customer=customer).values_list("e164", flat=True):
        suppress_number(
            e164=e164, kind=SuppressionKind.DO_NOT_CALL_LIST, origin="person", by=by, at=at
        )
