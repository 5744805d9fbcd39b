"""An endpoint and a message for it."""

from datetime import datetime

from furrow.organisation.tests.make import NOON
from furrow.webhooks.models import Delivery, Endpoint


def make_endpoint(
    *, url: str = "https://example.com/hook", wants: tuple[str, ...] = (), is_active: bool = True
) -> Endpoint:
    return Endpoint.objects.create(
        url=url, secret="whsec_test", wants=list(wants), is_active=is_active, created_at=NOON
    )


def make_delivery(
    *, endpoint: Endpoint | None = None, attempts: int = 0, at: datetime = NOON
) -> Delivery:
    return Delivery.objects.create(
        endpoint=endpoint or make_endpoint(),
        event="call.ended",
        payload={"call": 7},
        created_at=at,
        attempts=attempts,
    )
