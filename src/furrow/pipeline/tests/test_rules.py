from copy import deepcopy
from typing import Any

import pytest

from furrow.pipeline.rules import (
    DEFAULT_BODY,
    BadScore,
    CannotMove,
    ExitOn,
    Stage,
    check_move,
    check_score,
    entry_of,
    exit_of,
    level_of,
    rules_from,
)

RULES = rules_from(DEFAULT_BODY, version=0)


@pytest.mark.parametrize(
    ("stage", "on", "value", "to"),
    [
        (Stage.SCREENING, ExitOn.CP, 2, None),
        (Stage.SCREENING, ExitOn.CP, 3, Stage.ACQUISITION),
        (Stage.SCREENING, ExitOn.SALE, 0, Stage.RETENTION),
        (Stage.ACQUISITION, ExitOn.CP, 5, None),
        (Stage.ACQUISITION, ExitOn.SALE, 0, Stage.RETENTION),
        (Stage.RETENTION, ExitOn.SALE, 0, None),
    ],
)
def test_exit_of(stage: Stage, on: ExitOn, value: int, to: Stage | None) -> None:
    assert exit_of(RULES, stage, on, value) == to


def test_newcomers_begin_where_their_traits_say() -> None:
    body: Any = deepcopy(dict(DEFAULT_BODY))
    body["stages"]["acquisition"]["enters"] = {"source": ["7", "8"]}
    rules = rules_from(body, version=1)
    assert entry_of(rules, {"source": "8"}) == Stage.ACQUISITION
    assert entry_of(rules, {"source": "9"}) == Stage.SCREENING
    assert entry_of(RULES, {}) == Stage.SCREENING


@pytest.mark.parametrize(
    ("yuan", "level"), [(0, 0), (1, 1), (999, 1), (1000, 2), (5000, 3), (20_000, 4), (60_000, 5)]
)
def test_level_of(yuan: int, level: int) -> None:
    assert level_of(yuan * 100, RULES.levels_minor) == level


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("levels", [1, 2, 3]), ("levels", [5, 4, 3, 2, 1]), ("level_days", 0), ("stages", {}),
        ("stages", {
            **DEFAULT_BODY["stages"],
            "retention": {**DEFAULT_BODY["stages"]["retention"],
                          "exits": [{"on": "cp", "least": 1, "to": "screening"}]},
        }),
    ],
)  # fmt: skip
def test_what_is_wrong_with_rules_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        rules_from({**DEFAULT_BODY, name: value}, version=1)


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
