"""Alerts about unusual looking, and the records planted to be touched."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.common.paging import newest_first
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .actions import plant, settle_alert
from .forms import PlantForm
from .models import Alert, Sighting
from .queries import baits, told

_MOST_ROWS = 500


@requires(Act.VIEW_ALERTS)
@require_GET
def alerts(request: Request) -> HttpResponse:
    """?show=settled for those looked into; ?after=<place>."""
    show = "settled" if request.GET.get("show") == "settled" else ""
    rows = Alert.objects.visible_to(request.user).select_related("user__team", "settled_by")
    rows = rows.exclude(settled_at=None) if show else rows.open()
    page = newest_first(rows, after=request.GET.get("after", ""), size=50)
    context = {
        "rows": [told(alert) for alert in page.rows],
        "older": page.older,
        "show": show,
        "can_plant": request.user.can(Act.PLANT_HONEY),
    }
    return render(request, "sightings/alerts.html", context)


@requires(Act.VIEW_ALERTS)
@require_GET
def alert(request: Request, alert_id: int) -> HttpResponse:
    """The evidence: what this person opened that day."""
    visible = Alert.objects.visible_to(request.user).select_related("user__team", "settled_by")
    found = get_object_or_404(visible, pk=alert_id)
    seen = Sighting.objects.visible_to(request.user).filter(user=found.user_id, on=found.on)
    context = {
        "told": told(found),
        "rows": seen.select_related("customer__owner", "customer__team").order_by(
            "-first_at", "-id"
        )[:_MOST_ROWS],
        "count": seen.count(),
    }
    return render(request, "sightings/alert.html", context)


@requires(Act.VIEW_ALERTS)
@require_POST
def settle(request: Request, alert_id: int) -> HttpResponse:
    found = get_object_or_404(Alert.objects.visible_to(request.user), pk=alert_id)
    settle_alert(
        alert=found, finding=request.POST.get("finding", ""), by=request.user, at=timezone.now()
    )
    messages.success(request, _("Saved."))
    return redirect("alerts")


@requires(Act.PLANT_HONEY)
@require_http_methods(["GET", "POST"])
def planted(request: Request) -> HttpResponse:
    form = PlantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        plant(
            name=given["name"], number=given["number"], city=given["city"], team=given["team"],
            by=request.user, at=timezone.now(),
        )  # fmt: skip
        messages.success(request, _("Planted. Whoever touches it is told of here at once."))
        return redirect("planted")
    return render(request, "sightings/planted.html", {"form": form, "rows": baits(request.user)})
