"""Why nobody is being dialled."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from furrow.campaigns.models import Campaign
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .why import why_nobody


@requires(Act.WATCH_FLOOR)
@require_GET
def why(request: Request, campaign_id: int) -> HttpResponse:
    """One campaign, from its customers to the line; for htmx the live part."""
    campaign = get_object_or_404(Campaign.objects.visible_to(request.user), pk=campaign_id)
    at = timezone.now()
    part = "#live" if request.htmx else ""
    return render(request, f"dialer/why.html{part}", {"why": why_nobody(campaign, at=at), "at": at})
