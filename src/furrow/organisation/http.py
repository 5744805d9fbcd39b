"""What every view needs: the request's type, and the right it asks for."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django_htmx.middleware import HtmxDetails

from .models import User
from .rules import Act, NotAllowed

V = TypeVar("V", bound=Callable[..., Any])  # a page's view, or an endpoint of the API


class Request(HttpRequest):
    """The request every signed-in view receives."""

    user: User
    htmx: HtmxDetails
    request_id: str


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
