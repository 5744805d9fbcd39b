from django.utils import timezone
from procrastinate.contrib.django import app

from . import actions


@app.periodic(cron="*/5 * * * *")
@app.task(name="sightings.watch", queue="upkeep", queueing_lock="sightings.watch")
def watch(timestamp: int) -> None:
    """Look at the day so far. Run twice, it makes no alert twice."""
    actions.watch(at=timezone.now())


@app.periodic(cron="53 2 * * *")
@app.task(name="sightings.forget", queue="upkeep", queueing_lock="sightings.forget")
def forget(timestamp: int) -> None:
    """Delete what is older than it is kept. Killed, the next night goes on."""
    actions.forget_sightings(at=timezone.now())
