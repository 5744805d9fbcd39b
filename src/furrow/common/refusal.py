"""A rule said no, and the reason is fit to show to the person who asked."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django_htmx.middleware import HtmxDetails

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class Refused(Exception):
    """Base of every anticipated failure. Anything else that escapes is a bug.

    message  translated, for the person who asked: what was refused, why, what would change it
    rule     the rule's id in docs/reference/rules.md, for example "D4"
    """

    status = 409  # what HTTP calls it; a missing right is a 403

    def __init__(self, message: str, *, rule: str) -> None:
        super().__init__(message)
        self.message = message
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.message} [{self.rule}]"


class RefusalMiddleware:
    """Turns an escaping `Refused` into a 409 (or 403) that says which rule and why."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, Refused):
            return None
        htmx: HtmxDetails | None = getattr(request, "htmx", None)
        if htmx:
            # The front end puts a 409 or 403 into the message area.
            return render(request, "partials/refusal.html", {"refusal": error}, status=error.status)
        return render(request, f"{error.status}.html", {"refusal": error}, status=error.status)
