"""Reports change nothing; that somebody took one away is written down."""

from datetime import date, datetime

from django.db import transaction

from furrow.audit.actions import record
from furrow.organisation.models import User


@transaction.atomic
def note_export(*, on: date, dimension: str, rows: int, by: User, at: datetime) -> None:
    """Write down that somebody took a day's table away (I2): which day, by what, how many rows."""
    record(
        "report.exported", of=by, by=by.username, at=at,
        report="day", on=on, dimension=dimension, rows=rows,
    )  # fmt: skip
