import pytest
from django.test import Client

from furrow.organisation.models import ApiToken
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_user
from furrow.webhooks.models import Delivery, Endpoint

from .make import make_delivery, make_endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(make_user(role=Role.ADMINISTRATOR))
    return client


def test_a_key_shows_its_secret_once(admin: Client) -> None:
    user = make_user(role=Role.OPERATIONS)
    answer = admin.post("/integrations/keys/new/", {"name": "CRM", "user": user.pk})

    page = answer.content.decode()
    token = ApiToken.objects.get()
    assert f"furrow_{token.hint}" in page
    assert answer["Cache-Control"] == "no-store"
    again = admin.get("/integrations/").content.decode()
    secret = page.split('data-copy="')[1].split('"')[0]
    assert secret not in again
    assert "CRM" in again

    admin.post(f"/integrations/keys/{token.pk}/revoke/")
    assert "revoked" in admin.get("/integrations/").content.decode()


def test_an_endpoint_is_made_tested_stopped_and_resumed(admin: Client) -> None:
    page = admin.post(
        "/integrations/webhooks/new/",
        {"url": "https://example.com/hook", "wants": ["call.ended"]},
    ).content.decode()
    endpoint = Endpoint.objects.get()
    assert endpoint.secret in page
    url = f"/integrations/webhooks/{endpoint.pk}/"

    admin.post(f"{url}test/")
    assert Delivery.objects.get().event == "webhook.test"
    shown = admin.get(url).content.decode()
    assert "waiting" in shown
    assert endpoint.secret not in shown
    admin.post(f"{url}switch/", {"is_active": "0"})
    assert not Endpoint.objects.get().is_active
    admin.post(f"{url}switch/", {"is_active": "1"})
    assert Endpoint.objects.get().is_active


@pytest.mark.parametrize("url", ["", "example", "http://example.com/"])
def test_a_wrong_address_is_told(admin: Client, url: str) -> None:
    answer = admin.post("/integrations/webhooks/new/", {"url": url}, headers={"HX-Request": "true"})

    assert answer.status_code in {200, 409}
    assert not Endpoint.objects.exists()


def test_a_failed_message_is_tried_again_by_a_button(admin: Client) -> None:
    delivery = make_delivery(endpoint=make_endpoint(), attempts=9)

    assert admin.post(f"/integrations/deliveries/{delivery.pk}/retry/").status_code == 302
    assert Delivery.objects.get().attempts == 0


def test_only_administrators(client: Client) -> None:
    client.force_login(make_user(role=Role.MANAGER))

    assert client.get("/integrations/").status_code == 403
