"""What is learned, from what, and by what rubric people score. No database, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import get_language
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused
from furrow.pipeline.rules import HIGHEST, Score
from furrow.science.timing import Cell, best_cell

# Calls older than this say little of today.
WINDOW = timedelta(days=365)
MOST_CALLS = 300_000  # the newest; beyond them nothing is learned that these do not say
MOST_CUSTOMERS = 20_000  # sampled for how far customers differ
# A suggestion is compared with what came within this.
MATURES = timedelta(days=30)
# Above this, a column's values have shifted: another population (see science.scoring.shift).
DRIFTED = 0.25


class What(TextChoices):
    """One thing that is learned."""

    CP = Score.CP.value, _("Who is worth selling to (CP)")
    PI = Score.PI.value, _("Who buys (PI)")
    TIMES = "times", _("When to call")
    FITS = "fits", _("Who suits whom")


class CannotLearn(Refused):
    """There is nothing to learn from yet, or nothing to learn."""


# What is computed from the past at the call's own instant: known by its making. The others, a
# customer's own fields, may have been filled in after the call, and are asked for leaks.
OWN_COLUMNS = frozenset(
    {
        "source", "stage", "weekday", "hour", "attempts", "days_since", "known_days",
        "talks", "refusals", "last_result", "last_cp",
    }
)  # fmt: skip

COLUMN_NAMES = {
    "source": _("List"),
    "stage": _("Stage of the campaign"),
    "weekday": _("Day of the week"),
    "hour": _("Hour"),
    "attempts": _("Calls before"),
    "days_since": _("Days since the last call"),
    "known_days": _("Days we know the customer"),
    "talks": _("Talks before"),
    "refusals": _("Refusals before"),
    "last_result": _("Last result"),
    "last_cp": _("Last CP"),
    "kind": _("Person or organisation"),
    "city": _("City"),
    "category": _("Category"),
    "profile:sex": _("Sex"),
    "profile:occupation": _("Occupation"),
}


def column_name(column: str) -> str:
    """In words; a company's own field of the profile by its own name."""
    return str(COLUMN_NAMES.get(column) or column.removeprefix("profile:"))


# -- the rubric -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Option:
    """One answer of a rubric's question, and its points."""

    en: str
    zh: str
    points: int

    @property
    def name(self) -> str:
        """In the reader's language."""
        return self.zh if (get_language() or "").startswith("zh") else self.en


@dataclass(frozen=True)
class Part:
    """One question of a rubric."""

    name: str  # "line", "acceptance" or "need"
    options: tuple[Option, ...]

    @property
    def label(self) -> str:
        return str(PARTS[self.name])


PARTS = {
    "line": _("The line"),
    "acceptance": _("Acceptance of the product"),
    "need": _("Clarity of need"),
}


@dataclass(frozen=True)
class Terms:
    """The rules of learning, one version.

    rubrics    for CP and PI, the questions and what each answer is worth
    vouched    columns somebody answers for: known before the call, whatever the guard says
    holdout    of a hundred customers dealt by match, so many are dealt by chance, to compare
    uses_times whether order and retries follow the best times
    """

    version: int
    rubrics: Mapping[Score, tuple[Part, ...]]
    vouched: frozenset[str]
    holdout: int
    uses_times: bool


def _options(*rows: tuple[str, str, int]) -> list[dict[str, Any]]:
    return [{"en": en, "zh": zh, "points": points} for en, zh, points in rows]


DEFAULT_BODY: Mapping[str, Any] = {
    "rubrics": {
        "cp": {
            "line": _options(("Hung up soon", "很快挂断", 0), ("Listened", "愿意听", 1)),
            "acceptance": _options(
                ("Rejects it", "排斥", 0), ("Neutral", "一般", 1), ("Likes it", "认可", 2)
            ),
            "need": _options(("None", "无需求", 0), ("Vague", "模糊", 1), ("Clear", "明确", 2)),
        },
        "pi": {
            "line": _options(("Avoids us", "回避", 0), ("Easy to reach", "联系顺畅", 1)),
            "acceptance": _options(
                ("Objects", "有异议", 0), ("Compares", "在比较", 1), ("Convinced", "已认同", 2)
            ),
            "need": _options(("Later", "以后再说", 0), ("Soon", "近期", 1), ("Now", "现在就要", 2)),
        },
    },
    "vouched": [],
    "holdout": 20,
    "uses_times": True,
}


def terms_from(body: Mapping[str, Any], *, version: int) -> Terms:
    """Terms of a version's JSON. Raises ValueError naming what is wrong."""
    rubrics = {}
    for score in Score:
        parts = tuple(
            Part(name, tuple(Option(**option) for option in body["rubrics"][score][name]))
            for name in PARTS
        )
        if any(len(part.options) < 2 for part in parts):
            raise ValueError(_t("A question of a rubric has at least two answers."))
        if any(option.points < 0 for part in parts for option in part.options):
            raise ValueError(_t("An answer is worth 0 points or more."))
        if sum(max(o.points for o in part.options) for part in parts) != HIGHEST:
            raise ValueError(_t("The best answers together are worth 5 points."))
        rubrics[score] = parts
    holdout = body["holdout"]
    if not (isinstance(holdout, int) and 5 <= holdout <= 50):
        raise ValueError(_t("Between 5 and 50 of a hundred are dealt by chance, to compare."))
    vouched = frozenset(map(str, body["vouched"]))
    return Terms(version, rubrics, vouched, holdout, bool(body["uses_times"]))


def asked_in(stage: str) -> Score:
    """Which score a stage gives (C1): screening CP, the later ones PI."""
    return Score.CP if stage in ("", "screening") else Score.PI


# Where no campaign says between when it calls: minutes after midnight.
DAY = (9 * 60, 20 * 60)


# -- times ----------------------------------------------------------------------------------------


def later(rates: Mapping[Cell, float], *, earliest: datetime, opens: int, closes: int) -> datetime:
    """A better moment within a day of `earliest`, or `earliest` where waiting is not worth it.

    rates     weekday and hour -> chance of an answer, local to the customer
    earliest  aware, in the customer's time zone
    opens, closes  minutes after midnight between which the campaign calls, local
    """
    starts = [earliest]
    hour = earliest.replace(minute=0, second=0, microsecond=0)
    starts += [hour + timedelta(hours=h) for h in range(1, 24)]
    allowed = [at for at in starts if opens <= at.hour * 60 + at.minute < closes - 15]
    if not allowed:
        return earliest
    best = best_cell(rates, [(at.weekday(), at.hour) for at in allowed])
    if best is None:
        return earliest
    return next(at for at in allowed if (at.weekday(), at.hour) == best)
