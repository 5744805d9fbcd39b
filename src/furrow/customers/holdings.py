"""What other capabilities keep about a customer: how it follows a merge, and what it tells.

A higher capability declares each of its tables from its `apps.py`. A table nobody declared makes
merging refuse, so nothing is ever left behind by accident.
"""

import json
from collections.abc import Callable, Collection, Container
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import ForeignObjectRel
from django.utils.translation import gettext as _

from .models import Customer
from .rules import CannotMerge, Moment

Mover = Callable[[Customer, Customer], None]  # (duplicate, kept)
Teller = Callable[[Customer, datetime | None, int], list[Moment]]  # (customer, before, most)

# So many moments of one table may bear the very same instant and still be told on one page.
_TWINS = 20

# "followups.FollowUp.customer" -> how to move it; None = it stays with the signpost
_movers: dict[str, Mover | None] = {}
_tellers: dict[str, Teller] = {}


def declare(relation: str, *, move: Mover | None, tell: Teller | None = None) -> None:
    """Say how a table about customers follows a merge, and what it adds to the timeline.

    relation  "app.Model.field" of the foreign key to Customer
    move      moves the rows of the duplicate to the kept customer, inside the merge's transaction,
              and touches only rows of these two: so the merge sees what it did, and can undo it.
              None: the rows are about the signpost itself, and stay with it
    tell      the newest `most` moments before an instant (None = now), newest first
    """
    _movers[relation] = move
    if tell is not None:
        _tellers[relation] = tell


def relations() -> set[str]:
    """Every foreign key to Customer, as "app.Model.field"; history tables need no mover."""
    return {
        f"{rel.related_model._meta.label}.{rel.field.name}"
        for rel in Customer._meta.get_fields(include_hidden=True)  # related_name="+" hides none
        if isinstance(rel, ForeignObjectRel)
        and rel.related_model is not Customer
        and not getattr(rel.related_model, "pgh_tracked_model", None)
    }


def movers() -> list[Mover]:
    """How to move everything we hold. Raises CannotMerge if any relation is undeclared."""
    if undeclared := relations() - _movers.keys():
        raise CannotMerge(
            _("Nobody said how these follow a merge: %(tables)s. Tell the developers.")
            % {"tables": ", ".join(sorted(undeclared))},
            rule="B2",
        )
    return [move for _name, move in sorted(_movers.items()) if move is not None]


Picture = dict[str, dict[int, dict[str, Any]]]  # table -> primary key -> column -> value


def picture(customers: Collection[int]) -> Picture:
    """These customers, the signposts to them, and every row that follows them in a merge.

    Cost: one index scan per declared table.
    """
    own = Customer._meta.label
    asked = {own: ["id", "merged_into_id"]}
    for relation, move in _movers.items():
        if move is not None:
            table, _dot, field = relation.rpartition(".")
            asked.setdefault(table, []).append(f"{field}_id")
    return {table: _rows(table, columns, list(customers)) for table, columns in asked.items()}


def is_told(table: str) -> bool:
    """Whether the timeline tells of this table's rows."""
    return any(relation.rpartition(".")[0] == table for relation in _tellers)


def row_now(table: str, pk: int) -> dict[str, Any] | None:
    """One row as it is, held until the transaction ends; None if there is none."""
    return _rows(table, [columns_of(table)[1]], [pk], hold="FOR UPDATE").get(pk)


def columns_of(table: str) -> tuple[str, str]:
    """A table's name in the database and its primary key's column, both quoted."""
    meta = apps.get_model(table)._meta
    quote = connection.ops.quote_name
    assert meta.pk is not None  # noqa: S101
    return quote(meta.db_table), quote(meta.pk.column)


def _rows(
    table: str, columns: list[str], ids: list[int], *, hold: str = ""
) -> dict[int, dict[str, Any]]:
    name, key = columns_of(table)
    matching = " OR ".join(f"t.{column} = ANY(%(ids)s)" for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t.{key}, to_jsonb(t)::text FROM {name} AS t WHERE {matching} {hold}",  # noqa: S608
            {"ids": ids},
        )
        return {pk: json.loads(row) for pk, row in cursor.fetchall()}


def timeline(
    customer: Customer, *, before: datetime | None, most: int, kinds: Container[str] | None = None
) -> list[Moment]:
    """The newest moments, newest first, all earlier than `before`.

    kinds  only these; None = every kind

    At most `most`, and beyond them those of the same instant as the last: so the next page may
    go on before that instant and miss nothing. Cost: one bounded query per declared table.
    """
    asked = most + _TWINS
    told = [moment for tell in _tellers.values() for moment in tell(customer, before, asked)]
    moments = [moment for moment in told if kinds is None or moment.kind in kinds]
    moments.sort(key=lambda moment: (moment.at, moment.anchor), reverse=True)
    if len(moments) <= most:
        return moments
    last = moments[most - 1].at
    return [moment for moment in moments if moment.at >= last]
