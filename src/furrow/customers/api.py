"""Customers, for machines: reading, recording, noting, claiming."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema, Status
from pydantic import Field

from furrow.common.schema import Id, Text
from furrow.organisation.http import Request, opened, requires, touched
from furrow.organisation.models import User
from furrow.organisation.rules import Act
from furrow.science.linkage.numbers import read_numbers

from .actions import (
    add_note,
    create_customer,
    look_up_number,
    reveal_number,
)
from .entrances import attempting
from .models import Customer, CustomerQuerySet, Note, Number
from .queries import filtered, found_by, page_of
from .rules import CannotRecord, Kind, Sort
from .showing import Shown, shown_to

router = Router(tags=["customers"])


class NumberOut(Schema):
    id: int
    number: str = Field(description="masked")
    label: str
    extension: str
    region: str = Field(description="ISO region; empty when unknown")
    time_zone: str
    is_primary: bool

    @staticmethod
    def resolve_number(number: Number) -> str:
        return number.masked


class CustomerOut(Schema):
    id: int
    kind: Kind
    name: str
    city: str
    address: str
    email: str = Field(description="as the key's user may see it: whole, masked or empty")
    category: str
    profile: dict[str, object] = Field(description="likewise; hidden facts are absent")
    team_id: int | None
    owner: str | None = Field(description="username; null = in the pool")
    owned_since: datetime | None
    created_at: datetime
    last_touch_at: datetime | None
    numbers: list[NumberOut]

    @staticmethod
    def resolve_numbers(shown: Shown) -> list[Number]:
        numbers = shown.customer.numbers.all()
        return sorted(numbers, key=lambda n: (not n.is_primary, n.pk))


class CustomersOut(Schema):
    items: list[CustomerOut]
    next_after: int | None = Field(description="`after` of the next page; null at the end")


class Which(Schema):
    """Which customers. Filters as in the list's address: owner (an id, `me` or `pool`), team."""

    after: Id | None = Field(None, description="the last customer of the page before")
    most: int = Field(50, ge=1, le=200)
    sort: Sort = Sort.NEWEST
    owner: Annotated[Text, Field(max_length=20)] = ""
    team: Annotated[Text, Field(max_length=20)] = ""
    kind: Kind | None = None
    city: Annotated[Text, Field(max_length=80)] = ""


class Wanted(Schema):
    """Part of a name, the last four digits of a number, or a whole number in any spelling."""

    text: Annotated[Text, Field(min_length=1, max_length=60)]


class CustomerIn(Schema):
    """Without `owned` the customer goes to the pool of the key's user's team."""

    name: Annotated[Text, Field(min_length=1, max_length=200)]
    kind: Kind = Kind.PERSON
    numbers: list[Annotated[Text, Field(max_length=60)]] = Field(
        default_factory=list, max_length=10, description="in any spelling, one in each"
    )
    city: Annotated[Text, Field(max_length=80)] = ""
    address: Annotated[Text, Field(max_length=300)] = ""
    email: Annotated[Text, Field(max_length=200)] = ""
    category: Annotated[Text, Field(max_length=80)] = ""
    owned: bool = Field(False, description="the key's user becomes the owner")


class NoteIn(Schema):
    text: Annotated[Text, Field(min_length=1, max_length=4000)]


class NoteOut(Schema):
    id: int
    text: str
    at: datetime


class WhoseIn(Schema):
    number: Annotated[Text, Field(min_length=1, max_length=60)]


class WhoseOut(Schema):
    is_known: bool
    owner: str = Field(description="the owner's name; empty = in the pool, or not known")
    team: str


class WholeNumberOut(Schema):
    number: str = Field(description="E.164")


@router.get("", response=CustomersOut)
@requires(Act.VIEW_CUSTOMERS)
def list_customers(request: Request, which: Query[Which]) -> dict[str, object]:
    """The customers the key's user may see, page by page."""
    params = {
        "owner": which.owner, "team": which.team, "kind": which.kind or "", "city": which.city,
    }  # fmt: skip
    page = page_of(
        filtered(request.user, params).prefetch_related("numbers"),
        sort=which.sort,
        after=which.after,
        size=which.most,
    )
    return {"items": _shown(request, page.customers), "next_after": page.after}


