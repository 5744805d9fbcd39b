from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from ninja.testing import TestClient

from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.calls.tests.make import make_call, make_campaign
from furrow.compliance.actions import suppress_number
from furrow.compliance.rules import SuppressionKind
from furrow.customers.tests.make import make_customer, number_of
from furrow.dialer.api import NobodyNamed, router
from furrow.organisation.http import Forbidden
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_user
from furrow.permits.models import Denial
from furrow.permits.rules import NotPermitted

pytestmark = pytest.mark.django_db
client = TestClient(router)
OPEN = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # Monday noon in Shanghai


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("furrow.dialer.api.timezone", SimpleNamespace(now=lambda: OPEN))


def test_a_machine_calls_a_customer_as_its_user() -> None:
    agent = make_agent()
    customer = make_customer(owner=agent)
    campaign = make_campaign(agent=agent)

    answer = client.post(
        "/now", json={"customer": customer.pk, "campaign": campaign.pk}, user=agent
    )

    assert answer.status_code == 201
    call = Call.objects.get(pk=answer.json()["id"])
    assert (call.number, call.agent, call.campaign) == (number_of(customer), agent, campaign)
    assert call.queued_at == OPEN
    assert number_of(customer).e164[3:] not in answer.content.decode()


def test_the_gate_stands_before_machines_too() -> None:
    agent = make_agent()
    number = number_of(make_customer(owner=agent))
    suppress_number(
        e164=number.e164, kind=SuppressionKind.OPTED_OUT, origin="api", by=agent, at=OPEN
    )

    with pytest.raises(NotPermitted) as refusal:
        client.post("/now", json={"number": number.pk}, user=agent)

    assert refusal.value.rule == "C4"
    assert Denial.objects.count() == 1


def test_whom_the_user_may_not_see_cannot_be_called() -> None:
    number = number_of(make_customer(owner=make_agent()))

    assert client.post("/now", json={"number": number.pk}, user=make_agent()).status_code == 404
    assert client.post("/now", json={"customer": 1}, user=make_agent()).status_code == 404


def test_somebody_has_to_be_named_by_somebody_with_a_desk() -> None:
    with pytest.raises(NobodyNamed):
        client.post("/now", json={}, user=make_agent())
    with pytest.raises(Forbidden):
        client.post("/now", json={"number": 1}, user=make_user(role=Role.OPERATIONS))


def test_a_machine_hangs_up_its_own_call_only() -> None:
    call = make_call(at=OPEN)

    leader = make_user(role=Role.LEADER, team=call.talker.team)
    for other in (make_agent(), make_agent(team=call.talker.team), leader):
        assert client.post(f"/{call.pk}/hangup", user=other).status_code == 404
    answer = client.post(f"/{call.pk}/hangup", user=call.agent)

    assert (answer.status_code, answer.json()["state"]) == (202, CallState.ENDED)
    assert client.post(f"/{call.pk}/hangup", user=call.agent).status_code == 202
    assert Call.objects.get(pk=call.pk).outcome == Outcome.CANCELLED
