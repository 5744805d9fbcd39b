"""Between the view's answer and the browser: who was told of whom is written down first."""

from collections.abc import Callable

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from furrow.common.refusal import RefusalMiddleware
from furrow.organisation.models import User
from furrow.organisation.tokens import API

from .actions import note_limit, note_opened, note_touched
from .rules import TooManyOpened

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class Openings:
    """A GET cannot write (its transaction is read-only). So views only say whom they tell of, by
    `opened(request, id)`; here, when the view's transaction is over and the answer made, it is
    written down in one of its own. Beyond the day's limit the answer is thrown away.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.refusals = RefusalMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        opened: set[int] = getattr(request, "opened_customers", set())
        touched: set[int] = getattr(request, "touched_customers", set())
        user = request.user
        if not (opened or touched) or not isinstance(user, User):
            return response
        match = request.resolver_match
        where = (match.url_name or match.route if match else "")[:60]
        at = timezone.now()
        if response.status_code >= 400:  # nothing was told, but it was tried
            touched, opened = touched | opened, set()
        if touched:
            note_touched(customers=touched, where=where, by=user, at=at)
        try:
            if opened:
                note_opened(customers=opened, where=where, by=user, at=at)
        except TooManyOpened as refusal:
            note_limit(by=user, at=at)
            if request.path.startswith(API):
                said = {"detail": refusal.message, "rule": refusal.rule, "next_at": None}
                return JsonResponse(said, status=refusal.status)
            return self.refusals.process_exception(request, refusal) or response
        return response
