from django.utils import timezone
from procrastinate.contrib.django import app

from . import actions


@app.task(name=actions.WRITE, queue="exports")
def write(*, export_id: int) -> None:
    """Write an approved export. Run twice, it counts its rows once."""
    actions.write_export(export_id=export_id, at=timezone.now())


@app.periodic(cron="*/10 * * * *")
@app.task(name="exports.delete_expired", queue="upkeep", queueing_lock="exports.delete_expired")
def delete_expired(timestamp: int) -> None:
    """Delete the files whose time is over. Run twice, it deletes nothing twice."""
    actions.delete_expired(at=timezone.now())
