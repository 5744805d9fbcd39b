from datetime import timedelta
from typing import Any

import pytest

from furrow.calls.models import Call
from furrow.calls.rules import CallState, CannotWrapUp, Outcome
from furrow.calls.tests.make import make_call
from furrow.campaigns.models import Campaign, Target
from furrow.campaigns.rules import Effect, TargetState
from furrow.campaigns.tests.make import make_campaign, make_dispositions, make_target
from furrow.compliance.models import Suppression
from furrow.compliance.rules import SuppressionKind
from furrow.customers.actions import add_number
from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.desk.actions import WrapUp, wrap_up
from furrow.desk.queries import Why, seat_of
from furrow.desk.rules import CannotFinish
from furrow.followups.models import FollowUp
from furrow.followups.rules import Reason
from furrow.followups.tests.make import make_followup
from furrow.organisation.actions import set_presence
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import PresenceState
from furrow.organisation.tests.make import NOON, make_agent
from furrow.pipeline.models import Standing
from furrow.pipeline.rules import Stage

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=5)


def ended_call(outcome: Outcome = Outcome.ANSWERED) -> tuple[Call, Campaign]:
    agent = make_agent()
    set_presence(user=agent, state=PresenceState.READY, at=NOON)
    campaign = make_campaign(agent=agent, dispositions=make_dispositions())
    customer = make_customer(owner=agent)
    make_target(campaign=campaign, customer=customer, agent=agent)
    call = make_call(
        agent=agent, customer=customer, campaign=campaign, state=CallState.ENDED, outcome=outcome
    )
    return call, campaign


def finish(call: Call, campaign: Campaign, effect: Effect, **more: Any) -> Call:
    disposition = campaign.disposition_set.dispositions.filter(effect=effect).first()
    assert disposition is not None
    return wrap_up(
        call=call, result=WrapUp(disposition=disposition, **more), by=call.talker, at=LATER
    )


def target_of(call: Call) -> Target:
    return Target.objects.get(customer=call.customer)


def test_interest_stores_everything_and_the_agent_is_ready_again() -> None:
    call, campaign = ended_call()

    call = finish(
        call, campaign, Effect.FOLLOW_UP, cp=4, due_at=LATER + timedelta(days=3), remark="kids"
    )

    assert call.wrapped_at == LATER
    assert call.cp == 4
    followup = FollowUp.objects.open().get()
    assert (followup.customer, followup.reason, followup.note) == (
        call.customer, Reason.INTEREST, "kids",
    )  # fmt: skip
    assert target_of(call).state == TargetState.DONE
    standing = Standing.objects.get(customer=call.customer)
    assert (standing.cp, standing.stage) == (4, Stage.ACQUISITION)
    assert Presence.objects.get(user=call.agent).state == PresenceState.READY


def test_intention_is_kept_as_potential_is() -> None:
    call, campaign = ended_call()

    finish(call, campaign, Effect.FOLLOW_UP, pi=2, due_at=LATER + timedelta(days=3))

    standing = Standing.objects.get(customer=call.customer)
    assert (standing.cp, standing.pi) == (None, 2)


def test_a_result_that_needs_a_next_touch_is_refused_without_one_and_nothing_is_stored() -> None:
    call, campaign = ended_call()

    with pytest.raises(CannotFinish):
        finish(call, campaign, Effect.FOLLOW_UP, cp=4)
    call.refresh_from_db()
    assert call.wrapped_at is None
    assert not Standing.objects.filter(customer=call.customer, cp=4).exists()


@pytest.mark.parametrize(
    ("effect", "kind"),
    [
        (Effect.DO_NOT_CALL, SuppressionKind.OPTED_OUT),
        (Effect.NOT_THIS_PERSON, SuppressionKind.NOT_THIS_PERSON),
        (Effect.INVALID, SuppressionKind.INVALID),
    ],
)
def test_never_again_suppresses_company_wide_and_takes_out_of_every_campaign(
    effect: Effect, kind: SuppressionKind
) -> None:
    call, campaign = ended_call()
    other = make_campaign(agent=call.talker)
    make_target(campaign=other, customer=call.customer, agent=call.talker)
    make_followup(agent=call.agent, customer=call.customer)

    finish(call, campaign, effect)

    assert Suppression.objects.get().kind == kind
    assert set(Target.objects.values_list("state", flat=True)) == {TargetState.OUT}
    assert not FollowUp.objects.open().exists()


def test_a_refusal_rests_for_weeks_and_the_seventh_for_good() -> None:
    call, campaign = ended_call()
    agent, customer = call.agent, call.customer
    for number in range(1, 8):
        finish(call, campaign, Effect.REFUSED)
        followup = FollowUp.objects.open().filter(customer=customer).first()
        if number < 7:
            assert followup is not None
            assert followup.reason == Reason.REFUSAL
            at = NOON + timedelta(days=20 * number)
            call = make_call(
                agent=agent, customer=customer, campaign=campaign, state=CallState.ENDED, at=at
            )
        else:
            assert followup is None


