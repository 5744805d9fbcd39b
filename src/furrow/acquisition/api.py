"""Leads in, for machines."""

from datetime import datetime
from typing import Annotated

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Field

from furrow.common.schema import Text
from furrow.customers.rules import CustomerDraft, Kind
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act
from furrow.science.linkage.numbers import read_numbers

from . import actions
from .models import Lead, Source
from .rules import MOST_NUMBERS, Basis, CannotImport

router = Router(tags=["leads"])

Line = Annotated[Text, Field(max_length=200)]


class Consent(Schema):
    """What the person agreed to, kept with the lead (I1)."""

    given: bool
    at: datetime | None = None
    words: Annotated[Text, Field(max_length=1000)] = ""


class LeadIn(Schema):
    """A chance to sell. `source` is the name of a recorded source; it says the legal basis."""

    source: Annotated[Text, Field(min_length=1, max_length=80)]
    name: Annotated[Text, Field(min_length=1, max_length=200)]
    numbers: list[Line] = Field(
        min_length=1, max_length=MOST_NUMBERS, description="in any spelling"
    )
    kind: Kind = Kind.PERSON
    city: Annotated[Text, Field(max_length=80)] = ""
    address: Annotated[Text, Field(max_length=300)] = ""
    email: Line = ""
    category: Annotated[Text, Field(max_length=80)] = ""
    facts: dict[Annotated[Text, Field(max_length=80)], Annotated[Text, Field(max_length=1000)]] = (
        Field(default_factory=dict, max_length=50, description="whatever else this origin said")
    )
    consent: Consent | None = None
    asked: bool = Field(default=False, description="whether they asked to be called")


class LeadOut(Schema):
    id: int
    customer_id: int
    is_new: bool = Field(description="false: one more origin of a customer known already")
    reasons: list[str] = Field(description="codes saying why it was joined")

    @staticmethod
    def resolve_is_new(lead: Lead) -> bool:
        return lead.is_first

    @staticmethod
    def resolve_reasons(lead: Lead) -> list[str]:
        return list(lead.match_reasons)


@router.post("", response={201: LeadOut})
@requires(Act.IMPORT)
def lead_in(request: Request, lead: LeadIn) -> Status[Lead]:
    """Record a lead: a new customer, or one more origin of a known one.

    A number on the do-not-call list is stored, and cannot be dialled all the same. 409 (A5) for
    a source nobody recorded, 409 (A4) when no phone number can be read, 409 (B1) when the numbers
    belong to different customers.
    """
    source = Source.objects.visible_to(request.user).filter(name=lead.source).first()
    if source is None:
        raise CannotImport(
            _("There is no source of this name. Record it first: it says the legal basis."),
            rule="A5",
        )
    region = source.region or settings.DEFAULT_REGION
    numbers = dict.fromkeys(
        number for cell in lead.numbers for number in read_numbers(cell, region=region).numbers
    )
    draft = CustomerDraft(
        name=lead.name, kind=lead.kind, numbers=tuple(numbers)[:MOST_NUMBERS], city=lead.city,
        address=lead.address, email=lead.email, category=lead.category,
    )  # fmt: skip
    given = lead.model_dump(mode="json", exclude={"source", "facts"}, exclude_defaults=True)
    given["numbers"] = "; ".join(lead.numbers)
    at, basis = timezone.now(), actions.NO_BASIS
    if lead.consent:
        said = lead.consent.model_dump(mode="json", exclude_none=True)
        given["consent"] = "; ".join(f"{key}: {value}" for key, value in said.items())
        if lead.consent.given:
            agreed_at = min(lead.consent.at or at, at)
            basis = Basis(consented_at=agreed_at, words=lead.consent.words, asked=lead.asked)
    added = actions.add_lead(
        source=source, draft=draft, given={**lead.facts, **given}, basis=basis,
        team=request.user.team, owner=request.user if request.user.can(Act.USE_DESK) else None,
        by=request.user, at=at,
    )  # fmt: skip
    return Status(201, added)
