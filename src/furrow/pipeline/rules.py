"""Screening → acquisition → retention, and the scores given on the way. No database."""

from collections.abc import Mapping

from django.db.models import TextChoices
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused


class Stage(TextChoices):
    SCREENING = "screening", _("Screening")
    ACQUISITION = "acquisition", _("Acquisition")
    RETENTION = "retention", _("Retention")


class Score(TextChoices):
    CP = "cp", _("Customer potential (CP)")
    PI = "pi", _("Purchase intention (PI)")


LOWEST, HIGHEST = 0, 5

# Where a customer may go from each stage (C1). Back only by a person with a reason.
MOVES: Mapping[Stage, frozenset[Stage]] = {
    Stage.SCREENING: frozenset({Stage.ACQUISITION, Stage.RETENTION}),
    Stage.ACQUISITION: frozenset({Stage.RETENTION, Stage.SCREENING}),
    Stage.RETENTION: frozenset({Stage.ACQUISITION}),
}

# CP given in screening from which a customer is ready for acquisition.
CP_FOR_ACQUISITION = 3


class BadScore(Refused):
    """A score outside 0 to 5."""


class CannotMove(Refused):
    """The pipeline does not lead there."""


def check_score(value: int) -> None:
    """Raise BadScore unless `value` is a whole number from 0 to 5."""
    if not LOWEST <= value <= HIGHEST:
        raise BadScore(_t("A score is a whole number from 0 to 5."), rule="C2")


def check_move(now: Stage, to: Stage) -> None:
    """Raise CannotMove unless the pipeline leads from `now` to `to`."""
    if to not in MOVES[now]:
        raise CannotMove(
            _t("From %(now)s a customer cannot go to %(to)s.") % {"now": now.label, "to": to.label},
            rule="C1",
        )


def stage_after_screening(cp: int) -> Stage | None:
    """Where a customer goes once CP is given; None = stays in screening."""
    return Stage.ACQUISITION if cp >= CP_FOR_ACQUISITION else None
