"""Which rules are in force."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .models import RuleVersion, Run
from .rules import Book, R


def rules_at(book: Book[R], at: datetime) -> R:
    """The rules in force at `at`, by the version of that time; one query."""
    version = _version_at(book, at)
    return _read(book, version.body, version.version) if version else _read(book, book.default, 0)


def body_at(book: Book[R], at: datetime) -> Mapping[str, Any]:
    """The JSON of the rules in force, to begin a change from. What a version of earlier days does
    not say is as it is by default."""
    version = _version_at(book, at)
    return {**book.default, **version.body} if version else book.default


def every_version(book: Book[R]) -> dict[int, R]:
    """Version -> rules, the default's 0 included: to judge by the rules of another time."""
    said = {v.version: _read(book, v.body, v.version) for v in RuleVersion.objects.of(book.name)}
    return {0: _read(book, book.default, 0), **said}


def history(book: Book[Any]) -> list[RuleVersion]:
    """Newest first."""
    versions = RuleVersion.objects.of(book.name).select_related("by")
    return list(versions.order_by("-version"))


def last_run(book: Book[Any]) -> Run | None:
    """The last night's run, finished or not."""
    return Run.objects.filter(book=book.name).order_by("-on").first()


def _version_at(book: Book[Any], at: datetime) -> RuleVersion | None:
    return RuleVersion.objects.of(book.name).in_force(at).order_by("-version").first()


# What was read last of each version: reading it anew costs more than comparing its JSON.
_known: dict[tuple[str, int], tuple[Mapping[str, Any], Any]] = {}


def _read(book: Book[R], body: Mapping[str, Any], version: int) -> R:
    known = _known.get((book.name, version))
    if known is None or known[0] != body:
        rules = book.read({**book.default, **body}, version=version)
        known = _known[book.name, version] = (body, rules)
    rules_: R = known[1]
    return rules_
