"""What a list of customers shows beside what customers itself knows.

Higher capabilities declare columns from `apps.py`, as they declare filters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.safestring import SafeString

Cells = Callable[[Sequence[int]], Mapping[int, SafeString]]


@dataclass(frozen=True)
class Column:
    name: str
    label: str | Promise
    cells: Cells


_columns: dict[str, Column] = {}


def declare_column(name: str, label: str | Promise, *, cells: Cells) -> None:
    """Add a column to the customers' list.

    cells  for the ids of one page: id -> HTML; a missing id is an empty cell. One query.
    """
    _columns[name] = Column(name, label, cells)


def columns() -> list[Column]:
    """Every declared column, in the order of declaration."""
    return list(_columns.values())
