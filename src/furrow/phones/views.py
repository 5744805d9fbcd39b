"""The phone window: microphone, earpiece, and the switch that rings."""

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .actions import close_phone, open_phone
from .rules import phone_name


@requires(Act.USE_PHONE)
@require_GET
def phone(request: Request) -> HttpResponseBase:
    """The window itself. It may speak to the switch's WebSocket, which no other page may."""
    has_switch = settings.TELEPHONY == "asterisk"
    response = render(request, "phones/phone.html", {"has_switch": has_switch})
    if has_switch:
        response._csp_update = {"connect-src": [_socket(request)]}  # type: ignore[attr-defined]
    response["Permissions-Policy"] = "microphone=(self)"
    return response


@requires(Act.USE_PHONE)
@require_POST
def open_(request: Request) -> JsonResponse:
    """How this window may sign in: a new password each time."""
    password = open_phone(agent=request.user, at=timezone.now())
    answer = JsonResponse(
        {
            "user": phone_name(request.user.username),
            "password": password,
            "socket": _socket(request),
        }
    )
    answer["Cache-Control"] = "no-store"
    return answer


@requires(Act.USE_PHONE)
@require_POST
def close(request: Request) -> HttpResponse:
    """The window goes; sent by `sendBeacon`, so nobody reads the answer."""
    close_phone(agent=request.user, at=timezone.now())
    return HttpResponse(status=204)


def _socket(request: Request) -> str:
    """Where browsers reach the switch: as set, else its own port on this host (a laptop)."""
    if settings.PHONE_SOCKET:
        return str(settings.PHONE_SOCKET)
    host = request.get_host().rsplit(":", 1)[0]
    return f"ws://{host}:{settings.ASTERISK_PORT}/ws"
