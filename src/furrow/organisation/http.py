"""What every view needs: the request's type, and the right it asks for."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django_htmx.middleware import HtmxDetails

from .models import User, held_rights
from .rights import Held
from .rules import Act, NotAllowed

V = TypeVar("V", bound=Callable[..., Any])  # a page's view, or an endpoint of the API


class Request(HttpRequest):
    """The request every signed-in view receives."""

    user: User
    htmx: HtmxDetails
    request_id: str
    opened_customers: set[int]
    touched_customers: set[int]


def touched(request: HttpRequest, *customers: int) -> None:
    """Say that somebody tried something with these customers (a call, a whole number), whatever
    came of it: should one be planted, that alerts."""
    known: set[int] = getattr(request, "touched_customers", set())
    request.touched_customers = known | set(customers)  # type: ignore[attr-defined]


def opened(request: HttpRequest, *customers: int) -> None:
    """Say that this answer tells what is known of these customers: every edge that does says so.

    Views cannot write while they answer a GET; who looked at whom is written afterwards, before the
    answer leaves (sightings.middleware), and beyond a day's limit the answer does not leave: so
    say it beside a change only if the change may stand while its answer does not; else `touched`.
    """
    known: set[int] = getattr(request, "opened_customers", set())
    request.opened_customers = known | set(customers)  # type: ignore[attr-defined]


class KeepRights:
    """Every request asks a hundred times what its person may do: the answer is read once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        mark = held_rights.set(Held())
        try:
            return self.get_response(request)
        finally:
            held_rights.reset(mark)


def requires(act: Act) -> Callable[[V], V]:
    """Only a signed-in person whose role carries `act`. Others: the sign-in page, or a 403.

    The view keeps the act in `view.act`, so a test can compare every URL with the role table.
    """

    def decorate(view: V) -> V:
        @wraps(view)
        def guarded(request: Request, *args: Any, **kwargs: Any) -> Any:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not request.user.can(act):
                raise Forbidden(act)
            return view(request, *args, **kwargs)

        guarded.act = act  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return decorate


class Forbidden(NotAllowed):
    """Becomes a 403, not a 409: nothing but another role would change it."""

    status = 403

    def __init__(self, act: Act) -> None:
        super().__init__(
            _("Your role does not include “%(act)s”. Ask an administrator.") % {"act": act.label},
            rule="I3",
        )
