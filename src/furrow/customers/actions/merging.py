"""Two records become one, and two again."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.customers.holdings import Picture, columns_of, is_told, movers, picture, row_now
from furrow.customers.models import Customer, MergeEvent, Note, Number
from furrow.customers.rules import (
    BASICS,
    OWNED,
    CannotAssign,
    CannotMerge,
    Left,
    OwnerChange,
    put_back,
)
from furrow.organisation.models import User

from .owners import change_owner, restore_since
from .records import set_keys

_CUSTOMER = Customer._meta.label


@transaction.atomic
def merge_customers(
    *, duplicate: Customer, into: Customer, reasons: Sequence[str] = (), by: User, at: datetime
) -> Customer:
    """Make two records one. The duplicate stays as a signpost; what it alone knew is kept.

    The kept record's owner stays; a pooled one goes to the duplicate's owner. The MergeEvent
    keeps what was where, for `undo_merge`.
    Raises CannotMerge, also when some table has not said how it follows.
    """
    # Lock both, in a fixed order, so crossing merges neither deadlock nor form a loop.
    both = Customer.objects.select_for_update().filter(
        pk__in=[duplicate.pk, into.pk], merged_into=None
    )
    found = {customer.pk: customer for customer in both.order_by("pk")}
    if len(found) != 2:
        raise CannotMerge(
            _("These are one customer already, or one of them was joined to another."), rule="B2"
        )
    duplicate, into = found[duplicate.pk], found[into.pk]
    how = movers()
    before = picture(found)
    for move in how:
        move(duplicate, into)

    owner = duplicate.owner
    if owner is not None:
        change_owner(duplicate, None, OwnerChange.MERGED, by=by, at=at)
    if owner is not None and into.owner_id is None:
        change_owner(into, owner, OwnerChange.MERGED, by=by, at=at)
    _fill_blanks(into, duplicate)
    into.save()
    # Earlier duplicates of the duplicate point straight to the record that is kept.
    Customer.objects.filter(merged_into=duplicate).update(merged_into=into)
    duplicate.merged_into = into
    duplicate.save()
    after = picture(found)
    event = MergeEvent.objects.create(
        kept=into, duplicate=duplicate, reasons=list(reasons), by=by, at=at,
        changes=_differences(before, after),
        newest={table: max(rows) for table, rows in after.items() if rows},
    )  # fmt: skip
    record(
        "customer.merged", of=into, by=by.username, at=at, duplicate=duplicate.pk, merge=event.pk
    )
    return into


@transaction.atomic
def undo_merge(*, merge: MergeEvent, by: User, at: datetime) -> MergeEvent:
    """Make one record two again, each row and value back where it was before `merge`.

    What somebody changed since is left as it is, what was added since stays with the kept
    record, and `left` says how much that is. Raises CannotMerge when it was undone already, or
    the kept record was itself joined to another.
    """
    pair = [merge.duplicate_id, merge.kept_id]
    locked = Customer.objects.select_for_update().filter(pk__in=pair).order_by("pk")
    customers = {customer.pk: customer for customer in locked}
    merge = MergeEvent.objects.select_for_update().get(pk=merge.pk)
    if merge.undone_at is not None:
        raise CannotMerge(_("This join was undone already."), rule="B2")
    if customers[merge.kept_id].merged_into_id is not None:
        raise CannotMerge(
            _("The kept record was joined to another one since. Undo that first."), rule="B2"
        )
    owners = {
        change["pk"]: change
        for change in merge.changes
        if change["table"] == _CUSTOMER and OWNED & change["was"].keys()
    }
    left = _restore(merge.changes)
    for pk, change in sorted(owners.items()):
        left.owners += not _return_owner(pk, change, by=by, at=at)
    left.since = sum(
        pk > merge.newest.get(table, 0)
        for table, rows in picture([merge.kept_id]).items()
        for pk in rows
        if is_told(table)
    )
    merge.undone_at, merge.undone_by, merge.left = at, by, left.as_json()
    merge.save()
    record(
        "customer.unmerged", of=customers[merge.kept_id], by=by.username, at=at,
        duplicate=merge.duplicate_id, merge=merge.pk, left=merge.left,
    )  # fmt: skip
    return merge


def move_notes(duplicate: Customer, kept: Customer) -> None:
    Note.objects.filter(customer=duplicate).update(customer=kept)


def move_numbers(duplicate: Customer, kept: Customer) -> None:
    """All numbers; the kept record's primary number stays primary."""
    if Number.objects.filter(customer=kept, is_primary=True).exists():
        Number.objects.filter(customer=duplicate).update(is_primary=False)
    Number.objects.filter(customer=duplicate).update(customer=kept)


