"""Telling other systems."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.jobs import enqueue
from furrow.organisation.models import User

from .models import Delivery, Endpoint
from .rules import EVENTS, CannotTell, check_url, next_attempt

DELIVER = "webhooks.deliver"


@transaction.atomic
def announce(*, event: str, payload: Mapping[str, Any], at: datetime) -> int:
    """Queue `payload` for every endpoint that wants `event`; returns how many.

    Delivered after the caller's transaction commits, never if it rolls back. One query when
    nobody listens.
    """
    endpoints = list(Endpoint.objects.wanting(event).order_by("pk"))
    for endpoint in endpoints:
        _queue(endpoint, event=event, payload=payload, at=at)
    return len(endpoints)


def _queue(endpoint: Endpoint, *, event: str, payload: Mapping[str, Any], at: datetime) -> Delivery:
    delivery = Delivery.objects.create(
        endpoint=endpoint, event=event, payload=dict(payload), created_at=at
    )
    enqueue(DELIVER, delivery_id=delivery.pk)
    return delivery


@transaction.atomic
def create_endpoint(*, url: str, wants: Sequence[str], by: User, at: datetime) -> Endpoint:
    """Tell another system from now on; [] = everything. Its secret is made here.

    Raises CannotTell for an address or an event that cannot be.
    """
    check_url(url, local=settings.WEBHOOKS_LOCAL)
    if unknown := set(wants) - EVENTS.keys():
        raise CannotTell(
            _("There is no event “%(event)s”.") % {"event": sorted(unknown)[0]}, rule="I1"
        )
    endpoint = Endpoint.objects.create(
        url=url, wants=list(wants), secret=f"whsec_{secrets.token_urlsafe(32)}", created_at=at
    )
    record("webhook.created", of=endpoint, by=by.username, at=at, wants=list(wants))
    return endpoint


@transaction.atomic
def switch_endpoint(*, endpoint: Endpoint, is_active: bool, by: User, at: datetime) -> None:
    """Stop or resume telling; what waits for a stopped endpoint is given up when its turn comes."""
    if (
        Endpoint.objects.filter(pk=endpoint.pk)
        .exclude(is_active=is_active)
        .update(is_active=is_active)
    ):
        what = "webhook.resumed" if is_active else "webhook.stopped"
        record(what, of=endpoint, by=by.username, at=at)


@transaction.atomic
def send_test(*, endpoint: Endpoint, by: User, at: datetime) -> Delivery:
    """Queue a message that says nothing, so that the other side can be tried out."""
    record("webhook.tested", of=endpoint, by=by.username, at=at)
    return _queue(endpoint, event="webhook.test", payload={"hello": "world"}, at=at)


@transaction.atomic
def retry_delivery(*, delivery: Delivery, by: User, at: datetime) -> None:
    """Begin all attempts anew, now. Raises CannotTell for one that has arrived."""
    again = Delivery.objects.filter(pk=delivery.pk, delivered_at=None).update(
        attempts=0, given_up_at=None
    )
    if not again:
        raise CannotTell(_("This message has arrived already."), rule="I1")
    record("webhook.retried", of=delivery, by=by.username, at=at)
    enqueue(DELIVER, delivery_id=delivery.pk)


@transaction.atomic
def note_attempt(*, delivery_id: int, error: str, at: datetime) -> datetime | None:
    """Store how one attempt ended ("" = it arrived); returns when the next one is due.

    None when there will be none: it arrived, the attempts are used up, or the endpoint stopped.
    """
    delivery = (
        Delivery.objects.select_for_update(of=("self",))
        .select_related("endpoint")
        .get(pk=delivery_id)
    )
    if delivery.delivered_at is not None:
        return None
    delivery.attempts += 1
    delivery.last_attempt_at, delivery.last_error = at, error[:200]
    due = None
    if not error:
        delivery.delivered_at, delivery.given_up_at = at, None
    elif delivery.endpoint.is_active:
        due = next_attempt(attempts=delivery.attempts, last_at=at)
    if error and due is None:
        delivery.given_up_at = at
    delivery.save()
    if due is not None:
        enqueue(DELIVER, run_at=due, delivery_id=delivery.pk)
    return due
