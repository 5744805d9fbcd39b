"""Standings for tests."""

from copy import deepcopy
from datetime import datetime
from typing import Any

from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_user
from furrow.pipeline.actions import enter_pipeline
from furrow.pipeline.models import Standing
from furrow.pipeline.queries import BOOK
from furrow.pipeline.rules import DEFAULT_BODY, Stage
from furrow.rulebooks.actions import set_rules
from furrow.rulebooks.models import RuleVersion


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


def put_in_force(*, at: datetime = NOON, stages: Any = None, **house: Any) -> RuleVersion:
    """The rules Furrow starts with, some of them changed: stages={"retention": {"team": 3}}."""
    body = deepcopy(dict(DEFAULT_BODY)) | house
    for stage, said in (stages or {}).items():
        body["stages"][stage] |= said
    by = make_user(role=Role.MANAGER)
    return set_rules(book=BOOK, body=body, note="test", by=by, at=at)
