from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from furrow.acquisition.models import Lead
from furrow.acquisition.rules import Basis
from furrow.acquisition.tests.make import make_source
from furrow.customers.actions import merge_customers
from furrow.customers.tests.make import make_customer
from furrow.followups.actions import answer_lead, finish_followup, plan_followup
from furrow.followups.models import FollowUp
from furrow.followups.queries import compliance_by_agent, for_the_day, load_of, next_due
from furrow.followups.rules import CannotPlan, Reason
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_user

from .make import make_followup

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_planning_again_replaces_the_open_one() -> None:
    agent = make_agent()
    customer = make_customer(owner=agent)
    first = plan_followup(
        customer=customer, assigned_to=agent, due_at=NOON + DAY, reason=Reason.INTEREST,
        by=agent, at=NOON,
    )  # fmt: skip
    second = plan_followup(
        customer=customer, assigned_to=agent, due_at=NOON + 2 * DAY, reason=Reason.PROMISE,
        by=agent, at=NOON,
    )  # fmt: skip

    first.refresh_from_db()
    assert first.done_at == NOON
    assert list(FollowUp.objects.open()) == [second]


def test_the_database_refuses_two_open_ones() -> None:
    followup = make_followup()
    with pytest.raises(IntegrityError):
        FollowUp.objects.create(
            customer=followup.customer, assigned_to=followup.assigned_to,
            due_at=NOON, planned_at=NOON,
        )  # fmt: skip


def test_the_past_cannot_be_planned() -> None:
    agent = make_agent()
    with pytest.raises(CannotPlan, match="future"):
        plan_followup(
            customer=make_customer(owner=agent), assigned_to=agent, due_at=NOON,
            reason=Reason.OTHER, by=agent, at=NOON,
        )  # fmt: skip


def test_finishing_twice_is_no_error_and_changes_nothing() -> None:
    followup = make_followup()
    agent = followup.assigned_to

    assert finish_followup(followup=followup, by=agent, at=NOON)
    assert not finish_followup(followup=followup, by=agent, at=NOON + DAY)
    followup.refresh_from_db()
    assert followup.done_at == NOON


def test_the_morning_begins_with_promises_the_longest_overdue_first() -> None:
    agent = make_agent()
    interest = make_followup(agent=agent, due_at=NOON - 3 * DAY, reason=Reason.INTEREST)
    late_promise = make_followup(agent=agent, due_at=NOON - DAY, reason=Reason.PROMISE)
    early_promise = make_followup(agent=agent, due_at=NOON - 2 * DAY, reason=Reason.PROMISE)
    make_followup(agent=agent, due_at=NOON + 3 * DAY)

    rows = list(for_the_day(user=agent, until=NOON + DAY))

    assert rows == [early_promise, late_promise, interest]
    assert next_due(agent=agent, at=NOON) == early_promise
    assert next_due(agent=agent, at=NOON, skip=[early_promise.customer_id]) == late_promise
    load = load_of(user=agent, at=NOON, day_ends=NOON + timedelta(hours=4))
    assert (load.overdue, load.today, load.week) == (3, 0, 1)


def test_an_agent_sees_own_ones_a_leader_the_teams_a_manager_all() -> None:
    followup = make_followup()
    agent = followup.assigned_to
    leader = make_user(role=Role.LEADER, team=agent.team)
    manager = make_user(role=Role.MANAGER)

    for user, sees in ((agent, 1), (leader, 1), (manager, 1), (make_agent(), 0)):
        assert FollowUp.objects.visible_to(user).count() == sees


def test_merging_keeps_every_promise_and_the_earlier_one_stays_open() -> None:
    agent = make_agent()
    ops = make_user(role=Role.OPERATIONS)
    earlier = make_followup(agent=agent, due_at=NOON + DAY)
    later = make_followup(agent=agent, due_at=NOON + 2 * DAY)

    merge_customers(duplicate=earlier.customer, into=later.customer, by=ops, at=NOON)

    assert FollowUp.objects.filter(customer=later.customer).count() == 2
    assert FollowUp.objects.open().get() == earlier


def test_compliance_counts_what_was_kept_in_time_and_late() -> None:
    agent = make_agent()
    for late_by in (timedelta(), 3 * DAY):
        followup = make_followup(agent=agent, due_at=NOON - 5 * DAY)
        finish_followup(followup=followup, by=agent, at=followup.due_at + late_by)
    make_followup(agent=agent, due_at=NOON - DAY)

    [row] = compliance_by_agent(user=agent, at=NOON)

    assert (row.kept, row.kept_late, row.overdue, row.percent_in_time) == (1, 1, 1, 50)


def test_the_page_shows_what_is_due_and_done_takes_it_off(client: Client) -> None:
    followup = make_followup(due_at=NOON - DAY)
    client.force_login(followup.assigned_to)

    page = client.get(reverse("followups"))
    assert followup.customer.name in page.content.decode()
    client.post(reverse("followup-finish", args=[followup.pk]), {"row": "1"})
    assert not FollowUp.objects.open().exists()


def make_web_lead(*, owner: User | None, asked: bool = True) -> Lead:
    basis = Basis(rule="asked" if asked else "", version=3, site="shop.test", page="/call/")
    return Lead.objects.create(
        customer=make_customer(owner=owner), source=make_source(), at=NOON, basis=basis.stored
    )


def test_who_asks_on_a_web_site_is_called_back_by_the_owner_within_a_minute() -> None:
    agent = make_agent()
    answer_lead(lead=make_web_lead(owner=agent), by=agent, at=NOON)
    planned = FollowUp.objects.open().get()
    assert (planned.assigned_to, planned.reason) == (agent, Reason.INTEREST)
    assert planned.due_at == NOON + timedelta(minutes=1)
    assert "shop.test/call/" in planned.note


def test_a_lead_of_nobodys_customer_or_without_interest_plans_nothing() -> None:
    agent = make_agent()
    assert answer_lead(lead=make_web_lead(owner=None), by=agent, at=NOON) is None
    assert answer_lead(lead=make_web_lead(owner=agent, asked=False), by=agent, at=NOON) is None


def test_a_promise_is_not_replaced_by_a_visit() -> None:
    agent = make_agent()
    lead = make_web_lead(owner=agent)
    promise = plan_followup(
        customer=lead.customer, assigned_to=agent, due_at=NOON + DAY, reason=Reason.PROMISE,
        by=agent, at=NOON,
    )  # fmt: skip
    assert answer_lead(lead=lead, by=agent, at=NOON) is None
    assert list(FollowUp.objects.open()) == [promise]
