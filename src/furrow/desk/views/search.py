"""Ctrl+K: customers, pages and actions, by a few letters."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from furrow.common.text import fold
from furrow.customers.actions import look_up_number
from furrow.customers.models import Customer
from furrow.customers.queries import found_by, masked_numbers
from furrow.customers.showing import shown_to
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act
from furrow.science.linkage.numbers import read_numbers

_MOST = 8  # customers shown


@requires(Act.SEE_SELF)
@require_http_methods(["GET", "POST"])
def search(request: Request) -> HttpResponse:
    """The palette's hits. What was typed comes by POST: a name or number stands in no URL."""
    text = request.POST.get("q", "").strip()[:60]
    customers: list[Customer] = []
    if text and request.user.can(Act.VIEW_CUSTOMERS):
        visible = Customer.objects.visible_to(request.user).select_related("owner")
        found = found_by(visible, text, region=settings.DEFAULT_REGION)
        customers = list(found.order_by("-pk")[:_MOST])
    reading = read_numbers(text, region=settings.DEFAULT_REGION)
    whose = None
    if reading.numbers and not customers and request.user.can(Act.VIEW_CUSTOMERS):
        # Not theirs to see, but anybody may ask whose it is (B3).
        whose = look_up_number(e164=reading.numbers[0], by=request.user, at=timezone.now())
    numbers = masked_numbers([customer.pk for customer in customers])
    context = {
        "text": text,
        "customers": [(one, numbers.get(one.id, "")) for one in shown_to(request.user, customers)],
        "whose": whose,
        "actions": _actions(request, text),
    }
    return render(request, "desk/search.html", context)


def _actions(request: Request, text: str) -> list[tuple[str, str, str]]:
    """Title, URL and icon of what can be begun from anywhere."""
    offered = [
        (Act.EDIT_CUSTOMERS, _("Record a customer"), "customer-create", "user-plus"),
    ]
    return [
        (title, reverse(name), icon)
        for act, title, name, icon in offered
        if request.user.can(act) and (not text or fold(text) in fold(title))
    ]
