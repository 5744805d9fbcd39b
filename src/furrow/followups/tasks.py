"""The night's reminders, begun each hour so that a run that was killed goes on."""

from django.utils import timezone
from procrastinate.contrib.django import app

from . import actions


@app.periodic(cron="20 * * * *")
@app.task(name="followups.remind", queue="upkeep", queueing_lock="followups.remind")
def remind(timestamp: int) -> None:
    """Once a day look at everybody. Run twice, the second finds nothing to do; a run that was
    killed goes on where it was."""
    actions.remind_of_everybody(at=timezone.now())
