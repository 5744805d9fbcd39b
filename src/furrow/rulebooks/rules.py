"""What a book of rules is. No database, no clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

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
