"""Integrations: keys for machines that ask, endpoints for machines that are told."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.organisation.actions import create_token, revoke_token
from furrow.organisation.http import Request, requires
from furrow.organisation.models import ApiToken
from furrow.organisation.rules import Act

from .actions import create_endpoint, retry_delivery, send_test, switch_endpoint
from .forms import EndpointForm, TokenForm
from .models import Delivery, Endpoint
from .queries import latest_deliveries


@requires(Act.MANAGE_INTEGRATIONS)
@require_GET
def integrations(request: Request) -> HttpResponse:
    tokens = ApiToken.objects.visible_to(request.user).select_related("user")
    context = {
        "tokens": tokens.order_by("revoked_at", "-created_at", "-pk"),
        "endpoints": Endpoint.objects.visible_to(request.user).order_by("-is_active", "-pk"),
    }
    return render(request, "webhooks/integrations.html", context)


@requires(Act.MANAGE_INTEGRATIONS)
@require_http_methods(["GET", "POST"])
def new_token(request: Request) -> HttpResponse:
    """A form for the dialog; its answer shows the secret, this one time."""
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        token, secret = create_token(
            name=form.cleaned_data["name"],
            user=form.cleaned_data["user"],
            by=request.user,
            at=timezone.now(),
        )
        return _show_secret(request, title=token.name, secret=secret)
    return render(request, "webhooks/token_new.html", {"form": form})


def _show_secret(request: Request, *, title: str, secret: str) -> HttpResponse:
    answer = render(request, "webhooks/secret.html", {"title": title, "secret": secret})
    answer["Cache-Control"] = "no-store"
    return answer


@requires(Act.MANAGE_INTEGRATIONS)
@require_POST
def revoke(request: Request, token_id: int) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.visible_to(request.user), pk=token_id)
    revoke_token(token=token, by=request.user, at=timezone.now())
    messages.success(request, _("The key no longer opens anything."))
    return redirect("integrations")


@requires(Act.MANAGE_INTEGRATIONS)
@require_http_methods(["GET", "POST"])
def new_endpoint(request: Request) -> HttpResponse:
    """A form for the dialog; its answer shows the signing secret."""
    form = EndpointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        endpoint = create_endpoint(
            url=form.cleaned_data["url"],
            wants=form.cleaned_data["wants"],
            by=request.user,
            at=timezone.now(),
        )
        return _show_secret(request, title=endpoint.url, secret=endpoint.secret)
    return render(request, "webhooks/endpoint_new.html", {"form": form})


def _endpoint(request: Request, endpoint_id: int) -> Endpoint:
    return get_object_or_404(Endpoint.objects.visible_to(request.user), pk=endpoint_id)


@requires(Act.MANAGE_INTEGRATIONS)
@require_GET
def endpoint(request: Request, endpoint_id: int) -> HttpResponse:
    """One endpoint and its latest messages."""
    shown = _endpoint(request, endpoint_id)
    context = {"endpoint": shown, "deliveries": latest_deliveries(shown)}
    return render(request, "webhooks/endpoint.html", context)


@requires(Act.MANAGE_INTEGRATIONS)
@require_POST
def switch(request: Request, endpoint_id: int) -> HttpResponse:
    is_active = request.POST.get("is_active") == "1"
    switch_endpoint(
        endpoint=_endpoint(request, endpoint_id),
        is_active=is_active,
        by=request.user,
        at=timezone.now(),
    )
    messages.success(request, _("Resumed.") if is_active else _("Stopped."))
    return redirect("webhook", endpoint_id)


@requires(Act.MANAGE_INTEGRATIONS)
@require_POST
def test(request: Request, endpoint_id: int) -> HttpResponse:
    send_test(endpoint=_endpoint(request, endpoint_id), by=request.user, at=timezone.now())
    messages.success(request, _("A test message is on its way."))
    return redirect("webhook", endpoint_id)


@requires(Act.MANAGE_INTEGRATIONS)
@require_POST
def retry(request: Request, delivery_id: int) -> HttpResponse:
    delivery = get_object_or_404(Delivery.objects.visible_to(request.user), pk=delivery_id)
    retry_delivery(delivery=delivery, by=request.user, at=timezone.now())
    messages.success(request, _("It is tried again now."))
    return redirect("webhook", delivery.endpoint_id)
