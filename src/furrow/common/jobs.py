"""Queue background work by name, inside the caller's database transaction."""

from datetime import datetime
from typing import Any

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued


def enqueue(
    name: str, *, run_at: datetime | None = None, queueing_lock: str | None = None, **args: Any
) -> None:
    """Queue task `name`. It will run only if the current transaction commits.

    name           "capability.verb", as registered by that capability's tasks.py
    run_at         not before this instant; None means at once
    queueing_lock  at most one waiting job with this lock; a second one is dropped silently
    args           JSON-able arguments: ids, never objects or phone numbers

    Raises procrastinate.exceptions.TaskNotFound for a name no `tasks.py` registers.
    """
    configured = app.configure_task(
        name, allow_unknown=False, schedule_at=run_at, queueing_lock=queueing_lock
    )
    if queueing_lock is None:
        configured.defer(**args)
        return
    try:
        with transaction.atomic():  # a savepoint: the duplicate must not poison the caller
            configured.defer(**args)
    except AlreadyEnqueued:
        pass
