"""The published contract: whatever a machine sends, it never breaks us."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from schemathesis.core.failures import FailureGroup

from furrow.campaigns.tests.make import make_campaign, make_dispositions, make_target
from furrow.config.api import api
from furrow.customers.tests.make import make_customer
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_token, make_user

SECRET = "furrow_" + "s" * 43
DOCUMENT = json.loads(json.dumps(api.get_openapi_schema()))
CONTRACT = Path(__file__).parent.parent / "docs" / "reference" / "openapi.json"

schema = schemathesis.openapi.from_dict(DOCUMENT)
schema.app = get_wsgi_application()
# What an answer must be; that every wrong value is refused is the business of unit tests.
ASKED = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    )
]


@pytest.fixture(params=[Role.AGENT, Role.ADMINISTRATOR], ids=str)
def _a_working_day(request: pytest.FixtureRequest, db: None, settings: Any) -> Iterator[None]:
    """Something to find, change and call; a key; and answers that leave the connection open."""
    settings.API_RATE = 1_000_000
    user = make_user(role=request.param)
    make_token(secret=SECRET, user=user)
    agent = user if user.role == Role.AGENT else make_agent()
    customer = make_customer(owner=agent)
    campaign = make_campaign(agent=agent, dispositions=make_dispositions())
    make_target(campaign=campaign, customer=customer, agent=agent)
    make_customer(team=agent.team)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.slow
@pytest.mark.usefixtures("_a_working_day")
@schema.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_the_answer_keeps_the_contract(case: schemathesis.Case) -> None:
    try:
        case.call_and_validate(headers={"Authorization": f"Bearer {SECRET}"}, checks=ASKED)
    except FailureGroup as group:
        raise AssertionError("\n".join(str(failure) for failure in group.exceptions)) from None


def test_the_committed_contract_is_the_one_we_keep() -> None:
    """A change of the API shows in the diff. `make docs` writes it anew."""
    assert json.loads(CONTRACT.read_text(encoding="utf-8")) == DOCUMENT
