"""Who does something with every customer that arrives, declared by higher capabilities.

The pipeline, which lies above, puts newcomers at their first stage in the same transaction that
makes them; so no customer is ever seen half arrived.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from furrow.organisation.models import User


class Welcome(Protocol):
    def __call__(self, *, customer_ids: Sequence[int], by: User, at: datetime) -> object: ...


_welcomes: list[Welcome] = []


def declare_welcome(welcome: Welcome) -> None:
    """Have `welcome` called with the ids of new customers, inside their transaction."""
    if welcome not in _welcomes:
        _welcomes.append(welcome)


def welcome_all(*, customer_ids: Sequence[int], by: User, at: datetime) -> None:
    for welcome in _welcomes:
        welcome(customer_ids=customer_ids, by=by, at=at)
