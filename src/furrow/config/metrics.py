"""Prometheus metrics of this process, and the gauges read from the database on demand."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter(
    "furrow_http_requests_total", "HTTP requests", ["method", "route", "status"]
)
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
