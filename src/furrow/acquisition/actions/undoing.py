"""Taking an import back: what it made goes, what somebody relies on by now stays, and is told."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import Count, ForeignObjectRel

from furrow.acquisition.models import Batch, Lead, Row
from furrow.acquisition.rules import RowState
from furrow.customers.actions import update_customer
from furrow.customers.holdings import relations
from furrow.customers.models import Customer, Number

UNDO_ROWS = 500  # rows per transaction
# How many rows arrival itself makes in these tables; anything beyond is somebody's work.
MADE_ON_ARRIVAL = {
    "pipeline.Standing.customer": 1,
    "pipeline.StageMove.customer": 1,
}
_OURS = {
    "customers.Number.customer", "acquisition.Lead.customer", "acquisition.Row.customer",
    "linkage.Pair.left", "linkage.Pair.right",  # a likeness goes with the customer
}  # fmt: skip


def withdraw_chunk(*, batch: Batch, after: int, at: datetime) -> int:
    """Take back the joined rows behind line `after`. Returns the last line done; 0 when none is
    left. Safe to be killed and run again. The batch is locked by the caller."""
    rows = _rows(batch, RowState.JOINED, after)
    _withdraw(batch, rows, at)
    return _store(rows)


def delete_chunk(*, batch: Batch, after: int) -> int:
    """Like `withdraw_chunk`, for customers this list made; once all joined rows are withdrawn."""
    rows = _rows(batch, RowState.CREATED, after)
    _delete(batch, rows)
    return _store(rows)


def _rows(batch: Batch, state: RowState, after: int) -> list[Row]:
    rows = Row.objects.filter(batch=batch, state=state, undone="", line__gt=after)
    return list(rows.order_by("line")[:UNDO_ROWS])


def _store(rows: Sequence[Row]) -> int:
    Row.objects.bulk_update(rows, ["undone"], batch_size=UNDO_ROWS)
    return rows[-1].line if rows else 0


def tally_undone(*, batch: Batch) -> dict[str, Any]:
    """Customers deleted, leads withdrawn, and why the rest was left."""
    rows = Row.objects.filter(batch=batch).exclude(undone="").order_by()
    counts = dict(rows.values_list("undone").annotate(n=Count("id")))
    return {
        "deleted": counts.pop("deleted", 0),
        "withdrawn": counts.pop("withdrawn", 0),
        "left": counts,
    }


def _withdraw(batch: Batch, rows: list[Row], at: datetime) -> None:
    """Take back leads of customers this list only joined: their numbers and facts too, where
    nobody relies on them yet."""
    leads = {
        lead.line: lead
        for lead in Lead.objects.filter(batch=batch, line__in=[row.line for row in rows])
    }
    ours = set(
        Lead.objects.filter(batch=batch, is_first=True).filter(
            customer__in=[lead.customer_id for lead in leads.values()]
        ).values_list("customer_id", flat=True)
    )  # fmt: skip
    used = _used_numbers(
        {number for lead in leads.values() for number in lead.changes.get("numbers", [])}
    )
    for row in rows:
        row.undone = "withdrawn"
        lead = leads.get(row.line)
        if lead is None:
            continue
        added = set(lead.changes.get("numbers", []))
        if added & used:
            row.undone = "number_used"
        Number.objects.filter(pk__in=added - used, is_primary=False).delete()
        if lead.customer_id not in ours:
            _unfill(lead, batch, at)
        lead.delete()


def _unfill(lead: Lead, batch: Batch, at: datetime) -> None:
    """Blank again what the lead filled in, where it still says what the lead said."""
    filled = lead.changes.get("filled") or {}
    customer = Customer.objects.get(pk=lead.customer_id)
    blanks: dict[str, object] = {
        name: ""
        for name, said in filled.items()
        if name != "profile" and getattr(customer, name) == said
    }
    profile = {
        key: ""
        for key, said in (filled.get("profile") or {}).items()
        if customer.profile.get(key) == said
    }
    if profile:
        blanks["profile"] = profile
    if blanks and customer.merged_into_id is None:
        update_customer(customer=customer, changes=blanks, by=batch.by, at=at)


def _delete(batch: Batch, rows: list[Row]) -> None:
    """Delete the customers these rows made, except those somebody relies on."""
    leads = {
        lead.line: lead.customer_id
        for lead in Lead.objects.filter(batch=batch, line__in=[row.line for row in rows])
    }
    why = _reasons_to_stay(batch, set(leads.values()))
    gone = {customer for customer in leads.values() if customer not in why}
    Lead.objects.filter(batch=batch, customer__in=gone).delete()
    Row.objects.filter(customer__in=gone).update(customer=None)
    Customer.objects.filter(pk__in=gone).delete()
    for row in rows:
        customer = leads.get(row.line)
        row.undone = why.get(customer, "deleted") if customer else "deleted"


def _reasons_to_stay(batch: Batch, customers: Collection[int]) -> dict[int, str]:
    """Customer -> why it stays; the plainest reason wins."""
    why: dict[int, str] = {}

    def stay(ids: Any, reason: str) -> None:
        why.update(dict.fromkeys(ids, reason))

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
