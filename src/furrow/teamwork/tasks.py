from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from furrow.organisation.actions import system_user

from . import actions


@app.periodic(cron="*/5 * * * *")
@app.task(name="teamwork.keep_deadlines", queue="upkeep", queueing_lock="teamwork.keep_deadlines")
def keep_deadlines(timestamp: int) -> None:
    """Pass overdue clashes on. Run twice, the second finds nothing to do."""
    actions.keep_deadlines(by=system_user(), at=timezone.now())


@app.task(name="teamwork.hand_over", queue="imports", retry=RetryStrategy(max_attempts=5, wait=10))
def hand_over(*, handover_id: int) -> None:
    """Move everybody, a transaction for each 2,000. Run again, it goes on where it was."""
    while actions.hand_chunk(handover_id=handover_id, at=timezone.now()):
        pass
