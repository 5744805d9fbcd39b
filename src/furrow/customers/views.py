"""The customers' list, and the parts of a record that customers itself owns."""

from datetime import date
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.common.phone import mask, pretty
from furrow.exports.kinds import What
from furrow.exports.queries import quota_of
from furrow.exports.rules import CannotExport
from furrow.organisation.http import Request, opened, requires, touched
from furrow.organisation.rules import Act

from .actions import (
    add_note,
    add_number,
    create_customer,
    delete_view,
    look_up_number,
    reveal_number,
    save_view,
    update_customer,
)
from .columns import columns
from .entrances import attempting
from .exporting import KIND
from .filters import Filter, filters, is_id
from .forms import CustomerForm, NumberForm, property_form, read_phone
from .models import Customer, CustomerQuerySet, Number, SavedView
from .queries import (
    counted,
    filtered,
    found_by,
    masked_numbers,
    numbers_of,
    page_of,
    profile_of,
    sort_of,
)
from .rules import (
    BASICS,
    MOST_COUNTED,
    CannotRecord,
    Kind,
    Sort,
)
from .showing import shown_to

_PLACES = ("after", "before")  # parameters that say where in the list we are
_TIMELINE = "furrow:timeline"  # the record page tells its timeline again


# -- the list --------------------------------------------------------------------------------------


@requires(Act.VIEW_CUSTOMERS)
@require_http_methods(["GET", "POST"])
def customer_list(request: Request) -> HttpResponse:
    """GET: filters, order and place stand in the URL. POST adds what was typed to find somebody,
    which never stands in a URL; it changes nothing."""
    text = request.POST.get("q", "").strip()
    customers = _asked_for(request, request.GET, text)
    if "count" in request.GET:
        return render(request, "customers/list.html#count", _count(customers))
    sort = sort_of(request.GET)
    where = request.POST if text else request.GET
    page = page_of(customers, sort=sort, after=_id(where, "after"), before=_id(where, "before"))
    ids = [customer.pk for customer in page.customers]
    numbers = masked_numbers(ids)
    shown = [(column, column.cells(ids)) for column in columns()]
    context = {
        "rows": [
            (one, numbers.get(one.id, ""), [c.get(one.id, "") for _c, c in shown])
            for one in shown_to(request.user, page.customers)
        ],
        "columns": [column for column, _cells in shown],
        "page": page,
        "text": text,
        "sort": sort,
        "sorts": Sort.choices,
        "query": _query(request.GET, drop=_PLACES),
        "chosen": [_chosen_filter(f, request) for f in filters() if request.GET.get(f.name)],
        "views": SavedView.objects.visible_to(request.user).order_by("name", "id"),
        "can_edit": request.user.can(Act.EDIT_CUSTOMERS),
        "can_assign": request.user.can(Act.ASSIGN_CUSTOMERS),
        "can_export": request.user.can(Act.EXPORT),
        "can_campaign": request.user.can(Act.EDIT_CAMPAIGNS),
    }
    template = "customers/list.html#list" if request.htmx else "customers/list.html"
    return render(request, template, context)


def _asked_for(request: Request, params: QueryDict, text: str) -> CustomerQuerySet:
    customers = filtered(request.user, params)
    return found_by(customers, text, region=settings.DEFAULT_REGION) if text else customers


def _id(params: QueryDict, name: str) -> int | None:
    value = params.get(name, "")
    return int(value) if is_id(value) else None


def _query(params: QueryDict, *, drop: tuple[str, ...]) -> str:
    """The parameters that say something, as a query string without those of `drop`."""
    kept = params.copy()
    for name in params:
        if name in drop or not params[name] or (name, params[name]) == ("sort", Sort.NEWEST):
            del kept[name]
    return kept.urlencode()


def _count(customers: CustomerQuerySet) -> dict[str, Any]:
    count = counted(customers)
    return {"count": min(count, MOST_COUNTED), "is_more": count > MOST_COUNTED}


