from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from furrow.audit.models import Event
from furrow.customers import holdings
from furrow.customers.tests.make import make_customer
from furrow.organisation.tests.make import NOON, make_agent
from furrow.pipeline.actions import (
    enter_pipeline,
    give_score,
    move_moves,
    move_scores,
    move_stage,
    move_standing,
)
from furrow.pipeline.models import ScoreGiven, StageMove, Standing
from furrow.pipeline.rules import BadScore, CannotMove, Score, Stage

from .make import make_standing

LATER = NOON + timedelta(hours=1)


@pytest.mark.django_db
def test_entering_twice_changes_nothing() -> None:
    agent = make_agent()
    customers = [make_customer() for _ in range(3)]
    ids = [customer.pk for customer in customers]

    assert enter_pipeline(customer_ids=ids[:2], stage=Stage.ACQUISITION, by=agent, at=NOON) == 2
    assert enter_pipeline(customer_ids=ids, by=agent, at=LATER) == 1

    stages = Standing.objects.order_by("customer_id").values_list("stage", flat=True)
    assert list(stages) == [Stage.ACQUISITION, Stage.ACQUISITION, Stage.SCREENING]
    assert StageMove.objects.count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize(("cp", "stage"), [(2, Stage.SCREENING), (3, Stage.ACQUISITION)])
def test_cp_of_three_hands_on_from_screening(cp: int, stage: Stage) -> None:
    customer, agent = make_customer(), make_agent()

    standing = give_score(customer=customer, score=Score.CP, value=cp, by=agent, at=LATER)

    assert (standing.stage, standing.cp) == (stage, cp)
    assert Standing.objects.get(customer=customer).stage == stage
    [given] = ScoreGiven.objects.filter(customer=customer)
    assert (given.score, given.value, given.by) == (Score.CP, cp, agent)
    assert Event.objects.about(given).get().what == "score.given"


@pytest.mark.django_db
def test_cp_moves_nobody_who_left_screening() -> None:
    standing = make_standing(stage=Stage.RETENTION)
    give_score(customer=standing.customer, score=Score.CP, value=5, by=make_agent(), at=LATER)
    standing.refresh_from_db()
    assert (standing.stage, standing.cp) == (Stage.RETENTION, 5)


@pytest.mark.django_db
def test_a_bad_score_leaves_no_trace() -> None:
    with pytest.raises(BadScore):
        give_score(customer=make_customer(), score=Score.PI, value=9, by=make_agent(), at=NOON)
    assert not ScoreGiven.objects.exists()


@pytest.mark.django_db
def test_the_database_refuses_a_score_of_six() -> None:
    standing = make_standing()
    with pytest.raises(IntegrityError, match="standing_scores"), transaction.atomic():
        Standing.objects.filter(pk=standing.pk).update(cp=6)
    with pytest.raises(IntegrityError, match="score_given"), transaction.atomic():
        ScoreGiven.objects.create(
            customer=standing.customer, score=Score.CP, value=6, by=make_agent(), at=NOON
        )


@pytest.mark.django_db
def test_a_move_needs_a_reason_and_a_way() -> None:
    standing, agent = make_standing(stage=Stage.RETENTION), make_agent()
    with pytest.raises(CannotMove):
        move_stage(customer=standing.customer, to=Stage.ACQUISITION, reason=" ", by=agent, at=LATER)
    with pytest.raises(CannotMove):
        move_stage(customer=standing.customer, to=Stage.SCREENING, reason="why", by=agent, at=LATER)
    moved = move_stage(
        customer=standing.customer, to=Stage.ACQUISITION, reason="again", by=agent, at=LATER
    )
    assert (moved.stage, moved.since) == (Stage.ACQUISITION, LATER)


@pytest.mark.django_db
def test_the_timeline_tells_stages_and_scores() -> None:
    standing = make_standing()
    give_score(customer=standing.customer, score=Score.CP, value=4, by=make_agent(), at=LATER)
    told = [m for m in holdings.timeline(standing.customer, before=None, most=9)
            if m.kind in {"stage", "score"}]  # fmt: skip
    assert [(m.kind, m.at) for m in told] == [
        ("score", LATER), ("stage", LATER), ("stage", NOON),
    ] or [(m.kind, m.at) for m in told] == [
        ("stage", LATER), ("score", LATER), ("stage", NOON),
    ]  # fmt: skip


@pytest.mark.django_db
def test_the_kept_record_keeps_its_stage_and_gains_missing_scores() -> None:
    agent = make_agent()
    kept, duplicate = make_customer(), make_customer()
    make_standing(customer=kept, stage=Stage.ACQUISITION)
    give_score(customer=duplicate, score=Score.PI, value=2, by=agent, at=LATER)

    for move in (move_standing, move_scores, move_moves):
        move(duplicate, kept)

    assert not Standing.objects.filter(customer=duplicate).exists()
    standing = Standing.objects.get(customer=kept)
    assert (standing.stage, standing.cp, standing.pi) == (Stage.ACQUISITION, None, 2)
    assert not ScoreGiven.objects.filter(customer=duplicate).exists()
    assert StageMove.objects.filter(customer=kept).count() == 2
