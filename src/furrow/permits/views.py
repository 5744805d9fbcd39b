"""What the gate would say now, shown beside the customer."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from furrow.common.phone import zone
from furrow.customers.filters import is_id
from furrow.customers.models import Customer
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .queries import checks_told, may_call


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def panel(request: Request, customer_id: int) -> HttpResponse:
    """ "May we call now?" for the customer's first number, or ?number=<id> of the customer's.

    A part, not a page; it refreshes itself once a minute and whenever a call changes.
    """
    customer = get_object_or_404(
        Customer.objects.visible_to(request.user).select_related("owner"), pk=customer_id
    )
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
    }
    return render(request, "permits/panel.html", context)
