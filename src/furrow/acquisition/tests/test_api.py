"""Leads in, for machines."""

import pytest
from django.test import Client
from django.urls import reverse

from furrow.acquisition.models import Lead
from furrow.audit.models import Event
from furrow.customers.tests.make import make_customer
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_token, make_user

from .make import make_source

pytestmark = pytest.mark.django_db
SECRET = "furrow_test-secret-for-leads"


@pytest.fixture
def send(client: Client):  # type: ignore[no-untyped-def]
    make_token(user=make_user(role=Role.OPERATIONS), secret=SECRET)

    def post(**lead: object):  # type: ignore[no-untyped-def]
        return client.post(
            reverse("api:lead_in"),
            {"source": "Web form", "name": "张伟", "numbers": ["138 0013 8001"], **lead},
            content_type="application/json",
            headers={"Authorization": f"Bearer {SECRET}"},
        )

    return post


def test_a_lead_makes_a_customer(send) -> None:  # type: ignore[no-untyped-def]
    make_source(name="Web form")

    response = send(consent={"given": True, "words": "call me"}, facts={"course": "maths"})

    assert response.status_code == 201, response.content
    assert response.json()["is_new"] is True
    lead = Lead.objects.get()
    assert lead.customer.numbers.get().e164 == "+8613800138001"
    assert lead.given["course"] == "maths"
    assert "given: True" in lead.given["consent"]
    assert Event.objects.about(lead).filter(what="lead.added").exists()


def test_a_lead_of_somebody_known_is_one_more_origin(send) -> None:  # type: ignore[no-untyped-def]
    make_source(name="Web form")
    customer = make_customer(name="张伟", numbers=["+8613800138001"])

    response = send()

    assert response.json()["is_new"] is False
    assert response.json()["customer_id"] == customer.pk
    assert "same_number" in response.json()["reasons"]


@pytest.mark.parametrize(
    ("change", "rule"), [({"source": "unknown"}, "A5"), ({"numbers": ["无"]}, "A4")]
)
def test_a_lead_without_source_or_number_is_refused(send, change, rule: str) -> None:  # type: ignore[no-untyped-def]
    make_source(name="Web form")

    response = send(**change)

    assert response.status_code == 409
    assert response.json()["rule"] == rule


def test_characters_no_database_keeps_are_a_mistake_of_the_sender(send) -> None:  # type: ignore[no-untyped-def]
    make_source(name="Web form")

    assert send(name="a\0b").status_code == 422