def _chosen_filter(known: Filter, request: Request) -> dict[str, Any]:
    """A filter in use: its value, how it reads, and the list's URL without it."""
    value = request.GET[known.name]
    labels = dict(known.choices(request.user)) if known.choices else {}
    return {
        "filter": known,
        "value": value,
        "shown": labels.get(value, value),
        "without": _query(request.GET, drop=(known.name, *_PLACES)),
    }


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def choose_filters(request: Request) -> HttpResponse:
    """The dialog of all filters, with those of the list's URL chosen."""
    context = {
        "filters": [
            (f, f.choices(request.user) if f.choices else None, request.GET.get(f.name, ""))
            for f in filters()
        ],
        "sort": sort_of(request.GET),
    }
    return render(request, "customers/list.html#filters", context)


@requires(Act.VIEW_CUSTOMERS)
@require_POST
def view_save(request: Request) -> HttpResponse:
    """Keep the list's filters and order under a name; `team` shares it with one's team."""
    query = _query(QueryDict(request.POST.get("query", "")), drop=_PLACES)
    save_view(
        name=request.POST.get("name", ""),
        query=query,
        team=request.user.team if request.POST.get("team") else None,
        by=request.user,
        at=timezone.now(),
    )
    return redirect(f"{reverse('customers')}?{query}")


@requires(Act.VIEW_CUSTOMERS)
@require_POST
def view_delete(request: Request, view_id: int) -> HttpResponse:
    own = SavedView.objects.visible_to(request.user).filter(user=request.user)
    delete_view(view=get_object_or_404(own, pk=view_id), by=request.user, at=timezone.now())
    return redirect("customers")


@requires(Act.EXPORT)
@require_POST
def export(request: Request) -> HttpResponse:
    """The form to ask for a file of the chosen customers; somebody else approves it. What was typed
    to find them is not kept: then, and for ticked rows, their ids are."""
    text = request.POST.get("q", "").strip()
    query = _query(QueryDict(request.POST.get("query", "")), drop=("sort", *_PLACES))
    ids = None
    if text or not request.POST.get("all"):
        ids = tuple(_chosen(request).order_by("pk").values_list("pk", flat=True))
        if not ids:
            raise CannotExport(_("Nothing matches: there is nothing to export."), rule="I2")
        touched(request, *ids)
    what = What(query, ids)
    context = {
        "kind": KIND,
        "query": query,
        "ids": ",".join(map(str, ids)) if ids is not None else "",
        "count": KIND.count(request.user, what),
        "described": KIND.describe(request.user, what),
        "quota": quota_of(request.user, on=timezone.localdate()),
    }
    return render(request, "exports/new.html", context)


def _chosen(request: Request) -> CustomerQuerySet:
    """The rows that were ticked, or with `all` everything the list's filters match."""
    text = request.POST.get("q", "").strip()
    customers = _asked_for(request, QueryDict(request.POST.get("query", "")), text)
    if request.POST.get("all"):
        return customers
    return customers.filter(pk__in=filter(is_id, request.POST.getlist("ids")))


# -- recording ---------------------------------------------------------------------------------


@requires(Act.EDIT_CUSTOMERS)
@require_http_methods(["GET", "POST"])
def create(request: Request) -> HttpResponse:
    """An agent who records a customer owns it (B3); others put it into a pool."""
    form = CustomerForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        said, by, at = form.cleaned_data, request.user, timezone.now()
        with attempting("form", by=by, at=at):
            customer = create_customer(
                name=said["name"], numbers=said["number"], kind=Kind(said["kind"]),
                city=said["city"], address=said["address"], email=said["email"],
                category=said["category"], team=said.get("team"),
                owner=by if by.can(Act.USE_DESK) else None, by=by, at=at,
            )  # fmt: skip
        return redirect("customer", customer.pk)
    return render(request, "customers/create.html", {"form": form})


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def number_check(request: Request) -> HttpResponse:
    """While a number is typed: is it one, and whose is it? A POST, because asking is recorded."""
    try:
        numbers = read_phone(request.POST.get("number", "")[:200]).numbers
    except ValidationError as error:
        return render(request, "customers/number_check.html", {"problem": error.messages[0]})
    at = timezone.now()
    found = [
        (mask(e164), look_up_number(e164=e164, by=request.user, at=at)) for e164 in numbers[:5]
    ]
    return render(request, "customers/number_check.html", {"found": found, "problem": ""})


