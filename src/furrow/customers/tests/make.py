"""Customers for tests: recorded through the actions, so keys, numbers and history are real."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import count
from threading import Barrier
from typing import Any

from django.db import connection

from furrow.common.refusal import Refused
from furrow.customers.actions import create_customer
from furrow.customers.models import Customer, Number
from furrow.customers.rules import Kind
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_team, make_user

_next = count(1)


def make_e164() -> str:
    """A number nobody else in this test has; Chinese, of a range never allocated."""
    # Far from the one before: numbers a slip apart speak for one person, by chance here and there.
    return f"+86154{next(_next) * 61_803_399 % 10**8:08d}"


def make_customer(
    *,
    name: str = "王伟",
    numbers: Sequence[str] | None = None,
    kind: Kind = Kind.PERSON,
    city: str = "",
    address: str = "",
    category: str = "",
    profile: Mapping[str, object] | None = None,
    team: Team | None = None,
    owner: User | None = None,
    by: User | None = None,
    at: datetime = NOON,
) -> Customer:
    """A customer with one fresh number, in a team's pool; with `owner`, that agent's."""
    return create_customer(
        name=name,
        numbers=[make_e164()] if numbers is None else numbers,
        kind=kind,
        city=city,
        address=address,
        category=category,
        profile=profile,
        team=team or (None if owner else make_team()),
        owner=owner,
        by=by or owner or make_user(role=Role.OPERATIONS),
        at=at,
    )


def number_of(customer: Customer) -> Number:
    """The customer's primary number."""
    return Number.objects.get(customer=customer, is_primary=True)


def together(people: int, act: Callable[[int], Any]) -> list[Any]:
    """Run `act` in as many threads at the same instant; refusals come back as values."""
    barrier = Barrier(people)

    def one(index: int) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=60)
            return act(index)
        except Refused as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(people) as pool:
        return list(pool.map(one, range(people)))
