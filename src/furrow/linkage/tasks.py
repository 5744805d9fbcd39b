"""Background work of looking for duplicates."""

from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from . import actions


@app.task(name="linkage.find", queue="linkage", retry=RetryStrategy(max_attempts=5, wait=5))
def find(*, run_id: int) -> None:
    """Compare all customers, to the end. Run twice, or again after a kill, it goes on behind the
    last committed step."""
    while actions.take_step(run_id=run_id, at=timezone.now()):
        pass
