"""What customers differ in when they are dealt: each trait is known of a customer, and accepted
or not by a person's profile. Higher capabilities declare theirs from `apps.py` (the stage)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Values = Callable[[Sequence[int]], Mapping[int, str]]


@dataclass(frozen=True)
class Trait:
    name: str
    label: str | Promise
    values: Values
    choices: Sequence[tuple[str, str | Promise]]  # empty = typed


_traits: dict[str, Trait] = {}


def declare_match(
    name: str,
    label: str | Promise,
    *,
    values: Values,
    choices: Sequence[tuple[str, str | Promise]] = (),
) -> None:
    """Let customers be matched by one more trait.

    values   ids of customers -> what each is; those of whom it is not known are absent, and suit
             everybody. One statement, for 20,000 ids.
    choices  what there is to choose from in a profile; empty = words, told apart by commas
    """
    _traits[name] = Trait(name, label, values, choices)


def traits() -> list[Trait]:
    """Every declared trait, in the order of declaration."""
    return list(_traits.values())


def traits_of(ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """Customer -> trait -> value, for every id; one statement per trait."""
    told: dict[int, dict[str, str]] = {pk: {} for pk in ids}
    for trait in traits():
        for pk, value in trait.values(ids).items():
            if value:
                told[pk][trait.name] = value
    return told


def values_by(sql: str) -> Values:
    """What a statement says of the customers in %(ids)s: rows of customer and value. An array, for
    twenty thousand placeholders take longer to bind than to answer."""

    def values(ids: Sequence[int]) -> Mapping[int, str]:
        with connection.cursor() as cursor:
            cursor.execute(sql, {"ids": list(ids)})
            return dict(cursor.fetchall())

    return values


_OWN = "SELECT id, {value} FROM customers_customer WHERE id = ANY(%(ids)s::bigint[])"


def declare_own() -> None:
    declare_match("region", _("City"), values=values_by(_OWN.format(value="city")))
    declare_match(
        "language", _("Language"), values=values_by(_OWN.format(value="profile ->> 'language'"))
    )
    declare_match("skill", _("Category"), values=values_by(_OWN.format(value="category")))
