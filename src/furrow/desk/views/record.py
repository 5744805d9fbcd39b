"""A customer's record: what it is, what happened, what matters now."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from furrow.customers import holdings
from furrow.customers.models import Customer
from furrow.customers.queries import (
    filtered,
    kept_record_of,
    neighbours,
    numbers_of,
    profile_of,
    sort_of,
)
from furrow.customers.rules import Moment
from furrow.organisation.http import Request, opened, requires
from furrow.organisation.rules import Act
from furrow.pipeline.queries import panel_of
from furrow.recordings.queries import recordings_of

# What matters now, in this order.
_PANELS = ("permit-panel", "suggestion", "ownership-panel", "followup-panel", "team-panel",
           "around-panel", "origins-panel")  # fmt: skip
_MOMENTS = 30  # on one page of the timeline

# Kinds of moments that can be shown alone: key in the URL, label, the kinds it stands for.
_SHOWN_ALONE = (
    ("calls", _("Calls"), frozenset({"call"})),
    ("notes", _("Notes"), frozenset({"note"})),
    ("followups", _("Follow-ups"), frozenset({"followup"})),
    ("moves", _("Stages and scores"), frozenset({"stage", "score"})),
    ("owners", _("Owners"), frozenset({"owner", "merge"})),
    ("origins", _("Origins"), frozenset({"import", "customer", "web"})),
)
# How a kind of moment looks: icon and colour.
_LOOKS = {
    "call": ("phone-outgoing", "is-good"),
    "note": ("note", ""),
    "import": ("file-import", ""),
    "owner": ("user-check", ""),
    "suppression": ("ban", "is-bad"),
    "followup": ("calendar-due", "is-warn"),
    "stage": ("route", "is-live"),
    "score": ("star", ""),
    "merge": ("git-merge", ""),
    "web": ("world", ""),
    "customer": ("user-plus", ""),
}
_CALL = "calls.Call:"  # how calls anchor their moments
_ANY_LOOK = ("info-circle", "")


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def record(request: Request, customer_id: int) -> HttpResponse:
    """`?list=` carries the list one came from, so that next and previous keep the place in it.

    A merged record answers with the one it was joined to.
    """
    visible = Customer.objects.visible_to(request.user).select_related("owner", "team")
    kept = kept_record_of(customer_id, user=request.user)
    if kept is not None:
        return redirect("customer", kept)
    customer = get_object_or_404(visible, pk=customer_id)
    opened(request, customer.pk)
    listed = request.GET.get("list", "")
    before, after = _beside(request, customer, QueryDict(listed))
    lines = numbers_of(customer, user=request.user)
    context = {
        "customer": customer,
        "profile": profile_of(customer, user=request.user),
        "lines": lines,
        "pipeline": panel_of(customer, user=request.user),
        "can_edit": request.user.can(Act.EDIT_CUSTOMERS),
        "can_call": request.user.can(Act.USE_DESK),
        "number": lines[0].number if lines else None,
        "panels": _panels(customer),
        "listed": listed,
        "before": before,
        "after": after,
    }
    return render(request, "desk/record.html", context | _timeline(request, customer))


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def timeline(request: Request, customer_id: int) -> HttpResponse:
    """The timeline alone, or with `?before=` the moments before an instant."""
    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=customer_id)
    opened(request, customer.pk)
    context = {"customer": customer} | _timeline(request, customer)
    part = "moments" if context["before_at"] else "timeline"
    return render(request, f"desk/record.html#{part}", context)


def _timeline(request: Request, customer: Customer) -> dict[str, Any]:
    shown = request.GET.get("show", "")
    kinds = next((kinds for key, _label, kinds in _SHOWN_ALONE if key == shown), None)
    before = _instant(request.GET.get("before", ""))
    moments = holdings.timeline(customer, before=before, most=_MOMENTS, kinds=kinds)
    calls = {
        int(moment.anchor.removeprefix(_CALL)): moment.anchor
        for moment in moments
        if moment.anchor.startswith(_CALL)
    }
    heard = recordings_of(list(calls), user=request.user)
    sound = {anchor: call_id for call_id, anchor in calls.items() if call_id in heard}
    return {
        "moments": [(moment, *_look(moment), sound.get(moment.anchor)) for moment in moments],
        "can_merge": request.user.can(Act.MERGE_CUSTOMERS),
        "next_at": moments[-1].at.isoformat() if len(moments) >= _MOMENTS else "",
        "before_at": before,
        "show": shown,
        "shows": [(key, label) for key, label, _kinds in _SHOWN_ALONE],
    }


def _look(moment: Moment) -> tuple[str, str]:
    return _LOOKS.get(moment.kind, _ANY_LOOK)


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else None


def _beside(
    request: Request, customer: Customer, params: QueryDict
) -> tuple[int | None, int | None]:
    if not params:
        return None, None
    return neighbours(filtered(request.user, params), customer, sort=sort_of(params))


def _panels(customer: Customer) -> list[str]:
    """What matters now, from capabilities that show themselves: each loads its own part."""
    urls = []
    for name in _PANELS:
        try:
            urls.append(reverse(name, args=[customer.pk]))
        except NoReverseMatch:
            continue
    return urls
