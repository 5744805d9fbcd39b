import pytest
from django.test import Client

from furrow.lines.models import CallerId, Pool
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def operations(client: Client) -> Client:
    client.force_login(make_user(role=Role.OPERATIONS))
    return client


def test_a_pool_is_made_filled_and_its_numbers_rested_by_pages(operations: Client) -> None:
    assert "company" in operations.get("/lines/").content.decode()
    operations.post(
        "/lines/new/",
        {"name": "Beijing", "region": "cn", "most_per_hour": "60", "most_per_day": "300",
         "rest_days": "7", "is_active": "on"},
    )  # fmt: skip
    pool = Pool.objects.get()
    assert pool.region == "CN"

    wrong = operations.post(f"/lines/{pool.pk}/numbers/", {"numbers": "nobody", "proof": "x"})
    assert "nobody" in wrong.content.decode()
    operations.post(
        f"/lines/{pool.pk}/numbers/", {"numbers": "010-59000001\n010 5900 0002", "proof": "K7"}
    )
    assert CallerId.objects.count() == 2

    number = CallerId.objects.order_by("pk").first()
    assert number is not None
    for to in ("rest", "wake", "retire"):
        assert operations.post(f"/lines/number/{number.pk}/", {"to": to}).status_code == 302
    page = operations.get("/lines/").content.decode()
    assert "Beijing" in page
    assert "Not ours any more" in page
