"""Background work of lists."""

import logging

from django.utils import timezone
from django.utils.translation import gettext, override
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from furrow.science.linkage.files import TableError

from . import actions
from .rules import file_error

log = logging.getLogger("furrow.acquisition")


@app.task(name="acquisition.work", queue="imports", retry=RetryStrategy(max_attempts=3, wait=5))
def work(*, batch_id: int) -> None:
    """Check, import or undo a list, whichever was started, to its end. Run twice, or again after
    a kill, it goes on behind the last committed chunk; a list that waits is left alone."""
    try:
        while actions.take_step(batch_id=batch_id, at=timezone.now()):
            pass
    except TableError as error:
        actions.fail_batch(batch_id=batch_id, error=file_error(error), at=timezone.now())
    except Exception:
        log.exception("list %s stopped", batch_id)
        with override(None):
            said = gettext("Something went wrong; the developers can see it in the log.")
        actions.fail_batch(batch_id=batch_id, error=said, at=timezone.now())
        raise


@app.periodic(cron="20 3 * * *")
@app.task(name="acquisition.delete_old_files", queue="imports")
def delete_old_files(timestamp: int) -> None:
    """Once a day; safe to repeat."""
    actions.delete_old_files(at=timezone.now())
