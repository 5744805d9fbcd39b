"""The company a newcomer meets: it can be made, and everything shown in it is there."""

from datetime import UTC, datetime

import pytest

from furrow.calls.models import Call
from furrow.config.demo.actions import Size, make_demo_company
from furrow.customers.models import Customer
from furrow.followups.models import FollowUp
from furrow.organisation.models import User
from furrow.pipeline.models import Standing

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_a_small_demo_company_has_people_customers_and_six_weeks_of_calls() -> None:
    make_demo_company(at=datetime(2026, 11, 18, 2, 0, tzinfo=UTC), size=Size(customers=300))

    assert Customer.objects.count() == 300
    assert User.objects.filter(username__in=["manager", "ops", "leader1", "agent1"]).count() == 4
    assert Call.objects.filter(campaign__isnull=False).count() > 300
    assert FollowUp.objects.exists()
    assert Standing.objects.exists()
