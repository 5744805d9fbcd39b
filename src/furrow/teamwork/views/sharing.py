"""Who helps with a customer, for what share; what sales brought whom; the terms."""

from dataclasses import asdict, fields
from datetime import date, datetime, time, timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.customers.models import Customer
from furrow.organisation.http import Request, requires
from furrow.organisation.models import User
from furrow.organisation.rules import Act
from furrow.teamwork.actions import add_collaborator, end_collaboration, save_terms
from furrow.teamwork.forms import CollaboratorForm, TermsForm
from furrow.teamwork.models import Collaboration
from furrow.teamwork.queries.credit import collaborators_of, earned, newest_sales
from furrow.teamwork.queries.terms import terms_at, versions
from furrow.teamwork.rules import CannotShare, Terms

from .page import tabs


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def panel(request: Request, customer_id: int) -> HttpResponse:
    """Beside a record: who helps the owner. `?form=1` gives the form to agree with another."""
    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=customer_id)
    if request.GET.get("form") and _may_agree(request.user, customer):
        context = {"customer": customer, "form": _form(request.user, customer)}
        return render(request, "teamwork/team.html#form", context)
    return _panel(request, customer)


def _panel(request: Request, customer: Customer) -> HttpResponse:
    context = {
        "customer": customer,
        "helpers": collaborators_of(customer, at=timezone.now()),
        "may_agree": _may_agree(request.user, customer),
        "me": request.user,
    }
    return render(request, "teamwork/team.html", context)


def _may_agree(user: User, customer: Customer) -> bool:
    """The owner, or whoever may give the customer to somebody else."""
    if customer.owner_id is None or not user.can(Act.EDIT_CUSTOMERS):
        return False
    if customer.owner_id == user.pk:
        return True
    reach = Customer.objects.visible_to(user, Act.ASSIGN_CUSTOMERS)
    return reach.filter(pk=customer.pk).exists()


def _form(user: User, customer: Customer, data: object = None) -> CollaboratorForm:
    until = timezone.localdate() + timedelta(days=30)
    return CollaboratorForm(data, user=user, customer=customer, initial={"until": until})


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def agree(request: Request, customer_id: int) -> HttpResponse:
    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=customer_id)
    form = _form(request.user, customer, request.POST)
    if not _may_agree(request.user, customer):
        raise CannotShare(_("The owner, or a leader, agrees on who helps."), rule="B5")
    if not form.is_valid():
        raise CannotShare(str(next(iter(form.errors.values()))[0]), rule="B5")
    add_collaborator(
        customer=customer, user=form.cleaned_data["user"],
        share=round(form.cleaned_data["percent"] * 100), until=_end_of(form.cleaned_data["until"]),
        note=form.cleaned_data["note"], by=request.user, at=timezone.now(),
    )  # fmt: skip
    response = _panel(request, customer)
    response["HX-Trigger"] = "furrow:timeline, furrow:close"
    return response


def _end_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(23, 59, 59)))


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def end(request: Request, collaboration_id: int) -> HttpResponse:
    """The owner or a leader ends it, or the one who helps."""
    mine = Collaboration.objects.visible_to(request.user).select_related("customer")
    agreed = get_object_or_404(mine, pk=collaboration_id)
    if not (_may_agree(request.user, agreed.customer) or agreed.user_id == request.user.pk):
        raise CannotShare(_("The owner, or a leader, agrees on who helps."), rule="B5")
    end_collaboration(collaboration=agreed, by=request.user, at=timezone.now())
    return _panel(request, agreed.customer)


@requires(Act.VIEW_CREDIT)
@require_GET
def credit(request: Request) -> HttpResponse:
    """Credit by person in a month (`?month=2026-11`), and the newest sales."""
    first = _month(request.GET.get("month", ""))
    after = (first + timedelta(days=32)).replace(day=1)
    rows = earned(user=request.user, since=_start_of(first), until=_start_of(after))
    context = tabs(request, "credit") | {
        "rows": rows,
        "most": max((one.net_minor for one in rows), default=0),
        "sales": newest_sales(user=request.user),
        "month": first,
        "before": first - timedelta(days=1),
        "after": after if after <= timezone.localdate() else None,
    }
    return render(request, "teamwork/credit.html", context)


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return timezone.localdate().replace(day=1)


def _start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


@requires(Act.EDIT_POLICY)
@require_http_methods(["GET", "POST"])
def terms(request: Request) -> HttpResponse:
    at = timezone.now()
    form = TermsForm(request.POST or None, initial=asdict(terms_at(at)))
    if request.method == "POST" and form.is_valid():
        names = [field.name for field in fields(Terms)]
        save_terms(
            terms=Terms(**{name: form.cleaned_data[name] for name in names}), by=request.user, at=at
        )
        messages.success(request, _("Saved. What was decided before stays as it was decided."))
        return redirect("terms")
    context = tabs(request, "terms") | {"form": form, "versions": versions()}
    return render(request, "teamwork/terms.html", context)
