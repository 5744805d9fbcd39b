"""Permits the dialer asks for before anybody is there to talk."""

import pytest

from furrow.customers.tests.make import make_customer, number_of
from furrow.organisation.tests.make import make_agent
from furrow.permits.actions import give_permit, request_permit
from furrow.permits.models import Denial
from furrow.permits.tests.make import MORNING

pytestmark = pytest.mark.django_db


def test_the_dialer_may_call_whom_nobody_owns_and_the_agent_is_named_later() -> None:
    number, agent = number_of(make_customer()), make_agent()

    decision, permit = request_permit(number=number, agent=None, by=agent, at=MORNING)

    assert decision.is_allowed
    assert permit is not None
    give_permit(permit_id=permit.pk, agent=agent, at=MORNING)
    permit.refresh_from_db()
    assert permit.agent == agent


def test_who_is_owned_is_not_dialled_for_whoever_is_free() -> None:
    agent = make_agent()
    number = number_of(make_customer(owner=agent))

    decision, permit = request_permit(number=number, agent=None, by=agent, at=MORNING)

    assert permit is None
    assert decision.refusal is not None
    assert decision.refusal.rule == "B3"
    assert Denial.objects.get().agent is None


def test_dials_for_nobody_yet_are_many_and_one_for_each_customer() -> None:
    first, second, by = number_of(make_customer()), number_of(make_customer()), make_agent()

    assert request_permit(number=first, agent=None, by=by, at=MORNING)[1]
    assert request_permit(number=second, agent=None, by=by, at=MORNING)[1]
    again, permit = request_permit(number=first, agent=None, by=by, at=MORNING)
    assert permit is None
    assert again.refusal is not None
    assert again.refusal.check == "line"
