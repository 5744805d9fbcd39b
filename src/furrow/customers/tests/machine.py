"""A program that uses the API with a key, for tests."""

import json
from typing import Any

from django.test import Client

from furrow.organisation.models import User
from furrow.organisation.tests.make import make_token

SECRET = "furrow_test-secret-of-the-customers"


class Machine:
    def __init__(self, user: User) -> None:
        make_token(user=user, secret=SECRET)
        self.client = Client(headers={"Authorization": f"Bearer {SECRET}"})

    def get(self, path: str, **params: str | int) -> Any:
        return self.client.get(f"/api/v1/customers{path}", params)

    def post(self, path: str, **body: object) -> Any:
        body_text = json.dumps(body)
        return self.client.post(
            f"/api/v1/customers{path}", body_text, content_type="application/json"
        )
