"""The dialing loop's own memory: whether it is alive."""

from django.db import models


class Heartbeat(models.Model):
    """The running dialer's sign of life; calls of a silent dialer are closed by a watchdog."""

    name = models.CharField(max_length=20, primary_key=True)  # "dialer"
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.beat_at:%H:%M:%S}"