@router.post("/find", response=list[CustomerOut])
@requires(Act.VIEW_CUSTOMERS)
def find_customers(request: Request, wanted: Wanted) -> list[Shown]:
    """At most 50 customers by name or number, newest first. A POST: names stand in no address."""
    found = found_by(_visible(request.user), wanted.text, region=settings.DEFAULT_REGION)
    return _shown(request, found.order_by("-pk")[:50])


@router.post("/whose", response=WhoseOut)
@requires(Act.VIEW_CUSTOMERS)
def whose_number(request: Request, asked: WhoseIn) -> dict[str, object]:
    """Whose customer has this number (B3): the owner's name, never the data. It is recorded."""
    whose = look_up_number(e164=_e164(asked.number), by=request.user, at=timezone.now())
    return {
        "is_known": whose is not None,
        "owner": whose.owner if whose else "",
        "team": whose.team if whose else "",
    }


@router.post("", response={201: CustomerOut})
@requires(Act.EDIT_CUSTOMERS)
def record_customer(request: Request, given: CustomerIn) -> Status[Shown]:
    """Record a customer. 409 when a number belongs to another one (B1)."""
    at = timezone.now()
    with attempting("api", by=request.user, at=at):
        customer = create_customer(
            name=given.name,
            kind=given.kind,
            numbers=[_e164(number) for number in given.numbers],
            city=given.city,
            address=given.address,
            email=given.email,
            category=given.category,
            team=request.user.team,
            owner=request.user if given.owned else None,
            by=request.user,
            at=at,
        )
    return Status(201, shown_to(request.user, [customer])[0])


@router.get("/{int:customer_id}", response=CustomerOut)
@requires(Act.VIEW_CUSTOMERS)
def one_customer(request: Request, customer_id: int) -> Shown:
    """One customer. 404 if there is none or the key's user may not see it."""
    return _shown(request, [get_object_or_404(_visible(request.user), pk=customer_id)])[0]


@router.post("/{int:customer_id}/notes", response={201: NoteOut})
@requires(Act.EDIT_CUSTOMERS)
def note_customer(request: Request, customer_id: int, given: NoteIn) -> Status[Note]:
    """Add a note to the timeline."""
    customer = get_object_or_404(_visible(request.user, Act.EDIT_CUSTOMERS), pk=customer_id)
    note = add_note(customer=customer, text=given.text, by=request.user, at=timezone.now())
    return Status(201, note)


@router.post("/numbers/{int:number_id}/reveal", response=WholeNumberOut)
@requires(Act.REVEAL_NUMBERS)
def reveal(request: Request, number_id: int) -> dict[str, str]:
    """The whole number, for those whose role may see it (403 otherwise). It is recorded (I2)."""
    numbers = Number.objects.visible_to(request.user, Act.REVEAL_NUMBERS)
    number = get_object_or_404(numbers, pk=number_id)
    touched(request, number.customer_id)
    return {"number": reveal_number(number=number, by=request.user, at=timezone.now())}


def _visible(user: User, act: Act = Act.VIEW_CUSTOMERS) -> CustomerQuerySet:
    seen = Customer.objects.visible_to(user, act)
    return seen.select_related("owner").prefetch_related("numbers")


def _shown(request: Request, customers: Iterable[Customer]) -> list[Shown]:
    """What the key's user is shown of them; each counts as opened."""
    shown = shown_to(request.user, customers)
    opened(request, *(one.id for one in shown))
    return shown


def _e164(text: str) -> str:
    """Raises CannotRecord for what is not exactly one phone number."""
    numbers = read_numbers(text, region=settings.DEFAULT_REGION).numbers
    if len(numbers) != 1:
        raise CannotRecord(_("This is not a phone number."), rule="B2")
    return numbers[0]
