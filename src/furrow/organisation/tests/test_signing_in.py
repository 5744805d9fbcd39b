"""The whole way in, by form: wrong passwords, the lock, and the way out."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import LazySettings, settings
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from furrow.organisation.actions import change_user, set_password, unlock_user
from furrow.organisation.models import User
from furrow.organisation.queries import locked_out
from furrow.organisation.rules import Role

from .make import NOON, PASSWORD, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_limits_and_quick_hashes(settings: LazySettings) -> Iterator[None]:
    """allauth counts attempts in the cache, which outlives a test; Argon2 is slow on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def lin() -> User:
    return make_user(username="lin", password=PASSWORD)


def sign_in(client: Client, password: str = PASSWORD, username: str = "lin") -> Any:
    return client.post("/account/login/", {"login": username, "password": password})


def is_in(client: Client) -> bool:
    return client.get("/me/").status_code == 200


def test_the_right_password_opens(client: Client, lin: User) -> None:
    assert sign_in(client).status_code == 302
    assert is_in(client)


def test_a_wrong_password_does_not_and_says_nothing_about_the_name(
    client: Client, lin: User
) -> None:
    known = sign_in(client, "wrong-Harbour-29")
    unknown = sign_in(client, "wrong-Harbour-29", username="nobody")

    assert known.status_code == unknown.status_code == 200
    assert known.context["form"].errors == unknown.context["form"].errors
    assert not is_in(client)


def test_too_many_wrong_passwords_lock_even_the_right_one_out(client: Client, lin: User) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(client, "wrong-Harbour-29")

    assert sign_in(client).status_code in {403, 429}
    assert not is_in(client)
    assert locked_out(at=timezone.now()) == {"lin"}


def test_an_administrator_unlocks(client: Client, lin: User) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(client, "wrong-Harbour-29")
    unlock_user(user=lin, by=make_user(role=Role.ADMINISTRATOR), at=NOON)
    cache.clear()  # allauth's own limit, five minutes

    assert sign_in(client).status_code == 302
    assert locked_out(at=timezone.now()) == set()


def test_the_lock_ends_by_itself(client: Client, lin: User) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(client, "wrong-Harbour-29")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(hours=1))
    cache.clear()

    assert sign_in(client).status_code == 302


def test_attempts_from_one_place_are_limited_whoever_is_tried(client: Client) -> None:
    answers = [
        sign_in(client, "wrong-Harbour-29", username=f"somebody{n}").status_code for n in range(35)
    ]

    assert answers[0] == 200
    assert answers[-1] == 429


def test_somebody_deactivated_is_out_at_the_next_request(client: Client, lin: User) -> None:
    sign_in(client)
    assert is_in(client)

    change_user(
        user=lin, role=Role.AGENT, team=lin.team, is_active=False,
        by=make_user(role=Role.ADMINISTRATOR), at=NOON,
    )  # fmt: skip

    assert not is_in(client)
    assert sign_in(client).status_code in {200, 302}
    assert not is_in(client)


def test_a_new_password_ends_the_sessions_of_the_old_one(client: Client, lin: User) -> None:
    sign_in(client)
    set_password(
        user=lin, password="another-Harbour-31", by=make_user(role=Role.ADMINISTRATOR), at=NOON
    )

    assert not is_in(client)


def test_the_session_cookie_is_out_of_reach_of_scripts(client: Client, lin: User) -> None:
    sign_in(client)

    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_nobody_signs_up(client: Client) -> None:
    client.post(
        "/account/signup/",
        {"username": "guest", "password1": PASSWORD, "password2": PASSWORD},
    )

    assert not User.objects.filter(username="guest").exists()


def test_signing_out(client: Client, lin: User) -> None:
    sign_in(client)
    client.post("/account/logout/")

    assert not is_in(client)
