"""What a campaign may be and do. No database, no clock."""

from collections.abc import Mapping

from django.db.models import TextChoices
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused


class CampaignState(TextChoices):
    DRAFT = "draft", _("Draft")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")


MOVES: Mapping[CampaignState, frozenset[CampaignState]] = {
    CampaignState.DRAFT: frozenset({CampaignState.RUNNING, CampaignState.ENDED}),
    CampaignState.RUNNING: frozenset({CampaignState.PAUSED, CampaignState.ENDED}),
    CampaignState.PAUSED: frozenset({CampaignState.RUNNING, CampaignState.ENDED}),
    CampaignState.ENDED: frozenset(),
}


class TargetState(TextChoices):
    """Where one customer stands within one campaign."""

    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    OUT = "out", _("Taken out")


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
