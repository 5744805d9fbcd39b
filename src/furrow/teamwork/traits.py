"""What customers differ in when they are dealt: each trait is known of a customer, and accepted
or not by a person's profile. Higher capabilities declare theirs from `apps.py` (the stage)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from furrow.customers.models import Customer

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


def _column(name: str) -> Values:
    def values(ids: Sequence[int]) -> Mapping[int, str]:
        found = Customer.objects.filter(pk__in=ids).exclude(**{name: ""}).order_by()
        return {pk: str(value) for pk, value in found.values_list("pk", name) if value}

    return values


def declare_own() -> None:
    declare_match("region", _("City"), values=_column("city"))
    declare_match("language", _("Language"), values=_column("profile__language"))
    declare_match("skill", _("Category"), values=_column("category"))
