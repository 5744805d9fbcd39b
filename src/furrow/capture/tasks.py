"""Background work of web capture."""

from django.utils import timezone
from procrastinate.contrib.django import app

from furrow.organisation.actions import system_user

from . import actions


@app.periodic(cron="50 3 * * *")
@app.task(name="capture.forget_old", queue="imports")
def forget_old(timestamp: int) -> None:
    """Once a day; safe to repeat."""
    actions.forget_old(by=system_user(), at=timezone.now())