def _fill_blanks(kept: Customer, duplicate: Customer) -> None:
    for name in ("city", "address", "email", "category"):
        if not getattr(kept, name):
            setattr(kept, name, getattr(duplicate, name))
    kept.profile = {**duplicate.profile, **kept.profile}
    touches = [t for t in (kept.last_touch_at, duplicate.last_touch_at) if t is not None]
    kept.last_touch_at = max(touches, default=None)
    set_keys(kept)


# -- what a merge did, and back --------------------------------------------------------------------


def _differences(before: Picture, after: Picture) -> list[dict[str, Any]]:
    """Rows that came, went or changed; of the changed ones only the columns that did."""
    changes = []
    for table in sorted(before):
        for pk in sorted(before[table].keys() | after[table].keys()):
            was, became = before[table].get(pk), after[table].get(pk)
            if was is not None and became is not None:
                changed = [column for column in was if was[column] != became[column]]
                was = {column: was[column] for column in changed}
                became = {column: became[column] for column in changed}
            if was != became:
                changes.append({"table": table, "pk": pk, "was": was, "became": became})
    return changes


def _restore(changes: Sequence[Mapping[str, Any]]) -> Left:
    """Put every row back that can be. A row may have to wait for another, as when two rows may
    not both be open: so again, until nothing moves."""
    left = Left()
    waiting = list(changes)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # so that each row answers for itself
    while waiting:
        stuck = []
        for change in waiting:
            try:
                with transaction.atomic():
                    kept_as_is = _restore_row(**change)
            except IntegrityError:
                stuck.append(change)
                continue
            if change["table"] == _CUSTOMER:
                left.fields += sorted(kept_as_is & {*BASICS, "profile"})
            else:
                left.changed += bool(kept_as_is)
        if len(stuck) == len(waiting):
            left.changed += len(stuck)
            break
        waiting = stuck
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return left


def _restore_row(
    *, table: str, pk: int, was: dict[str, Any] | None, became: dict[str, Any] | None
) -> set[str]:
    """One row as it was. Returns the columns that are left because somebody changed them."""
    now = row_now(table, pk)
    if was is None:  # the merge made this row
        assert became is not None  # noqa: S101
        if now is not None and now != became:
            return {column for column in now if now[column] != became.get(column)}
        _write(table, "DELETE FROM {table} WHERE {key} = %(pk)s", pk, {})
        return set()
    if became is None:  # the merge dropped it
        if now is not None:
            return set(was)
        insert = "INSERT INTO {table} ({columns}) SELECT {columns} FROM {said}"
        _write(table, insert, pk, was)
        return set()
    if now is None:
        return set(was)
    if table == _CUSTOMER:  # the owner has a door of its own
        was = {column: value for column, value in was.items() if column not in OWNED}
    values, left = put_back(was, became, now)
    if values:
        update = (
            "UPDATE {table} SET ({columns}) = (SELECT {columns} FROM {said}) WHERE {key}=%(pk)s"
        )
        _write(table, update, pk, values)
    return left


def _write(table: str, statement: str, pk: int, values: Mapping[str, Any]) -> None:
    name, key = columns_of(table)
    quoted = ", ".join(connection.ops.quote_name(column) for column in values)
    said = f"jsonb_populate_record(NULL::{name}, %(values)s::jsonb)"
    with connection.cursor() as cursor:
        cursor.execute(
            statement.format(table=name, key=key, columns=quoted, said=said),
            {"pk": pk, "values": json.dumps(values)},
        )


def _return_owner(pk: int, change: Mapping[str, Any], *, by: User, at: datetime) -> bool:
    """The owner before the merge, unless it changed hands since. False if it stays as it is."""
    was, became, now = change["was"], change["became"], row_now(_CUSTOMER, pk)
    assert now is not None  # noqa: S101
    if any(now[column] != became[column] for column in became.keys() & OWNED):
        return False
    was = now | was
    customer = Customer.objects.get(pk=pk)
    owner = User.objects.filter(pk=was["owner_id"]).first()
    try:
        change_owner(customer, owner, OwnerChange.PARTED, by=by, at=at)
    except CannotAssign:  # somebody who left, or does other work now: to the pool
        change_owner(customer, None, OwnerChange.PARTED, by=by, at=at)
        return False
    since = parse_datetime(was["owned_since"]) if was["owned_since"] else None
    restore_since(customer, since=since, team_id=was["team_id"])
    return True
