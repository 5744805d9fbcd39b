"""What a segment is, how sure an estimate of its size is, and what calling it takes. No database,
no clock."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _t

from furrow.common.refusal import Refused

MOST_GROUPS, MOST_CONDITIONS = 6, 8
Z = 1.96  # of a normal distribution: 95 in 100 lie within


class CannotSave(Refused):
    """This segment cannot be saved."""


@dataclass(frozen=True)
class Condition:
    """One filter with its value, as in a list's URL, or its opposite."""

    filter: str
    value: str
    is_not: bool = False

    @property
    def stored(self) -> dict[str, Any]:
        return {"filter": self.filter, "value": self.value, "not": self.is_not}


@dataclass(frozen=True)
class Conditions:
    """Groups that must all hold; in each group one condition is enough."""

    groups: tuple[tuple[Condition, ...], ...] = ()

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Conditions":
        return cls(
            tuple(
                tuple(
                    Condition(str(one["filter"]), str(one["value"]), bool(one.get("not")))
                    for one in group["any"]
                )
                for group in body.get("all", ())
            )
        )

    @property
    def stored(self) -> dict[str, Any]:
        return {"all": [{"any": [one.stored for one in group]} for group in self.groups]}

    @property
    def said(self) -> "Conditions":
        """Without what is not filled in yet."""
        groups = (tuple(c for c in group if c.filter and c.value) for group in self.groups)
        return Conditions(tuple(group for group in groups if group))

    @property
    def filters(self) -> set[str]:
        return {one.filter for group in self.groups for one in group}


def check_conditions(conditions: Conditions, *, known: Collection[str]) -> Conditions:
    """The conditions that say something. Raises CannotSave for none, too many, or a filter nobody
    knows; a segment cannot stand on segments."""
    said = conditions.said
    if not said.groups:
        raise CannotSave(_t("Say at least one condition: everybody is no segment."), rule="H1")
    if len(said.groups) > MOST_GROUPS or any(len(g) > MOST_CONDITIONS for g in said.groups):
        raise CannotSave(
            _t("At most %(groups)d groups of %(conditions)d conditions.")
            % {"groups": MOST_GROUPS, "conditions": MOST_CONDITIONS},
            rule="H1",
        )
    if unknown := said.filters - set(known) | said.filters & {"segment"}:
        raise CannotSave(
            _t("There is no condition “%(name)s”.") % {"name": min(unknown)}, rule="H1"
        )
    return said


# -- how many --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Size:
    """How many customers, or between how many 95 times in 100 if only a sample was looked at.

    looked_at  how many the sample held; 0 for a count
    """

    count: int
    low: int
    high: int
    looked_at: int = 0

    @property
    def is_exact(self) -> bool:
        return not self.looked_at


def exactly(count: int) -> Size:
    return Size(count, count, count)


def estimated(*, hits: int, looked_at: int, of: int) -> Size:
    """The size from a random sample of the ids there may be.

    hits       ids of the sample that belong
    looked_at  ids in the sample, > 0
    of         ids there may be; some of them may be nobody's

    The range is Wilson's, which holds for few hits too: of none it says "at most".
    """
    p, n = hits / looked_at, looked_at
    middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    low = max(0.0, middle - half) if hits else 0.0
    return Size(round(p * of), math.floor(low * of), math.ceil(min(1.0, middle + half) * of), n)


# -- what calling it takes ---------------------------------------------------------------------


@dataclass(frozen=True)
class Pace:
    """How the house calls, from its own calls or, without enough of them, as a plan assumes.

    attempts        calls a customer takes
    calls_per_day   of one agent
    is_measured     whether both come from the last days' calls
    """

    attempts: float
    calls_per_day: float
    is_measured: bool


ASSUMED = Pace(attempts=2.5, calls_per_day=120.0, is_measured=False)


@dataclass(frozen=True)
class Need:
    """So many agents for so many days."""

    agents: int
    days: int


def need_for(size: int, pace: Pace, *, agents: int | None = None, days: int | None = None) -> Need:
    """What calling `size` customers takes: the days for so many agents, or the agents for so many
    days; both whole, rounded up. More customers never take less."""
    agent_days = size * pace.attempts / pace.calls_per_day
    if agents:
        return Need(agents, max(1, math.ceil(agent_days / agents)))
    wanted = days or 5
    return Need(max(1, math.ceil(agent_days / wanted)), wanted)


def mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
