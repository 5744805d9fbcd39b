"""Everything that moves customers along the pipeline and scores them."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.sql import load_sql
from furrow.customers.models import Customer
from furrow.organisation.models import User

from .models import ScoreGiven, StageMove, Standing
from .rules import CannotMove, Score, Stage, check_move, check_score, stage_after_screening


@transaction.atomic
def enter_pipeline(
    *, customer_ids: Iterable[int], stage: Stage = Stage.SCREENING, by: User, at: datetime
) -> int:
    """Put customers at their first stage; those already in the pipeline stay where they are.

    Returns how many entered. One audit event for all; safe to repeat.
    """
    wanted = sorted(set(customer_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.pipeline", "enter"),
            {"customers": wanted, "stage": stage, "by": by.pk, "at": at},
        )
        [entered] = cursor.fetchone() or [0]
    if entered:
        record("pipeline.entered", of=by, by=by.username, at=at, stage=stage, customers=entered)
    return int(entered)


@transaction.atomic
def give_score(*, customer: Customer, score: Score, value: int, by: User, at: datetime) -> Standing:
    """Give CP or PI. A CP of at least three in screening hands the customer on (C1).

    A customer not yet in the pipeline enters it. Raises BadScore outside 0 to 5.
    """
    check_score(value)
    standing = _locked(customer, by=by, at=at)
    given = ScoreGiven.objects.create(customer=customer, score=score, value=value, by=by, at=at)
    setattr(standing, Score(score).value, value)
    standing.save()
    record(
        "score.given", of=given, by=by.username, at=at,
        customer=customer.pk, score=score, value=value,
    )  # fmt: skip
    if score == Score.CP and standing.stage == Stage.SCREENING:
        onward = stage_after_screening(value)
        if onward is not None:
            _move(standing, onward, reason=f"CP {value}", by=by, at=at)
    return standing


@transaction.atomic
def move_stage(*, customer: Customer, to: Stage, reason: str, by: User, at: datetime) -> Standing:
    """Hand a customer to another stage. Raises CannotMove without a reason or a way there."""
    if not reason.strip():
        raise CannotMove(_("Say why the customer moves to another stage."), rule="C1")
    standing = _locked(customer, by=by, at=at)
    check_move(Stage(standing.stage), to)
    _move(standing, to, reason=reason.strip(), by=by, at=at)
    return standing


def move_standing(duplicate: Customer, kept: Customer) -> None:
    """The kept record keeps its own standing, with the duplicate's scores where it has none."""
    theirs = Standing.objects.filter(customer=duplicate).first()
    if theirs is None:
        return
    ours = Standing.objects.filter(customer=kept).first()
    if ours is None:
        Standing.objects.create(
            customer=kept, stage=theirs.stage, since=theirs.since, cp=theirs.cp, pi=theirs.pi
        )
    else:
        ours.cp = theirs.cp if ours.cp is None else ours.cp
        ours.pi = theirs.pi if ours.pi is None else ours.pi
        ours.save()
    theirs.delete()


def move_scores(duplicate: Customer, kept: Customer) -> None:
    ScoreGiven.objects.filter(customer=duplicate).update(customer=kept)


def move_moves(duplicate: Customer, kept: Customer) -> None:
    StageMove.objects.filter(customer=duplicate).update(customer=kept)


def _locked(customer: Customer, *, by: User, at: datetime) -> Standing:
    enter_pipeline(customer_ids=[customer.pk], by=by, at=at)
    return Standing.objects.select_for_update(no_key=True).get(customer=customer)


def _move(standing: Standing, to: Stage, *, reason: str, by: User, at: datetime) -> None:
    move = StageMove.objects.create(
        customer_id=standing.customer_id, from_stage=standing.stage, to_stage=to,
        reason=reason[:200], by=by, at=at,
    )  # fmt: skip
    standing.stage, standing.since = to, at
    standing.save()
    record(
        "stage.moved", of=move, by=by.username, at=at,
        customer=standing.customer_id, from_stage=move.from_stage, to_stage=to,
    )  # fmt: skip
