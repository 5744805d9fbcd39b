"""Answers about stages and scores."""

from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from furrow.customers.models import Customer
from furrow.customers.rules import Moment

from .models import ScoreGiven, StageMove, Standing
from .rules import Stage


def standing_of(customer: Customer) -> Standing | None:
    """Where a customer stands; None before it enters the pipeline."""
    return Standing.objects.filter(customer=customer).first()


# -- what the pipeline tells on the timeline (see customers.holdings) ---------------------------


def tell_moves(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    moves = StageMove.objects.filter(customer=customer).filter(_earlier(before))
    return [
        Moment(
            at=move.at,
            kind="stage",
            title=_move_title(move),
            body=move.reason,
            by=str(move.by),
            anchor=f"pipeline.StageMove:{move.pk}",
        )
        for move in moves.select_related("by").order_by("-at", "-id")[:most]
    ]


def tell_scores(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    given = ScoreGiven.objects.filter(customer=customer).filter(_earlier(before))
    return [
        Moment(
            at=score.at,
            kind="score",
            title=f"{score.score.upper()} {score.value}",
            by=str(score.by),
            anchor=f"pipeline.ScoreGiven:{score.pk}",
        )
        for score in given.select_related("by").order_by("-at", "-id")[:most]
    ]


def _move_title(move: StageMove) -> str:
    to = Stage(move.to_stage).label
    if not move.from_stage:
        return _("Entered %(stage)s") % {"stage": to}
    return _("%(from)s → %(to)s") % {"from": Stage(move.from_stage).label, "to": to}


def _earlier(before: datetime | None) -> Q:
    return Q() if before is None else Q(at__lt=before)
