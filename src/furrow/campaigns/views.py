"""Campaigns: the list, making one from a customer filter, one campaign's page, scripts."""

from dataclasses import replace

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.customers.queries import filtered
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .actions import (
    change_state,
    fill_campaign,
    make_campaign,
    save_script,
    set_agents,
    set_dialing,
)
from .forms import AgentsForm, CampaignForm, DialingForm, MixForm, ScriptForm, as_text
from .models import Campaign, Script
from .queries import (
    audience_size,
    begin_with,
    lists_of,
    progress_of,
    scripts_with_latest,
    shares_of,
)
from .rules import MOVES, CampaignState


@requires(Act.VIEW_CAMPAIGNS)
@require_GET
def campaigns(request: Request) -> HttpResponse:
    visible = Campaign.objects.visible_to(request.user).select_related("team")
    rows = list(visible.order_by("-created_at", "-id")[:200])
    progress = progress_of(rows)
    context = {
        "rows": [(campaign, progress[campaign.pk]) for campaign in rows],
        "can_edit": request.user.can(Act.EDIT_CAMPAIGNS),
    }
    return render(request, "campaigns/list.html", context)


@requires(Act.EDIT_CAMPAIGNS)
@require_http_methods(["GET", "POST"])
def create(request: Request) -> HttpResponse:
    """Made from a customer list's filter: its URL comes along as `audience`."""
    audience = request.POST.get("audience") or request.GET.urlencode()
    begun = begin_with(QueryDict(audience).get("stage", ""), at=timezone.now())
    initial = {**begun, "audience": audience}
    form = CampaignForm(request.POST or None, user=request.user, initial=initial)
    dialing = DialingForm(request.POST or None)
    if request.method == "POST" and form.is_valid() & dialing.is_valid():
        at = timezone.now()
        customers = filtered(request.user, QueryDict(audience))
        campaign, tally = make_campaign(
            draft=form.draft(dialing.dialing()), customers=customers, by=request.user, at=at
        )
        messages.success(
            request,
            _("%(customers)d customers wait for %(agents)d agents. Start the campaign when ready.")
            % {"customers": sum(tally.values()), "agents": len(tally)},
        )
        return redirect("campaign", campaign.pk)
    context = {
        "form": form,
        "dialing": dialing,
        "audience": audience,
        "size": audience_size(filtered(request.user, QueryDict(audience)).callable()),
    }
    return render(request, "campaigns/create.html", context)


def _detail(request: Request, campaign: Campaign) -> HttpResponse:
    context = {
        "campaign": campaign,
        "progress": progress_of([campaign])[campaign.pk],
        "shares": shares_of(campaign),
        "lists": lists_of(campaign),
        "moves": [
            state for state in CampaignState if state in MOVES[CampaignState(campaign.state)]
        ],
        "can_edit": request.user.can(Act.EDIT_CAMPAIGNS),
        "body": campaign.script_version.body,
        "hours": (_clock(campaign.opens_minute), _clock(campaign.closes_minute)),
    }
    return render(request, "campaigns/detail.html", context)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


@requires(Act.VIEW_CAMPAIGNS)
@require_GET
def campaign(request: Request, campaign_id: int) -> HttpResponse:
    visible = Campaign.objects.visible_to(request.user).select_related(
        "script_version__script", "disposition_set", "team", "by"
    )
    return _detail(request, get_object_or_404(visible, pk=campaign_id))


@requires(Act.EDIT_CAMPAIGNS)
@require_POST
def move(request: Request, campaign_id: int) -> HttpResponse:
    """Start, pause, resume or end."""
    found = get_object_or_404(Campaign.objects.visible_to(request.user), pk=campaign_id)
    wanted = request.POST.get("to", "")
    if wanted not in CampaignState.values:
        return HttpResponse(status=400)
    found = change_state(
        campaign=found, to=CampaignState(wanted), by=request.user, at=timezone.now()
    )
    messages.success(
        request,
        _("“%(name)s” is now: %(state)s.")
        % {"name": found.name, "state": CampaignState(found.state).label},
    )
    return redirect("campaign", found.pk)


@requires(Act.EDIT_CAMPAIGNS)
@require_http_methods(["GET", "POST"])
def dialing(request: Request, campaign_id: int) -> HttpResponse:
    """How a campaign dials, who works on it, and what part each list has; at once in force."""
    found = get_object_or_404(Campaign.objects.visible_to(request.user), pk=campaign_id)
    form = DialingForm(request.POST or None, of=found)
    people = AgentsForm(request.POST or None, user=request.user, of=found)
    mix = MixForm(request.POST or None, lists=lists_of(found))
    if request.method == "POST" and form.is_valid() & people.is_valid() & mix.is_valid():
        at = timezone.now()
        with transaction.atomic():
            set_agents(campaign=found, agents=people.agents(), by=request.user, at=at)
            set_dialing(
                campaign=found,
                dialing=replace(form.dialing(), mix=mix.mix()),
                by=request.user,
                at=at,
            )
        messages.success(request, _("Saved. The next call already follows."))
        return redirect("campaign", found.pk)
    context = {"campaign": found, "form": form, "people": people, "mix": mix}
    return render(request, "campaigns/dialing.html", context)


@requires(Act.EDIT_CAMPAIGNS)
@require_POST
def refill(request: Request, campaign_id: int) -> HttpResponse:
    """Take in the customers that fit its filter by now."""
    found = get_object_or_404(Campaign.objects.visible_to(request.user), pk=campaign_id)
    before = progress_of([found])[found.pk].total
    fill_campaign(
        campaign=found,
        customers=filtered(request.user, QueryDict(found.audience)),
        by=request.user,
        at=timezone.now(),
    )
    added = progress_of([found])[found.pk].total - before
    messages.success(request, _("%(added)d customers added.") % {"added": added})
    return redirect("campaign", found.pk)


@requires(Act.EDIT_CAMPAIGNS)
@require_GET
def scripts(request: Request) -> HttpResponse:
    return render(request, "campaigns/scripts.html", {"rows": scripts_with_latest()})


@requires(Act.EDIT_CAMPAIGNS)
@require_http_methods(["GET", "POST"])
def script(request: Request, script_id: int = 0) -> HttpResponse:
    """A script's text; saving makes the next version, earlier calls keep theirs."""
    found = get_object_or_404(Script, pk=script_id) if script_id else None
    latest = found.versions.order_by("-version").first() if found else None
    initial = {"name": found.name, **as_text(latest.body)} if found and latest else {}
    form = ScriptForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        version = save_script(
            name=form.cleaned_data["name"], body=form.body(), by=request.user, at=timezone.now()
        )
        messages.success(
            request,
            _("Saved as version %(version)d. Campaigns choose their version when they are made.")
            % {"version": version.version},
        )
        return redirect("scripts")
    return render(
        request, "campaigns/script.html", {"form": form, "script": found, "latest": latest}
    )
