from typing import Any

import pytest
from django.test import Client

from furrow.compliance.tests.make import make_suppression
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.tests.make import make_agent, make_token

from .make import make_callable

pytestmark = pytest.mark.django_db
SECRET = "furrow_test-secret-of-the-permits"


def ask(user: User, customer_id: int) -> Any:
    make_token(user=user, secret=SECRET)
    machine = Client(headers={"Authorization": f"Bearer {SECRET}"})
    return machine.get(f"/api/v1/customers/{customer_id}/may-call")


def test_the_answer_names_the_rule() -> None:
    number, agent = make_callable()
    make_suppression(e164=number.e164)

    said = ask(agent, number.customer_id).json()

    assert not said["is_allowed"]
    assert [a["rule"] for a in said["answers"]] == ["C4"]
    assert said["answers"][0]["next_at"] is None


def test_without_a_number_or_a_right_there_is_nothing() -> None:
    agent = make_agent()
    assert ask(agent, make_customer(numbers=[], owner=agent).pk).status_code == 404


def test_another_teams_customer_is_not_there() -> None:
    number, _ = make_callable()

    assert ask(make_agent(), number.customer_id).status_code == 404
