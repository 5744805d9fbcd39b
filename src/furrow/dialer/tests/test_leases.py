"""Taking customers, dialling each once, and giving back whom nobody dialled."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from furrow.calls.actions import move_call
from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.calls.tests.make import make_call
from furrow.campaigns.models import Target
from furrow.campaigns.rules import BEFORE_ALL, DialMode
from furrow.compliance.actions import suppress_number
from furrow.compliance.rules import SuppressionKind
from furrow.customers.tests.make import number_of
from furrow.dialer.actions import (
    Denied,
    Taken,
    begin_reign,
    close_session,
    connect_waiting,
    dial_lease,
    end_call,
    keep_promises,
    open_session,
    release_lease,
    skip_lease,
    take_for_agent,
    take_from_pool,
    take_promise,
    tidy,
)
from furrow.dialer.models import Lease, Session
from furrow.dialer.queries import Dial, free_agents, leases_due, seats
from furrow.dialer.rules import DROP_SILENCE, LEASE_LIFE, CannotTakeCalls, Skip
from furrow.dialer.tests.make import make_dialled_campaign, make_pooled, make_session
from furrow.followups.rules import Reason
from furrow.followups.tests.make import make_followup
from furrow.organisation.models import Presence
from furrow.organisation.rules import PresenceState
from furrow.organisation.tests.make import make_agent
from furrow.permits.models import Denial, Permit

pytestmark = pytest.mark.django_db
OPEN = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # Monday noon in Shanghai
SECOND = timedelta(seconds=1)


def dialled(target: Target, *, at: datetime = OPEN) -> Call:
    """A predictive call to a pooled target, handed to the switch."""
    reign = begin_reign(at=at)
    [taken] = take_from_pool(campaign=target.campaign, most=1, reign=reign, at=at)
    got = dial_lease(lease_id=taken.lease_id, reign=reign, at=at)
    assert isinstance(got, Dial)
    return Call.objects.get(pk=got.call_id)


def test_the_best_come_first_and_nobody_twice() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    low, high, owed = (make_pooled(campaign=campaign, priority=p) for p in (1, 4, BEFORE_ALL))
    reign = begin_reign(at=OPEN)

    first = take_from_pool(campaign=campaign, most=2, reign=reign, at=OPEN)
    second = take_from_pool(campaign=campaign, most=2, reign=reign, at=OPEN)

    taken = [Lease.objects.get(pk=one.lease_id).target for one in [*first, *second]]
    assert taken == [owed, high, low]


@pytest.mark.parametrize("for_agent", [False, True])
def test_a_list_at_its_best_hour_comes_first_among_equals_only(for_agent: bool) -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    agent = campaign.agents.get()
    for source, priority in ((1, 3), (1, 2), (2, 3), (2, 1)):
        target = make_pooled(campaign=campaign, priority=priority)
        Target.objects.filter(pk=target.pk).update(source_ref=source)

    taken: list[Taken] = []
    while len(taken) < 3:
        if for_agent:
            one = take_for_agent(
                campaign=campaign, agent=agent, dial_at=OPEN, favoured=(2,), reign=1, at=OPEN
            )
            assert one is not None
            taken.append(one)
            Lease.objects.filter(pk=one.lease_id).update(released_at=OPEN, why="test")
        else:
            taken += take_from_pool(campaign=campaign, most=1, favoured=(2,), reign=1, at=OPEN)

    targets = [Lease.objects.get(pk=one.lease_id).target for one in taken]
    assert [(t.source_ref, t.priority) for t in targets if t] == [(2, 3), (1, 3), (1, 2)]


def test_lists_are_asked_in_the_order_of_the_mix() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    for source, priority in ((1, 5), (2, 0)):
        target = make_pooled(campaign=campaign, priority=priority)
        Target.objects.filter(pk=target.pk).update(source_ref=source)

    [taken] = take_from_pool(campaign=campaign, most=1, order=(2, 1), reign=1, at=OPEN)

    lease = Lease.objects.get(pk=taken.lease_id)
    assert lease.target is not None
    assert lease.target.source_ref == 2


def test_a_lease_becomes_one_call() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    call = dialled(make_pooled(campaign=campaign))

    lease = Lease.objects.get()
    assert lease.call == call
    assert call.state == CallState.DIALING
    assert dial_lease(lease_id=lease.pk, reign=lease.reign, at=OPEN + SECOND) is None
    assert Call.objects.count() == 1


def test_a_dialer_of_an_earlier_reign_dials_nothing() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    make_pooled(campaign=campaign)
    stale = begin_reign(at=OPEN)
    [taken] = take_from_pool(campaign=campaign, most=1, reign=stale, at=OPEN)
    fresh = begin_reign(at=OPEN + SECOND)

    assert dial_lease(lease_id=taken.lease_id, reign=stale, at=OPEN + SECOND) is None
    assert not Call.objects.exists()
    assert take_from_pool(campaign=campaign, most=1, reign=fresh, at=OPEN + SECOND)


def test_a_lease_nobody_dials_gives_its_customer_back_by_itself() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    target = make_pooled(campaign=campaign)
    take_from_pool(campaign=campaign, most=1, reign=begin_reign(at=OPEN), at=OPEN)
    assert not Target.objects.filter(campaign=campaign).ready().exists()

    tidy(at=OPEN + LEASE_LIFE)

    assert list(Target.objects.filter(campaign=campaign).ready()) == [target]
    assert Lease.objects.get().why == "expired"


def test_whom_the_gate_refuses_waits_until_the_answer_may_change() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    target = make_pooled(campaign=campaign)
    night = OPEN + timedelta(hours=12)
    reign = begin_reign(at=night)
    [taken] = take_from_pool(campaign=campaign, most=1, reign=reign, at=night)

    denied = dial_lease(lease_id=taken.lease_id, reign=reign, at=night)

    assert denied == Denied(campaign.pk, "hours")
    target.refresh_from_db()
    assert target.not_before is not None
    assert timedelta(hours=5) < target.not_before - night < timedelta(hours=12)
    assert Denial.objects.get().agent is None


def test_whom_nobody_may_call_leaves_every_campaign() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    target = make_pooled(campaign=campaign)
    number = number_of(target.customer)
    suppress_number(
        e164=number.e164, kind=SuppressionKind.OPTED_OUT, origin="test", by=make_agent(), at=OPEN
    )
    reign = begin_reign(at=OPEN)
    [taken] = take_from_pool(campaign=campaign, most=1, reign=reign, at=OPEN)

    assert dial_lease(lease_id=taken.lease_id, reign=reign, at=OPEN) is None
    target.refresh_from_db()
    assert target.state == "out"


def test_who_met_nobody_is_not_risked_again_for_three_days() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    target = make_pooled(campaign=campaign)
    call = dialled(target)
    move_call(call_id=call.pk, to=CallState.WAITING, at=OPEN + SECOND)
    end_call(call_id=call.pk, at=OPEN + 3 * SECOND, outcome=Outcome.ANSWERED)
    target.refresh_from_db()
    assert target.priority == BEFORE_ALL
    Target.objects.filter(pk=target.pk).update(not_before=None)  # somebody brings them back early
    later = OPEN + timedelta(hours=25)
    reign = begin_reign(at=later)
    [taken] = take_from_pool(campaign=campaign, most=1, reign=reign, at=later)

    assert dial_lease(lease_id=taken.lease_id, reign=reign, at=later) is None
    lease = Lease.objects.get(pk=taken.lease_id)
    target.refresh_from_db()
    assert lease.why == "dropped"
    assert target.not_before == OPEN + 3 * SECOND + DROP_SILENCE

    agent = campaign.agents.get()
    Target.objects.filter(pk=target.pk).update(not_before=None)
    kept = take_for_agent(campaign=campaign, agent=agent, dial_at=later, reign=reign, at=later)
    assert kept is not None
    assert isinstance(dial_lease(lease_id=kept.lease_id, reign=reign, at=later), Dial)


@pytest.mark.parametrize(
    ("outcome", "state"), [(Outcome.BUSY, "waiting"), (Outcome.REFUSED, "done")]
)
def test_a_dial_nobody_answered_is_put_where_the_campaigns_rules_say(
    outcome: Outcome, state: str
) -> None:
    target = make_pooled(campaign=make_dialled_campaign(mode=DialMode.PREDICTIVE))
    call = dialled(target)

    assert end_call(call_id=call.pk, at=OPEN + SECOND, outcome=outcome)
    assert not end_call(call_id=call.pk, at=OPEN + SECOND, outcome=outcome)

    target.refresh_from_db()
    assert target.state == state
    assert target.attempts == 1


# -- who talks -----------------------------------------------------------------------------------


def test_who_answers_gets_the_agent_who_waits_longest() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE, agents=3)
    short, long, away = campaign.agents.order_by("pk")
    make_session(agent=short, ready_since=OPEN - SECOND)
    make_session(agent=long, ready_since=OPEN - 9 * SECOND)
    make_session(agent=away, ready_since=OPEN - 20 * SECOND)
    Presence.objects.filter(user=away).update(state=PresenceState.AWAY)
    call = dialled(make_pooled(campaign=campaign))
    move_call(call_id=call.pk, to=CallState.WAITING, at=OPEN)

    found = connect_waiting(call_id=call.pk, at=OPEN)

    assert found is not None
    assert found.agent_id == long.pk
    assert [s.agent_id for s in free_agents(campaign_id=campaign.pk, kept=None, at=OPEN)] == [
        short.pk
    ]
    assert connect_waiting(call_id=call.pk, at=OPEN) is None


def test_an_agent_kept_free_for_one_customer_is_given_no_other() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PROGRESSIVE)
    agent = campaign.agents.get()
    make_session(agent=agent, ready_since=OPEN)
    make_pooled(campaign=campaign)
    make_pooled(campaign=campaign)
    reign = begin_reign(at=OPEN)

    assert take_for_agent(campaign=campaign, agent=agent, dial_at=OPEN, reign=reign, at=OPEN)
    assert not take_for_agent(campaign=campaign, agent=agent, dial_at=OPEN, reign=reign, at=OPEN)
    assert free_agents(campaign_id=campaign.pk, kept=None, at=OPEN) == []
    assert [s.agent_id for s in free_agents(campaign_id=campaign.pk, kept=agent.pk, at=OPEN)] == [
        agent.pk
    ]


def test_an_owned_customer_is_dialled_for_the_owner_alone() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PROGRESSIVE, agents=2)
    owner, other = campaign.agents.order_by("pk")
    make_pooled(campaign=campaign, agent=owner)
    reign = begin_reign(at=OPEN)

    assert take_from_pool(campaign=campaign, most=1, reign=reign, at=OPEN) == []
    assert not take_for_agent(campaign=campaign, agent=other, dial_at=OPEN, reign=reign, at=OPEN)
    taken = take_for_agent(campaign=campaign, agent=owner, dial_at=OPEN, reign=reign, at=OPEN)
    assert taken is not None
    assert isinstance(dial_lease(lease_id=taken.lease_id, reign=reign, at=OPEN), Dial)
    assert Permit.objects.get().agent == owner


# -- preview -------------------------------------------------------------------------------------


def test_a_shown_customer_is_passed_over_with_a_reason() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREVIEW)
    agent = campaign.agents.get()
    target = make_pooled(campaign=campaign, agent=agent)
    later = OPEN + 30 * SECOND
    taken = take_for_agent(campaign=campaign, agent=agent, dial_at=later, reign=1, at=OPEN)
    assert taken is not None
    assert leases_due(at=OPEN + 29 * SECOND) == []
    assert leases_due(at=later) == [taken.lease_id]

    assert skip_lease(agent=agent, lease_id=taken.lease_id, reason=Skip.WRONG_TIME, at=OPEN)

    target.refresh_from_db()
    assert target.not_before == OPEN + timedelta(hours=5)
    assert not skip_lease(agent=agent, lease_id=taken.lease_id, reason=Skip.LATER, at=OPEN)
    assert not release_lease(lease_id=taken.lease_id, why="again", until=None, at=OPEN)


def test_a_preview_call_is_the_agents_from_the_first_ring() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREVIEW)
    agent = campaign.agents.get()
    make_pooled(campaign=campaign, agent=agent)
    reign = begin_reign(at=OPEN)
    taken = take_for_agent(campaign=campaign, agent=agent, dial_at=OPEN, reign=reign, at=OPEN)
    assert taken is not None

    dial_lease(lease_id=taken.lease_id, reign=reign, at=OPEN)

    call = Call.objects.get()
    assert (call.agent, call.mode) == (agent, DialMode.PREVIEW)


# -- promises ------------------------------------------------------------------------------------


def test_a_promise_is_kept_at_its_minute_by_who_promised() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE, agents=2)
    promised, other = campaign.agents.order_by("pk")
    make_session(agent=promised, ready_since=OPEN)
    make_session(agent=other, ready_since=OPEN)
    customer = make_pooled(campaign=campaign, agent=promised).customer
    make_followup(agent=promised, customer=customer, due_at=OPEN, reason=Reason.PROMISE)
    early = OPEN - timedelta(seconds=10)
    reign = begin_reign(at=OPEN)

    assert keep_promises(seats=seats(at=early), reign=reign, at=early) == set()
    assert [s.agent_id for s in seats(at=early) if s.is_free] == [other.pk]  # kept free already
    assert keep_promises(seats=seats(at=OPEN), reign=reign, at=OPEN) == {promised.pk}
    [lease_id] = leases_due(at=OPEN)
    assert isinstance(dial_lease(lease_id=lease_id, reign=reign, at=OPEN), Dial)
    assert Call.objects.get().agent == promised
    assert keep_promises(seats=seats(at=OPEN), reign=reign, at=OPEN) == set()


def test_a_promise_of_somebody_who_is_away_is_kept_by_the_team_after_some_minutes() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE, agents=1)
    mate = campaign.agents.get()
    absent = make_agent(team=mate.team)
    campaign.agents.add(absent)
    make_session(agent=mate, ready_since=OPEN)
    customer = make_pooled(campaign=campaign, agent=absent).customer
    make_followup(agent=absent, customer=customer, due_at=OPEN, reason=Reason.PROMISE)
    late = OPEN + timedelta(minutes=campaign.callback_minutes)

    assert keep_promises(seats=seats(at=OPEN), reign=1, at=OPEN) == set()
    reign = begin_reign(at=late)
    assert keep_promises(seats=seats(at=late), reign=reign, at=late) == {mate.pk}
    [lease_id] = leases_due(at=late)
    assert isinstance(dial_lease(lease_id=lease_id, reign=reign, at=late), Dial)
    assert Call.objects.get().agent == mate  # who owns the customer is not there


def test_a_promise_is_taken_once() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE, agents=2)
    first, second = campaign.agents.order_by("pk")
    customer = make_pooled(campaign=campaign, agent=first).customer
    due = make_followup(agent=first, customer=customer, due_at=OPEN, reason=Reason.PROMISE)

    assert take_promise(followup=due, campaign=campaign, agent=first, reign=1, at=OPEN)
    assert not take_promise(followup=due, campaign=campaign, agent=second, reign=1, at=OPEN)


# -- sessions ------------------------------------------------------------------------------------


def test_nobody_waits_for_calls_that_cannot_come() -> None:
    with pytest.raises(CannotTakeCalls) as refusal:
        open_session(agent=make_agent(), at=OPEN)

    assert refusal.value.rule == "D1"


def test_leaving_gives_back_the_customer_who_was_shown() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREVIEW)
    agent = campaign.agents.get()
    make_session(agent=agent, ready_since=OPEN)
    target = make_pooled(campaign=campaign, agent=agent)
    take_for_agent(campaign=campaign, agent=agent, dial_at=None, reign=1, at=OPEN)

    assert close_session(agent=agent, by=agent.username, at=OPEN + SECOND)

    target.refresh_from_db()
    assert target.not_before is None
    assert not Session.objects.open().exists()
    assert not close_session(agent=agent, by=agent.username, at=OPEN + SECOND)


def test_who_owes_a_result_is_given_no_call() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    agent = campaign.agents.get()
    make_session(agent=agent, ready_since=OPEN)
    make_call(agent=agent, state=CallState.ENDED, at=OPEN)
    Presence.objects.filter(user=agent).update(state=PresenceState.READY)

    assert free_agents(campaign_id=campaign.pk, kept=None, at=OPEN) == []
    assert [seat.state for seat in seats(at=OPEN)] == ["wrapup"]


# -- races ---------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_eight_who_take_at_once_take_different_customers() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    for _ in range(40):
        make_pooled(campaign=campaign)
    got: list[int] = []

    def take() -> None:
        try:
            for _ in range(5):
                got.extend(
                    one.lease_id
                    for one in take_from_pool(campaign=campaign, most=1, reign=1, at=OPEN)
                )
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == len(set(got)) == 40
    assert Lease.objects.values("target").distinct().count() == 40
