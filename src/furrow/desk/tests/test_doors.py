import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from ninja.testing import TestClient

from furrow.calls.rules import CallState
from furrow.calls.tests.make import make_call, make_campaign
from furrow.campaigns.rules import Effect
from furrow.campaigns.tests.make import make_dispositions, make_target
from furrow.compliance.tests.make import make_suppression
from furrow.customers.tests.make import make_customer, number_of
from furrow.desk.api import router
from furrow.desk.queries import seat_of
from furrow.followups.tests.make import make_followup
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_user

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


def test_whoever_is_passed_over_stays_passed_over(client: Client) -> None:
    agent = make_agent()
    campaign = make_campaign(agent=agent, dispositions=make_dispositions())
    customers = [make_customer(name=name, owner=agent) for name in ("Anna", "Berta", "Clara")]
    for customer in customers:
        make_target(campaign=campaign, customer=customer, agent=agent)
    client.force_login(agent)

    url, seen = "/desk/", []
    for _ in customers:
        page = client.get(url).content.decode()
        [link] = re.findall(r'data-key="j"[^>]*href="([^"]+)"', page)
        url = html.unescape(link)
        seen.append(int(url.rpartition("=")[2]))

    assert seen == [customer.pk for customer in customers]


def test_whoever_opted_out_since_does_not_come_to_the_desk() -> None:
    agent = make_agent()
    campaign = make_campaign(agent=agent, dispositions=make_dispositions())
    due, waiting, *gone = (make_customer(owner=agent) for _ in range(25))
    for customer in (*gone, waiting):
        make_target(campaign=campaign, customer=customer, agent=agent)
    make_followup(agent=agent, customer=due, due_at=NOON)
    for customer in (*gone, due):
        make_suppression(e164=number_of(customer).e164)

    seat = seat_of(agent=agent, at=NOON + timedelta(hours=1))

    assert seat is not None
    assert seat.customer == waiting
