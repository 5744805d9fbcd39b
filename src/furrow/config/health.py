"""Is it alive, is it ready, and what do its figures say."""

import hmac
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from .metrics import refresh_gauges


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while this process can answer at all."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_GET
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers; else 503."""
    found: dict[str, Any] = {}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        found["database"] = "ok"
    except OperationalError:
        found["database"] = "unreachable"
    return JsonResponse(found, status=200 if found["database"] == "ok" else 503)


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text. From this machine, or with `Authorization: Bearer $FURROW_METRICS_TOKEN`."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    token = settings.METRICS_TOKEN
    is_local = request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1", ""}
    if token:
        if not hmac.compare_digest(given.encode(), token.encode()):
            return HttpResponse("give the metrics token\n", status=401, content_type="text/plain")
    elif settings.PRODUCTION or not is_local:
        return HttpResponse("set FURROW_METRICS_TOKEN\n", status=403, content_type="text/plain")
    refresh_gauges(at=timezone.now())
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
