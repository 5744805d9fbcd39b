"""Why nobody is being dialled, and how a campaign's trial goes."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from furrow.campaigns.actions import conclude_pilot, set_second_script, start_pilot
from furrow.campaigns.models import Campaign
from furrow.campaigns.rules import PilotVerdict
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .forms import PilotForm, SecondScriptForm
from .trials import pilot_of, splits_of, trial_of
from .why import why_nobody


@requires(Act.WATCH_FLOOR)
@require_GET
def why(request: Request, campaign_id: int) -> HttpResponse:
    """One campaign, from its customers to the line; for htmx the live part."""
    campaign = get_object_or_404(Campaign.objects.visible_to(request.user), pk=campaign_id)
    at = timezone.now()
    part = "#live" if request.htmx else ""
    return render(request, f"dialer/why.html{part}", {"why": why_nobody(campaign, at=at), "at": at})


@requires(Act.EDIT_CAMPAIGNS)
@require_GET
def pilot(request: Request, campaign_id: int) -> HttpResponse:
    """A campaign's trial with its numbers, and what is compared within the campaign."""
    campaign = get_object_or_404(
        Campaign.objects.visible_to(request.user).select_related(
            "script_version__script", "second_script__script"
        ),
        pk=campaign_id,
    )
    return _pilot(request, campaign, PilotForm())


def _pilot(request: Request, campaign: Campaign, form: PilotForm) -> HttpResponse:
    found = pilot_of(campaign)
    context = {
        "campaign": campaign,
        "pilot": found,
        "trial": trial_of(found) if found else None,
        "splits": splits_of(campaign, at=timezone.now()),
        "form": form,
        "script_form": SecondScriptForm(of=campaign),
    }
    return render(request, "dialer/pilot.html", context)


@requires(Act.EDIT_CAMPAIGNS)
@require_POST
def pilot_start(request: Request, campaign_id: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign.objects.visible_to(request.user), pk=campaign_id)
    form = PilotForm(request.POST)
    if not form.is_valid():
        return _pilot(request, campaign, form)
    start_pilot(campaign=campaign, draft=form.draft(), by=request.user, at=timezone.now())
    messages.success(request, _("The trial begins. Only its customers are called."))
    return redirect("campaign-pilot", campaign.pk)


@requires(Act.EDIT_CAMPAIGNS)
@require_POST
def pilot_decide(request: Request, campaign_id: int) -> HttpResponse:
    """A person decides before the numbers do."""
    campaign = get_object_or_404(Campaign.objects.visible_to(request.user), pk=campaign_id)
    found = pilot_of(campaign)
    wanted = request.POST.get("verdict", "")
    if found is None or wanted not in PilotVerdict.values:
        return HttpResponse(status=400)
    trial = trial_of(found)
    conclude_pilot(
        pilot=found,
        verdict=PilotVerdict(wanted),
        trials=trial.arm.trials,
        successes=trial.arm.successes,
        by=request.user,
        at=timezone.now(),
    )
    return redirect("campaign-pilot", campaign_id)


@requires(Act.EDIT_CAMPAIGNS)
@require_POST
def second_script(request: Request, campaign_id: int) -> HttpResponse:
    """Compare two scripts within one campaign, or stop comparing."""
    campaign = get_object_or_404(Campaign.objects.visible_to(request.user), pk=campaign_id)
    form = SecondScriptForm(request.POST, of=campaign)
    if form.is_valid():
        script = form.cleaned_data["second_script"]
        set_second_script(campaign=campaign, script=script, by=request.user, at=timezone.now())
        messages.success(request, _("Saved. The next call already follows."))
    return redirect("campaign-pilot", campaign.pk)
