"""Who may see a customer though it is neither theirs nor their team's: somebody who helps with it.

Higher capabilities declare such ties from `apps.py`; `CustomerQuerySet.visible_to` adds them to
what a role's scope reaches, and the record says which tie it was.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.utils.functional import Promise

from furrow.organisation.models import User
from furrow.organisation.rules import OwnerState


@dataclass(frozen=True)
class Tie:
    name: str
    because: str | Promise
    customers: Callable[[User], Collection[int]]
    state: OwnerState


_ties: dict[str, Tie] = {}


def declare_tie(
    name: str,
    *,
    because: str | Promise,
    customers: Callable[[User], Collection[int]],
    state: OwnerState = OwnerState.COLLABORATOR,
) -> None:
    """Let people see the customers they are tied to.

    because    the whole sentence a person reads: _("You help the owner with this customer.")
    customers  ids of those `user` is tied to now: one query by an index, some hundreds at most,
               for they stand in the condition of every list
    state      as what the fields are shown to them (organisation.rules, rights by field)
    """
    _ties[name] = Tie(name, because, customers, state)


def ties() -> list[Tie]:
    """Every declared tie, in the order of declaration (the shelf, upwards)."""
    return list(_ties.values())