def test_a_refusal_is_not_called_back_earlier_than_the_peace_lasts() -> None:
    call, campaign = ended_call()

    finish(call, campaign, Effect.REFUSED, due_at=LATER + timedelta(days=1))

    followup = FollowUp.objects.open().get()
    assert followup.due_at >= LATER + timedelta(weeks=2)
    assert followup.reason == Reason.REFUSAL


def test_one_wrong_number_leaves_a_customer_who_has_another_in_the_campaign() -> None:
    call, campaign = ended_call()
    other = add_number(customer=call.customer, e164="+8615499990001", by=call.talker, at=NOON)

    finish(call, campaign, Effect.NOT_THIS_PERSON)

    assert target_of(call).state == TargetState.WAITING
    seat = seat_of(agent=call.talker, at=LATER)
    assert seat is not None
    assert seat.number == other


def test_the_result_given_for_somebody_away_leaves_them_away() -> None:
    call, campaign = ended_call()
    set_presence(user=call.talker, state=PresenceState.AWAY, at=NOON)

    finish(call, campaign, Effect.SOLD)

    assert Presence.objects.get(user=call.agent).state == PresenceState.AWAY


def test_not_reached_waits_in_the_campaign_for_another_part_of_the_day() -> None:
    call, campaign = ended_call(Outcome.NO_ANSWER)

    finish(call, campaign, Effect.RETRY)

    target = target_of(call)
    assert target.state == TargetState.WAITING
    assert target.not_before == LATER + timedelta(hours=4)
    assert not FollowUp.objects.exists()


def test_not_reached_outside_a_campaign_becomes_a_followup() -> None:
    agent = make_agent()
    campaign = make_campaign(agent=agent, dispositions=make_dispositions())
    call = make_call(
        agent=agent, customer=make_customer(owner=agent), campaign=campaign,
        state=CallState.ENDED, outcome=Outcome.BUSY,
    )  # fmt: skip

    finish(call, campaign, Effect.RETRY)

    assert FollowUp.objects.open().get().reason == Reason.RETRY


def test_a_conversation_keeps_the_open_followup_a_missed_call_does_not() -> None:
    for outcome, is_kept in ((Outcome.ANSWERED, True), (Outcome.NO_ANSWER, False)):
        call, campaign = ended_call(outcome)
        promised = make_followup(agent=call.agent, customer=call.customer)
        finish(call, campaign, Effect.SOLD if is_kept else Effect.RETRY)
        promised.refresh_from_db()
        assert (promised.done_at is not None) is is_kept


@pytest.mark.parametrize("effect", [Effect.SOLD, Effect.REFUSED])
def test_nobody_buys_or_refuses_in_a_call_nobody_answered(effect: Effect) -> None:
    call, campaign = ended_call(Outcome.NO_ANSWER)

    with pytest.raises(CannotFinish, match="Nobody answered"):
        finish(call, campaign, effect)
    call.refresh_from_db()
    assert call.wrapped_at is None


def test_a_call_is_wrapped_up_once() -> None:
    call, campaign = ended_call()
    finish(call, campaign, Effect.SOLD)
    with pytest.raises(CannotWrapUp):
        finish(call, campaign, Effect.SOLD)


class TestTheSeat:
    """Whom the desk shows."""

    agent: User
    customer: Customer

    def seat(self, **more: Any) -> Any:
        return seat_of(agent=self.agent, at=NOON, **more)

    @pytest.fixture(autouse=True)
    def _one_waiting(self) -> None:
        self.agent = make_agent()
        self.campaign = make_campaign(agent=self.agent, dispositions=make_dispositions())
        self.customer = make_customer(owner=self.agent)
        make_target(campaign=self.campaign, customer=self.customer, agent=self.agent)

    def test_the_campaigns_next(self) -> None:
        seat = self.seat()
        assert (seat.why, seat.customer) == (Why.CAMPAIGN, self.customer)
        assert self.seat(skip=[self.customer.pk]) is None

    def test_a_due_followup_before_the_campaign(self) -> None:
        due = make_followup(agent=self.agent, due_at=NOON - timedelta(hours=1))
        seat = self.seat()
        assert (seat.why, seat.customer) == (Why.FOLLOW_UP, due.customer)

    def test_the_picked_one_before_both(self) -> None:
        make_followup(agent=self.agent, due_at=NOON - timedelta(hours=1))
        picked = make_customer(owner=self.agent)
        assert self.seat(picked=picked).customer == picked

    def test_the_call_before_all(self) -> None:
        call = make_call(agent=self.agent, customer=make_customer(owner=self.agent))
        seat = self.seat(picked=self.customer)
        assert (seat.why, seat.call) == (Why.CALL, call)

    def test_a_call_without_its_result_before_all(self) -> None:
        call = make_call(
            agent=self.agent, customer=make_customer(owner=self.agent), state=CallState.ENDED
        )
        assert (self.seat().why, self.seat().call) == (Why.WRAP_UP, call)

    def test_nobody_waits(self) -> None:
        Target.objects.all().update(state=TargetState.DONE)
        assert self.seat() is None
