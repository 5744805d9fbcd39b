"""A customer who may be called, by the agent who may call."""

from datetime import UTC, datetime

from furrow.customers.models import Number
from furrow.customers.tests.make import make_customer, number_of
from furrow.organisation.models import User
from furrow.organisation.tests.make import make_agent
from furrow.permits.actions import close_permit, request_permit, spend_permit
from furrow.permits.models import Permit

MORNING = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # Monday, 10:00 in Shanghai


def make_callable(*, agent: User | None = None) -> tuple[Number, User]:
    """A number that its owner may call in the MORNING, and the owner."""
    agent = agent or make_agent()
    return number_of(make_customer(owner=agent, at=MORNING)), agent


def make_permit(
    *,
    number: Number | None = None,
    agent: User | None = None,
    spent: bool = False,
    closed: bool = False,
    at: datetime = MORNING,
) -> Permit:
    """A permit the gate gave; fails where the gate says no."""
    if number is None:
        number, agent = make_callable(agent=agent)
    agent = agent or number.customer.owner
    assert agent is not None
    decision, permit = request_permit(number=number, agent=agent, by=agent, at=at)
    assert permit is not None, decision.refusal
    if spent:
        permit = spend_permit(permit=permit, at=at)
    if closed:
        close_permit(permit_id=permit.pk, at=at)
    return permit
