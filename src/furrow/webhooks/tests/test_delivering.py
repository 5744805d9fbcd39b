"""Messages on their way, to a real server on this machine."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_user
from furrow.webhooks.actions import (
    announce,
    create_endpoint,
    note_attempt,
    retry_delivery,
    switch_endpoint,
)
from furrow.webhooks.models import Delivery
from furrow.webhooks.rules import MOST_ATTEMPTS, CannotTell
from furrow.webhooks.sending import CannotSend, post
from furrow.webhooks.tasks import deliver

from .make import make_delivery, make_endpoint

pytestmark = pytest.mark.django_db


@dataclass
class Receiver:
    """What came in, and what to answer."""

    url: str = ""
    status: int = 204
    location: str = ""
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[Receiver]:
    settings.WEBHOOKS_LOCAL = True
    it = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            it.heard.append((dict(self.headers), body))
            self.send_response(it.status)
            if it.location:
                self.send_header("Location", it.location)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    it.url = f"http://127.0.0.1:{server.server_port}/hook?from=furrow"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield it
    server.shutdown()
    thread.join()
    server.server_close()


def jobs() -> list[int]:
    waiting = ProcrastinateJob.objects.filter(task_name="webhooks.deliver").order_by("pk")
    return [job.args["delivery_id"] for job in waiting]


def test_only_endpoints_that_want_an_event_are_told() -> None:
    wants = make_endpoint(wants=("call.ended",))
    everything = make_endpoint()
    make_endpoint(wants=("call.wrapped_up",))
    make_endpoint(is_active=False)

    assert announce(event="call.ended", payload={"call": 7}, at=NOON) == 2

    told = {d.endpoint for d in Delivery.objects.order_by("pk")}
    assert told == {wants, everything}
    assert sorted(jobs()) == sorted(Delivery.objects.order_by("pk").values_list("pk", flat=True))


def test_what_is_rolled_back_is_not_told() -> None:
    make_endpoint()
    with transaction.atomic():
        announce(event="call.ended", payload={}, at=NOON)
        transaction.set_rollback(True)

    assert jobs() == []


def test_a_message_arrives_signed(receiver: Receiver) -> None:
    delivery = make_delivery(endpoint=make_endpoint(url=receiver.url))

    deliver(delivery_id=delivery.pk)

    [(headers, body)] = receiver.heard
    said = json.loads(body)
    assert (said["id"], said["event"], said["data"]) == (delivery.pk, "call.ended", {"call": 7})
    assert headers["Furrow-Event"] == "call.ended"
    signed = headers["Furrow-Timestamp"].encode() + b"." + body
    expected = hmac.new(b"whsec_test", signed, hashlib.sha256).hexdigest()
    assert headers["Furrow-Signature"] == f"sha256={expected}"
    delivery.refresh_from_db()
    assert delivery.delivered_at is not None
    assert delivery.attempts == 1


def test_a_message_that_arrived_is_not_sent_again(receiver: Receiver) -> None:
    delivery = make_delivery(endpoint=make_endpoint(url=receiver.url))
    deliver(delivery_id=delivery.pk)
    deliver(delivery_id=delivery.pk)

    assert len(receiver.heard) == 1
    with pytest.raises(CannotTell):
        retry_delivery(delivery=delivery, by=make_user(role=Role.ADMINISTRATOR), at=NOON)


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_any_other_answer_is_tried_again_later(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.location = status, "http://127.0.0.1:1/elsewhere"
    delivery = make_delivery(endpoint=make_endpoint(url=receiver.url))

    deliver(delivery_id=delivery.pk)

    delivery.refresh_from_db()
    assert delivery.last_error == f"HTTP {status}"
    assert (delivery.attempts, delivery.delivered_at, delivery.given_up_at) == (1, None, None)
    assert jobs() == [delivery.pk]
    assert len(receiver.heard) == 1  # a redirect is not followed


def test_nobody_listening_is_tried_again_later(receiver: Receiver) -> None:
    delivery = make_delivery(endpoint=make_endpoint(url="http://127.0.0.1:1/"))

    deliver(delivery_id=delivery.pk)

    delivery.refresh_from_db()
    assert "refused" in delivery.last_error.lower()
    assert jobs() == [delivery.pk]


def test_after_the_last_attempt_it_is_given_up_and_may_begin_anew() -> None:
    delivery = make_delivery(attempts=MOST_ATTEMPTS - 1)

    assert note_attempt(delivery_id=delivery.pk, error="HTTP 500", at=NOON) is None
    delivery.refresh_from_db()
    assert delivery.given_up_at == NOON
    assert jobs() == []

    retry_delivery(delivery=delivery, by=make_user(role=Role.ADMINISTRATOR), at=NOON)
    delivery.refresh_from_db()
    assert not delivery.attempts
    assert delivery.given_up_at is None
    assert jobs() == [delivery.pk]


def test_a_stopped_endpoint_is_told_nothing_more(receiver: Receiver) -> None:
    endpoint = make_endpoint(url=receiver.url)
    delivery = make_delivery(endpoint=endpoint)
    boss = make_user(role=Role.ADMINISTRATOR)
    switch_endpoint(endpoint=endpoint, is_active=False, by=boss, at=NOON)

    deliver(delivery_id=delivery.pk)

    assert receiver.heard == []
    delivery.refresh_from_db()
    assert delivery.given_up_at is not None  # not waiting for ever on the page
    assert jobs() == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost:5432/", "http://[::1]/", "http://169.254.169.254/",
        "http://0.0.0.0/", "http://2130706433/", "http://[::ffff:127.0.0.1]/",
    ],
)  # fmt: skip
def test_the_inner_network_is_never_reached(url: str, receiver: Receiver) -> None:
    with pytest.raises(CannotSend, match="private network"):
        post(url, body=b"{}", headers={}, local=False)


@pytest.mark.parametrize(
    "url", ["https:///", "https://no such host/", "https://x:99999/", "http://"]
)
def test_nonsense_is_an_error_not_a_crash(url: str) -> None:
    with pytest.raises(CannotSend):
        post(url, body=b"{}", headers={}, local=True)


def test_an_unknown_event_or_plain_http_is_refused(settings: LazySettings) -> None:
    boss = make_user(role=Role.ADMINISTRATOR)
    with pytest.raises(CannotTell):
        create_endpoint(url="https://example.com/", wants=["call.dreamt"], by=boss, at=NOON)
    with pytest.raises(CannotTell):
        create_endpoint(url="http://example.com/", wants=[], by=boss, at=NOON)
