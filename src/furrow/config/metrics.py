"""Prometheus metrics of this process, and the gauges read from the database on demand."""

from datetime import datetime

from django.db.models import Count
from procrastinate.contrib.django.models import ProcrastinateJob
from prometheus_client import Counter, Gauge, Histogram

from furrow.calls.queries import gauges
from furrow.dialer.queries import last_beat_at
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
OLDEST_QUEUED = Gauge("furrow_oldest_queued_seconds", "The longest wait for a line now")
UNWRAPPED = Gauge("furrow_calls_unwrapped", "Ended calls without a result yet")
AGENTS = Gauge("furrow_agents", "Agents by what they are doing", ["state"])
DIALER_SILENCE = Gauge("furrow_dialer_silence_seconds", "Since the dialer's last sign of life")
JOBS = Gauge("furrow_jobs", "Background jobs", ["status"])


def refresh_gauges(*, at: datetime) -> None:
    """Read what the database knows: five small queries."""
    calls = gauges()
    for call_state, count in calls.in_progress.items():
        CALLS_IN_PROGRESS.labels(call_state).set(count)
    UNWRAPPED.set(calls.unwrapped)
    waiting_since = calls.oldest_queued_at
    OLDEST_QUEUED.set((at - waiting_since).total_seconds() if waiting_since else 0)
    states = dict(
        Presence.objects.order_by("state").values_list("state").annotate(Count("user_id"))
    )
    for state in PresenceState.values:
        AGENTS.labels(state).set(states.get(state, 0))
    if beaten_at := last_beat_at():
        DIALER_SILENCE.set((at - beaten_at).total_seconds())
    for status, jobs in (
        ProcrastinateJob.objects.filter(status__in=["todo", "doing", "failed"])
        .order_by("status")
        .values_list("status")
        .annotate(Count("id"))
    ):
        JOBS.labels(status).set(jobs)
