from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from furrow.audit.models import Event
from furrow.calls.rules import CallState, Outcome
from furrow.calls.tests.make import make_call
from furrow.customers.tests.make import make_customer
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user

pytestmark = pytest.mark.django_db
DAY = "2026-03-02"


def some_calls(name: str = "Ada") -> None:
    agent = make_user(team=make_team(), display_name=name)
    for minutes, outcome in ((0, Outcome.ANSWERED), (5, Outcome.BUSY), (61, Outcome.NO_ANSWER)):
        make_call(
            agent=agent, customer=make_customer(owner=agent), state=CallState.ENDED,
            outcome=outcome, at=NOON + timedelta(minutes=minutes), talk_seconds=90,
        )  # fmt: skip


def test_the_day_counts_calls_by_agent_and_local_hour(client: Client) -> None:
    some_calls()
    client.force_login(make_user(role=Role.MANAGER))

    page = client.get(reverse("day-report"), {"on": DAY})

    day = page.context["found"].day
    assert (day.total.attempts, day.total.answered, day.total.conversations) == (3, 1, 1)
    assert {name: count.attempts for name, count in day.by["hour"].items()} == {
        "20:00": 2,
        "21:00": 1,
    }
    assert day.by["agent"]["Ada"].talk_seconds == 90
    assert "Ada" in page.content.decode()


def test_without_a_day_the_latest_with_calls_is_shown(client: Client) -> None:
    some_calls()
    client.force_login(make_user(role=Role.MANAGER))

    assert client.get(reverse("day-report")).context["found"].on.isoformat() == DAY


def test_a_leader_counts_the_own_team_only(client: Client) -> None:
    some_calls()
    leader = make_user(role=Role.LEADER)
    make_call(agent=make_agent(team=leader.team), state=CallState.ENDED)
    client.force_login(leader)

    assert client.get(reverse("day-report"), {"on": DAY}).context["total"].attempts == 1


def test_a_leader_cannot_ask_for_another_team(client: Client) -> None:
    client.force_login(make_user(role=Role.LEADER))
    other = make_team()

    assert client.get(reverse("day-report"), {"on": DAY, "team": str(other.pk)}).status_code == 404


def test_no_such_day_is_not_found(client: Client) -> None:
    client.force_login(make_user(role=Role.MANAGER))

    for wrong in ("2026-13-40", "yesterday"):
        assert client.get(reverse("day-report"), {"on": wrong}).status_code == 404


def test_an_export_is_a_file_without_formulas_and_is_recorded(client: Client) -> None:
    some_calls(name="=1+1")
    client.force_login(make_user(role=Role.MANAGER))

    answer = client.post(reverse("day-export"), {"on": DAY, "by": "agent"})

    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert "'=1+1,3,1,0.3333" in text
    event = Event.objects.get(what="report.exported")
    assert event.details["rows"] == 1


def test_who_may_not_export_is_refused(client: Client) -> None:
    client.force_login(make_user(role=Role.QA))

    assert client.post(reverse("day-export"), {"on": DAY, "by": "agent"}).status_code == 403
