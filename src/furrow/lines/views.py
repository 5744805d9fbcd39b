"""The numbers we call from: pools, caps, wear and rest."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .actions import add_caller_ids, rest_caller_id, retire_caller_id, save_pool
from .forms import NumbersForm, PoolForm
from .models import CallerId, Pool
from .queries import pools_told
from .rules import DECAY_ALARM


@requires(Act.EDIT_CAMPAIGNS)
@require_GET
def lines(request: Request) -> HttpResponse:
    context = {"rows": pools_told(at=timezone.now(), alarm=DECAY_ALARM)}
    return render(request, "lines/lines.html", context)


@requires(Act.EDIT_CAMPAIGNS)
@require_http_methods(["GET", "POST"])
def pool(request: Request, pool_id: int = 0) -> HttpResponse:
    """Make or change a pool."""
    found = (
        get_object_or_404(Pool.objects.visible_to(request.user), pk=pool_id) if pool_id else None
    )
    form = PoolForm(request.POST or None, of=found)
    if request.method == "POST" and form.is_valid():
        saved = save_pool(pool=found, draft=form.draft(), by=request.user, at=timezone.now())
        messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
        return redirect("lines")
    return render(request, "lines/pool.html", {"form": form, "pool": found})


@requires(Act.EDIT_CAMPAIGNS)
@require_http_methods(["GET", "POST"])
def numbers(request: Request, pool_id: int) -> HttpResponse:
    """Take numbers we own into a pool."""
    found = get_object_or_404(Pool.objects.visible_to(request.user), pk=pool_id)
    form = NumbersForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        fresh, known = add_caller_ids(
            pool=found,
            e164s=form.cleaned_data["numbers"],
            proof=form.cleaned_data["proof"],
            by=request.user,
            at=timezone.now(),
        )
        messages.success(
            request,
            _("%(fresh)d numbers added, %(known)d were known.") % {"fresh": fresh, "known": known},
        )
        return redirect("lines")
    return render(request, "lines/numbers.html", {"form": form, "pool": found})


@requires(Act.EDIT_CAMPAIGNS)
@require_POST
def change(request: Request, caller_id: int) -> HttpResponse:
    """Rest, wake or retire one number."""
    found = get_object_or_404(
        CallerId.objects.visible_to(request.user).select_related("pool"), pk=caller_id
    )
    at = timezone.now()
    match request.POST.get("to"):
        case "rest":
            until = at + timedelta(days=found.pool.rest_days)
            rest_caller_id(caller_id=found, until=until, by=request.user, at=at)
        case "wake":
            rest_caller_id(caller_id=found, until=None, by=request.user, at=at)
        case "retire":
            retire_caller_id(caller_id=found, by=request.user, at=at)
        case _other:
            return HttpResponse(status=400)
    return redirect("lines")
