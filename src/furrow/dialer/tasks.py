"""What is looked after every few seconds, so that nobody waits for a process that died."""

from django.utils import timezone
from procrastinate.contrib.django import app

from furrow.organisation import actions as organisation

from . import actions

EVERY_TEN_SECONDS = "* * * * * */10"  # the sixth field is seconds


@app.periodic(cron=EVERY_TEN_SECONDS)
@app.task(name="dialer.close_orphans", queueing_lock="dialer.close_orphans", priority=50)
def close_orphans(timestamp: int) -> None:
    """Run twice, it closes nothing twice."""
    actions.close_orphans(at=timezone.now())


@app.periodic(cron=EVERY_TEN_SECONDS)
@app.task(name="dialer.sign_off_silent", queueing_lock="dialer.sign_off_silent", priority=50)
def sign_off_silent(timestamp: int) -> None:
    """Run twice, it signs nobody off twice."""
    organisation.sign_off_silent(at=timezone.now())


@app.periodic(cron="* * * * *")
@app.task(name="dialer.judge_pilots", queueing_lock="dialer.judge_pilots", queue="upkeep")
def judge_pilots(timestamp: int) -> None:
    """Run twice, it decides nothing twice."""
    actions.judge_pilots(at=timezone.now())
