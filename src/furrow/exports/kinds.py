"""What can be exported. Capabilities above declare each kind from `apps.py`; this one knows only
that it has columns and rows."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from django.http import Http404
from django.utils.functional import Promise

from furrow.organisation.models import User


@dataclass(frozen=True)
class What:
    """Which rows: a list's filters as its URL has them, or ids somebody ticked or found."""

    query: str = ""
    ids: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Column:
    name: str
    label: str | Promise
    is_usual: bool = True  # chosen unless somebody takes it out


@dataclass(frozen=True)
class Kind:
    """
    count     how many rows `user` may take of these
    rows      as `user` may see them, each with the cells of the columns named, and the ids of
              planted records to put among them; read in pieces
    baits     some planted records for a mark: others for another mark
    describe  the filters in words, for whoever approves
    marked    the column whose cells can carry the hidden mark
    """

    name: str
    label: str | Promise
    columns: Sequence[Column]
    marked: str
    count: Callable[[User, What], int]
    rows: Callable[[User, What, Sequence[str], Collection[int]], Iterator[list[object]]]
    baits: Callable[[int, int], list[int]]
    describe: Callable[[User, What], str]


_kinds: dict[str, Kind] = {}


def declare_kind(kind: Kind) -> None:
    _kinds[kind.name] = kind


def kind_named(name: str) -> Kind:
    """Raises Http404."""
    if name not in _kinds:
        raise Http404
    return _kinds[name]
