"""What to ask next in a call, who stands around a customer, and how complete records are."""

from datetime import date
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.customers.actions import look_up_number, update_customer
from furrow.customers.models import Customer
from furrow.customers.rules import BASICS, CannotRecord
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act
from furrow.science.linkage.numbers import read_numbers

from .actions import add_contact, remove_contact
from .models import Contact
from .queries import around, completeness_of, question_for, relationship_of
from .rules import CannotKnow, Role

_MOST_SKIPPED = 30


def _customer(request: Request, customer_id: int, act: Act) -> Customer:
    return get_object_or_404(Customer.objects.visible_to(request.user, act), pk=customer_id)


@requires(Act.EDIT_CUSTOMERS)
@require_http_methods(["GET", "POST"])
def ask(request: Request, customer_id: int) -> HttpResponse:
    """GET: what to ask next. POST takes the answer or passes the question over, and asks on."""
    customer = _customer(request, customer_id, Act.EDIT_CUSTOMERS)
    skipped = request.POST.getlist("skipped")[:_MOST_SKIPPED]
    answered = ""
    if request.method == "POST":
        asked = question_for(customer, user=request.user, skipped=skipped, data=request.POST)
        if asked is None or asked.name != request.POST.get("name") or "pass" in request.POST:
            skipped.append(request.POST.get("name", ""))
        else:
            customer, answered = _take(request, customer, asked), asked.label
    question = question_for(customer, user=request.user, skipped=skipped)
    context = {
        "customer": customer, "question": question, "skipped": skipped, "answered": answered,
    }  # fmt: skip
    return render(request, "profiles/ask.html", context)


def _take(request: Request, customer: Customer, asked: Any) -> Customer:
    if not asked.form.is_valid():
        raise CannotRecord(str(asked.form.errors["value"][0]), rule="B8")
    value = asked.form.cleaned_data["value"]
    value = value.isoformat() if isinstance(value, date) else value or ""
    if not value:
        raise CannotRecord(_("Write the answer, or pass the question over."), rule="B8")
    changes = {asked.name: value} if asked.name in BASICS else {"profile": {asked.name: value}}
    return update_customer(customer=customer, changes=changes, by=request.user, at=timezone.now())


# -- who stands around a customer ----------------------------------------------------------------


def _panel(request: Request, customer: Customer) -> HttpResponse:
    context = {
        "customer": customer,
        "around": around(customer, user=request.user),
        "relationship": relationship_of(customer, at=timezone.now()),
        "roles": Role.choices,
        "can_edit": request.user.can(Act.EDIT_CUSTOMERS),
    }
    return render(request, "profiles/panel.html", context)


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def panel(request: Request, customer_id: int) -> HttpResponse:
    return _panel(request, _customer(request, customer_id, Act.VIEW_CUSTOMERS))


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def contact_add(request: Request, customer_id: int) -> HttpResponse:
    """A number leads to a record the person may see; it is stored nowhere else (B1)."""
    customer = _customer(request, customer_id, Act.EDIT_CUSTOMERS)
    said = request.POST
    if said.get("role") not in Role.values:
        raise CannotKnow(_("Say which part they play in buying."), rule="B8")
    add_contact(
        customer=customer, name=said.get("name", ""), role=Role(said["role"]),
        relation=said.get("relation", ""), person=_person(request, said.get("number", "")),
        by=request.user, at=timezone.now(),
    )  # fmt: skip
    return _panel(request, customer)


def _person(request: Request, text: str) -> Customer | None:
    if not text.strip():
        return None
    numbers = read_numbers(text[:60], region=settings.DEFAULT_REGION).numbers[:1]
    for e164 in numbers:  # whoever asks whether a number is known is written down, and limited
        look_up_number(e164=e164, by=request.user, at=timezone.now())
    found = Customer.objects.visible_to(request.user).filter(numbers__e164__in=numbers).first()
    if found is None:
        raise CannotKnow(
            _("No customer of yours has this number. Record them first, or leave it empty."),
            rule="B8",
        )
    return found


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def contact_remove(request: Request, contact_id: int) -> HttpResponse:
    contact = get_object_or_404(Contact.objects.visible_to(request.user), pk=contact_id)
    customer = _customer(request, contact.customer_id, Act.EDIT_CUSTOMERS)
    remove_contact(contact=contact, by=request.user, at=timezone.now())
    return _panel(request, customer)


# -- how complete records are --------------------------------------------------------------------


@requires(Act.VIEW_REPORTS)
@require_GET
def complete(request: Request) -> HttpResponse:
    context = {"complete": completeness_of(user=request.user)}
    return render(request, "profiles/completeness.html", context)
