import pytest
from django.test import Client
from ninja.testing import TestClient

from furrow.calls.rules import CallState
from furrow.calls.tests.make import make_call, make_campaign
from furrow.campaigns.rules import Effect
from furrow.campaigns.tests.make import make_dispositions
from furrow.desk.api import router
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_user

pytestmark = pytest.mark.django_db
api = TestClient(router)


def test_nobody_says_what_came_of_somebody_elses_call() -> None:
    agent = make_agent()
    campaign = make_campaign(agent=agent, dispositions=make_dispositions())
    call = make_call(agent=agent, campaign=campaign, state=CallState.ENDED)
    sold = campaign.disposition_set.dispositions.filter(effect=Effect.SOLD).first()
    assert sold is not None
    said = {"disposition": sold.key}

    leader = make_user(role=Role.LEADER, team=agent.team)
    for other in (make_agent(team=agent.team), leader):
        assert api.post(f"/{call.pk}/outcome", json=said, user=other).status_code == 404
    answer = api.post(f"/{call.pk}/outcome", json=said, user=agent)

    assert answer.status_code == 200, answer.json()


@pytest.mark.parametrize("remark", ["a\x00b", "\ud800"])
def test_a_remark_no_database_can_keep_is_refused(remark: str) -> None:
    call = make_call(state=CallState.ENDED)

    answer = api.post(
        f"/{call.pk}/outcome", json={"disposition": 1, "remark": remark}, user=call.agent
    )

    assert answer.status_code == 422


def test_a_day_no_calendar_has_is_refused(client: Client) -> None:
    agent = make_agent()
    campaign = make_campaign(agent=agent, dispositions=make_dispositions())
    call = make_call(agent=agent, campaign=campaign, state=CallState.ENDED)
    client.force_login(agent)

    answer = client.post("/desk/finish/", {"call": call.pk, "due": "2026-13-45T00:00"})

    assert answer.status_code == 409
