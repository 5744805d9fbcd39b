"""How a campaign's trial goes, and its scripts, caller ids and day-parts beside each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from furrow.calls.models import Call
from furrow.calls.rules import BY_A_PERSON, CallState
from furrow.campaigns.models import Campaign, Pilot
from furrow.campaigns.rules import Effect, PilotVerdict, arm_of, slot_of
from furrow.common.phone import pretty, zone
from furrow.lines.models import Use
from furrow.pipeline.rules import CP_FOR_ACQUISITION
from furrow.science.experiments import Arm, Comparison, compare, judge_pilot, likely_range

MOST_CALLS = 50_000
# Sold, or judged worth selling to: what a call of a campaign is for.
_SUCCESS = Q(disposition__effect=Effect.SOLD) | Q(cp__gte=CP_FOR_ACQUISITION)


@dataclass(frozen=True)
class Trial:
    """What a pilot knows by now. Rates are shares of the answered calls that have a result."""

    arm: Arm
    low: float
    high: float
    verdict: PilotVerdict


def pilot_of(campaign: Campaign) -> Pilot | None:
    """A campaign's trial, the one that is on or the last."""
    return Pilot.objects.filter(campaign=campaign).select_related("by", "decided_by").first()


def trial_of(pilot: Pilot) -> Trial:
    """The verdict of a pilot as the calls since its start say; may be asked after every call."""
    since = Call.objects.filter(
        campaign_id=pilot.campaign_id, queued_at__gte=pilot.started_at, wrapped_at__isnull=False,
        outcome__in=BY_A_PERSON,
    )  # fmt: skip
    arm = Arm(since.count(), since.filter(_SUCCESS).count())
    low, high = likely_range(arm)
    verdict = judge_pilot(
        arm,
        good=float(pilot.good_percent) / 100,
        bad=float(pilot.bad_percent) / 100,
        size=pilot.size,
    )
    return Trial(arm, low, high, PilotVerdict(verdict.value))


@dataclass(frozen=True)
class Side:
    """One side of a split against all the others together."""

    name: str | Promise
    arm: Arm
    against: Comparison

    @property
    def is_decided(self) -> bool:
        return self.against.is_decided()


@dataclass(frozen=True)
class Split:
    """One way to divide a campaign's calls. `is_drawn`: the sides were chosen by chance."""

    name: str | Promise
    measure: str | Promise
    is_drawn: bool
    sides: tuple[Side, ...]


def splits_of(campaign: Campaign, *, at: datetime) -> list[Split]:
    """Scripts, caller ids and parts of the day of a campaign's calls; only splits with two sides.

    With k sides each is compared with the rest at 1/k of the error, so that many looks at many
    sides find no difference that is not there. Of the newest `MOST_CALLS` calls.
    """
    calls = list(
        Call.objects.filter(campaign=campaign, state=CallState.ENDED, queued_at__lt=at)
        .exclude(dialed_at=None)
        .order_by("-queued_at")
        .values_list(
            "pk",
            "customer_id",
            "outcome",
            "wrapped_at",
            "disposition__effect",
            "cp",
            "queued_at",
            "number__time_zone",
        )[:MOST_CALLS]
    )
    answered = [row for row in calls if row[2] in BY_A_PERSON]
    talked = [row for row in answered if row[3] is not None]
    splits = []
    if campaign.second_script is not None:
        names = (str(campaign.script_version), str(campaign.second_script))
        splits.append(
            _split(
                _("Scripts"), _("successes of answered calls"), True, talked,
                side=lambda row: names[arm_of(campaign.pk, row[1])], is_success=_succeeded,
            )
        )  # fmt: skip
    lines = dict(
        Use.objects.filter(call_ref__in=[row[0] for row in calls])
        .order_by("pk")
        .values_list("call_ref", "caller_id__e164")
    )
    splits.append(
        _split(
            _("Caller ids"), _("answered of dialled"), True,
            [row for row in calls if row[0] in lines],
            side=lambda row: pretty(lines[row[0]]), is_success=_was_answered,
        )
    )  # fmt: skip
    splits.append(
        _split(
            _("Parts of the day"), _("answered of dialled"), False, calls,
            side=lambda row: _slot(campaign, row), is_success=_was_answered,
        )
    )  # fmt: skip
    return [split for split in splits if len(split.sides) > 1]


Row = tuple[Any, ...]


def _succeeded(row: Row) -> bool:
    return bool(row[4] == Effect.SOLD or (row[5] is not None and row[5] >= CP_FOR_ACQUISITION))


def _was_answered(row: Row) -> bool:
    return row[2] in BY_A_PERSON


def _slot(campaign: Campaign, row: Row) -> str:
    local = row[6].astimezone(zone(row[7]))
    begins = sorted(campaign.slots)
    number = slot_of(local.hour * 60 + local.minute, begins)
    ends = begins[(number + 1) % len(begins)]
    return f"{begins[number] // 60:02}:{begins[number] % 60:02}–{ends // 60:02}:{ends % 60:02}"


def _split(
    name: str | Promise,
    measure: str | Promise,
    is_drawn: bool,
    rows: Iterable[Row],
    *,
    side: Callable[[Row], str],
    is_success: Callable[[Row], bool],
) -> Split:
    trials: dict[str, int] = defaultdict(int)
    successes: dict[str, int] = defaultdict(int)
    for row in rows:
        key = side(row)
        trials[key] += 1
        successes[key] += is_success(row)
    every = Arm(sum(trials.values()), sum(successes.values()))
    alpha = 0.05 / max(len(trials), 1)
    sides = []
    for key in sorted(trials):
        arm = Arm(trials[key], successes[key])
        rest = Arm(every.trials - arm.trials, every.successes - arm.successes)
        told = compare(rest, arm, alpha=alpha)
        corrected = min(1.0, told.p_value * max(len(trials), 1))
        sides.append(Side(key, arm, Comparison(told.difference, corrected, told.low, told.high)))
    return Split(name, measure, is_drawn, tuple(sides))
