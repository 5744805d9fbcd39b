"""Pages of long lists that are read newest first, without ever counting or skipping rows."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from django.db.models import Expression, F, Func, Model, QuerySet, TextField, Value
from django.db.models.lookups import LessThan

M = TypeVar("M", bound=Model)
_PLACE = re.compile("[0-9]{1,17}-[0-9]{1,18}")  # no more than PostgreSQL can compare
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Page(Generic[M]):
    """`older` is the place to go on from, for the URL; "" at the end."""

    rows: list[M]
    older: str


def newest_first(rows: QuerySet[M], *, after: str, size: int = 50) -> Page[M]:
    """The `size` rows, newest first, that follow the place `after` ("" or nonsense = from the top).

    rows  of a model with `at` and an index on (-at, -id)
    A place is "<microseconds since 1970>-<id>". Cost: walks the index, whatever the page.
    """
    microseconds, _, pk = after.partition("-")
    if _PLACE.fullmatch(after):
        place = _EPOCH + int(microseconds) * _MICROSECOND
        # A comparison of rows is one walk of the index; two conditions joined by OR are not.
        rows = rows.filter(LessThan(row_of(F("at"), F("pk")), row_of(Value(place), Value(int(pk)))))
    found = list(rows.order_by("-at", "-pk")[: size + 1])
    older = ""
    if len(found) > size:
        last = found[size - 1]
        at: datetime = last.at  # type: ignore[attr-defined]
        older = f"{(at - _EPOCH) // _MICROSECOND}-{last.pk}"
    return Page(found[:size], older)


def row_of(*parts: Expression | F) -> Func:
    """A row value: PostgreSQL compares (a, b) < (c, d) by one walk of an index on (a, b)."""
    return Func(*parts, template="(%(expressions)s)", output_field=TextField())
