"""The night's run, begun each hour so that one that was killed goes on."""

from django.utils import timezone
from procrastinate.contrib.django import app

from . import actions


@app.periodic(cron="10 * * * *")
@app.task(name="ownership.return_due", queue="upkeep", queueing_lock="ownership.return_due")
def return_due(timestamp: int) -> None:
    """Carry out returns whose hours are over; once a day look at every owned customer. Run twice,
    the second finds nothing to do; a run that was killed goes on where it was."""
    actions.return_due(at=timezone.now())
