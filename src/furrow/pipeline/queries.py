"""Answers about stages and scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from furrow.common.sql import load_sql
from furrow.customers.filters import is_id
from furrow.customers.models import Customer, CustomerQuerySet
from furrow.customers.rules import Moment
from furrow.organisation.models import User
from furrow.organisation.rules import Act
from furrow.permits.objections import Asked
from furrow.permits.rules import Objection, Purpose
from furrow.rulebooks.queries import rules_at
from furrow.rulebooks.rules import Book

from .models import HandOff, ScoreGiven, StageMove, Standing
from .rules import (
    DEFAULT_BODY,
    HIGHEST,
    LOWEST,
    MOVES,
    ExitOn,
    HandOffState,
    OutReason,
    PipelineRules,
    Score,
    Stage,
    exit_of,
    rules_from,
)

BOOK: Book[PipelineRules] = Book("pipeline", rule="C1", default=DEFAULT_BODY, read=rules_from)


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
    handoff: HandOff | None  # waits for the team to accept
    can_decide: bool  # accept it, or send it back
    can_bring_back: bool


_KEYS = {Score.CP: "asdfgh", Score.PI: "qwerty"}  # CP by the same keys as on the desk


def panel_of(customer: Customer, *, user: User) -> Panel:
    standing = standing_of(customer)
    given = {
        Score.CP: standing.cp if standing else None,
        Score.PI: standing.pi if standing else None,
    }
    values = range(LOWEST, HIGHEST + 1)
    can_edit = user.can(Act.EDIT_CUSTOMERS)
    handoff = HandOff.objects.open().filter(customer=customer).select_related("team").first()
    is_out = bool(standing and standing.out)
    return Panel(
        customer=customer,
        standing=standing,
        scores=[
            (score, given[score], list(zip(values, _KEYS[score], strict=True))) for score in Score
        ],
        moves=sorted(MOVES[Stage(standing.stage)]) if standing and not is_out else [],
        can_edit=can_edit,
        handoff=handoff,
        can_decide=can_edit and handoff is not None and handoff.team_id == user.team_id,
        can_bring_back=can_edit and is_out and user.can(Act.LIFT_SUPPRESSION),
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


def in_level(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    return customers.filter(standing__level=value) if is_id(value) else customers.none()


def level_choices(user: User) -> list[tuple[str, str]]:
    return [(str(level), f"L{level}") for level in range(HIGHEST, LOWEST - 1, -1)]


def is_out(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    """Taken out for a reason; "any" = for whatever reason."""
    if value == "any":
        return customers.filter(~Q(standing__out=""), standing__isnull=False)
    return customers.filter(standing__out=value)


def out_choices(user: User) -> list[tuple[str, str]]:
    return [("any", _("For any reason")), *((one.value, str(one.label)) for one in OutReason)]


def cp_choices(user: User) -> list[tuple[str, str]]:
    from_on = [(str(cp), _("%(cp)d or more") % {"cp": cp}) for cp in range(HIGHEST, LOWEST, -1)]
    return [*from_on, ("none", _("Not given yet"))]


_STAGE_CSS = {Stage.SCREENING: "", Stage.ACQUISITION: "is-live", Stage.RETENTION: "is-good"}


def stage_cells(ids: Sequence[int]) -> dict[int, SafeString]:
    return {
        standing.customer_id: format_html(
            '<span class="chip {}">{}</span>',
            "is-bad" if standing.out else _STAGE_CSS[Stage(standing.stage)],
            OutReason(standing.out).label if standing.out else Stage(standing.stage).label,
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


def level_cells(ids: Sequence[int]) -> dict[int, SafeString]:
    return {
        standing.customer_id: format_html('<span class="chip">L{}</span>', standing.level)
        for standing in Standing.objects.filter(customer__in=ids).exclude(level=None)
    }


# -- stages, and customers on their way between them -----------------------------------------------

_SPAN = timedelta(days=30)


@dataclass(frozen=True)
class StageNow:
    """One stage on the page of the stages; moves are of the last 30 days."""

    stage: Stage
    customers: int
    came: int
    went_on: int
    out: int
    waiting: int  # hand-offs to it, not accepted yet
    late: int  # of them, past their limit
    target_percent: int  # what the rules ask of passed_percent; 0 = nothing

    @property
    def passed_percent(self) -> int | None:
        """Of those who left it, so many went on rather than out."""
        left = self.went_on + self.out
        return round(100 * self.went_on / left) if left else None

    @property
    def is_below_target(self) -> bool:
        passed = self.passed_percent
        return passed is not None and passed < self.target_percent


def stages_now(*, at: datetime) -> list[StageNow]:
    """Three counts within indexes; the first walks the index of stages (a second at 5 million)."""
    here = dict(
        Standing.objects.filter(out="").order_by().values_list("stage").annotate(n=Count("*"))
    )
    moves = (
        StageMove.objects.filter(at__gte=at - _SPAN)
        .order_by()
        .values_list("from_stage", "to_stage")
        .annotate(n=Count("*"), taken=Count("pk", filter=~Q(out="")))
    )
    waits = {
        row["to_stage"]: row
        for row in HandOff.objects.open()
        .order_by()
        .values("to_stage")
        .annotate(n=Count("*"), late=Count("pk", filter=Q(due_at__lte=at)))
    }
    tally: dict[str, dict[str, int]] = {s: {"came": 0, "on": 0, "out": 0} for s in Stage.values}
    order = list(Stage.values)
    for came_from, to, count, out in moves:
        if came_from != to:
            tally[to]["came"] += count
            if came_from and order.index(to) > order.index(came_from):
                tally[came_from]["on"] += count
        else:
            tally[to]["out"] += out
    none: Mapping[str, int] = {"n": 0, "late": 0}
    rules = rules_at(BOOK, at)
    return [
        StageNow(
            stage, here.get(stage.value, 0), tally[stage]["came"], tally[stage]["on"],
            tally[stage]["out"], waits.get(stage.value, none)["n"],
            waits.get(stage.value, none)["late"], rules.stages[stage].pass_percent,
        )
        for stage in Stage
    ]  # fmt: skip


@dataclass(frozen=True)
class Tried:
    """What rules would have done with the scores that were given in the last `days` days.
    rows  from, to (or why out), how many by the rules tried and by those in force; each score
          alone, as if the customer had stood where it was given
    """

    days: int
    rows: list[tuple[str, str, int, int]]

    @property
    def is_same(self) -> bool:
        return all(tried == before for _from, _to, tried, before in self.rows)


def try_rules(*, body: Mapping[str, Any], days: int, at: datetime) -> Tried:
    """Try rules on the scores of the last `days` days. Raises ValueError when they are none."""
    rules, now = rules_from(body, version=0), rules_at(BOOK, at)
    given = (
        ScoreGiven.objects.filter(at__gte=at - timedelta(days=days))
        .annotate(
            stage=Coalesce(  # where the customer stood just before; who entered by it, in screening
                Subquery(
                    StageMove.objects.filter(customer=OuterRef("customer"), at__lt=OuterRef("at"))
                    .order_by("-at", "-id")
                    .values("to_stage")[:1]
                ),
                Value(Stage.SCREENING.value),
            )
        )
        .order_by()
        .values_list("stage", "score", "value")
        .annotate(n=Count("*"))
    )
    tally: dict[tuple[str, str], list[int]] = {}
    for stage, score, value, count in given:
        for place, one in enumerate((rules, now)):
            to = _after_score(one, stage, Score(score), value)
            if to:
                row = tally.setdefault((str(Stage(stage).label), to), [0, 0])
                row[place] += count
    return Tried(days, [(a, b, tried, was) for (a, b), (tried, was) in sorted(tally.items())])


def _after_score(rules: PipelineRules, stage: str, score: Score, value: int) -> str:
    """Where a score leads, in words; "" = nowhere."""
    if score is Score.CP and stage == Stage.SCREENING and value <= rules.no_intent_cp:
        return str(OutReason.NO_INTENT.label)
    onward = exit_of(rules, Stage(stage), ExitOn(score), value)
    return str(onward.label) if onward else ""


def levels_in_words(rules: PipelineRules) -> list[tuple[int, int]]:
    """Level and the yuan from which it begins."""
    return [(level, minor // 100) for level, minor in enumerate(rules.levels_minor, start=1)]


def open_handoffs(*, user: User, at: datetime) -> list[HandOff]:
    """What waits for the teams `user` sees, the longest overdue first; at most 500."""
    rows = HandOff.objects.visible_to(user).open().select_related("customer", "team", "sent_by")
    return list(rows.order_by("due_at", "pk")[:500])


def returned_handoffs(*, user: User, at: datetime) -> list[HandOff]:
    """What was sent back in the last week, newest first; at most 100."""
    rows = HandOff.objects.visible_to(user).filter(
        state=HandOffState.RETURNED, decided_at__gte=at - timedelta(days=7)
    )
    return list(rows.select_related("customer", "team", "decided_by").order_by("-decided_at")[:100])


def ledger_differs() -> int:
    """How many standings are not where the ledger's replay puts them; 0 always."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT count(*) FROM pipeline_standing AS standing
                FULL JOIN ({load_sql("furrow.pipeline", "replay")}) AS replayed USING (customer_id)
                WHERE (standing.stage, standing.since, standing.out)
                    IS DISTINCT FROM (replayed.stage, replayed.since, replayed.out)"""  # noqa: S608
        )
        return int(cursor.fetchone()[0])


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
    if move.out:
        return _("Taken out: %(why)s") % {"why": OutReason(move.out).label}
    if move.from_stage == move.to_stage:
        return _("Brought back: %(stage)s") % {"stage": to}
    if not move.from_stage:
        return _("Entered %(stage)s") % {"stage": to}
    return _("%(from)s → %(to)s") % {"from": Stage(move.from_stage).label, "to": to}


def _earlier(before: datetime | None) -> Q:
    return Q() if before is None else Q(at__lt=before)


def stage_does_not_fit(asked: Asked) -> Objection | None:
    """Against a sales call to whom screening took out (C4), wherever it comes from, and of a
    campaign for an earlier stage than the customer's (C1)."""
    if asked.purpose is not Purpose.SALES:
        return None
    found = Standing.objects.filter(pk=asked.customer_id).values_list("stage", "out").first()
    if found is None:
        return None
    now, out = Stage(found[0]), found[1]
    if out:
        why = _(
            "Screening took this customer out (%(why)s). A manager may bring it back, with a "
            "reason."
        ) % {"why": OutReason(out).label}
        return Objection("C4", why)
    if not asked.stage:
        return None
    if list(Stage).index(now) <= list(Stage).index(Stage(asked.stage)):
        return None
    why = _(
        "The customer has gone on to “%(now)s”, and this campaign is for “%(wanted)s”. Call from "
        "a campaign of that stage."
    ) % {"now": now.label, "wanted": Stage(asked.stage).label}
    return Objection("C1", why)
