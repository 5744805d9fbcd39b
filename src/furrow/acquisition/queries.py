"""Answers about sources, lists and leads."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from furrow.customers.filters import Choice, by_id
from furrow.customers.models import Customer, CustomerQuerySet
from furrow.customers.rules import Moment
from furrow.linkage.rules import in_words
from furrow.organisation.models import User

from .models import Lead, Source

# -- what is told of one customer ------------------------------------------------------------------


@dataclass(frozen=True)
class Origin:
    """One answer to "where did you get my number?" (A5)."""

    lead: Lead
    said: list[tuple[str, str]]  # header and cell, as this origin gave them
    reasons: list[str]  # why it was joined, in words; empty for the first origin


def origins_of(customer: Customer) -> list[Origin]:
    """Where a customer comes from, the first origin first."""
    leads = Lead.objects.filter(customer=customer).select_related("source", "batch")
    return [
        Origin(
            lead=lead,
            said=[(header, str(cell)) for header, cell in lead.given.items() if cell],
            reasons=in_words(lead.match_reasons),
        )
        for lead in leads.order_by("at", "id")
    ]


def tell_leads(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    leads = Lead.objects.filter(customer=customer).select_related("source", "batch__by")
    if before is not None:
        leads = leads.filter(at__lt=before)
    return [
        Moment(
            at=lead.at,
            kind="import",
            title=_title(lead),
            body=", ".join(in_words(lead.match_reasons)),
            by=str(lead.batch.by) if lead.batch else "",
            anchor=f"acquisition.Lead:{lead.pk}",
        )
        for lead in leads.order_by("-at", "-id")[:most]
    ]


def _title(lead: Lead) -> str:
    words = {"source": lead.source.name, "line": lead.line}
    if lead.line is None:
        text = _("Came from %(source)s") if lead.is_first else _("Also named by %(source)s")
    elif lead.is_first:
        text = _("Imported from %(source)s, row %(line)s")
    else:
        text = _("Also found in %(source)s, row %(line)s")
    return text % words


# -- the customer list's filter --------------------------------------------------------------------


def from_source(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    """Whom the source with this id named, alone or with others."""
    leads = by_id("source")
    found = Lead.objects.filter(source=int(value)) if leads and value.isdecimal() else None
    return customers.none() if found is None else customers.filter(pk__in=found.values("customer"))


def source_choices(user: User) -> list[Choice]:
    sources = Source.objects.visible_to(user).order_by("name")
    return [(str(source.pk), source.name) for source in sources]
