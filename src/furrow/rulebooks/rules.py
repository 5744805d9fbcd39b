"""What a book of rules is. No database, no clock."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.utils.translation import gettext as _

from furrow.common.refusal import Refused

R = TypeVar("R")


class CannotSetRules(Refused):
    """These rules cannot be put in force."""


@dataclass(frozen=True)
class Book(Generic[R]):
    """One page of rules: a JSON document in versions, and what it means.

    name     short and stable: it is stored with every version
    rule     the id of the domain's rule that refusals name
    default  what holds before the first version is saved
    read     makes rules of a version's JSON: read(body, version=3). Raises ValueError, naming what
             is wrong
    """

    name: str
    rule: str
    default: Mapping[str, Any]
    read: Callable[..., R]


# -- reading a version's JSON ----------------------------------------------------------------------

When = Mapping[str, frozenset[str]]  # trait -> allowed values, all must hold; empty = everybody


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Say which part of the rules a mistake is in."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{name}: {error}") from error


def whole(value: Any, *, least: int = 0, most: int) -> int:
    """A whole number within [least, most]. Raises ValueError."""
    number = int(value)
    if not least <= number <= most:
        raise ValueError(_("between %(least)d and %(most)d") % {"least": least, "most": most})
    return number


def conditions(said: Mapping[str, Collection[str]]) -> When:
    """Which customers: {"stage": ["acquisition"]}. A trait without values asks nothing."""
    return {str(trait): frozenset(map(str, values)) for trait, values in said.items() if values}


def holds(when: When, traits: Mapping[str, str]) -> bool:
    """Whether a customer with these traits meets every condition; an unknown trait is ""."""
    return all(traits.get(trait, "") in values for trait, values in when.items())
