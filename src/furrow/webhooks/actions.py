"""Telling other systems."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .models import Delivery, Endpoint


def announce(*, event: str, payload: Mapping[str, Any], at: datetime) -> int:
    """Queue `payload` for every endpoint that wants `event`; returns how many.

    Delivered after the caller's transaction commits, never if it rolls back.
    """
    endpoints = list(Endpoint.objects.wanting(event))
    for endpoint in endpoints:
        Delivery.objects.create(
            endpoint=endpoint, event=event, payload=dict(payload), created_at=at
        )
    return len(endpoints)
