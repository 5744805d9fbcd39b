"""The rubric as data, and when waiting is worth it."""

from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from furrow.learning.rules import DEFAULT_BODY, asked_in, later, terms_from
from furrow.pipeline.rules import Score, Stage

MONDAY = datetime(2026, 11, 16, 10, 30, tzinfo=timezone(timedelta(hours=8)))
DAY = {"opens": 9 * 60, "closes": 20 * 60}


def test_the_best_answers_of_each_rubric_are_worth_five() -> None:
    terms = terms_from(DEFAULT_BODY, version=3)

    assert terms.version == 3
    assert terms.holdout == 20
    for parts in terms.rubrics.values():
        assert [part.name for part in parts] == ["line", "acceptance", "need"]
        assert sum(max(o.points for o in part.options) for part in parts) == 5


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda body: body["rubrics"]["cp"]["need"][2].update(points=4), "worth 5"),
        (lambda body: body["rubrics"]["cp"]["need"][0].update(points=-1), "0 points"),
        (lambda body: body["rubrics"]["pi"].update(line=[]), "two answers"),
        (lambda body: body.update(holdout=0), "by chance"),
    ],
)
def test_what_is_no_rubric_is_refused(change: Any, why: str) -> None:
    body = deepcopy(dict(DEFAULT_BODY))
    change(body)

    with pytest.raises(ValueError, match=why):
        terms_from(body, version=0)


@pytest.mark.parametrize(
    ("stage", "score"),
    [("", Score.CP), (Stage.SCREENING, Score.CP), (Stage.ACQUISITION, Score.PI),
     (Stage.RETENTION, Score.PI)],
)  # fmt: skip
def test_screening_gives_cp_the_later_stages_pi(stage: str, score: Score) -> None:
    assert asked_in(stage) is score


def test_a_retry_waits_for_a_clearly_better_hour_within_a_day() -> None:
    evening = {(0, hour): 0.5 if hour == 19 else 0.3 for hour in range(24)}
    flat = dict.fromkeys(evening, 0.3)

    assert later(evening, earliest=MONDAY, **DAY) == MONDAY.replace(hour=19, minute=0)
    assert later(flat, earliest=MONDAY, **DAY) == MONDAY
    tomorrow = {(0, 10): 0.3, (1, 9): 0.9, (1, 11): 0.95}  # the last is more than a day away
    assert later(tomorrow, earliest=MONDAY, **DAY) == MONDAY.replace(day=17, hour=9, minute=0)


def test_outside_the_campaigns_hours_nothing_is_better() -> None:
    night = {(0, hour): 0.9 if hour == 22 else 0.3 for hour in range(24)}

    assert later(night, earliest=MONDAY, **DAY) == MONDAY
    assert later(night, earliest=MONDAY, opens=0, closes=0) == MONDAY
