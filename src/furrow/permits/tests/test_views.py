from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from furrow.compliance.actions import set_policy
from furrow.compliance.models import Consent
from furrow.compliance.tests.make import WEEK, make_body, make_suppression
from furrow.customers.tests.make import make_customer
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_user

from .make import make_callable

pytestmark = pytest.mark.django_db


def allow_all_hours() -> None:
    at = timezone.now() - timedelta(days=1)
    body = make_body(windows=[{"weekdays": WEEK, "from": "00:00", "to": "24:00"}], on_holidays=True)
    set_policy(region="CN", body=body, note="", by=make_agent(), at=at)


def test_the_panel_says_yes_and_what_was_asked(client: Client) -> None:
    allow_all_hours()
    number, agent = make_callable()
    client.force_login(agent)

    page = client.get(f"/permits/panel/{number.customer_id}/").content.decode()

    assert "May we call now?" in page
    assert "is-good" in page
    assert "Nobody else on the line" in page
    assert number.e164[-11:] not in page


def test_the_panel_says_no_with_the_rule_and_what_was_not_asked(client: Client) -> None:
    number, agent = make_callable()
    make_suppression(e164=number.e164, reason="by post")
    client.force_login(agent)

    page = client.get(f"/permits/panel/{number.customer_id}/?number={number.pk}").content.decode()

    assert "by post" in page
    assert "Rule C4" in page
    assert page.count("not asked") == 11


def test_without_a_number_it_says_so(client: Client) -> None:
    agent = make_agent()
    customer = make_customer(numbers=[], owner=agent)
    client.force_login(agent)

    assert "No number" in client.get(f"/permits/panel/{customer.pk}/").content.decode()


def test_another_teams_customer_is_not_there(client: Client) -> None:
    number, _ = make_callable()
    client.force_login(make_agent())

    assert client.get(f"/permits/panel/{number.customer_id}/").status_code == 404


def test_a_consent_is_recorded_beside_the_answer(client: Client) -> None:
    number, agent = make_callable()
    client.force_login(agent)

    page = client.post(
        f"/permits/consent/{number.customer_id}/",
        {"purpose": "sales", "word": "withdrawn", "basis": "spoken", "evidence": "call 7"},
    ).content.decode()

    assert "call 7" in page
    assert "Rule I1" in page or "I1" in page
    assert Consent.objects.get().is_given is False


def test_rules_are_tried_on_the_past_before_they_are_saved(client: Client) -> None:
    client.force_login(make_user(role=Role.MANAGER))
    data = {
        "windows-TOTAL_FORMS": "1", "windows-INITIAL_FORMS": "0", "windows-0-weekdays": ["0"],
        "windows-0-opens": "09:00", "windows-0-closes": "20:00",
        "number_caps-TOTAL_FORMS": "0", "number_caps-INITIAL_FORMS": "0",
        "customer_caps-TOTAL_FORMS": "0", "customer_caps-INITIAL_FORMS": "0",
        "silence_after_refusal_days": "14",
    }  # fmt: skip

    page = client.post("/permits/simulate/CN/", data).content.decode()

    assert "Of 0 calls" in page
    assert "not right" in client.post("/permits/simulate/CN/", {}).content.decode()
