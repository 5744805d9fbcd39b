from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.utils.translation import gettext as _
from django.views import defaults
from django.views.decorators.http import require_GET
from django.views.generic import RedirectView, TemplateView

from furrow.organisation.http import requires
from furrow.organisation.rules import Act

from . import health
from .api import api
from .navigation import home_of, settings_for


def home(request: HttpRequest) -> HttpResponse:
    """Everybody starts where their work is."""
    return redirect(home_of(request))


@requires(Act.SEE_SELF)
@require_GET
def settings_page(request: HttpRequest) -> HttpResponse:
    """All that can be set, for whom it may be: each card leads to a page that asks for itself."""
    groups = settings_for(request)
    if not groups:
        raise Http404
    return render(request, "config/settings.html", {"groups": groups})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A page for people, JSON for machines."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": _("There is no such address.")}, status=404)
    return defaults.page_not_found(request, exception)


handler404 = not_found


def no_such_page(request: HttpRequest) -> HttpResponse:
    raise Http404


# Of allauth's pages, those that send e-mail or let strangers in: accounts here have no e-mail, and
# a person's administrator sets a new password.
CLOSED = r"^account/(?:signup|email|confirm-email|password/reset|login/code)(?:/|$)"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home, name="home"),
    path("settings/", settings_page, name="settings"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    re_path(CLOSED, no_such_page),
    path("account/", include("allauth.urls")),
    path("api/v1/", api.urls),
    path("", include("furrow.customers.urls")),
    path("", include("furrow.ownership.urls")),
    path("", include("furrow.teamwork.urls")),
    path("", include("furrow.sightings.urls")),
    path("", include("furrow.exports.urls")),
    path("", include("furrow.pipeline.urls")),
    path("", include("furrow.linkage.urls")),
    path("", include("furrow.acquisition.urls")),
    path("", include("furrow.capture.urls")),
    path("", include("furrow.campaigns.urls")),
    path("", include("furrow.segments.urls")),
    path("", include("furrow.profiles.urls")),
    path("", include("furrow.lines.urls")),
    path("", include("furrow.followups.urls")),
    path("", include("furrow.dialer.urls")),
    path("", include("furrow.desk.urls")),
    path("", include("furrow.phones.urls")),
    path("", include("furrow.inbound.urls")),
    path("", include("furrow.recordings.urls")),
    path("", include("furrow.reports.urls")),
    path("", include("furrow.learning.urls")),
    path("", include("furrow.permits.urls")),
    path("", include("furrow.compliance.urls")),
    path("", include("furrow.organisation.urls")),
    path("", include("furrow.webhooks.urls")),
]
if not settings.PRODUCTION:
    # The made-up shop of the demo company; the collecting process serves it, or has none.
    shop = RedirectView.as_view(url=f"{settings.CAPTURE}demo-shop/", permanent=False)
    urlpatterns.append(path("demo-shop/", shop, name="demo-shop"))
if settings.DEBUG:
    urlpatterns.append(path("kit/", TemplateView.as_view(template_name="kit.html"), name="kit"))
