"""GET and HEAD cannot change data: PostgreSQL itself refuses.

Exempt are only the views of EXEMPT_MODULES: signing in shows its forms with state in the session.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

View = Callable[..., HttpResponseBase]

EXEMPT_MODULES = ("allauth.",)


class ReadOnlyGets:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: View, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        if request.method not in {"GET", "HEAD"} or view.__module__.startswith(EXEMPT_MODULES):
            return None
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
                response = view(request, *args, **kwargs)
                if isinstance(response, HttpResponse) and hasattr(response, "render"):
                    response.render()
                return response
        except Exception as error:
            # Django asks other middleware about an exception only when it called the view itself.
            for answer in _answers_to_exceptions():
                if answered := answer(request, error):
                    return answered
            raise


@cache
def _answers_to_exceptions() -> list[Callable[[HttpRequest, Exception], HttpResponse | None]]:
    """`process_exception` of each middleware that has one, the last in the list first."""
    kinds = [import_string(path) for path in reversed(settings.MIDDLEWARE)]
    return [kind(_unused).process_exception for kind in kinds if hasattr(kind, "process_exception")]


def _unused(request: HttpRequest) -> HttpResponse:
    raise NotImplementedError
