"""Who does something with every customer that arrives, declared by higher capabilities.

The pipeline, which lies above, puts newcomers at their first stage in the same transaction that
makes them; so no customer is ever seen half arrived. Follow-ups, above too, see to it that
somebody who asks for us is called soon.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from furrow.organisation.models import User

if TYPE_CHECKING:
    from .models import Lead


class Welcome(Protocol):
    def __call__(self, *, customer_ids: Sequence[int], by: User, at: datetime) -> object: ...


class Hearer(Protocol):
    def __call__(self, *, lead: Lead, by: User, at: datetime) -> object: ...


_welcomes: list[Welcome] = []
_hearers: list[Hearer] = []


def declare_welcome(welcome: Welcome) -> None:
    """Have `welcome` called with the ids of new customers, inside their transaction."""
    if welcome not in _welcomes:
        _welcomes.append(welcome)


def welcome_all(*, customer_ids: Sequence[int], by: User, at: datetime) -> None:
    for welcome in _welcomes:
        welcome(customer_ids=customer_ids, by=by, at=at)


def declare_hearer(hear: Hearer) -> None:
    """Have `hear` called with each lead that comes one by one, new customer or known, inside its
    transaction; by then whoever looks after the customer does."""
    if hear not in _hearers:
        _hearers.append(hear)


def tell_all(*, lead: Lead, by: User, at: datetime) -> None:
    for hear in _hearers:
        hear(lead=lead, by=by, at=at)
