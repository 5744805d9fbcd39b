"""Background work of segments."""

from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from . import actions
from .models import Segment


@app.task(name="segments.count", queue="imports", retry=RetryStrategy(max_attempts=3, wait=5))
def count(*, segment_id: int) -> None:
    """Run twice, it counts twice."""
    actions.count_segment(segment_id=segment_id, at=timezone.now())


@app.periodic(cron="30 4 * * *")
@app.task(name="segments.count_all", queue="imports")
def count_all(timestamp: int) -> None:
    """Each night; safe to repeat."""
    for segment in Segment.objects.order_by("pk"):
        actions.ask_to_count(segment=segment)
