"""Asking for files, approving those of others, taking one's own."""

from django.contrib import messages
from django.core import signing
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .actions import ask_export, decide_export, note_download
from .kinds import What
from .models import Export
from .queries import file_of, quota_of, told
from .rules import LINK_SECONDS, CannotExport, ExportState

_SALT = "exports.file"
_MOST = 100


@requires(Act.EXPORT)
@require_GET
def exports(request: Request) -> HttpResponse:
    """One's own, and for those who approve everybody's: what waits for them first."""
    rows = Export.objects.visible_to(request.user).select_related("asked_by", "decided_by")
    newest = [told(row, user=request.user) for row in rows.order_by("-asked_at", "-id")[:_MOST]]
    context = {
        "waiting": [one for one in newest if one.can_decide],
        "rows": [one for one in newest if not one.can_decide],
        "quota": quota_of(request.user, on=timezone.localdate()),
    }
    return render(request, "exports/exports.html", context)


@requires(Act.EXPORT)
@require_POST
def ask(request: Request) -> HttpResponse:
    """From the form the list shows: which rows, which columns, what for."""
    given = request.POST
    ids = given.get("ids", "")
    numbers = [int(one) for one in ids.split(",") if one.isdecimal() and len(one) <= 18]
    export = ask_export(
        kind=given.get("kind", ""),
        what=What(given.get("query", ""), tuple(numbers) if ids else None),
        columns=given.getlist("columns"),
        reason=given.get("reason", ""),
        by=request.user,
        at=timezone.now(),
    )
    messages.success(request, _("Somebody who may approve exports sees your request now."))
    return redirect("export", export.pk)


def _export(request: Request, export_id: int) -> Export:
    visible = Export.objects.visible_to(request.user).select_related("asked_by", "decided_by")
    return get_object_or_404(visible, pk=export_id)


@requires(Act.EXPORT)
@require_GET
def export(request: Request, export_id: int) -> HttpResponse:
    found = _export(request, export_id)
    context = {"told": told(found, user=request.user), "is_mine": found.asked_by == request.user}
    return render(request, "exports/export.html", context)


@requires(Act.APPROVE_EXPORTS)
@require_POST
def decide(request: Request, export_id: int) -> HttpResponse:
    """`approve` or not, with words."""
    decide_export(
        export=_export(request, export_id),
        is_approved=bool(request.POST.get("approve")),
        decision=request.POST.get("decision", ""),
        by=request.user,
        at=timezone.now(),
    )
    return redirect("export", export_id)


@requires(Act.EXPORT)
@require_POST
def download(request: Request, export_id: int) -> HttpResponse:
    """Written down first; then a link that holds for a minute, for this person alone."""
    found = note_download(export=_export(request, export_id), by=request.user, at=timezone.now())
    token = signing.dumps({"export": found.pk, "user": request.user.pk}, salt=_SALT)
    return redirect("export-file", token)


@requires(Act.EXPORT)
@require_GET
def file(request: Request, token: str) -> HttpResponseBase:
    """The file, by a link that is not older than LINK_SECONDS."""
    try:
        named = signing.loads(token, salt=_SALT, max_age=LINK_SECONDS)
    except signing.SignatureExpired:
        raise CannotExport(_("This link is too old. Click Download again."), rule="I2") from None
    except signing.BadSignature:
        raise Http404 from None
    if named["user"] != request.user.pk:
        raise Http404
    found = get_object_or_404(
        Export.objects.visible_to(request.user), pk=named["export"], state=ExportState.READY
    )
    path = file_of(found)
    if not path.is_file():
        raise Http404
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=f"{found.kind}-{found.seen_mark}.csv",
        content_type="text/csv; charset=utf-8",
    )
