import logging

from django.utils import timezone
from procrastinate.contrib.django import app

from . import actions
from .rules import MOST_AT_ONCE

log = logging.getLogger("furrow.audit")
_SAID_EVERY = 360  # links: an hour of a busy company


@app.periodic(cron="* * * * * */10")  # the sixth field is seconds
@app.task(name="audit.seal", queue="upkeep", queueing_lock="audit.seal", priority=90)
def seal(timestamp: int) -> None:
    """Seal what was committed since. Run twice, it seals nothing twice. Now and then the head goes
    into the log, which lies elsewhere: who makes the chain anew must change that, too."""
    while made := actions.seal_events(at=timezone.now()):
        if made.number % _SAID_EVERY == 1:
            log.info("audit trail sealed: head %s:%s", made.number, bytes(made.hash).hex())
        if made.count < MOST_AT_ONCE:
            break
