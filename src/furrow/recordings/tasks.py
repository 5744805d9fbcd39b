"""Erasing, every night."""

from django.utils import timezone
from procrastinate.contrib.django import app

from .actions import erase_due


@app.periodic(cron="41 2 * * *")
@app.task(name="recordings.erase_due", queue="upkeep", queueing_lock="recordings.erase_due")
def erase_old(timestamp: int) -> None:
    """Erase recordings whose time is over."""
    erase_due(at=timezone.now())
