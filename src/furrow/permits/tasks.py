from django.utils import timezone
from procrastinate.contrib.django import app

from . import actions


@app.periodic(cron="* * * * *")
@app.task(name="permits.void_stale", queue="upkeep", queueing_lock="permits.void_stale")
def void_stale(timestamp: int) -> None:
    """Close permits nobody spent. Run twice, the second finds nothing to do."""
    actions.void_stale(at=timezone.now())
