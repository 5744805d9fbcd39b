"""What a campaign may be and do. No database, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

from django.db.models import TextChoices
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused


class CampaignState(TextChoices):
    DRAFT = "draft", _("Draft")
    RUNNING = "running", _("Running")
    # Nobody new is taken; who was taken already is still called, then it pauses by itself.
    DRAINING = "draining", _("Draining")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")


MOVES: Mapping[CampaignState, frozenset[CampaignState]] = {
    CampaignState.DRAFT: frozenset({CampaignState.RUNNING, CampaignState.ENDED}),
    CampaignState.RUNNING: frozenset(
        {CampaignState.DRAINING, CampaignState.PAUSED, CampaignState.ENDED}
    ),
    CampaignState.DRAINING: frozenset(
        {CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.ENDED}
    ),
    CampaignState.PAUSED: frozenset({CampaignState.RUNNING, CampaignState.ENDED}),
    CampaignState.ENDED: frozenset(),
}
# The gate lets these call; only a running one takes somebody new.
MAY_DIAL = frozenset({CampaignState.RUNNING, CampaignState.DRAINING})


class DialMode(TextChoices):
    """Who decides that a number is dialled, and when (D1)."""

    MANUAL = "manual", _("Manual: the agent dials")
    PREVIEW = "preview", _("Preview: dialled after a look at the customer")
    PROGRESSIVE = "progressive", _("Progressive: one line for each free agent")
    PREDICTIVE = "predictive", _("Predictive: ahead of the agents, within the abandon limit")


# In these modes the dialer dials customers nobody owns for whoever is free.
FROM_THE_POOL = frozenset({DialMode.PROGRESSIVE, DialMode.PREDICTIVE})
# The priority of somebody to whom we owe a call; CP, the usual priority, is 0 to 5.
BEFORE_ALL = 1000
# After these the line, not the customer, failed: so many minutes, and no attempt was made.
OUR_FAULTS: Mapping[str, int] = {"carrier_fault": 10, "interrupted": 5, "cancelled": 120}

# The parts of the customer's day that attempts are spread over: minutes after midnight when each
# begins. Morning, noon, afternoon, evening.
DEFAULT_SLOTS = (540, 720, 840, 1080)
# After what the line said, the least minutes until the next attempt; without an entry: no more.
DEFAULT_RETRY_MINUTES: Mapping[str, int] = {
    "busy": 20,
    "no_answer": 240,
    "switched_off": 1440,
    "machine": 1440,
    "abandoned": 4320,
}


def default_slots() -> list[int]:
    return list(DEFAULT_SLOTS)


def default_retry_minutes() -> dict[str, int]:
    return dict(DEFAULT_RETRY_MINUTES)


def slot_of(minute: int, slots: Sequence[int]) -> int:
    """Which part of the day a minute after midnight lies in: 0 to len(slots) - 1.

    Before the first part begins it is still the last one, the evening before.
    """
    begun = sum(minute >= begins for begins in sorted(slots))
    return (begun - 1) % len(slots) if slots else 0


@dataclass(frozen=True)
class Retrying:
    """How a campaign tries again: see the fields of `Campaign` of the same names."""

    retry_minutes: Mapping[str, int]
    slots: Sequence[int]  # minutes after midnight, each 0 to 1439
    most_attempts: int
    attempts_per_slot: int


def retry_at(
    outcome: str, *, last_at: datetime, attempts: int, in_slot: int, rules: Retrying
) -> datetime | None:
    """When to dial a customer again whom a call did not reach; None = no more.

    outcome  what the line said
    last_at  when it was dialled, aware, in the customer's own time zone
    attempts dials so far in this campaign, this one included
    in_slot  of them, those on the same day in the same part of the day
    returns  after the outcome's least wait, and in another part of the day than this one once
             that has had its attempts (D5); a fault of ours is repeated at once, uncounted
    """
    if outcome in OUR_FAULTS:
        return last_at + timedelta(minutes=OUR_FAULTS[outcome])
    if outcome not in rules.retry_minutes or attempts >= rules.most_attempts:
        return None
    earliest = last_at + timedelta(minutes=rules.retry_minutes[outcome])
    if in_slot < rules.attempts_per_slot or not rules.slots:
        return earliest
    tried = slot_of(_minute(last_at), rules.slots)
    if slot_of(_minute(earliest), rules.slots) != tried:
        return earliest
    midnight = earliest.replace(hour=0, minute=0, second=0, microsecond=0)
    begins = (
        midnight + timedelta(days=days, minutes=minute)
        for days in range(3)
        for minute in sorted(rules.slots)
    )
    return next((b for b in begins if b > earliest), earliest)


def _minute(moment: datetime) -> int:
    return moment.hour * 60 + moment.minute


def mix_order(shares: Mapping[int, int], draw: float) -> list[int]:
    """In which order to ask the lists for the next customer, so that each gets its share.

    shares   list id -> its share, whole, >= 0; a list without a share comes last
    draw     0 <= draw < 1, fresh and even for each customer
    returns  the list drawn by its share, then the others, the greatest share first: when the
             drawn one is empty its share falls to the others. O(lists log lists).

    >>> mix_order({1: 60, 2: 40}, 0.7)
    [2, 1]
    """
    order = sorted(shares, key=lambda one: (-shares[one], one))
    left = draw * sum(shares.values())
    for one in order:
        if left < shares[one]:
            return [one, *(other for other in order if other != one)]
        left -= shares[one]
    return order


class TargetState(TextChoices):
    """Where one customer stands within one campaign."""

    WAITING = "waiting", _("Waiting")
    HELD = "held", _("Held until the pilot is decided")
    DONE = "done", _("Done")
    OUT = "out", _("Taken out")


class PilotVerdict(TextChoices):
    """What a campaign's trial says (H4): the words of science.experiments.Verdict."""

    WAIT = "wait", _("Too early to tell")
    GO = "go", _("Go: roll it out")
    CHANGE = "change", _("Change something, and try again")
    STOP = "stop", _("Stop")


