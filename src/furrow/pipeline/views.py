"""The part of a record that says where a customer stands."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from furrow.customers.models import Customer
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .actions import give_score, move_stage
from .queries import panel_of
from .rules import Score, Stage


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def score(request: Request, customer_id: int) -> HttpResponse:
    """Give CP or PI: `score` is cp or pi, `value` 0 to 5."""
    customer = _visible(request, customer_id)
    which, value = request.POST.get("score", ""), request.POST.get("value", "")
    if which not in Score.values or not (value.isascii() and value.isdecimal()):
        return HttpResponse(status=400)
    give_score(
        customer=customer,
        score=Score(which),
        value=int(value),
        by=request.user,
        at=timezone.now(),
    )
    return _panel(request, customer)


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def stage(request: Request, customer_id: int) -> HttpResponse:
    """Hand the customer to another stage: `to` and `reason`."""
    customer = _visible(request, customer_id)
    to = request.POST.get("to", "")
    if to not in Stage.values:
        return HttpResponse(status=400)
    move_stage(
        customer=customer,
        to=Stage(to),
        reason=request.POST.get("reason", ""),
        by=request.user,
        at=timezone.now(),
    )
    return _panel(request, customer)


def _visible(request: Request, customer_id: int) -> Customer:
    return get_object_or_404(Customer.objects.visible_to(request.user), pk=customer_id)


def _panel(request: Request, customer: Customer) -> HttpResponse:
    context = {"pipeline": panel_of(customer, user=request.user)}
    response = render(request, "pipeline/panel.html", context)
    response["HX-Trigger"] = "furrow:timeline"  # the record page tells its timeline again
    return response
