"""What one key press on the desk does to calls, follow-ups, campaigns, scores and suppressions.

The desk lies on top of the shelf: here the lower capabilities are put together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from furrow.calls.actions import wrap_up_call
from furrow.calls.models import Call
from furrow.calls.rules import Outcome
from furrow.campaigns.actions import finish_target, put_off_target, take_out_everywhere
from furrow.campaigns.models import Disposition
from furrow.campaigns.rules import SUPPRESSING, Effect
from furrow.common.phone import zone
from furrow.compliance.actions import note_refusal, suppress_number
from furrow.compliance.rules import SuppressionKind
from furrow.dialer.queries import callable_number
from furrow.followups.actions import (
    finish_due,
    follow_refusal,
    keep_promise,
    plan_followup,
    retry_at,
)
from furrow.followups.rules import Promise, Reason
from furrow.learning.actions import keep_suggestions
from furrow.learning.queries import better_moment
from furrow.learning.rules import DAY, asked_in
from furrow.organisation.actions import set_presence
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import PresenceState
from furrow.pipeline.actions import give_score, note_sale, take_out, take_out_unreachable
from furrow.pipeline.rules import OutReason, Score

from .rules import check_followup, check_spoken

_KIND_OF = {
    Effect.INVALID: SuppressionKind.INVALID,
    Effect.NOT_THIS_PERSON: SuppressionKind.NOT_THIS_PERSON,
    Effect.DO_NOT_CALL: SuppressionKind.OPTED_OUT,
}


@dataclass(frozen=True)
class WrapUp:
    """What the agent says came of a call.

    cp, pi  0 to 5, or None when not asked
    due_at  the next follow-up, or None
    promises  what was promised beside it; each becomes a task
    """

    disposition: Disposition
    cp: int | None = None
    pi: int | None = None
    due_at: datetime | None = None
    is_promise: bool = False
    remark: str = ""
    promises: Sequence[Promise] = ()


@transaction.atomic
def wrap_up(*, call: Call, result: WrapUp, by: User, at: datetime) -> Call:
    """Store the result of a call and everything that follows from it, or nothing at all.

    Raises CannotWrapUp, CannotFinish (no follow-up where one is needed), CannotPlan, BadScore.
    """
    effect = Effect(result.disposition.effect)
    check_followup(needed=effect is Effect.FOLLOW_UP, given=result.due_at is not None)
    check_spoken(effect=effect, is_answered=call.outcome == Outcome.ANSWERED)
    call = wrap_up_call(
        call=call, disposition=result.disposition, cp=result.cp, remark=result.remark, by=by, at=at
    )
    if result.cp is not None:
        give_score(customer=call.customer, score=Score.CP, value=result.cp, by=by, at=at)
    if result.pi is not None:
        give_score(customer=call.customer, score=Score.PI, value=result.pi, by=by, at=at)
    if call.outcome == Outcome.ANSWERED:
        keep_suggestions(call=call, given=_asked(call, result), at=at)
        finish_due(call=call, by=by, at=at)
    if effect is Effect.SOLD:
        note_sale(customer=call.customer, by=by, at=at)
    if effect is Effect.REFUSED:
        note_refusal(e164=call.number.e164, origin=f"call:{call.pk}", by=by, at=at)
    if effect in SUPPRESSING:
        _never_again(call=call, effect=effect, by=by, at=at)
    elif effect is Effect.REFUSED:
        follow_refusal(call=call, wanted_at=result.due_at, by=by, at=at)
        _finish_in_campaign(call=call, at=at)
    elif result.due_at is not None:
        _come_back(call=call, result=result, by=by, at=at)
    elif effect is Effect.RETRY:
        _try_again(call=call, by=by, at=at)
    else:
        _finish_in_campaign(call=call, at=at)
    for promise in result.promises:
        keep_promise(promise=promise, call=call, by=by, at=at)
    # A leader or a machine may give the result for somebody who has gone: they stay away.
    if Presence.objects.filter(user=call.talker, state=PresenceState.WRAPUP).exists():
        set_presence(user=call.talker, state=PresenceState.READY, at=at)
    return call


def _asked(call: Call, result: WrapUp) -> dict[Score, int | None]:
    """The score the campaign's stage asks for, as given; and the other one if it was given."""
    asked = asked_in(call.campaign.stage if call.campaign else "")
    given = {Score.CP: result.cp, Score.PI: result.pi}
    return {score: value for score, value in given.items() if score is asked or value is not None}


def _never_again(*, call: Call, effect: Effect, by: User, at: datetime) -> None:
    suppress_number(
        e164=call.number.e164, kind=_KIND_OF[effect], origin=f"call:{call.pk}", by=by, at=at
    )
    if effect is not Effect.DO_NOT_CALL and callable_number(call.customer, at=at):
        return  # only this number was wrong; the customer waits on with another
    take_out_unreachable(after=call.customer_id - 1, upto=call.customer_id, by=by, at=at)
    finish_due(call=call, by=by, at=at)
    take_out_everywhere(customer_id=call.customer_id, at=at)


def _come_back(*, call: Call, result: WrapUp, by: User, at: datetime) -> None:
    assert result.due_at is not None  # noqa: S101
    plan_followup(
        customer=call.customer,
        assigned_to=call.talker,
        due_at=result.due_at,
        reason=Reason.PROMISE if result.is_promise else Reason.INTEREST,
        note=result.remark[:300],
        after_call=call,
        by=by,
        at=at,
    )
    _finish_in_campaign(call=call, at=at)


def _try_again(*, call: Call, by: User, at: datetime) -> None:
    """Not reached: wait in the campaign for another part of the day, or as a follow-up."""
    due_at = retry_at(call=call, at=at)
    if due_at is None:
        if call.outcome in {Outcome.SWITCHED_OFF, Outcome.OUT_OF_SERVICE}:
            take_out(customer=call.customer, because=OutReason.OFF, by=by, at=at)
        _finish_in_campaign(call=call, at=at)
        return
    due_at = better_moment(
        source_id=call.source_id,
        earliest=due_at.astimezone(zone(call.number.time_zone)),
        opens=call.campaign.opens_minute if call.campaign else DAY[0],
        closes=call.campaign.closes_minute if call.campaign else DAY[1],
        at=at,
    )
    if call.campaign_id is None or not put_off_target(
        campaign_id=call.campaign_id, customer_id=call.customer_id, until=due_at
    ):
        plan_followup(
            customer=call.customer,
            assigned_to=call.talker,
            due_at=due_at,
            reason=Reason.RETRY,
            after_call=call,
            by=by,
            at=at,
        )


def _finish_in_campaign(*, call: Call, at: datetime) -> None:
    if call.campaign_id is not None:
        finish_target(campaign_id=call.campaign_id, customer_id=call.customer_id, at=at)
