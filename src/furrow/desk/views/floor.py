"""The supervisor's floor: who talks to whom, how long, and what has come of the day so far; and
the way into a call that is on."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.compliance.queries import policy_for
from furrow.desk.floor import agents_for, budgets_of, floor_of, labels
from furrow.desk.queries import current_call
from furrow.dialer.actions import move_party, supervise
from furrow.dialer.queries import party_of_user
from furrow.dialer.rules import Place
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act
from furrow.phones.queries import has_phone


@requires(Act.WATCH_FLOOR)
@require_GET
def floor(request: Request) -> HttpResponse:
    """The whole page; from then on the events server tells what changes. ?wall=1 for a TV."""
    at = timezone.now()
    shown = floor_of(user=request.user, at=at)
    people = [seat.agent for team in shown.teams for seat in team.seats]
    is_wall = request.GET.get("wall") == "1"
    heard = agents_for(request.user, Act.LISTEN_LIVE).exclude(pk=request.user.pk)
    context = {
        "floor": shown,
        "figures": shown.figures,
        "budgets": budgets_of(people, at=at),
        "labels": labels(),
        "is_wall": is_wall,
        "audible": frozenset() if is_wall else frozenset(heard.values_list("pk", flat=True)),
        "now": at,
    }
    return render(request, "desk/floor.html", context | _supervising(request, at=at))


@requires(Act.WATCH_FLOOR)
@require_GET
def bar(request: Request) -> HttpResponse:
    """What one does in a call of somebody one leads."""
    context = _supervising(request, at=timezone.now())
    return render(request, "desk/floor.html#bar", context)


@requires(Act.LISTEN_LIVE)
@require_GET
def agent(request: Request, agent_id: int) -> HttpResponse:
    """The call an agent is in, and the ways into it, in a dialog."""
    at = timezone.now()
    heard = get_object_or_404(agents_for(request.user, Act.LISTEN_LIVE), pk=agent_id)
    call = Call.objects.visible_to(request.user).filter(agent=heard, state=CallState.TALKING)
    context = {
        "agent": heard,
        "call": call.select_related("customer", "campaign").first(),
        "is_told": policy_for(region=settings.DEFAULT_REGION, at=at).tells_of_listening,
        "lacks_phone": settings.TELEPHONY == "asterisk" and not has_phone(request.user, at=at),
        **_may(request),
    }
    return render(request, "desk/supervise.html", context)


@requires(Act.LISTEN_LIVE)
@require_POST
def into(request: Request, call_id: int) -> HttpResponse:
    """Listen to a call, whisper, join, take it over, or leave it. Refused beyond one's right."""
    at, wanted = timezone.now(), request.POST.get("wanted", "")
    visible = Call.objects.visible_to(request.user).select_related("agent")
    call = get_object_or_404(visible, pk=call_id)
    mine = party_of_user(request.user)
    if wanted == Place.GONE:
        if mine is not None and mine.call_id == call.pk:
            move_party(party=mine, wanted=Place.GONE, by=request.user, at=at)
    elif wanted in Place.values:
        supervise(call=call, wanted=Place(wanted), by=request.user, at=at)
    return HttpResponse(status=204, headers={"HX-Trigger": "furrow:call, furrow:close"})


def _supervising(request: Request, *, at: datetime) -> dict[str, Any]:
    mine = party_of_user(request.user)
    own = current_call(request.user)
    return {
        "supervising": mine if mine is not None and mine.is_supervisor else None,
        "own_call": own if own is not None and own.is_in_progress else None,
        **_may(request),
    }


def _may(request: Request) -> dict[str, bool]:
    may_join = request.user.can(Act.JOIN_CALLS)
    return {"may_join": may_join, "may_take_over": may_join and request.user.can(Act.USE_DESK)}
