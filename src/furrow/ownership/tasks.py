"""The night's run and the morning's mails, begun each hour so that what was killed goes on."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django import app

from . import actions


@app.periodic(cron="10 * * * *")
@app.task(name="ownership.return_due", queue="upkeep", queueing_lock="ownership.return_due")
def return_due(timestamp: int) -> None:
    """Carry out returns whose hours are over; once a day look at every owned customer. Run twice,
    the second finds nothing to do; a run that was killed goes on where it was."""
    actions.return_due(at=timezone.now())


@app.periodic(cron="25 * * * *")
@app.task(name="ownership.send_warnings", queue="upkeep", queueing_lock="ownership.send_warnings")
def send_warnings(timestamp: int) -> None:
    """Mail those who asked for it how many customers leave them soon, once each morning."""
    if settings.EMAIL_HOST:
        origin = next(iter(settings.CSRF_TRUSTED_ORIGINS), "")
        actions.send_warnings(at=timezone.now(), link=origin + reverse("losing") if origin else "")
