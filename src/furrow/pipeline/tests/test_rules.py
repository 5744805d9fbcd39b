import pytest

from furrow.pipeline.rules import (
    BadScore,
    CannotMove,
    Stage,
    check_move,
    check_score,
    stage_after_screening,
)


@pytest.mark.parametrize(
    ("cp", "stage"), [(0, None), (2, None), (3, Stage.ACQUISITION), (5, Stage.ACQUISITION)]
)
def test_stage_after_screening(cp: int, stage: Stage | None) -> None:
    assert stage_after_screening(cp) == stage


@pytest.mark.parametrize("value", [-1, 6])
def test_a_score_outside_0_to_5_is_refused(value: int) -> None:
    with pytest.raises(BadScore):
        check_score(value)


@pytest.mark.parametrize(
    ("now", "to", "leads"),
    [
        (Stage.SCREENING, Stage.ACQUISITION, True),
        (Stage.ACQUISITION, Stage.RETENTION, True),
        (Stage.RETENTION, Stage.SCREENING, False),
        (Stage.SCREENING, Stage.SCREENING, False),
    ],
)
def test_moves(now: Stage, to: Stage, leads: bool) -> None:
    if leads:
        check_move(now, to)
    else:
        with pytest.raises(CannotMove):
            check_move(now, to)
