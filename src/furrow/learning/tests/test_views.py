"""The pages of what is learned, before and after the first night."""

from itertools import product

import pytest
from django.test import Client
from django.urls import reverse

from furrow.customers.tests.make import make_customer
from furrow.learning.actions import learn_all
from furrow.organisation.actions import system_user
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.rulebooks.models import RuleVersion

from .make import make_calls

pytestmark = pytest.mark.django_db
PAGES = ["learning", "learning-times", "learning-fits", "learning-terms"]


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_user(role=Role.MANAGER))
    return client


@pytest.mark.parametrize("page", PAGES)
def test_before_anything_is_learned_pages_say_so(manager: Client, page: str) -> None:
    answer = manager.get(reverse(page))

    assert answer.status_code == 200
    if page != "learning-terms":
        assert b"Nothing has been learned yet" in answer.content


def test_every_page_shows_what_was_learned(manager: Client) -> None:
    make_calls()
    learn_all(by=system_user(), at=NOON)

    for page, query, language in product(PAGES, ("", "?score=pi", "?of=yes"), ("en", "zh-hans")):
        answer = manager.get(reverse(page) + query, headers={"accept-language": language})
        assert answer.status_code == 200
        assert b"Nothing has been learned yet" not in answer.content


def test_a_record_shows_the_suggestion_and_its_reasons(client: Client) -> None:
    agent = make_agent()
    good = make_calls(agent=agent)[1]
    learn_all(by=system_user(), at=NOON)
    customer = make_customer(owner=agent)
    customer.leads.create(source=good, at=NOON)
    client.force_login(agent)

    answer = client.get(reverse("suggestion", args=[customer.pk]))
    on_the_desk = client.get(reverse("suggestion", args=[customer.pk]) + "?desk=1&score=cp")

    assert f"List: {good.name}" in answer.content.decode()
    assert 'data-key="z"' in on_the_desk.content.decode()


def test_the_rubric_changes_by_versions_and_a_wrong_one_is_refused(manager: Client) -> None:
    form = manager.get(reverse("learning-terms")).context["form"]
    said = {bound.html_name: bound.value() for bound in form if bound.value() is not None}

    wrong = manager.post(reverse("learning-terms"), said | {"note": "x", "cp-need-2-points": 1})
    right = manager.post(
        reverse("learning-terms"), said | {"note": "words", "cp-need-2-zh": "非常明确"}
    )

    assert wrong.status_code == 409
    assert right.status_code == 302
    version = RuleVersion.objects.get(book="learning")
    assert version.body["rubrics"]["cp"]["need"][2]["zh"] == "非常明确"


def test_learning_anew_is_queued_once(manager: Client) -> None:
    for _time in range(2):
        assert manager.post(reverse("learning-now")).status_code == 302
