from django.conf import settings
from django.utils import timezone
from procrastinate.contrib.django import app

from . import actions
from .queries import message_of, to_send
from .sending import CannotSend, post


@app.task(name=actions.DELIVER, queue="webhooks")
def deliver(*, delivery_id: int) -> None:
    """Send one message and store how it went; the action queues the next attempt.

    Run twice, it may send twice: receivers know a message by its id (Furrow-Delivery). One that
    has arrived is not sent again.
    """
    delivery = to_send(delivery_id)
    if delivery is None:
        return
    error = ""
    if not delivery.endpoint.is_active:
        error = "the webhook is stopped"
    else:
        message = message_of(delivery, at=timezone.now())
        try:
            post(
                message.url, body=message.body, headers=message.headers,
                local=settings.WEBHOOKS_LOCAL,
            )  # fmt: skip
        except CannotSend as problem:
            error = str(problem)
    actions.note_attempt(delivery_id=delivery_id, error=error, at=timezone.now())
