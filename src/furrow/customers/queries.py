"""Answers about customers."""

from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from .models import Customer, MergeEvent, Note, Number, OwnershipEvent
from .rules import Moment, Whose


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
    merges = MergeEvent.objects.filter(kept__in=_with_duplicates(customer)).filter(_earlier(before))
    return [
        Moment(
            at=merge.at,
            kind="merge",
            title=_("Duplicate #%(id)d joined to this record") % {"id": merge.duplicate_id},
            by=str(merge.by),
            anchor=f"customers.MergeEvent:{merge.pk}",
        )
        for merge in merges.select_related("by").order_by("-at", "-id")[:most]
    ]


def _earlier(before: datetime | None) -> Q:
    return Q() if before is None else Q(at__lt=before)


def _with_duplicates(customer: Customer) -> list[int]:
    joined = Customer.objects.filter(merged_into=customer).order_by("pk")
    return [customer.pk, *joined.values_list("pk", flat=True)]
