"""What the house refuses at its door, and what it keeps from being kept."""

import pytest
from django.test import Client
from django.utils import timezone

from furrow.organisation.actions import create_token
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_user

pytestmark = pytest.mark.django_db
LONG = "9" * 5000  # more digits than Python reads


def test_what_no_database_can_keep_is_refused_in_any_field(client: Client) -> None:
    client.force_login(make_agent())

    assert client.get("/customers/", {"city": "a\0b"}).status_code == 400
    for url in ("/customers/views/", "/desk/finish/", "/search/"):
        assert client.post(url, {"name": "a\0b"}).status_code == 400


@pytest.mark.parametrize("url", ["/desk/?customer=", "/desk/?skip=", "/desk/bar/?seat="])
def test_a_number_too_long_to_read_names_nobody(client: Client, url: str) -> None:
    client.force_login(make_agent())

    assert client.get(url + LONG).status_code in {200, 404}


@pytest.mark.parametrize(
    "url",
    ["/customers/?cp=", "/customers/?owner=", "/reports/day/?team=", "/people/?team="],
)
def test_nor_does_it_in_a_filter(client: Client, url: str) -> None:
    client.force_login(make_user(role=Role.ADMINISTRATOR))

    assert client.get(url + LONG).status_code in {200, 404}


@pytest.mark.parametrize("field", ["call", "number", "seat"])
def test_a_key_press_about_nobody_does_nothing(client: Client, field: str) -> None:
    client.force_login(make_agent())

    for url in ("/desk/call/", "/desk/finish/", "/desk/hangup/"):
        assert client.post(url, {field: LONG}).status_code < 500


@pytest.mark.parametrize("url", ["/customers/", "/desk/", "/me/", "/search/"])
def test_no_cache_keeps_a_page_about_people(client: Client, url: str) -> None:
    client.force_login(make_agent())

    assert "no-store" in client.get(url).headers["Cache-Control"]


@pytest.mark.parametrize(
    "page", ["signup/", "email/", "password/reset/", "confirm-email/", "login/code/"]
)
def test_accounts_have_no_doors_by_e_mail(client: Client, page: str) -> None:
    assert client.get(f"/account/{page}").status_code == 404
    assert client.post(f"/account/{page}", {"email": "a@example.com"}).status_code == 404


def test_a_key_opens_the_api_and_no_page(client: Client) -> None:
    manager = make_user(role=Role.MANAGER)
    admin = make_user(role=Role.ADMINISTRATOR)
    _, secret = create_token(name="m", user=manager, by=admin, at=timezone.now())
    key = {"Authorization": f"Bearer {secret}"}

    answer = client.get("/api/v1/customers", headers=key)

    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert client.get("/customers/", headers=key).status_code == 302
