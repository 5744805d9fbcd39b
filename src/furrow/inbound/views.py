"""The caller on the agent's screen, the callers on the leader's, and the hotlines."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.customers.showing import name_for
from furrow.organisation.http import Request, opened, requires
from furrow.organisation.rules import Act

from .actions import accept_offer, decline_offer, save_hotline
from .forms import HotlineForm
from .models import Hotline, Offer
from .queries import callers_for, has_hotlines, pop_for


@requires(Act.USE_DESK)
@require_GET
def pop(request: Request) -> HttpResponse:
    """The caller that rings at me, on whatever page I am; nothing when nobody does."""
    found = pop_for(request.user)
    if found is not None and found.may_see:
        opened(request, found.call.customer_id)
    return render(request, "inbound/pop.html", {"pop": found})


@requires(Act.USE_DESK)
@require_POST
def take(request: Request, offer_id: int) -> HttpResponse:
    """F2: I talk to the caller. 409 when they hung up, or a colleague has them."""
    mine = Offer.objects.visible_to(request.user).select_related("arrival__hotline")
    accept_offer(offer=get_object_or_404(mine, pk=offer_id), by=request.user, at=timezone.now())
    desk = reverse("desk")
    if request.htmx and request.htmx.current_url_abs_path != desk:
        return HttpResponse(status=204, headers={"HX-Redirect": desk})
    return HttpResponse(status=204, headers={"HX-Trigger": "furrow:inbound, furrow:call"})


@requires(Act.USE_DESK)
@require_POST
def decline(request: Request, offer_id: int) -> HttpResponse:
    """F4: the next agent shall. Too late is no error."""
    mine = Offer.objects.visible_to(request.user).select_related("arrival__hotline", "agent")
    decline_offer(offer=get_object_or_404(mine, pk=offer_id), by=request.user, at=timezone.now())
    return HttpResponse(status=204, headers={"HX-Trigger": "furrow:inbound, furrow:call"})


@requires(Act.WATCH_FLOOR)
@require_GET
def callers(request: Request) -> HttpResponse:
    """Who waits, who was missed today, and who is still to be called back."""
    at = timezone.now()
    found = callers_for(user=request.user, at=at)
    name_for(request.user, found.customers)
    context = {
        "callers": found,
        "has_hotlines": has_hotlines(),
        "can_edit": request.user.can(Act.EDIT_CAMPAIGNS),
        "now": at,
    }
    return render(request, "inbound/callers.html", context)


@requires(Act.EDIT_CAMPAIGNS)
@require_GET
def hotlines(request: Request) -> HttpResponse:
    rows = Hotline.objects.visible_to(request.user).select_related("team", "callback_team")
    return render(request, "inbound/hotlines.html", {"rows": rows.order_by("-is_active", "name")})


@requires(Act.EDIT_CAMPAIGNS)
@require_http_methods(["GET", "POST"])
def hotline(request: Request, hotline_id: int = 0) -> HttpResponse:
    """Make or change a hotline."""
    mine = Hotline.objects.visible_to(request.user)
    found = get_object_or_404(mine, pk=hotline_id) if hotline_id else None
    form = HotlineForm(request.POST or None, of=found)
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        saved = save_hotline(hotline=found, draft=form.draft(), by=request.user, at=at)
        messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
        return redirect("hotlines")
    return render(request, "inbound/hotline.html", {"form": form, "hotline": found})
