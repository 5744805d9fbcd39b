"""What other capabilities keep about a customer: how it follows a merge, and what it tells.

A higher capability declares each of its tables from its `apps.py`. A table nobody declared makes
merging refuse, so nothing is ever left behind by accident.
"""

from collections.abc import Callable, Container
from datetime import datetime

from django.db.models import ForeignObjectRel
from django.utils.translation import gettext as _

from .models import Customer
from .rules import CannotMerge, Moment

Mover = Callable[[Customer, Customer], None]  # (duplicate, kept)
Teller = Callable[[Customer, datetime | None, int], list[Moment]]  # (customer, before, most)

# So many moments of one table may bear the very same instant and still be told on one page.
_TWINS = 20

_movers: dict[str, Mover] = {}  # "followups.FollowUp.customer" -> how to move it
_tellers: dict[str, Teller] = {}


def declare(relation: str, *, move: Mover, tell: Teller | None = None) -> None:
    """Say how a table about customers follows a merge, and what it adds to the timeline.

    relation  "app.Model.field" of the foreign key to Customer
    move      moves the rows of the duplicate to the kept customer, inside the merge's transaction
    tell      the newest `most` moments before an instant (None = now), newest first
    """
    _movers[relation] = move
    if tell is not None:
        _tellers[relation] = tell


def relations() -> set[str]:
    """Every foreign key to Customer, as "app.Model.field"; history tables need no mover."""
    return {
        f"{rel.related_model._meta.label}.{rel.field.name}"
        for rel in Customer._meta.get_fields(include_hidden=True)  # related_name="+" hides none
        if isinstance(rel, ForeignObjectRel)
        and rel.related_model is not Customer
        and not getattr(rel.related_model, "pgh_tracked_model", None)
    }


def movers() -> list[Mover]:
    """How to move everything we hold. Raises CannotMerge if any relation is undeclared."""
    if undeclared := relations() - _movers.keys():
        raise CannotMerge(
            _("Nobody said how these follow a merge: %(tables)s. Tell the developers.")
            % {"tables": ", ".join(sorted(undeclared))},
            rule="B2",
        )
    return [_movers[name] for name in sorted(_movers)]


def timeline(
    customer: Customer, *, before: datetime | None, most: int, kinds: Container[str] | None = None
) -> list[Moment]:
    """The newest moments, newest first, all earlier than `before`.

    kinds  only these; None = every kind

    At most `most`, and beyond them those of the same instant as the last: so the next page may
    go on before that instant and miss nothing. Cost: one bounded query per declared table.
    """
    asked = most + _TWINS
    told = [moment for tell in _tellers.values() for moment in tell(customer, before, asked)]
    moments = [moment for moment in told if kinds is None or moment.kind in kinds]
    moments.sort(key=lambda moment: (moment.at, moment.anchor), reverse=True)
    if len(moments) <= most:
        return moments
    last = moments[most - 1].at
    return [moment for moment in moments if moment.at >= last]
