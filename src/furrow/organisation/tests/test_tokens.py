from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from furrow.organisation.actions import revoke_token
from furrow.organisation.http import Forbidden
from furrow.organisation.rules import Role
from furrow.organisation.tokens import ByToken, Tokens

from .make import NOON, make_token, make_user

pytestmark = pytest.mark.django_db
SECRET = "furrow_0123456789-abcdefghij"


@pytest.fixture(autouse=True)
def _fresh_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def ask(secret: str = SECRET, scheme: str = "Bearer") -> tuple[Any, int]:
    """Whom an endpoint sees, and the status."""
    seen: list[Any] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(ByToken()(request))
        return HttpResponse()

    request = RequestFactory().get("/api/x", headers={"Authorization": f"{scheme} {secret}"})
    answer = Tokens(view)(request)
    return (seen[0] if seen else None), answer.status_code


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_key_acts_as_its_user_and_remembers_its_use(scheme: str) -> None:
    token = make_token(secret=SECRET)

    user, _ = ask(scheme=scheme)

    assert user == token.user
    token.refresh_from_db()
    assert token.last_used_at is not None


@pytest.mark.parametrize("secret", ["", "furrow_", "furrow_0123456789-abcdefghiX", "x" * 5000])
def test_an_unknown_key_is_nobody(secret: str) -> None:
    make_token(secret=SECRET)

    assert ask(secret)[0] is None


def test_a_revoked_key_is_nobody() -> None:
    token = make_token(secret=SECRET)
    revoke_token(token=token, by=token.user, at=NOON)

    assert ask()[0] is None


def test_the_key_of_somebody_who_left_is_nobody() -> None:
    make_token(secret=SECRET, user=make_user(role=Role.OPERATIONS, is_active=False))

    assert ask()[0] is None


def test_a_key_can_do_no_more_than_its_user() -> None:
    make_token(secret=SECRET, user=make_user(role=Role.QA))  # may not use the API

    with pytest.raises(Forbidden):
        ask()


def test_too_many_requests_are_told_to_wait(settings: LazySettings) -> None:
    settings.API_RATE = 3
    make_token(secret=SECRET)

    answers = [ask()[1] for _ in range(8)]

    assert answers[:3] == [200, 200, 200]
    assert 429 in answers[3:]
