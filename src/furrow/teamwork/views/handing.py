"""Hand-overs: planned, tried, started, followed up."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.customers.models import Customer
from furrow.organisation.http import Forbidden, Request, opened, requires
from furrow.organisation.rules import Act
from furrow.teamwork.actions import cancel_handover, plan_handover, start_handover
from furrow.teamwork.forms import HandoverForm
from furrow.teamwork.models import Handover, HandoverItem
from furrow.teamwork.queries.dealing import new_seed
from furrow.teamwork.queries.handing import (
    brief_of,
    by_heir,
    first_touches,
    is_whole_leaving,
    progress_of,
    slice_of,
)
from furrow.teamwork.queries.terms import terms_at
from furrow.teamwork.rules import HandoverReason, HandoverState

from .page import tabs


@requires(Act.ASSIGN_CUSTOMERS)
@require_GET
def handovers(request: Request) -> HttpResponse:
    seen = Handover.objects.visible_to(request.user).select_related("person", "by")
    rows = [
        (handover, progress_of(handover))
        for handover in seen.exclude(state=HandoverState.CANCELLED).order_by("-pk")[:50]
    ]
    return render(request, "teamwork/handovers.html", tabs(request, "handovers") | {"rows": rows})


@requires(Act.ASSIGN_CUSTOMERS)
@require_http_methods(["GET", "POST"])
def new(request: Request) -> HttpResponse:
    """The first step of the wizard; its plan is the second."""
    at = timezone.now()
    initial = {"touch_days": terms_at(at).touch_days, "person": request.GET.get("person", "")}
    form = HandoverForm(request.POST or None, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        handover = plan_handover(
            person=said["person"], reason=HandoverReason(said["reason"]),
            heirs=list(said["heirs"]), touch_days=said["touch_days"], query=form.query,
            seed=new_seed(at), by=request.user, at=at,
        )  # fmt: skip
        return redirect("handover", handover.pk)
    return render(
        request, "teamwork/handover_new.html", tabs(request, "handovers") | {"form": form}
    )


@requires(Act.ASSIGN_CUSTOMERS)
@require_GET
def handover(request: Request, handover_id: int) -> HttpResponse:
    """The plan, its progress while it runs, and afterwards who has reached out and who is late."""
    seen = Handover.objects.visible_to(request.user).select_related("person__team", "by")
    found = get_object_or_404(seen, pk=handover_id)
    at = timezone.now()
    late = found.items.visible_to(request.user).untouched().select_related("customer", "heir")
    context = tabs(request, "handovers") | {
        "handover": found,
        "slice": slice_of(found, user=request.user),
        "progress": progress_of(found),
        "lines": by_heir(found, at=at),
        "late": late.order_by("due_at", "pk")[:50],
        "is_running": found.state == HandoverState.RUNNING,
        "is_planned": found.state == HandoverState.PLANNED,
        "may_freeze": is_whole_leaving(found) and request.user.can(Act.MANAGE_PEOPLE),
        "goes_to_pool": is_whole_leaving(found),
    }
    template = "teamwork/handover.html#live" if "live" in request.GET else "teamwork/handover.html"
    return render(request, template, context)


@requires(Act.ASSIGN_CUSTOMERS)
@require_POST
def start(request: Request, handover_id: int) -> HttpResponse:
    """With `freezes` the person is signed out and deactivated the same second."""
    found = get_object_or_404(Handover.objects.visible_to(request.user), pk=handover_id)
    freezes = bool(request.POST.get("freezes"))
    if freezes and not request.user.can(Act.MANAGE_PEOPLE):
        raise Forbidden(Act.MANAGE_PEOPLE)
    start_handover(handover=found, freezes=freezes, by=request.user, at=timezone.now())
    return redirect("handover", found.pk)


@requires(Act.ASSIGN_CUSTOMERS)
@require_POST
def cancel(request: Request, handover_id: int) -> HttpResponse:
    found = get_object_or_404(Handover.objects.visible_to(request.user), pk=handover_id)
    if cancel_handover(handover=found, by=request.user, at=timezone.now()):
        messages.success(request, _("The plan is dropped. Nobody has moved."))
    return redirect("handovers")


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def touches(request: Request) -> HttpResponse:
    """Customers handed over whom nobody has reached out to yet: one's own, or the team's."""
    is_mine = request.user.can(Act.USE_DESK) and not request.GET.get("all")
    context = tabs(request, "first-touches") | {
        "items": first_touches(request.user, mine=is_mine),
        "is_mine": is_mine,
        "sees_others": request.user.can(Act.ASSIGN_CUSTOMERS) and request.user.can(Act.USE_DESK),
    }
    return render(request, "teamwork/touches.html", context)


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def brief(request: Request, item_id: int) -> HttpResponse:
    """What the heir of one customer should know, in a dialog."""
    seen = HandoverItem.objects.visible_to(request.user).filter(
        customer__in=Customer.objects.visible_to(request.user)
    )
    item = get_object_or_404(
        seen.select_related("customer", "heir", "handover__person"), pk=item_id
    )
    opened(request, item.customer_id)
    context = {"brief": brief_of(item, at=timezone.now()), "item": item}
    return render(request, "teamwork/brief.html", context)
