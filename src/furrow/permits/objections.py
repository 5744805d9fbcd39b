"""What higher capabilities have against a call: an open complaint, a stage that does not fit.

They declare a function from their `apps.py`; the gate asks each, after its own checks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .rules import Objection, Purpose


@dataclass(frozen=True)
class Asked:
    """The call somebody may object to."""

    customer_id: int
    purpose: Purpose
    stage: str  # the campaign's pipeline.Stage; "" without a campaign
    at: datetime


Objector = Callable[[Asked], Objection | None]
_objectors: dict[str, Objector] = {}


def declare_objection(name: str, objects: Objector) -> None:
    """Ask `objects` about every call. It reads at most one row; None = nothing against it."""
    _objectors[name] = objects


def objections_to(asked: Asked) -> list[Objection]:
    """Everything higher capabilities have against a call, by the names they declared."""
    answers = (objects(asked) for _name, objects in sorted(_objectors.items()))
    return [answer for answer in answers if answer is not None]
