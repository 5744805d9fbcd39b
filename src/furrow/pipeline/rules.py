"""Screening → acquisition → retention, and the scores given on the way. No database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused
from furrow.rulebooks.rules import When, conditions, holds, naming, whole


class Stage(TextChoices):
    SCREENING = "screening", _("Screening")
    ACQUISITION = "acquisition", _("Acquisition")
    RETENTION = "retention", _("Retention")


class Score(TextChoices):
    CP = "cp", _("Customer potential (CP)")
    PI = "pi", _("Purchase intention (PI)")


class OutReason(TextChoices):
    """Why screening took a customer out (C1, C4)."""

    EMPTY = "empty", _("Empty number")
    WRONG = "wrong", _("Not this person")
    OFF = "off", _("Always switched off")
    FORBIDDEN = "forbidden", _("Must not be called")
    NO_INTENT = "no_intent", _("No intent")


class ExitOn(TextChoices):
    """What moves a customer on."""

    CP = "cp", _("CP of at least")
    PI = "pi", _("PI of at least")
    SALE = "sale", _("A sale")


class HandOffState(TextChoices):
    SENT = "sent", _("Waits to be accepted")
    ACCEPTED = "accepted", _("Accepted")
    RETURNED = "returned", _("Sent back")
    PASSED = "passed", _("Moved on meanwhile")


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


class CannotHandOff(Refused):
    """This hand-off cannot be decided so."""


# -- stages, as data -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exit:
    """A way out of a stage: on a score of at least `least`, or on a sale."""

    on: ExitOn
    least: int
    to: Stage


@dataclass(frozen=True)
class StageRules:
    """What holds in one stage.

    team          whose stage it is; None = everybody's, and nothing waits to be accepted
    script, dispositions  what a new campaign of this stage begins with; 0 = nothing
    calls_a_day   target of one agent
    pass_percent  target: of those who leave the stage, so many go on rather than out
    accept_hours  within which a hand-off to this stage is to be accepted
    enters        newcomers with these traits begin here; {} = none but by default
    """

    team: int | None
    script: int
    dispositions: int
    calls_a_day: int
    pass_percent: int
    accept_hours: int
    enters: When
    exits: tuple[Exit, ...]


@dataclass(frozen=True)
class PipelineRules:
    """One version of the pipeline. See `rules_from` for the JSON.

    no_intent_cp  a CP up to this, given in screening, takes the customer out; -1 = none does
    levels_minor  what was paid in `level_days`, from which L1 to L5 begin; rising
    """

    version: int
    stages: Mapping[Stage, StageRules]
    no_intent_cp: int
    level_days: int
    levels_minor: tuple[int, ...]


_EACH: Mapping[str, Any] = {
    "team": None, "script": 0, "dispositions": 0, "calls_a_day": 150, "pass_percent": 0,
    "accept_hours": 24, "enters": {}, "exits": [],
}  # fmt: skip
DEFAULT_BODY: Mapping[str, Any] = {
    "stages": {
        "screening": {
            **_EACH,
            "calls_a_day": 200,
            "pass_percent": 30,
            "exits": [
                {"on": "cp", "least": CP_FOR_ACQUISITION, "to": "acquisition"},
                {"on": "sale", "least": 0, "to": "retention"},
            ],
        },
        "acquisition": {
            **_EACH,
            "pass_percent": 5,
            "exits": [{"on": "sale", "least": 0, "to": "retention"}],
        },
        "retention": {**_EACH, "calls_a_day": 80},
    },
    "no_intent_cp": 0,
    "level_days": 365,
    "levels": [1, 1_000, 5_000, 20_000, 50_000],  # yuan
}


def rules_from(body: Mapping[str, Any], *, version: int) -> PipelineRules:
    """Read a version's JSON, shaped like DEFAULT_BODY. Raises ValueError naming what is wrong."""
    with naming("stages"):
        stages = {stage: _stage_from(stage, body["stages"][stage]) for stage in Stage}
    with naming("no_intent_cp"):
        no_intent = whole(body["no_intent_cp"], least=-1, most=HIGHEST)
    with naming("level_days"):
        days = whole(body["level_days"], least=1, most=3650)
    with naming("levels"):
        levels = tuple(whole(one, least=1, most=10**9) * 100 for one in body["levels"])
        if len(levels) != HIGHEST or sorted(set(levels)) != list(levels):
            raise ValueError(_t("five amounts, each more than the one before"))
    return PipelineRules(version, stages, no_intent, days, levels)


def _stage_from(stage: Stage, said: Mapping[str, Any]) -> StageRules:
    exits = tuple(
        Exit(ExitOn(one["on"]), whole(one["least"], most=HIGHEST), Stage(one["to"]))
        for one in said["exits"]
    )
    for one in exits:
        if one.to not in MOVES[stage]:
            raise ValueError(
                _t("from %(now)s a customer cannot go to %(to)s")
                % {"now": stage.label, "to": one.to.label}
            )
    return StageRules(
        team=int(said["team"]) if said["team"] else None,
        script=whole(said["script"] or 0, most=10**9),
        dispositions=whole(said["dispositions"] or 0, most=10**9),
        calls_a_day=whole(said["calls_a_day"], most=2000),
        pass_percent=whole(said["pass_percent"], most=100),
        accept_hours=whole(said["accept_hours"], least=1, most=720),
        enters=conditions(said["enters"]),
        exits=exits,
    )


def entry_of(rules: PipelineRules, traits: Mapping[str, str]) -> Stage:
    """Where a newcomer begins: the last stage whose conditions hold, else screening."""
    fitting = [
        stage for stage, one in rules.stages.items() if one.enters and holds(one.enters, traits)
    ]
    return fitting[-1] if fitting else Stage.SCREENING


def exit_of(rules: PipelineRules, stage: Stage, on: ExitOn, value: int = 0) -> Stage | None:
    """Where a customer goes from `stage` because of this; None = it stays. The first way counts."""
    for one in rules.stages[stage].exits:
        if one.on == on and value >= one.least:
            return one.to
    return None


def level_of(paid_minor: int, levels_minor: Sequence[int]) -> int:
    """L0 to L5 (C3): how many of the amounts were reached. `sql/levels.sql` says the same."""
    return sum(paid_minor >= amount for amount in levels_minor)