# -- parts of a record -------------------------------------------------------------------------


def _visible(request: Request, customer_id: int, act: Act = Act.VIEW_CUSTOMERS) -> Customer:
    visible = Customer.objects.visible_to(request.user, act).select_related("owner", "team")
    return get_object_or_404(visible, pk=customer_id)


@requires(Act.EDIT_CUSTOMERS)
@require_http_methods(["GET", "POST"])
def edit(request: Request, customer_id: int, name: str) -> HttpResponse:
    """One property: GET gives the form to edit it in place, POST the properties as they are then.
    `?cancel=1` gives the properties unchanged."""
    customer = _visible(request, customer_id, Act.EDIT_CUSTOMERS)
    if request.method == "GET":
        opened(request, customer.pk)
    if not shown_to(request.user, [customer])[0].may_edit(name):
        raise CannotRecord(
            _("This is kept back for your role. Ask the owner, or your leader, to change it."),
            rule="I3",
        )
    form = property_form(customer, name, request.POST if request.method == "POST" else None)
    if form is None:
        return HttpResponse(status=404)
    if request.method == "GET" and not request.GET.get("cancel"):
        context = {"customer": customer, "name": name, "form": form}
        return render(request, "customers/properties.html#editor", context)
    if request.method == "POST":
        if not form.is_valid():
            raise CannotRecord(str(form.errors["value"][0]), rule="B8")
        value = form.cleaned_data["value"]
        value = value.isoformat() if isinstance(value, date) else value or ""
        changes = {name: value} if name in BASICS else {"profile": {name: value}}
        customer = update_customer(
            customer=customer, changes=changes, by=request.user, at=timezone.now()
        )
    context = {"customer": customer, "can_edit": True}
    context["profile"] = profile_of(customer, user=request.user)
    return render(request, "customers/properties.html", context)


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def note(request: Request, customer_id: int) -> HttpResponse:
    customer = _visible(request, customer_id, Act.EDIT_CUSTOMERS)
    add_note(
        customer=customer, text=request.POST.get("text", "")[:4000], by=request.user,
        at=timezone.now(),
    )  # fmt: skip
    response = render(request, "customers/note.html", {"customer": customer})
    response["HX-Trigger"] = _TIMELINE
    return response


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def number_add(request: Request, customer_id: int) -> HttpResponse:
    customer = _visible(request, customer_id, Act.EDIT_CUSTOMERS)
    form = NumberForm(request.POST)
    if not form.is_valid():
        raise CannotRecord(str(next(iter(form.errors.values()))[0]), rule="B2")
    reading = form.cleaned_data["number"]
    add_number(
        customer=customer, e164=reading.numbers[0], extension=reading.extension,
        label=form.cleaned_data["label"], by=request.user, at=timezone.now(),
    )  # fmt: skip
    context = {"customer": customer, "lines": numbers_of(customer, user=request.user)}
    return render(request, "customers/numbers.html", context | {"can_edit": True})


@requires(Act.REVEAL_NUMBERS)
@require_POST
def reveal(request: Request, number_id: int) -> HttpResponse:
    """The whole number, in words of the page; that somebody looked is in the audit trail (I2)."""
    numbers = Number.objects.visible_to(request.user, Act.REVEAL_NUMBERS)
    number = get_object_or_404(numbers, pk=number_id)
    touched(request, number.customer_id)
    whole = reveal_number(number=number, by=request.user, at=timezone.now())
    response = render(request, "customers/numbers.html#whole", {"whole": pretty(whole)})
    response.headers["Cache-Control"] = "no-store"
    return response
