"""What the gate would say now, shown beside the customer."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from furrow.common.phone import zone
from furrow.compliance.actions import note_consent
from furrow.compliance.forms import ConsentForm, PolicyForms
from furrow.compliance.queries import consents_told, policy_body
from furrow.compliance.rules import Basis, is_region, policy_from
from furrow.customers.filters import is_id
from furrow.customers.models import Customer
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .queries import checks_told, may_call, numbers_of
from .rules import CHECK_NAMES, Purpose
from .simulation import simulate_policy

SIMULATED_DAYS = 30


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def panel(request: Request, customer_id: int) -> HttpResponse:
    """ "May we call now?" for the customer's first number, or ?number=<id> of the customer's.

    A part, not a page; it refreshes itself once a minute and whenever a call changes.
    """
    customer = get_object_or_404(
        Customer.objects.visible_to(request.user).select_related("owner"), pk=customer_id
    )
    return _panel(request, customer)


def _panel(request: Request, customer: Customer) -> HttpResponse:
    numbers = customer.numbers.order_by("-is_primary", "pk")
    wanted = request.GET.get("number", "")
    number = (numbers.filter(pk=wanted) if is_id(wanted) else numbers).first()
    if number is None:
        return render(request, "permits/panel.html", {"number": None})
    number.customer = customer
    at = timezone.now()
    decision = may_call(number=number, agent=request.user, at=at)
    context = {
        "number": number,
        "decision": decision,
        "checks": checks_told(decision),
        "at": at,
        "is_same_clock": timezone.localtime(at).utcoffset()
        == at.astimezone(zone(number.time_zone)).utcoffset(),
        "customer_id": customer.pk,
        "consents": consents_told(numbers_of(customer))[:3],
        "form": ConsentForm(),
        "can_note": request.user.can(Act.EDIT_CUSTOMERS),
    }
    return render(request, "permits/panel.html", context)


@requires(Act.EDIT_POLICY)
@require_POST
def simulate(request: Request, region: str) -> HttpResponse:
    """What the rules filled in would have said to the last 30 days; a part of the rules' page."""
    if not is_region(region):
        raise Http404
    at = timezone.now()
    forms = PolicyForms(policy_body(region=region, at=at), request.POST)
    forms.policy.fields["note"].required = False
    context: dict[str, Any] = {"is_valid": forms.is_valid()}
    if context["is_valid"]:
        policy = policy_from(forms.body(), region=region, version=0)
        told = simulate_policy(region=region, policy=policy, days=SIMULATED_DAYS, at=at)
        context |= {
            "told": told,
            "refused": [(CHECK_NAMES[check], n) for check, n in sorted(told.refused.items())],
            "freed": [(CHECK_NAMES[check], n) for check, n in sorted(told.freed.items())],
        }
    return render(request, "permits/simulation.html", context)


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def consent(request: Request, customer_id: int) -> HttpResponse:
    """The customer agreed to calls for a purpose, or took it back; answers with the panel."""
    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=customer_id)
    number = customer.numbers.order_by("-is_primary", "pk").first()
    form = ConsentForm(request.POST)
    if number is None or not form.is_valid():
        return HttpResponse(status=400)
    given = form.cleaned_data
    note_consent(
        e164=number.e164,
        purpose=Purpose(given["purpose"]),
        is_given=given["word"] == "given",
        basis=Basis(given["basis"]),
        evidence=given["evidence"],
        origin="person",
        by=request.user,
        at=timezone.now(),
    )
    return _panel(request, customer)
