"""The agent's desk: one customer at a time, one key for each step."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from furrow.calls.models import Call
from furrow.campaigns.models import Campaign
from furrow.campaigns.queries import waiting_count
from furrow.common.phone import zone
from furrow.customers.filters import is_id
from furrow.customers.models import Customer, Number
from furrow.customers.showing import name_for
from furrow.desk.actions import wrap_up
from furrow.desk.forms import WrapUpForm
from furrow.desk.queries import (
    Seat,
    campaign_for,
    current_call,
    handling_of,
    presence_of,
    scales_of,
    script_for,
    seat_of,
    suggested,
    waiting_of,
)
from furrow.desk.rules import NEXT_STEPS, AwayReason, due_of
from furrow.dialer.actions import (
    ask_hang_up,
    close_session,
    dial_now,
    open_session,
    skip_lease,
    start_call,
)
from furrow.dialer.queries import lease_of, party_of_user
from furrow.dialer.rules import Skip
from furrow.followups.queries import BOOK, end_of_day, for_the_day, load_of
from furrow.organisation.actions import set_presence
from furrow.organisation.http import Request, opened, requires, touched
from furrow.organisation.rules import Act, PresenceState
from furrow.permits.rules import Purpose
from furrow.rulebooks.queries import rules_at

_QUEUE_ROWS = 12
_MOST_SKIPPED = 200  # customers passed over at a time; more do not fit into an address


def _desk_context(request: Request, *, at: datetime, seat: Seat | None) -> dict[str, Any]:
    agent = request.user
    day_ends = end_of_day(at)
    queue = for_the_day(user=agent, until=day_ends).filter(assigned_to=agent)[:_QUEUE_ROWS]
    name_for(agent, [item.customer for item in queue])
    return {
        "seat": seat,
        **_on_the_line(request, seat, at=at),
        "script": script_for(seat, agent=agent),
        "is_desk": True,
        "presence": presence_of(agent),
        "away_reasons": AwayReason.choices,
        "steps": [
            (step, due_of(step, local_now=at.astimezone(zone(seat.number.time_zone))))
            for step in NEXT_STEPS
        ]
        if seat and seat.number
        else [(step, None) for step in NEXT_STEPS],
        "promises": [_(one.name) for one in rules_at(BOOK, at).promises],
        "scales": scales_of(seat, at=at) if seat else [],
        "suggested": suggested(seat) if seat else None,
        "standby": waiting_of(agent),
        "skips": Skip.choices,
        "queue": queue,
        "load": load_of(user=agent, at=at, day_ends=day_ends),
        "waiting": waiting_count(agent=agent, at=at),
        "now": at,
    }


def _on_the_line(request: Request, seat: Seat | None, *, at: datetime) -> dict[str, Any]:
    """The agent's own call with its lines, and the other's call they are asked to or are in."""
    call = seat.call if seat else None
    return {
        "call": call,
        "handling": handling_of(call, at=at) if call and call.is_in_progress else None,
        "invitation": party_of_user(request.user),
    }


@requires(Act.USE_DESK)
@require_GET
def desk(request: Request) -> HttpResponse:
    """`?customer=` puts a customer of one's own on the desk; each `?skip=` passes one over for
    now, so that two who cannot be called do not send the agent from one to the other."""
    at = timezone.now()
    picked = None
    if wanted := _whole(request.GET, "customer"):
        picked = get_object_or_404(Customer.objects.visible_to(request.user), pk=wanted)
        opened(request, picked.pk)
    skip = [int(one) for one in request.GET.getlist("skip")[-_MOST_SKIPPED:] if is_id(one)]
    seat = seat_of(agent=request.user, at=at, picked=picked, skip=skip)
    context = _desk_context(request, at=at, seat=seat) | {"skipped": skip}
    if request.htmx:
        return render(request, "desk/desk.html#seat", context | {"oob_bar": True})
    return render(request, "desk/desk.html", context)


def _bar(request: Request, *, at: datetime) -> HttpResponse:
    """The call bar, and the strip on the desk that says what the line does."""
    shown = request.GET
    now_on = current_call(request.user) is not None or lease_of(request.user) is not None
    standby = waiting_of(request.user)
    picked = None
    if not now_on and _whole(shown, "seat") and (not standby.is_on or "picked" in shown):
        # Nothing is on: the strip belongs to the customer the desk shows.
        visible = Customer.objects.visible_to(request.user)
        picked = visible.filter(pk=_whole(shown, "seat")).first()
    seat = seat_of(agent=request.user, at=at, picked=picked) if now_on or picked else None
    context = {
        "seat": seat,
        **_on_the_line(request, seat, at=at),
        "suggested": suggested(seat) if seat else None,
        "presence": presence_of(request.user),
        "away_reasons": AwayReason.choices,
        "standby": standby,
        "skips": Skip.choices,
        "is_live": True,
        "is_desk": "seat" in shown,
    }
    due = seat.key if seat else standby.key if standby.is_on else shown.get("seat")
    context["is_same"] = due == shown.get("seat")
    response = render(request, "desk/desk.html#bar", context)
    if "seat" in shown and not context["is_same"]:
        # A call with somebody else began, came by itself, or was not answered: show what is.
        response["HX-Trigger"] = "furrow:reseat"
    return response


@requires(Act.USE_DESK)
@require_GET
def bar(request: Request) -> HttpResponse:
    return _bar(request, at=timezone.now())


def _read_the_bar_anew() -> HttpResponse:
    """Only the bar itself shows what the line does: of two answers the older might come last."""
    return HttpResponse(status=204, headers={"HX-Trigger": "furrow:call"})


@requires(Act.USE_DESK)
@require_POST
def call(request: Request) -> HttpResponse:
    """F2: through the gate to the line. 409 with the rule when the gate says no."""
    at = timezone.now()
    visible = Number.objects.visible_to(request.user).select_related("customer")
    number = get_object_or_404(visible, pk=_whole(request.POST, "number"))
    touched(request, number.customer_id)
    campaign: Campaign | None = campaign_for(request.user, number.customer)
    purpose = Purpose.CALLBACK if request.POST.get("promised") else Purpose.SALES
    start_call(
        number=number,
        agent=request.user,
        campaign=campaign,
        purpose=purpose,
        by=request.user,
        at=at,
    )
    if request.POST.get("open"):  # from the record or the follow-up list: go to the desk
        response = HttpResponse(status=204)
        response["HX-Redirect"] = reverse("desk")
        return response
    return _read_the_bar_anew() if request.htmx else redirect("desk")


@requires(Act.USE_DESK)
@require_POST
def hang_up(request: Request) -> HttpResponse:
    """F4. Hanging up twice is no error."""
    at = timezone.now()
    if (on := current_call(request.user)) and on.is_in_progress:
        ask_hang_up(call=on, by=request.user, at=at)
    return _read_the_bar_anew()


@requires(Act.USE_DESK)
@require_POST
def finish(request: Request) -> HttpResponse:
    """N: store result, potential and next touch; answer with the next customer."""
    at = timezone.now()
    mine = Call.objects.visible_to(request.user).filter(agent=request.user)
    done = get_object_or_404(
        mine.select_related("customer", "number", "campaign__disposition_set", "agent"),
        pk=_whole(request.POST, "call"),
    )
    form = WrapUpForm(request.POST, call=done, seat=seat_of(agent=request.user, at=at), at=at)
    wrap_up(call=done, result=form.result(), by=request.user, at=at)
    if not request.htmx:
        return redirect("desk")
    seat = seat_of(agent=request.user, at=at, skip=[done.customer_id])
    context = _desk_context(request, at=at, seat=seat) | {"oob_bar": True}
    return render(request, "desk/desk.html#seat", context)


@requires(Act.USE_DESK)
@require_POST
def session(request: Request) -> HttpResponse:
    """F3: let calls come by themselves, or no more. 409 when no campaign dials by itself."""
    at = timezone.now()
    if request.POST.get("open"):
        open_session(agent=request.user, at=at)
    else:
        close_session(agent=request.user, by=request.user.username, at=at)
    return _show_anew()


@requires(Act.USE_DESK)
@require_POST
def dial(request: Request) -> HttpResponse:
    """F2 on a customer who is shown: seen enough, dial now. Too late is no error."""
    dial_now(agent=request.user, lease_id=_whole(request.POST, "lease"), at=timezone.now())
    return _read_the_bar_anew()


@requires(Act.USE_DESK)
@require_POST
def skip(request: Request) -> HttpResponse:
    """Pass the shown customer over, with the reason. Too late is no error."""
    reason = request.POST.get("reason", "")
    if reason in Skip.values:
        skip_lease(
            agent=request.user,
            lease_id=_whole(request.POST, "lease"),
            reason=Skip(reason),
            at=timezone.now(),
        )
    return _show_anew()


def _show_anew() -> HttpResponse:
    """Bar and customer: both may be others now."""
    return HttpResponse(status=204, headers={"HX-Trigger": "furrow:call, furrow:reseat"})


@requires(Act.USE_DESK)
@require_POST
def presence(request: Request) -> HttpResponse:
    """Ready, away with a reason, or offline. Calling and talking are the line's to say."""
    at = timezone.now()
    wanted = request.POST.get("state", "")
    reason = request.POST.get("reason", "")
    allowed = {PresenceState.READY, PresenceState.AWAY, PresenceState.OFFLINE}
    if wanted in allowed and current_call(request.user) is None:
        known = reason if reason in AwayReason.values else ""
        set_presence(user=request.user, state=PresenceState(wanted), reason=known, at=at)
    return _read_the_bar_anew()


def _whole(data: QueryDict, name: str) -> int:
    """A whole number from a form, or 0, which no row has."""
    text = data.get(name) or ""
    return int(text) if is_id(text) else 0
