"""What surrounds every request: an id, a language, and who changed what."""

import logging
import re
import time
import uuid
from collections.abc import Callable

import pghistory
from django.conf import settings
from django.http import HttpRequest, HttpResponseBadRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import translation

from furrow.common.context import current_request_id

from .metrics import observe_request

GetResponse = Callable[[HttpRequest], HttpResponseBase]
log = logging.getLogger("furrow.web")
_ID = re.compile(r"^[A-Za-z0-9-]{8,36}$")


class RequestIds:
    """One id per request: taken from the proxy or made here, in logs, audit and the answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _ID.match(given) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        mark = current_request_id.set(request_id)
        began = time.perf_counter()
        try:
            response = self.get_response(request)
        finally:
            current_request_id.reset(mark)
        seconds = time.perf_counter() - began
        response["X-Request-ID"] = request_id
        response["Server-Timing"] = f"app;dur={seconds * 1000:.1f}"
        match = request.resolver_match
        observe_request(
            method=request.method or "",
            route=match.route if match else "",
            status=response.status_code,
            seconds=seconds,
        )
        return response


class Storable:
    """Refuses what no database can keep, whichever field it stands in."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = [request.GET] if request.method in {"GET", "HEAD"} else [request.GET, request.POST]
        if any("\0" in value for fields in given for _, said in fields.lists() for value in said):
            problem = "a character that is not text"
            if request.path.startswith("/api/"):
                return JsonResponse({"detail": problem}, status=400)
            return HttpResponseBadRequest(f"{problem}\n", "text/plain")
        return self.get_response(request)


class Unkept:
    """What a page says of people stays in no cache: not on the way, not in a shared browser."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.user.is_authenticated:
            response.setdefault("Cache-Control", "no-store")
        return response


class EventsOrigin:
    """Lets the page listen on the events port, where that is another one (a laptop)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if origin := events_origin(request):
            also = getattr(response, "_csp_update", {}).get("connect-src", [])
            response._csp_update = {"connect-src": [origin, *also]}  # type: ignore[attr-defined]
        return response


def events_origin(request: HttpRequest) -> str:
    """The other port browsers listen on, on a laptop; "" where a proxy keeps one origin."""
    if not settings.EVENTS.startswith("port:"):
        return ""
    host = request.get_host().rsplit(":", 1)[0] if ":" in request.get_host() else request.get_host()
    return f"{request.scheme}://{host}:{settings.EVENTS.removeprefix('port:').split('/')[0]}"


class PersonalLocale:
    """The person's language, else the browser's."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        chosen = getattr(request.user, "language", "") if hasattr(request, "user") else ""
        language = chosen or translation.get_language_from_request(request)
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        response.setdefault("Content-Language", language)
        return response


class History:
    """Row histories name who changed what, in which request."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method in {"GET", "HEAD"}:
            return self.get_response(request)
        who = request.user.get_username() if request.user.is_authenticated else ""
        with pghistory.context(who=who, request_id=getattr(request, "request_id", "")):
            return self.get_response(request)
