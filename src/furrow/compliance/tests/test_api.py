import json
from typing import Any

import pytest
from django.test import Client

from furrow.compliance.models import Suppression
from furrow.compliance.queries import is_suppressed
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_token, make_user

from .make import make_suppression

pytestmark = pytest.mark.django_db
SECRET = "furrow_test-secret-of-compliance"
NUMBER = "+8613800138000"


class Machine:
    def __init__(self, user: User | None = None) -> None:
        make_token(user=user or make_user(role=Role.MANAGER), secret=SECRET)
        self.client = Client(headers={"Authorization": f"Bearer {SECRET}"})

    def get(self, path: str = "", **params: str | int) -> Any:
        return self.client.get(f"/api/v1/suppressions{path}", params)

    def post(self, path: str = "", **body: object) -> Any:
        return self.client.post(
            f"/api/v1/suppressions{path}", json.dumps(body), content_type="application/json"
        )


def test_a_machine_suppresses_checks_and_lifts() -> None:
    machine = Machine()

    made = machine.post(number="138 0013 8000", kind="complaint", reason="wrote to us")
    assert made.status_code == 201
    assert made.json()["number"] == "138****8000"
    assert is_suppressed(e164=NUMBER, at=NOON)

    checked = machine.post("/check", number=NUMBER).json()
    assert checked["is_suppressed"]
    assert [s["kind"] for s in checked["standing"]] == ["complaint"]

    lifted = machine.post(f"/{made.json()['id']}/lift", reason="asked us")
    assert lifted.status_code == 200
    assert machine.post(f"/{made.json()['id']}/lift", reason="again").status_code == 409
    assert not machine.post("/check", number=NUMBER).json()["is_suppressed"]


def test_the_list_pages_by_key_and_masks() -> None:
    machine = Machine()
    for n in range(3):
        make_suppression(e164=f"+861380013800{n}")

    first = machine.get(most=2).json()
    rest = machine.get(most=2, after=first["next_after"]).json()

    assert len(first["items"]) == 2
    assert len(rest["items"]) == 1
    assert rest["next_after"] == ""
    assert "1380013800" not in json.dumps([first, rest])


@pytest.mark.parametrize("number", ["abc", "13800138000 / 13900139000", "12"])
def test_what_is_not_one_number_is_refused(number: str) -> None:
    assert Machine().post(number=number).status_code == 409
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("after", ["x", "1-", "9" * 39, f"{'9' * 17}-{'9' * 18}", "\x00"])
def test_nonsense_places_are_no_server_error(after: str) -> None:
    assert Machine().get(after=after).status_code in {200, 400, 422}


def test_only_managers_lift() -> None:
    suppression = make_suppression(e164=NUMBER)

    answer = Machine(make_user(role=Role.OPERATIONS)).post(f"/{suppression.pk}/lift", reason="x")

    assert answer.status_code == 403
