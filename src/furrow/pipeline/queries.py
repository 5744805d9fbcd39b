"""Answers about stages and scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from furrow.customers.filters import is_id
from furrow.customers.models import Customer, CustomerQuerySet
from furrow.customers.rules import Moment
from furrow.organisation.models import User
from furrow.organisation.rules import Act
from furrow.permits.objections import Asked
from furrow.permits.rules import Objection, Purpose

from .models import ScoreGiven, StageMove, Standing
from .rules import HIGHEST, LOWEST, MOVES, Score, Stage


def standing_of(customer: Customer) -> Standing | None:
    """Where a customer stands; None before it enters the pipeline."""
    return Standing.objects.filter(customer=customer).first()


@dataclass(frozen=True)
class Panel:
    """Where a customer stands and what `user` may do about it."""

    customer: Customer
    standing: Standing | None  # None = not yet in the pipeline
    scores: list[tuple[Score, int | None, list[tuple[int, str]]]]  # given value; value and its key
    moves: list[Stage]  # where the customer may go from here
    can_edit: bool


_KEYS = {Score.CP: "asdfgh", Score.PI: "qwerty"}  # CP by the same keys as on the desk


def panel_of(customer: Customer, *, user: User) -> Panel:
    standing = standing_of(customer)
    given = {
        Score.CP: standing.cp if standing else None,
        Score.PI: standing.pi if standing else None,
    }
    values = range(LOWEST, HIGHEST + 1)
    return Panel(
        customer=customer,
        standing=standing,
        scores=[
            (score, given[score], list(zip(values, _KEYS[score], strict=True))) for score in Score
        ],
        moves=sorted(MOVES[Stage(standing.stage)]) if standing else [],
        can_edit=user.can(Act.EDIT_CUSTOMERS),
    )


# -- what the pipeline adds to lists of customers (see customers.filters, customers.columns) ------


def at_stage(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    return customers.filter(standing__stage=value)


def with_cp_from(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    """CP of at least `value`; "none" = not yet given."""
    if value == "none":
        return customers.filter(Q(standing=None) | Q(standing__cp=None))
    return customers.filter(standing__cp__gte=int(value)) if is_id(value) else customers.none()


def stage_choices(user: User) -> list[tuple[str, str]]:
    return [(stage.value, str(stage.label)) for stage in Stage]


def cp_choices(user: User) -> list[tuple[str, str]]:
    from_on = [(str(cp), _("%(cp)d or more") % {"cp": cp}) for cp in range(HIGHEST, LOWEST, -1)]
    return [*from_on, ("none", _("Not given yet"))]


_STAGE_CSS = {Stage.SCREENING: "", Stage.ACQUISITION: "is-live", Stage.RETENTION: "is-good"}


def stage_cells(ids: Sequence[int]) -> dict[int, SafeString]:
    return {
        standing.customer_id: format_html(
            '<span class="chip {}">{}</span>',
            _STAGE_CSS[Stage(standing.stage)],
            Stage(standing.stage).label,
        )
        for standing in Standing.objects.filter(customer__in=ids)
    }


def cp_cells(ids: Sequence[int]) -> dict[int, SafeString]:
    return {
        standing.customer_id: format_html(
            '<span class="score" data-score="{}">{}</span>', standing.cp, standing.cp
        )
        for standing in Standing.objects.filter(customer__in=ids).exclude(cp=None)
    }


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


def stage_does_not_fit(asked: Asked) -> Objection | None:
    """Against a sales call of a campaign for an earlier stage than the customer's (C1)."""
    if not asked.stage or asked.purpose is not Purpose.SALES:
        return None
    stage = Standing.objects.filter(pk=asked.customer_id).values_list("stage", flat=True).first()
    if stage is None or list(Stage).index(Stage(stage)) <= list(Stage).index(Stage(asked.stage)):
        return None
    why = _(
        "The customer has gone on to “%(now)s”, and this campaign is for “%(wanted)s”. Call from "
        "a campaign of that stage."
    ) % {"now": Stage(stage).label, "wanted": Stage(asked.stage).label}
    return Objection("C1", why)
