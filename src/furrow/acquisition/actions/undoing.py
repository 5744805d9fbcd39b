"""Taking an import back: what it made goes, what somebody relies on by now stays, and is told."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import Count, ForeignObjectRel

from furrow.acquisition.models import Batch, Lead
from furrow.acquisition.rules import FILLABLE
from furrow.customers.actions import dismiss_customers, update_customer
from furrow.customers.holdings import relations
from furrow.customers.models import Customer, Number

UNDO_ROWS = 2000  # rows per transaction
# How many rows arrival itself makes in these tables; anything beyond is somebody's work.
MADE_ON_ARRIVAL = {
    "pipeline.Standing.customer": 1,
    "pipeline.StageMove.customer": 1,
}
_OURS = {
    "customers.Number.customer", "acquisition.Lead.customer", "acquisition.Row.customer",
    "linkage.Pair.left",
    "linkage.Pair.right",  # a likeness goes with the customer
}  # fmt: skip


def withdraw_chunk(*, batch: Batch, after: int, at: datetime) -> int:
    """Take back the leads behind line `after` that joined somebody. Returns the last line done; 0
    when none is left. Safe to be killed and run again. The batch is locked by the caller."""
    leads = _leads(batch, after, is_first=False)
    if leads:
        _tell(batch, _withdraw(batch, leads, at))
    return leads[-1].line or 0 if leads else 0


def delete_chunk(*, batch: Batch, after: int, at: datetime) -> int:
    """Like `withdraw_chunk`, for customers this list made; once all others are withdrawn."""
    leads = _leads(batch, after, is_first=True)
    if leads:
        _tell(batch, _delete(batch, leads, at))
    return leads[-1].line or 0 if leads else 0


def _leads(batch: Batch, after: int, *, is_first: bool) -> list[Lead]:
    leads = Lead.objects.filter(batch=batch, is_first=is_first, line__gt=after)
    return list(leads.defer("given").order_by("line")[:UNDO_ROWS])


def _tell(batch: Batch, became: Counter[str]) -> None:
    """Add up what became of the leads. The caller stores it, in the same transaction."""
    counts = dict(batch.counts)
    for done in ("deleted", "withdrawn"):
        counts[done] = counts.get(done, 0) + became.pop(done, 0)
    counts["left"] = dict(Counter(counts.get("left", {})) + became)
    batch.counts = counts


def _withdraw(batch: Batch, leads: Sequence[Lead], at: datetime) -> Counter[str]:
    """Take back leads of customers this list only joined: their numbers and facts too, where
    nobody relies on them yet."""
    customers = {lead.customer_id for lead in leads}
    first = Lead.objects.filter(batch=batch, is_first=True, customer__in=customers)
    ours = set(first.order_by().values_list("customer_id", flat=True))
    used = _used_numbers({n for lead in leads for n in lead.changes.get("numbers", [])})
    became: Counter[str] = Counter()
    free: set[int] = set()
    for lead in leads:
        added = set(lead.changes.get("numbers", []))
        free |= added - used
        is_restored = lead.customer_id in ours or _restore(lead, batch, at)
        if added & used:
            became["number_used"] += 1
        else:
            became["withdrawn" if is_restored else "edited"] += 1
    Number.objects.filter(pk__in=free, is_primary=False).delete()
    Lead.objects.filter(pk__in=[lead.pk for lead in leads]).delete()
    return became


def _restore(lead: Lead, batch: Batch, at: datetime) -> bool:
    """Give back the facts a lead changed, where they still say what the lead said. False when
    somebody has edited one since; that one stays."""
    changed: dict[str, Any] = lead.changes.get("set") or {}
    if not changed:
        return True
    customer = Customer.objects.get(pk=lead.customer_id)
    if customer.merged_into_id is not None:
        return False
    back: dict[str, object] = {
        name: was
        for name, (was, said) in ((n, changed[n]) for n in FILLABLE if n in changed)
        if getattr(customer, name) == said
    }
    details = changed.get("profile", {})
    profile = {
        key: was for key, (was, said) in details.items() if customer.profile.get(key) == said
    }
    if profile:
        back["profile"] = profile
    if back:
        update_customer(customer=customer, changes=back, by=batch.by, at=at)
    wanted = len(changed) - ("profile" in changed) + len(details)
    return wanted == len(back) - bool(profile) + len(profile)


def _delete(batch: Batch, leads: Sequence[Lead], at: datetime) -> Counter[str]:
    """Delete the customers these leads made, except those somebody relies on."""
    why = _reasons_to_stay(batch, leads[0].line or 0, leads[-1].line or 0)
    gone = [lead.customer_id for lead in leads if lead.customer_id not in why]
    held_by = [*MADE_ON_ARRIVAL, *_OURS]
    dismiss_customers(customers=gone, held_by=held_by, by=batch.by, at=at)
    return Counter(why.get(lead.customer_id, "deleted") for lead in leads)


def _reasons_to_stay(batch: Batch, first: int, last: int) -> dict[int, str]:
    """Customer -> why it stays; the plainest reason wins. Of those the lines from `first` to
    `last` made. A statement for each table that knows of customers, whatever their number."""
    why: dict[int, str] = {}

    def stay(ids: Any, reason: str) -> None:
        why.update(dict.fromkeys(ids, reason))

    made = Lead.objects.filter(batch=batch, is_first=True, line__range=(first, last))
    customers = made.order_by().values("customer")
    found = Customer.objects.filter(pk__in=customers).order_by()
    for relation in sorted(relations() - _OURS):
        model, field = relation.rsplit(".", 1)
        held = (
            apps.get_model(model)
            ._default_manager.filter(**{f"{field}__in": customers})
            .order_by()
            .values_list(field)
            .annotate(n=Count("pk"))
            .filter(n__gt=MADE_ON_ARRIVAL.get(relation, 0))
        )
        stay([pk for pk, _n in held], "used")
    changed = apps.get_model("customers", "CustomerEvent")._default_manager.filter(
        pgh_obj_id__in=customers, pgh_created_at__gt=batch.finished_at
    )
    stay(changed.order_by().values_list("pgh_obj_id", flat=True), "changed")
    added = Number.objects.filter(customer__in=customers, created_at__gt=batch.finished_at)
    stay(added.order_by().values_list("customer_id", flat=True), "changed")
    stay(found.exclude(merged_into=None).values_list("pk", flat=True), "changed")
    merged = Customer.objects.filter(merged_into__in=customers).order_by()
    stay(merged.values_list("merged_into_id", flat=True), "changed")
    others = Lead.objects.filter(customer__in=customers).exclude(batch=batch).order_by()
    stay(others.values_list("customer_id", flat=True), "other_origin")
    stay(found.exclude(last_touch_at=None).values_list("pk", flat=True), "touched")
    stay(found.exclude(owner=None).values_list("pk", flat=True), "owned")
    return why


def _used_numbers(numbers: Collection[int]) -> set[int]:
    """Those of the numbers that any other table refers to."""
    used: set[int] = set()
    for relation in Number._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel):
            continue
        model = relation.related_model
        if getattr(model, "pgh_tracked_model", None) or not numbers:
            continue
        name = relation.field.name
        rows = model._default_manager.filter(**{f"{name}__in": numbers}).order_by()
        used.update(rows.values_list(f"{name}_id", flat=True))
    return used
