"""What higher capabilities know about customers, and the ownership rules ask for.

They declare it from `apps.py` as SQL, so that millions of customers are judged at once and one at
a time by the same words. Each subquery has a `customer_id`; it may use the parameter %(at)s, and
is always asked about certain customers, so it should find them by an index.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils.functional import Promise

Choice = tuple[str, str | Promise]


@dataclass(frozen=True)
class Trait:
    """By what rules and deals may tell customers apart, beyond their team: stage, source, city.

    choices  what there is to choose from; None = words somebody types
    """

    name: str
    label: str | Promise
    sql: str
    choices: Callable[[], Sequence[Choice]] | None


@dataclass(frozen=True)
class Exemption:
    """Why a customer is not taken from its owner now: an open order, a complaint, a promise."""

    name: str
    label: str | Promise
    sql: str


_traits: dict[str, Trait] = {}
_exemptions: dict[str, Exemption] = {}
_helpers: list[str] = []
_pauses: list[str] = []


def declare_trait(
    name: str,
    label: str | Promise,
    *,
    sql: str,
    choices: Callable[[], Sequence[Choice]] | None = None,
) -> None:
    """sql gives customer_id, value (text); a customer without a row has the value "": no rule
    that asks for another holds of it, and it suits everybody when customers are dealt."""
    _traits[name] = Trait(name, label, sql, choices)


def declare_exemption(name: str, label: str | Promise, *, sql: str) -> None:
    """sql gives the customer_id of those that are not taken now.

    label  a whole clause a person reads: _("a promised follow-up is still to come")
    """
    _exemptions[name] = Exemption(name, label, sql)


def declare_helpers(sql: str) -> None:
    """sql gives customer_id, user_id of those whose acts keep a customer for its owner."""
    _helpers.append(sql)


def declare_pauses(sql: str) -> None:
    """sql gives customer_id, starts_at, ends_at (NULL = still) of days that do not count for a
    customer, for instance while the campaign that has it is paused."""
    _pauses.append(sql)


def traits() -> list[Trait]:
    """In the order of declaration (the shelf, upwards)."""
    return list(_traits.values())


def traits_of(
    customers: Collection[int], names: Collection[str], *, at: datetime
) -> dict[int, dict[str, str]]:
    """Customer -> trait -> value, of the traits named; those without a value are absent. One
    statement for each name, for tens of thousands of customers."""
    found: dict[int, dict[str, str]] = {}
    for name in names:
        if name in _traits:
            for customer, value in _ask(_traits[name].sql, customers, at=at, columns="value"):
                if value:
                    found.setdefault(customer, {})[name] = value
    return found


def exempt(customers: Collection[int], *, at: datetime) -> dict[int, Exemption]:
    """Which of these are not taken from their owner now, and the first reason why."""
    found: dict[int, Exemption] = {}
    for exemption in _exemptions.values():
        for (customer,) in _ask(exemption.sql, customers, at=at):
            found.setdefault(customer, exemption)
    return found


def helpers_of(customer: int, *, at: datetime) -> set[int]:
    """Who helps the owner with this customer now."""
    return {
        user
        for sql in _helpers
        for _customer, user in _ask(sql, [customer], at=at, columns="user_id")
    }


def pauses_of(
    customers: Collection[int], *, at: datetime
) -> dict[int, list[tuple[datetime, datetime]]]:
    """Customer -> when its clocks stood still; customers without such times are absent."""
    found: dict[int, list[tuple[datetime, datetime]]] = {}
    for sql in _pauses:
        rows = _ask(sql, customers, at=at, columns="starts_at, coalesce(ends_at, %(at)s)")
        for customer, starts_at, ends_at in rows:
            if ends_at > starts_at:
                found.setdefault(customer, []).append((starts_at, ends_at))
    return found


def _ask(
    sql: str, customers: Collection[int], *, at: datetime, columns: str = ""
) -> list[tuple[Any, ...]]:
    if not customers:
        return []
    wanted = f"customer_id, {columns}" if columns else "DISTINCT customer_id"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {wanted} FROM ({sql}) AS told"  # noqa: S608
            " WHERE customer_id = ANY(%(customers)s::bigint[])",
            {"customers": list(customers), "at": at},
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def customers_with(trait: str, values: Collection[str], *, at: datetime) -> Any:
    """A condition on customers: those whose trait has one of these values."""
    from django.db.models.expressions import RawSQL

    sql = _traits[trait].sql
    raw = RawSQL(  # noqa: S611
        f"SELECT customer_id FROM ({sql.replace('%(at)s', '%s')}) AS told"  # noqa: S608
        " WHERE value = ANY(%s::text[])",
        [*([at] * sql.count("%(at)s")), list(values)],
    )
    return Q(pk__in=raw)
