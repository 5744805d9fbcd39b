"""What the pipeline does by itself."""

from django.utils import timezone
from procrastinate.contrib.django import app

from . import actions


@app.periodic(cron="40 * * * *")
@app.task(name="pipeline.look", queue="upkeep", queueing_lock="pipeline.look")
def look(timestamp: int) -> None:
    """Once a day levels, buyers and the unreachable; each hour who has not accepted in time. Run
    twice, the second finds nothing to do; a night that was killed goes on where it was."""
    at = timezone.now()
    actions.look_at_everybody(at=at)
    actions.remind_of_handoffs(at=at)
