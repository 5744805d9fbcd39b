"""The desk's answers to a browser whose script is not there yet."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.calls.tests.make import make_call
from furrow.campaigns.tests.make import make_campaign, make_dispositions
from furrow.compliance.actions import set_policy
from furrow.customers.tests.make import make_customer, number_of
from furrow.organisation.tests.make import NOON, make_agent

pytestmark = pytest.mark.django_db
ALWAYS = {"windows": [{"weekdays": [*range(7)], "from": "00:00", "to": "24:00"}]}


def test_f2_before_the_script_has_loaded_calls_and_comes_back_to_the_desk(client: Client) -> None:
    agent = make_agent()
    body = ALWAYS | {"on_holidays": True}
    set_policy(region="CN", body=body, note="", by=agent, at=timezone.now() - timedelta(days=1))
    number = number_of(make_customer(owner=agent))
    client.force_login(agent)

    answer = client.post(reverse("desk-call"), {"number": str(number.pk)})

    assert answer.status_code == 302
    assert answer.headers["Location"] == reverse("desk")
    assert Call.objects.get().number == number


def test_n_before_the_script_has_loaded_stores_the_result(client: Client) -> None:
    agent = make_agent()
    campaign = make_campaign(agent=agent, dispositions=make_dispositions())
    call = make_call(
        agent=agent, customer=make_customer(owner=agent), campaign=campaign,
        state=CallState.ENDED, at=NOON,
    )  # fmt: skip
    client.force_login(agent)
    sold = campaign.disposition_set.dispositions.get(key=2)

    answer = client.post(
        reverse("desk-finish"), {"call": str(call.pk), "disposition": str(sold.pk)}
    )

    assert answer.headers["Location"] == reverse("desk")
    call.refresh_from_db()
    assert call.disposition == sold
