"""Prometheus metrics of this process, and the gauges read from the database on demand."""

from datetime import datetime

from django.db.models import Count
from procrastinate.contrib.django.models import ProcrastinateJob
from prometheus_client import Counter, Gauge, Histogram

from furrow.calls.models import Call
from furrow.calls.rules import IN_PROGRESS
from furrow.dialer.models import Heartbeat
from furrow.organisation.models import Presence
from furrow.organisation.rules import PresenceState

REQUESTS = Counter("furrow_http_requests_total", "HTTP requests", ["method", "route", "status"])
SECONDS = Histogram(
    "furrow_http_request_seconds",
    "Server time of HTTP requests, in seconds",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


def observe_request(*, method: str, route: str, status: int, seconds: float) -> None:
    """Count one request. `route` is the pattern, never the path: paths may hold ids."""
    REQUESTS.labels(method, route or "unmatched", str(status)).inc()
    SECONDS.labels(route or "unmatched").observe(seconds)


CALLS_IN_PROGRESS = Gauge("furrow_calls_in_progress", "Calls in progress", ["state"])
AGENTS = Gauge("furrow_agents", "Agents by what they are doing", ["state"])
DIALER_SILENCE = Gauge("furrow_dialer_silence_seconds", "Since the dialer's last sign of life")
JOBS = Gauge("furrow_jobs", "Background jobs", ["status"])


def refresh_gauges(*, at: datetime) -> None:
    """Read what the database knows: four small queries."""
    for state in IN_PROGRESS:
        CALLS_IN_PROGRESS.labels(state).set(Call.objects.filter(state=state).count())
    states = dict(
        Presence.objects.order_by("state").values_list("state").annotate(Count("user_id"))
    )
    for state in PresenceState.values:
        AGENTS.labels(state).set(states.get(state, 0))
    if beat := Heartbeat.objects.order_by("-beat_at").first():
        DIALER_SILENCE.set((at - beat.beat_at).total_seconds())
    for status, jobs in (
        ProcrastinateJob.objects.filter(status__in=["todo", "doing", "failed"])
        .order_by("status")
        .values_list("status")
        .annotate(Count("id"))
    ):
        JOBS.labels(status).set(jobs)
