"""The supervisor's floor: who talks to whom, how long, and what has come of the day so far."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from furrow.desk.floor import floor_of
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act


@requires(Act.WATCH_FLOOR)
@require_GET
def floor(request: Request) -> HttpResponse:
    """The whole page, or for htmx only the live part."""
    at = timezone.now()
    part = "#live" if request.htmx else ""
    context = {"floor": floor_of(user=request.user, at=at), "now": at}
    return render(request, f"desk/floor.html{part}", context)
