"""What else goes with a customer who is handed over: promises, places in campaigns.

Higher capabilities declare theirs from `apps.py`, as they do for merges.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from furrow.organisation.models import User

Mover = Callable[[Mapping[int, int], User, datetime], int]

_movers: dict[str, Mover] = {}


def declare_duty(name: str, *, move: Mover) -> None:
    """Say how something that a person owes customers follows them to their new owners.

    move  (customer -> new owner's id, the person they come from, at) -> how many rows moved; one
          statement for 2,000 customers, inside the transaction that moves the customers
    """
    _movers[name] = move


def move_duties(heirs: Mapping[int, int], *, person: User, at: datetime) -> dict[str, int]:
    """Let everything declared follow `heirs`: customer -> new owner. Returns name -> how many."""
    return {name: move(heirs, person, at) for name, move in _movers.items()} if heirs else {}
