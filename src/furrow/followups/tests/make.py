"""Follow-ups for tests."""

from datetime import datetime, timedelta

from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.followups.models import FollowUp
from furrow.followups.rules import Reason
from furrow.organisation.models import User
from furrow.organisation.tests.make import NOON, make_agent


def make_followup(
    *,
    agent: User | None = None,
    customer: Customer | None = None,
    due_at: datetime | None = None,
    reason: Reason = Reason.INTEREST,
) -> FollowUp:
    """An open follow-up, due tomorrow unless said otherwise."""
    agent = agent or make_agent()
    return FollowUp.objects.create(
        customer=customer or make_customer(owner=agent),
        assigned_to=agent,
        reason=reason,
        due_at=due_at or NOON + timedelta(days=1),
        planned_at=NOON - timedelta(days=10),
    )
