"""Refusals counted down, promises kept as tasks, and a night that forgets nobody."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from furrow.audit.models import Event
from furrow.calls.actions import wrap_up_call
from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.calls.tests.make import make_call, make_disposition
from furrow.campaigns.rules import Effect
from furrow.customers.actions import assign_customer, merge_customers
from furrow.customers.models import Customer
from furrow.customers.rules import OwnerChange
from furrow.customers.tests.make import make_customer
from furrow.followups import actions
from furrow.followups.actions import (
    follow_refusal,
    keep_promise,
    plan_followup,
    plan_revisits,
    remind_of_everybody,
)
from furrow.followups.models import FollowUp, PoolReminder, Rest
from furrow.followups.queries import BOOK, closings, countdown_of, rests
from furrow.followups.rules import (
    DEFAULT_BODY,
    Channel,
    Reason,
    revisit_of,
    rules_from,
)
from furrow.followups.simulation import simulate
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.ownership.models import Losing
from furrow.permits.objections import Asked
from furrow.permits.rules import Purpose
from furrow.pipeline.actions import give_score, take_out
from furrow.pipeline.rules import OutReason, Score
from furrow.rulebooks.queries import rules_at
from furrow.teamwork.actions import credit_sale

from .make import make_followup

DAY = timedelta(days=1)
RULES = rules_from(DEFAULT_BODY, version=0)
pytestmark = pytest.mark.django_db


def refused(customer: Customer, agent: User, at: Any) -> Call:
    call = make_call(agent=agent, customer=customer, state=CallState.ENDED, at=at)
    refusal = make_disposition(effect=Effect.REFUSED)
    return wrap_up_call(
        call=call, disposition=refusal, cp=None, remark="", by=agent, at=call.ended_at or at
    )


def test_refusals_count_down_to_a_rest_in_the_pool() -> None:
    agent = make_agent()
    customer = make_customer(owner=agent)
    at, notes = NOON, set()
    for number in range(1, 8):
        call = refused(customer, agent, at)
        assert call.wrapped_at is not None
        at = call.wrapped_at
        followup = follow_refusal(call=call, wanted_at=None, by=agent, at=at)
        assert countdown_of(customer, at=at).left == (7 - number if number < 7 else 7)
        if followup is not None:
            notes.add(followup.note)
            at = followup.due_at
    assert len(notes) == 6
    rest = Rest.objects.get()
    assert (rest.since, rest.until) == (at, at + 180 * DAY)
    assert Customer.objects.get(pk=customer.pk).owner is None
    assert not FollowUp.objects.open().exists()
    asked = Asked(customer.pk, Purpose.SALES, "", at + DAY)
    objection = rests(asked)
    assert objection is not None
    assert (objection.rule, objection.until) == ("E1", rest.until)
    assert rests(Asked(customer.pk, Purpose.SALES, "", rest.until)) is None
    assert Event.objects.filter(what="customer.rests").count() == 1


def test_a_promise_becomes_a_task_beside_the_next_call() -> None:
    agent = make_agent()
    customer = make_customer(owner=agent)
    call = make_call(agent=agent, customer=customer, state=CallState.ENDED)
    following = make_followup(agent=agent, customer=customer)
    task = keep_promise(promise=RULES.promises[0], call=call, by=agent, at=NOON)
    assert (task.channel, task.due_at) == (Channel.WECHAT, NOON + timedelta(hours=4))
    assert set(FollowUp.objects.open()) == {following, task}


def owned(at: Any, *, bought: Any = None, pi: int | None = None) -> Customer:
    agent = make_agent()
    customer = make_customer(owner=agent, at=at)
    if bought:
        credit_sale(
            customer=customer, order_ref=f"o{customer.pk}", amount_minor=100, sold_at=bought,
            by=agent, at=bought,
        )  # fmt: skip
    if pi is not None:
        give_score(customer=customer, score=Score.PI, value=pi, by=agent, at=at)
    return customer


def test_the_night_plans_what_falls_due_and_forgets_nobody() -> None:
    old = NOON - 100 * DAY
    wanted = {
        owned(old, bought=NOON - 20 * DAY).pk: "just_bought",
        owned(old, bought=NOON - 99 * DAY).pk: "bought",
        owned(old, pi=4).pk: "intent",
        owned(old).pk: "others",
    }
    owned(NOON - 3 * DAY)  # nobody's turn
    planned = make_followup(customer=owned(old))
    take_out(customer=owned(old), because=OutReason.OFF, by=planned.assigned_to, at=old)
    Rest.objects.create(customer=owned(old), since=NOON - DAY, until=NOON + 9 * DAY)
    pooled = make_customer(at=old)

    run = remind_of_everybody(at=NOON)

    assert run is not None
    assert run.found == {
        "strays": 0, "forgotten": 0, "in_pools": 1,
        "just_bought": 1, "bought": 1, "intent": 1, "others": 1,
    }  # fmt: skip
    made = FollowUp.objects.open().filter(reason=Reason.REVISIT)
    assert dict(made.values_list("customer_id", "policy")) == wanted
    assert all(NOON < one.due_at < NOON + 2 * DAY for one in made)
    assert PoolReminder.objects.get().team == pooled.team
    assert remind_of_everybody(at=NOON) == run
    assert remind_of_everybody(at=NOON + DAY) is not None
    assert FollowUp.objects.open().count() == 5


def test_who_bought_in_a_call_is_revisited_weekly() -> None:
    agent = make_agent()
    customer = make_customer(owner=agent, at=NOON - 30 * DAY)
    call = make_call(agent=agent, customer=customer, state=CallState.ENDED, at=NOON - 8 * DAY)
    wrap_up_call(
        call=call, disposition=make_disposition(effect=Effect.SOLD), cp=None, remark="", by=agent,
        at=call.ended_at or NOON,
    )  # fmt: skip
    assert plan_revisits(after=0, upto=10**9, rules=RULES, at=NOON) == {"just_bought": 1}


def test_a_night_that_dies_goes_on_and_plans_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    last = max(owned(NOON - 80 * DAY).pk for _one in range(6))
    monkeypatch.setattr(actions, "CHUNK", (last + 3) // 4)
    real, seen = plan_revisits, 0

    def dies(**given: Any) -> Any:
        nonlocal seen
        seen += 1
        found = real(**given)
        if seen == 3:
            raise RuntimeError("killed")
        return found

    monkeypatch.setattr(actions, "plan_revisits", dies)
    with pytest.raises(RuntimeError):
        remind_of_everybody(at=NOON)
    run = remind_of_everybody(at=NOON + DAY / 24)
    assert run is not None
    assert run.finished_at is not None
    assert (run.found["others"], run.found["forgotten"]) == (6, 0)
    assert FollowUp.objects.open().count() == 6


def test_a_nights_revisits_are_spread_over_days() -> None:
    agent = make_agent()
    for _one in range(7):
        make_customer(owner=agent, at=NOON - 70 * DAY)
    rules = rules_from({**DEFAULT_BODY, "per_agent_day": 3}, version=0)
    plan_revisits(after=0, upto=10**9, rules=rules, at=NOON)
    days = sorted((one.due_at.date() - NOON.date()).days for one in FollowUp.objects.all())
    assert days == [1, 1, 1, 2, 2, 2, 3]


def test_a_trial_tells_reminders_of_the_past() -> None:
    agent = make_agent()
    customer = make_customer(owner=agent, at=NOON - 100 * DAY)
    make_call(agent=agent, customer=customer, state=CallState.ENDED, at=NOON - 75 * DAY)
    body: Any = {**DEFAULT_BODY, "revisits": [{**DEFAULT_BODY["revisits"][3], "every_days": 50}]}
    trial = simulate(body=body, days=30, at=NOON)
    assert {row.name: (row.tried, row.present) for row in trial.revisits}["No intent"] == (1, 1)
    trial = simulate(body=body, days=20, at=NOON)
    assert (trial.tried, trial.present) == (0, 1)


def test_the_page_tries_and_saves(client: Client) -> None:
    client.force_login(make_user(role=Role.MANAGER))
    page = client.get("/followup-rules/")
    assert "After a refusal" in page.content.decode()
    forms = page.context["forms"]
    data: dict[str, Any] = {"days": 30, "note": "gentler"}
    for form in (forms.house, *forms.retries, *forms.revisits, *forms.promises):
        for field in form:
            value = field.value()
            data[field.html_name] = "" if value is None else value
    data["most"] = 5
    assert 'id="trial"' in client.post("/followup-rules/", {**data, "try": 1}).content.decode()
    assert client.post("/followup-rules/", {**data, "save": 1}).status_code == 302
    rules = rules_at(BOOK, NOON + 400 * DAY)
    assert rules.refusals.most == 5
    assert [one.key for one in rules.revisits] == [one.key for one in RULES.revisits]
    assert rules.retries == RULES.retries


class Nights(TestCase):
    @given(
        st.lists(
            st.tuples(
                st.integers(1, 120), st.none() | st.integers(0, 120), st.none() | st.integers(0, 5)
            ),
            max_size=5,
        )
    )
    def test_sql_and_python_choose_the_same_policies(
        self, people: Sequence[tuple[int, int | None, int | None]]
    ) -> None:
        wanted = {}
        for quiet, bought, pi in people:
            bought_at = None if bought is None else NOON - bought * DAY - timedelta(hours=1)
            customer = owned(NOON - quiet * DAY, bought=bought_at, pi=pi)
            policy = revisit_of(RULES, bought_at=bought_at, pi=pi, at=NOON)
            # 12:00 UTC is 20:00 in Shanghai: the end of tomorrow is 28 hours away.
            if NOON - quiet * DAY + policy.every_days * DAY < NOON + timedelta(hours=28):
                wanted[customer.pk] = policy.key
        plan_revisits(after=0, upto=10**9, rules=RULES, at=NOON)
        made = FollowUp.objects.filter(reason=Reason.REVISIT)
        assert dict(made.values_list("customer_id", "policy")) == wanted

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["plan", "task", "merge", "hand over", "leave", "night"]),
                st.integers(0, 3),
                st.integers(0, 3),
            ),
            max_size=9,
        )
    )
    def test_no_followup_is_lost(self, events: Sequence[tuple[str, int, int]]) -> None:
        """Through merges, hand-overs and leavers: whoever was promised a call has one planned,
        with somebody who is there; no task is lost."""
        manager = make_user(role=Role.MANAGER)
        leader = make_user(role=Role.LEADER)
        assert leader.team is not None
        agents = [make_agent(team=leader.team) for _one in range(3)]
        customers = [make_customer(owner=agents[n % 3], at=NOON) for n in range(4)]
        into = {customer.pk: customer.pk for customer in customers}
        promised: set[int] = set()
        tasks, at = 0, NOON
        for what, one, other in events:
            at += DAY / 2
            customer = Customer.objects.get(pk=into[customers[one].pk])
            agent = agents[other % 3]
            match what:
                case "plan" | "task" if customer.owner:
                    channel = Channel.CALL if what == "plan" else Channel.VISIT
                    plan_followup(
                        customer=customer, assigned_to=customer.owner, due_at=at + 9 * DAY,
                        reason=Reason.PROMISE, channel=channel, by=manager, at=at,
                    )  # fmt: skip
                    if what == "plan":
                        promised.add(customer.pk)
                    tasks += what == "task"
                case "merge" if into[customers[other].pk] != customer.pk:
                    kept = Customer.objects.get(pk=into[customers[other].pk])
                    merge_customers(duplicate=customer, into=kept, by=manager, at=at)
                    into = {k: kept.pk if v == customer.pk else v for k, v in into.items()}
                    if customer.pk in promised:
                        promised = promised - {customer.pk} | {kept.pk}
                case "hand over" if agent.is_active:
                    before = customer.owner
                    assign_customer(
                        customer=customer, to=agent, change=OwnerChange.TRANSFERRED, by=manager,
                        at=at,
                    )  # fmt: skip
                    if before and before != agent:
                        actions.hand_on({customer.pk: agent.pk}, before, at)
                case "leave":
                    User.objects.filter(pk=agent.pk).update(is_active=False)
                    agent.is_active = False
                case "night":
                    remind_of_everybody(at=at)
        actions.remind_of_everybody(at=at + 2 * DAY)
        opened = FollowUp.objects.open()
        assert promised <= set(opened.calls().values_list("customer_id", flat=True))
        assert opened.exclude(channel=Channel.CALL).count() == tasks
        assert not opened.filter(assigned_to__is_active=False).exists()
        assert not opened.exclude(customer__merged_into=None).exists()


def test_sales_are_told_by_the_conversation_that_closed_them(client: Client) -> None:
    agent = make_agent()
    customer = make_customer(owner=agent)
    at = timezone.now() - 9 * DAY
    for number in range(6):  # sold in the first, and in the fifth after that
        call = make_call(agent=agent, customer=customer, state=CallState.ENDED, at=at)
        effect = Effect.SOLD if number in (0, 5) else Effect.NOTHING
        wrap_up_call(
            call=call, disposition=make_disposition(effect=effect), cp=None, remark="", by=agent,
            at=call.ended_at or at,
        )  # fmt: skip
        at += DAY
    manager = make_user(role=Role.MANAGER)
    found = closings(user=manager, days=30, at=timezone.now())
    assert found.counts == (1, 0, 0, 0, 1, 0)
    assert found.by_agent == [(agent, 2, 3.0)]
    client.force_login(manager)
    assert "Of 2 sales, 50 %" in client.get("/followups/attempts/?days=30").content.decode()


def test_an_agents_home_tells_overdue_today_and_soon_lost(client: Client) -> None:
    agent = make_agent()
    now = timezone.now()
    make_followup(agent=agent, due_at=now - DAY)
    lost = make_customer(owner=agent)
    assert lost.owned_since is not None
    Losing.objects.create(
        customer=lost, owner=agent, owned_since=lost.owned_since, last_on=now.date() + DAY,
        clock="next",
    )  # fmt: skip
    client.force_login(agent)
    page = client.get("/", follow=True)
    assert page.redirect_chain[-1][0] == "/followups/"
    content = page.content.decode()
    assert 'id="overdue"' in content
    assert 'id="today"' not in content
    assert 'id="soon-lost"' in content
    client.force_login(make_user(role=Role.LEADER, team=agent.team))
    assert "By team" in client.get("/followups/?all=1").content.decode()