def arm_of(campaign_id: int, customer_id: int) -> int:
    """Which of two scripts a customer hears: 0 or 1, evenly, and always the same for the same.

    >>> arm_of(1, 1) == arm_of(1, 1)
    True
    """
    return crc32(f"{campaign_id}:{customer_id}".encode()) & 1


class Effect(TextChoices):
    """What a disposition does beside being counted."""

    NOTHING = "nothing", _("Nothing more")
    FOLLOW_UP = "follow_up", _("Plan a follow-up")
    SOLD = "sold", _("Counts as a conversion")
    REFUSED = "refused", _("Counts as a refusal")
    RETRY = "retry", _("Try again later")
    INVALID = "invalid", _("Number judged invalid: never call again")
    NOT_THIS_PERSON = "not_this_person", _("Not this person: never call again")
    DO_NOT_CALL = "do_not_call", _("Do not call: never call again")


# Effects that put the number on the do-not-call list, company-wide.
SUPPRESSING = frozenset({Effect.INVALID, Effect.NOT_THIS_PERSON, Effect.DO_NOT_CALL})


class CannotChangeCampaign(Refused):
    """The campaign's state or make-up does not allow this."""


def check_move(now: CampaignState, to: CampaignState) -> None:
    """Raise CannotChangeCampaign unless `to` may follow `now`."""
    if to not in MOVES[now]:
        raise CannotChangeCampaign(
            _t("A campaign that is “%(now)s” cannot become “%(to)s”.")
            % {"now": now.label, "to": to.label},
            rule="C1",
        )


# What a new company starts with: key, name in English and Chinese, effect.
DEFAULT_DISPOSITIONS: tuple[tuple[int, str, str, Effect], ...] = (
    (1, "Interested", "有意向", Effect.FOLLOW_UP),
    (2, "Sold", "已成交", Effect.SOLD),
    (3, "Call back at a promised time", "约定回拨", Effect.FOLLOW_UP),
    (4, "Not now", "暂不需要", Effect.FOLLOW_UP),
    (5, "Refused", "拒绝", Effect.REFUSED),
    (6, "Not reached", "未接通", Effect.RETRY),
    (7, "Number does not work", "号码无效", Effect.INVALID),
    (8, "Not this person", "非本人", Effect.NOT_THIS_PERSON),
    (9, "Do not call", "要求不再致电", Effect.DO_NOT_CALL),
)
