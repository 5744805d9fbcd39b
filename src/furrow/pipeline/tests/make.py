"""Standings for tests."""

from datetime import datetime

from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_user
from furrow.pipeline.actions import enter_pipeline
from furrow.pipeline.models import Standing
from furrow.pipeline.rules import Stage


def make_standing(
    *,
    customer: Customer | None = None,
    stage: Stage = Stage.SCREENING,
    by: User | None = None,
    at: datetime = NOON,
) -> Standing:
    """A customer in the pipeline, at `stage`."""
    customer = customer or make_customer()
    enter_pipeline(
        customer_ids=[customer.pk], stage=stage, by=by or make_user(role=Role.OPERATIONS), at=at
    )
    return Standing.objects.get(customer=customer)
