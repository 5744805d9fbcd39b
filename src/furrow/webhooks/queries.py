"""What is to be sent, and what became of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .models import Delivery, Endpoint
from .rules import signature


@dataclass(frozen=True)
class Message:
    """One signed POST, ready to be sent."""

    url: str
    body: bytes
    headers: Mapping[str, str]


def message_of(delivery: Delivery, *, at: datetime) -> Message:
    """The body is the same on every attempt; timestamp and signature are of `at`."""
    body = json.dumps(
        {
            "id": delivery.pk,
            "event": delivery.event,
            "created_at": delivery.created_at.isoformat(),
            "data": delivery.payload,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    timestamp = str(int(at.timestamp()))
    return Message(
        url=delivery.endpoint.url,
        body=body,
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Furrow",
            "Furrow-Event": delivery.event,
            "Furrow-Delivery": str(delivery.pk),
            "Furrow-Timestamp": timestamp,
            "Furrow-Signature": signature(
                secret=delivery.endpoint.secret, timestamp=timestamp, body=body
            ),
        },
    )


def to_send(delivery_id: int) -> Delivery | None:
    """The delivery, if it still has to be sent; None when it arrived or was given up."""
    return (
        Delivery.objects.select_related("endpoint")
        .filter(pk=delivery_id, delivered_at=None, given_up_at=None)
        .first()
    )


def latest_deliveries(endpoint: Endpoint, *, most: int = 50) -> list[Delivery]:
    """Newest first."""
    return list(Delivery.objects.filter(endpoint=endpoint).order_by("-created_at", "-pk")[:most])
