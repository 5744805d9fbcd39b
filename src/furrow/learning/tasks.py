"""Learning by night."""

from django.utils import timezone
from procrastinate.contrib.django import app

from furrow.organisation.actions import system_user

from . import actions


@app.periodic(cron="40 2 * * *")
@app.task(name="learning.nightly", queue="learning", queueing_lock="learning.nightly")
def nightly(timestamp: int) -> None:
    """Learn everything anew, each night. Run twice, it learns twice, and the later counts."""
    actions.learn_all(by=system_user(), at=timezone.now())


@app.task(name="learning.now", queue="learning", queueing_lock="learning.now")
def now() -> None:
    """Learn everything anew, because somebody asked. Run twice, the later counts."""
    actions.learn_all(by=system_user(), at=timezone.now())
