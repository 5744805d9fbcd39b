"""Other ways to deal than by share alone. Higher capabilities declare theirs from `apps.py`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise

from furrow.science.allocation import Deal, Taker

from .models import Dealing


@dataclass(frozen=True)
class Dealt:
    """What a strategy makes of a deal by share.

    deal      as many to each person as by share, but other customers
    drawn     customers left as dealt by share, to compare with
    expected  customer -> chance of a yes with whom it goes to
    usual     the sum of these chances had all been dealt by share
    """

    deal: Deal
    drawn: frozenset[int]
    expected: Mapping[int, float]
    usual: float

    @property
    def yeses(self) -> float:
        """How many yeses are to be expected."""
        return sum(self.expected.values())


# (deal by share, takers, customer -> trait -> value, seed, at) -> what the strategy makes of it
Change = Callable[[Deal, Sequence[Taker], Mapping[int, Mapping[str, str]], int, datetime], Dealt]
# (dealing that was carried out, what it came of, customer -> person really given, at)
Keep = Callable[[Dealing, Dealt, Mapping[int, int], datetime], None]


@dataclass(frozen=True)
class Strategy:
    name: str
    label: str | Promise
    change: Change
    keep: Keep


_strategies: dict[str, Strategy] = {}


def declare_strategy(name: str, label: str | Promise, *, change: Change, keep: Keep) -> None:
    """Let customers be dealt in one more way.

    change  who gets whom instead, within the numbers each got by share; the same for the same seed
    keep    called inside the transaction that carries the deal out
    """
    _strategies[name] = Strategy(name, label, change, keep)


def strategies() -> list[Strategy]:
    """Every declared strategy, in the order of declaration."""
    return list(_strategies.values())


def strategy_named(name: str) -> Strategy | None:
    return _strategies.get(name)
