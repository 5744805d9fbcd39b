"""Our web sites: what stands in their pages, what came of them, and when a visit makes a lead."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from furrow.common.refusal import Refused
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act
from furrow.rulebooks.actions import set_rules
from furrow.rulebooks.queries import body_at, history, rules_at

from . import demo
from .actions import save_site
from .forms import RulesForm, SiteForm
from .models import Site
from .queries import BOOK, leads_by_rule, tally_sites

_DAYS = 30


@requires(Act.IMPORT)
@require_http_methods(["GET", "POST"])
def sites(request: Request) -> HttpResponse:
    """GET: the sites and the rules. POST saves another version of the rules."""
    at = timezone.now()
    form = RulesForm(request.POST or None, initial=dict(body_at(BOOK, at)))
    if request.method == "POST" and form.is_valid():
        try:
            note = form.cleaned_data["note"]
            set_rules(book=BOOK, body=form.body, note=note, by=request.user, at=at)
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The rules are saved; numbers that wait are judged anew."))
            return redirect("web-sites")
    since = at - timedelta(days=_DAYS)
    made = leads_by_rule(since=since)
    context = {
        "tallies": tally_sites(user=request.user, since=since),
        "days": _DAYS,
        "by_rule": [
            (label, made.get(rule, 0))
            for rule, label in (
                ("stay", _("stayed long enough")),
                ("again", _("came back")),
                ("asked", _("asked to be called")),
            )
        ],
        "form": form,
        "rules": rules_at(BOOK, at),
        "history": history(BOOK),
        "now": at,
        "demo_key": demo.KEY if not settings.PRODUCTION else "",
    }
    return render(request, "capture/sites.html", context)


def _edit(request: Request, site: Site | None) -> HttpResponse:
    form = SiteForm(request.POST or None, user=request.user, of=site)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            saved = save_site(
                site=site, name=said["name"], hosts=said["hosts"], source=said["source"],
                is_on=said["is_on"], by=request.user, at=timezone.now(),
            )  # fmt: skip
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The site is saved."))
            return redirect("web-site", saved.pk)
    context = {"form": form, "site": site, "address": settings.CAPTURE}
    return render(request, "capture/site.html", context)


@requires(Act.IMPORT)
@require_http_methods(["GET", "POST"])
def site_new(request: Request) -> HttpResponse:
    return _edit(request, None)


@requires(Act.IMPORT)
@require_http_methods(["GET", "POST"])
def site(request: Request, site_id: int) -> HttpResponse:
    return _edit(request, get_object_or_404(Site.objects.visible_to(request.user), pk=site_id))
