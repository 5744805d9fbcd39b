"""Whose a customer is; who else wants it; who gets it."""

from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act
from furrow.teamwork.actions import appeal_clash, decide_clash, look_up, record_clash
from furrow.teamwork.models import Clash
from furrow.teamwork.queries.clashes import (
    clashes_of,
    next_to_decide,
    seen_by,
    to_decide,
    waiting_for,
)
from furrow.teamwork.queries.handing import count_touches
from furrow.teamwork.rules import CannotSettle, Entrance, Ruling

from .page import tabs

_SALT = "teamwork.whose"
_AN_HOUR = 3600
_MOST = 100


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def clashes(request: Request) -> HttpResponse:
    """What waits to be decided, one at a time, with keys; and all one may see. `?after=` skips
    one, `?clash=` shows a certain one."""
    context = tabs(request, "clashes") | _queue(request)
    rows = list(clashes_of(request.user)[: _MOST + 1])
    context |= {"rows": rows[:_MOST], "is_cut": len(rows) > _MOST, "most": _MOST}
    return render(request, "teamwork/clashes.html", context)


def _queue(request: Request) -> dict[str, Any]:
    asked = request.GET.get("clash", "")
    if asked.isascii() and asked.isdecimal() and len(asked) < 18:
        clash: Clash | None = get_object_or_404(clashes_of(request.user), pk=int(asked))
    else:
        after = request.GET.get("after", "")
        is_id = after.isascii() and after.isdecimal() and len(after) < 18
        clash = next_to_decide(request.user, after=int(after) if is_id else 0)
    return {
        "seen": seen_by(clash, user=request.user, at=timezone.now()) if clash else None,
        "waiting": to_decide(request.user)[:_MOST].count(),
        "may_settle": request.user.can(Act.SETTLE_CLASHES),
    }


@requires(Act.SETTLE_CLASHES)
@require_POST
def decide(request: Request, clash_id: int) -> HttpResponse:
    """Answers with the next one that waits."""
    clash = get_object_or_404(Clash.objects.visible_to(request.user), pk=clash_id)
    said = request.POST.get("ruling", "")
    if said not in {Ruling.HOLDER, Ruling.CLAIMANT}:
        raise CannotSettle(_("Say who of the two it is."), rule="B3")
    clash = decide_clash(
        clash=clash, ruling=Ruling(said), words=request.POST.get("words", ""), by=request.user,
        at=timezone.now(),
    )  # fmt: skip
    messages.success(request, str(Ruling(clash.ruling).label))
    return redirect("clashes")


@requires(Act.VIEW_CUSTOMERS)
@require_POST
def appeal(request: Request, clash_id: int) -> HttpResponse:
    clash = get_object_or_404(Clash.objects.visible_to(request.user), pk=clash_id)
    appeal_clash(
        clash=clash, words=request.POST.get("words", ""), by=request.user, at=timezone.now()
    )
    messages.success(
        request, _("A manager decides now. The customer stays where it is until then.")
    )
    return redirect("clashes")


@requires(Act.VIEW_CUSTOMERS)
@require_POST
def whose(request: Request) -> HttpResponse:
    """The owner's name for a number or a whole name. A POST, because asking is recorded and what
    is typed stands in no URL."""
    text = request.POST.get("text", "").strip()[:200]
    if not text:
        return HttpResponse("")
    found = look_up(text=text, by=request.user, at=timezone.now())
    may_want = request.user.can(Act.USE_DESK)
    context = {
        "found": [
            (
                one,
                signing.dumps({"customer": one.customer_id, "by": request.user.pk}, salt=_SALT)
                if may_want and one.owner_id not in (None, request.user.pk)
                else "",
                one.owner_id == request.user.pk,
            )
            for one in found
        ],
    }
    return render(request, "teamwork/whose.html", context)


@requires(Act.USE_DESK)
@require_POST
def want(request: Request) -> HttpResponse:
    """Record that one wants a customer just asked about. The token, good for an hour and for the
    one who asked, says which; so no other can be named."""
    try:
        said = signing.loads(request.POST.get("token", ""), salt=_SALT, max_age=_AN_HOUR)
    except signing.BadSignature:
        said = {}
    if said.get("by") != request.user.pk:
        raise CannotSettle(_("Ask again whose it is, then record the clash."), rule="B3")
    clash = record_clash(
        customer_id=said["customer"], entrance=Entrance.LOOK_UP,
        words=request.POST.get("words", ""), by=request.user, at=timezone.now(),
    )  # fmt: skip
    if clash is None:
        raise CannotSettle(_("There is nothing to decide: look at your own list."), rule="B3")
    messages.success(request, str(clash.get_state_display()))
    return HttpResponse(headers={"HX-Redirect": f"{reverse('clashes')}?clash={clash.pk}"})


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def notices(request: Request) -> HttpResponse:
    """The bell at the top: how much waits for oneself, and where."""
    at = timezone.now()
    waits = waiting_for(request.user, at=at)
    touches = count_touches(request.user)
    context = {
        "waits": waits,
        "touches": touches,
        "late": count_touches(request.user, late_at=at) if touches else 0,
        "total": sum(waits.values()) + touches,
    }
    return render(request, "teamwork/notices.html", context)
