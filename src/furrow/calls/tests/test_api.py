import pytest
from ninja.testing import TestClient

from furrow.calls.api import router
from furrow.calls.rules import CallState, Outcome
from furrow.calls.tests.make import make_call
from furrow.organisation.http import Forbidden
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_user

pytestmark = pytest.mark.django_db
client = TestClient(router)


def test_an_agent_reads_his_own_calls_newest_first_page_by_page() -> None:
    agent = make_agent()
    made = [make_call(agent=agent, state=CallState.ENDED).pk for _ in range(3)]
    theirs = make_call(state=CallState.ENDED)

    first = client.get("?most=2", user=agent).json()
    second = client.get(f"?most=2&before={first['next_before']}", user=agent).json()

    ids = [call["id"] for call in first["items"] + second["items"]]
    assert ids == made[::-1]
    assert second["next_before"] is None
    assert client.get(f"/{theirs.pk}", user=agent).status_code == 404


def test_a_call_is_told_without_its_whole_number() -> None:
    call = make_call(state=CallState.ENDED, outcome=Outcome.BUSY)

    answer = client.get(f"/{call.pk}", user=make_user(role=Role.OPERATIONS))

    assert answer.json()["outcome"] == "busy"
    assert answer.json()["number"] == call.number.masked
    assert call.number.e164[3:] not in answer.content.decode()


def test_calls_are_found_by_customer_and_state() -> None:
    manager = make_user(role=Role.MANAGER)
    talking = make_call(state=CallState.TALKING)
    make_call(state=CallState.ENDED)

    assert len(client.get("", user=manager).json()["items"]) == 2
    by_state = client.get("?state=talking", user=manager).json()["items"]
    by_customer = client.get(f"?customer={talking.customer_id}", user=manager).json()["items"]
    assert [call["id"] for call in by_state] == [call["id"] for call in by_customer] == [talking.pk]
    assert client.get("?state=nonsense", user=manager).status_code == 422


def test_whoever_may_not_use_the_api_reads_nothing() -> None:
    with pytest.raises(Forbidden):
        client.get("", user=make_user(role=Role.QA))
