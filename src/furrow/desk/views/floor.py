"""The supervisor's floor: who talks to whom, how long, and what has come of the day so far."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from furrow.desk.floor import budgets_of, floor_of, labels
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act


@requires(Act.WATCH_FLOOR)
@require_GET
def floor(request: Request) -> HttpResponse:
    """The whole page; from then on the events server tells what changes. ?wall=1 for a TV."""
    at = timezone.now()
    shown = floor_of(user=request.user, at=at)
    people = [seat.agent for team in shown.teams for seat in team.seats]
    context = {
        "floor": shown,
        "figures": shown.figures,
        "budgets": budgets_of(people, at=at),
        "labels": labels(),
        "is_wall": request.GET.get("wall") == "1",
        "now": at,
    }
    return render(request, "desk/floor.html", context)
