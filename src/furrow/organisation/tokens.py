"""Machines sign in with a key: `Authorization: Bearer furrow_…`.

Two parts, because a GET runs in a read-only transaction and "last used" has to be written:
`Tokens`, a middleware that finds out who calls before the view begins, and `ByToken`, which
lets an endpoint ask for it. A key acts as its user, within the user's scopes.
"""

import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja.security import HttpBearer

from .actions import digest_of, mark_token_used
from .http import Forbidden
from .models import ApiToken, User
from .rules import Act

API = "/api/"
PREFIX = "bearer "
_MARK_EVERY = timedelta(minutes=1)


class Tokens:
    """Recognises a key and makes its user the request's user; too many requests are a 429.

    An unknown, revoked or lifeless key leaves the request without a user, and the endpoint
    answers 401. The limit (FURROW_API_RATE requests a minute) counts per key and web process.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("Authorization", "")
        is_api = request.path.startswith(API)  # pages are for people, and ask for no `use_api`
        if is_api and given[: len(PREFIX)].lower() == PREFIX:
            token = find_token(given[len(PREFIX) :].strip())
            if token is not None:
                if wait := _seconds_to_wait(token):
                    return JsonResponse(
                        {"detail": _("Too many requests. Wait a moment."), "rule": "I3"},
                        status=429,
                        headers={"Retry-After": str(wait)},
                    )
                _mark_used(token)
                request.user = token.user
                request.token = token  # type: ignore[attr-defined]
        return self.get_response(request)


def find_token(secret: str) -> ApiToken | None:
    """The living key with this secret, of somebody active; None otherwise."""
    if not 20 <= len(secret) <= 100:
        return None
    keys = ApiToken.objects.usable().select_related("user")
    return keys.filter(digest=digest_of(secret)).first()


def _seconds_to_wait(token: ApiToken) -> int:
    """0, or the seconds until the key's minute is over when it is used up."""
    second = int(time.time())
    key = f"api-rate:{token.pk}:{second // 60}"
    cache.add(key, 0, timeout=120)
    return 60 - second % 60 if cache.incr(key) > settings.API_RATE else 0


def _mark_used(token: ApiToken) -> None:
    at = timezone.now()
    if token.last_used_at is None or at - token.last_used_at >= _MARK_EVERY:
        mark_token_used(token=token, at=at)


class ByToken(HttpBearer):
    """ninja's `auth=`: a living key whose user may use the API. Otherwise 401 or 403.

    NinjaAPI(auth=ByToken()); inside an endpoint `request.user` is the key's user.
    """

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        known: ApiToken | None = getattr(request, "token", None)
        if known is None:
            return None
        if not known.user.can(Act.USE_API):
            raise Forbidden(Act.USE_API)
        return known.user
