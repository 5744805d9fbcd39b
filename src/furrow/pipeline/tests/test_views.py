import pytest
from django.http import QueryDict
from django.test import Client

from furrow.customers.queries import filtered
from furrow.customers.tests.make import make_customer
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.pipeline.actions import give_score
from furrow.pipeline.models import Standing
from furrow.pipeline.rules import Score, Stage

from .make import make_standing

HTMX = {"HX-Request": "true"}
pytestmark = pytest.mark.django_db


def test_a_score_given_by_key_answers_the_panel_alone(client: Client) -> None:
    agent = make_agent()
    client.force_login(agent)
    customer = make_customer(owner=agent)

    response = client.post(
        f"/customers/{customer.pk}/score/", {"score": "cp", "value": "4"}, headers=HTMX
    )

    part = response.content.decode()
    assert part.strip().startswith('<section class="panel fact" id="pipeline">')
    assert "Acquisition" in part
    assert response.headers["HX-Trigger"] == "furrow:timeline"
    assert Standing.objects.get(customer=customer).cp == 4


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"score": "cp", "value": "9"}, 409),
        ({"score": "cp", "value": "x"}, 400),
        ({"score": "l", "value": "1"}, 400),
    ],
)
def test_scores_that_are_none(client: Client, form: dict[str, str], status: int) -> None:
    client.force_login(make_user(role=Role.OPERATIONS))
    customer = make_customer()
    url = f"/customers/{customer.pk}/score/"
    assert client.post(url, form, headers=HTMX).status_code == status


def test_a_stage_move_wants_a_reason(client: Client) -> None:
    client.force_login(make_user(role=Role.OPERATIONS))
    customer = make_standing(stage=Stage.RETENTION).customer
    url = f"/customers/{customer.pk}/stage/"
    assert client.post(url, {"to": "acquisition"}, headers=HTMX).status_code == 409
    assert client.post(url, {"to": "nowhere", "reason": "x"}, headers=HTMX).status_code == 400
    done = client.post(url, {"to": "acquisition", "reason": "asked again"}, headers=HTMX)
    assert done.status_code == 200
    assert Standing.objects.get(customer=customer).stage == Stage.ACQUISITION


def test_strangers_and_reviewers_score_nothing(client: Client) -> None:
    url = f"/customers/{make_customer().pk}/score/"
    client.force_login(make_agent())
    assert client.post(url, {"score": "cp", "value": "1"}).status_code == 404
    client.force_login(make_user(role=Role.QA))
    assert client.post(url, {"score": "cp", "value": "1"}).status_code == 403


def test_lists_narrow_by_stage_and_score_and_show_them(client: Client) -> None:
    user = make_user(role=Role.OPERATIONS)
    hot = make_standing().customer
    give_score(customer=hot, score=Score.CP, value=4, by=user, at=NOON)
    cold = make_standing().customer
    new = make_customer()

    def found(query: str) -> set[int]:
        return set(filtered(user, QueryDict(query)).values_list("pk", flat=True))

    assert found("stage=acquisition") == {hot.pk}
    assert found("stage=screening") == {cold.pk}
    assert found("cp=4") == {hot.pk}
    assert found("cp=5") == set()
    assert found("cp=none") == {cold.pk, new.pk}
    assert found("cp=x") == set()
    client.force_login(user)
    page = client.get("/customers/").content.decode()
    assert '<span class="score" data-score="4">4</span>' in page
    assert "Acquisition" in page
