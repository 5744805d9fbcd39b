"""The pool, the panel beside a customer, who is about to lose whom, and the rules behind it."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.customers.actions import assign_customer
from furrow.customers.columns import columns
from furrow.customers.filters import is_id
from furrow.customers.models import Customer
from furrow.customers.queries import counted, masked_numbers, page_of
from furrow.customers.rules import MOST_COUNTED, CannotAssign, OwnerChange
from furrow.customers.showing import shown_to
from furrow.organisation.http import Request, requires
from furrow.organisation.models import User
from furrow.organisation.rules import Act
from furrow.rulebooks.actions import set_rules
from furrow.rulebooks.queries import body_at, history
from furrow.rulebooks.rules import CannotSetRules

from .actions import (
    add_pause,
    ask_for_warnings,
    cancel_pause,
    claim_customer,
    claim_customers,
    revert_return,
    stop_warnings,
)
from .forms import MailForm, PauseForm, RulesForms
from .models import Pause, Return
from .queries import (
    BOOK,
    claim_facts,
    farmers,
    in_pool,
    losing_of,
    losses_by_owner,
    mail_of,
    ownership_panel,
    pools_for,
    rules_at,
    warned,
    why_not,
)
from .rules import CannotClaim, CannotWarn, pool_name, why_no_room
from .simulation import simulate

_TIMELINE = "furrow:timeline"  # the record page tells its timeline again
_MOST_AT_ONCE = 200  # claimed in one go


# -- one customer ----------------------------------------------------------------------------------


def _visible(request: Request, customer_id: int) -> Customer:
    visible = Customer.objects.visible_to(request.user).select_related("owner", "team")
    return get_object_or_404(visible, pk=customer_id)


def _may_assign(request: Request, customer: Customer) -> bool:
    reached = Customer.objects.visible_to(request.user, Act.ASSIGN_CUSTOMERS)
    return reached.filter(pk=customer.pk).exists()


def _panel(request: Request, customer: Customer) -> HttpResponse:
    context = ownership_panel(customer, user=request.user, at=timezone.now())
    return render(request, "ownership/panel.html", context)


def _changed(request: Request, customer: Customer) -> HttpResponse:
    response = _panel(request, customer)
    response["HX-Trigger"] = f"{_TIMELINE}, furrow:close"
    return response


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def panel(request: Request, customer_id: int) -> HttpResponse:
    return _panel(request, _visible(request, customer_id))


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def claim(request: Request, customer_id: int) -> HttpResponse:
    customer = _visible(request, customer_id)
    customer = claim_customer(customer=customer, by=request.user, at=timezone.now())
    return _changed(request, customer)


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def release(request: Request, customer_id: int) -> HttpResponse:
    """To the pool: by the owner, or by whoever may give customers to agents."""
    customer = _visible(request, customer_id)
    if customer.owner != request.user and not _may_assign(request, customer):
        raise CannotAssign(_("Only the owner or the leader can release a customer."), rule="B3")
    customer = assign_customer(
        customer=customer, to=None, change=OwnerChange.RELEASED,
        reason=request.POST.get("reason", ""), by=request.user, at=timezone.now(),
    )  # fmt: skip
    return _changed(request, customer)


@requires(Act.ASSIGN_CUSTOMERS)
@require_http_methods(["GET", "POST"])
def transfer(request: Request, customer_id: int) -> HttpResponse:
    """GET asks to whom, in a dialog; POST hands the customer over."""
    customer = _visible(request, customer_id)
    if not _may_assign(request, customer):
        raise Http404
    colleagues = User.objects.visible_to(request.user).agents().exclude(pk=customer.owner_id or 0)
    if request.method == "GET":
        people = colleagues.select_related("team").order_by("display_name", "id")
        context = {"customer": customer, "colleagues": people}
        return render(request, "ownership/panel.html#transfer", context)
    to = request.POST.get("to", "")
    person = get_object_or_404(colleagues, pk=int(to) if is_id(to) else 0)
    customer = assign_customer(
        customer=customer, to=person,
        change=OwnerChange.TRANSFERRED if customer.owner_id else OwnerChange.ALLOCATED,
        reason=request.POST.get("reason", ""), by=request.user, at=timezone.now(),
    )  # fmt: skip
    return _changed(request, customer)


@requires(Act.ASSIGN_CUSTOMERS)
@require_http_methods(["GET", "POST"])
def revert(request: Request, return_id: int) -> HttpResponse:
    """GET asks why, in a dialog; POST keeps the customer for its owner."""
    visible = Return.objects.visible_to(request.user).select_related("customer", "owner")
    returning = get_object_or_404(visible, pk=return_id)
    if request.method == "GET":
        return render(request, "ownership/panel.html#revert", {"returning": returning})
    revert_return(
        returning=returning, reason=request.POST.get("reason", ""), by=request.user,
        at=timezone.now(),
    )  # fmt: skip
    messages.success(request, _("%(owner)s keeps this customer.") % {"owner": returning.owner})
    return HttpResponse(status=204, headers={"HX-Refresh": "true"})


# -- the pool --------------------------------------------------------------------------------------


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def pool(request: Request) -> HttpResponse:
    """?pool=<key>, ?after=<place>: customers nobody owns, masked until claimed."""
    return render(request, "ownership/pool.html", _pool(request))


def _pool(request: Request) -> dict[str, Any]:
    at, user = timezone.now(), request.user
    pools = pools_for(user, at=at)
    wanted = request.GET.get("pool", "")
    shown = next((one for one in pools if one.key == wanted), pools[0] if pools else None)
    if shown is None:
        return {"pools": []}
    rules = rules_at(at)
    customers = in_pool(shown, user=user, rules=rules, at=at)
    page = page_of(customers, after=_place(request, "after"), before=_place(request, "before"))
    ids = [customer.pk for customer in page.customers]
    facts, wishes = claim_facts(user, ids, rules=rules, at=at)
    numbers, seen = masked_numbers(ids), shown_to(user, page.customers)
    cells = [(column, column.cells(ids)) for column in columns()]
    can_claim = user.can(Act.USE_DESK) and user.can(Act.EDIT_CUSTOMERS)
    count = counted(customers)
    room = why_no_room(facts, shown, rules) if can_claim else None
    return {
        "pools": [(one, pool_name(one)) for one in pools],
        "shown": shown,
        "columns": [column for column, _cells in cells],
        "rows": [
            {
                "shown": one,
                "number": numbers.get(one.id, ""),
                "cells": [values.get(one.id, "") for _column, values in cells],
                "wish": wishes.get(one.id),
                "why": why_not(facts, wishes[one.id], rules=rules, at=at)
                if can_claim and room is None and one.id in wishes
                else None,
            }
            for one in seen
        ],
        "page": page,
        "count": min(count, MOST_COUNTED),
        "is_more": count > MOST_COUNTED,
        "can_claim": can_claim,
        "can_assign": user.can(Act.ASSIGN_CUSTOMERS),
        "is_masked": any(one.is_nameless for one in seen),
        "room": room,
        "facts": facts,
        "left_today": max(shown.claims_per_day - facts.claimed_today, 0),
        "place": request.GET.urlencode(),
    }


def _place(request: Request, name: str) -> int | None:
    value = request.GET.get(name, "")
    return int(value) if is_id(value) else None


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def claim_many(request: Request) -> HttpResponse:
    """The rows that were ticked: what came of each, above the pool as it is then. 409 when none
    was claimed. The place in the pool stands in the URL, as on its page."""
    ids = [int(one) for one in request.POST.getlist("ids") if is_id(one)][:_MOST_AT_ONCE]
    at = timezone.now()
    seen = {
        pk
        for one in pools_for(request.user, at=at)
        for pk in in_pool(one, user=request.user, rules=rules_at(at), at=at)
        .filter(pk__in=ids)
        .order_by("pk")
        .values_list("pk", flat=True)
    }
    answers = claim_customers(
        customers=[pk for pk in ids if pk in seen], by=request.user, at=at
    )  # what nobody may see here is not there
    got = [answer for answer in answers if answer.why is None]
    refused = [answer for answer in answers if answer.why is not None]
    gone = len(ids) - len(answers)
    if not got:
        if refused and refused[0].why is not None:
            raise CannotClaim(refused[0].why.message, rule=refused[0].why.rule)
        raise CannotClaim(
            _("Tick the customers you want; those a colleague took are no longer in the pool."),
            rule="B4",
        )
    names = dict(
        Customer.objects.visible_to(request.user)
        .filter(pk__in=[a.customer_id for a in answers])
        .values_list("pk", "name")
    )
    context = {
        "got": [(a.customer_id, names.get(a.customer_id, "")) for a in got],
        "refused": [(a.customer_id, a.why) for a in refused],
        "gone": gone,
        "sentence": ngettext(
            "%(count)d customer is yours now.", "%(count)d customers are yours now.", len(got)
        )
        % {"count": len(got)},
    }
    return render(request, "ownership/pool.html#pool", _pool(request) | context)


# -- who loses whom --------------------------------------------------------------------------------


@requires(Act.USE_DESK)
@require_GET
def losing(request: Request) -> HttpResponse:
    """My customers who leave me soon, the nearest first."""
    at = timezone.now()
    lost = losing_of(request.user, at=at)
    numbers = masked_numbers([one.customer.pk for one in lost])
    context = {
        "rows": [(one, numbers.get(one.customer.pk, "")) for one in lost],
        "owner": request.user,
        "is_mine": True,
        "can_mail": bool(settings.EMAIL_HOST),
        "mail": mail_of(request.user),
        "warned": warned(request.user, at=at),
        "rules": rules_at(at),
    }
    return render(request, "ownership/losing.html", context)


@requires(Act.USE_DESK)
@require_POST
def mail(request: Request) -> HttpResponse:
    """Ask for the morning's mail at an address, or with `stop` for no more."""
    if "stop" in request.POST:
        stop_warnings(by=request.user, at=timezone.now())
        return redirect("losing")
    form = MailForm(request.POST)
    if not form.is_valid():
        raise CannotWarn(str(form.errors["address"][0]), rule="B4")
    ask_for_warnings(
        address=form.cleaned_data["address"], language=get_language() or settings.LANGUAGE_CODE,
        by=request.user, at=timezone.now(),
    )  # fmt: skip
    return redirect("losing")


@requires(Act.USE_DESK)
@require_GET
def notice(request: Request) -> HttpResponse:
    """The line on the desk: how many leave me, and when. Empty when none does."""
    context = {"warned": warned(request.user, at=timezone.now())}
    return render(request, "ownership/losing.html#notice", context)


@requires(Act.ASSIGN_CUSTOMERS)
@require_GET
def losses(request: Request) -> HttpResponse:
    """Who loses what this week; with ?owner= whom."""
    at = timezone.now()
    wanted = request.GET.get("owner", "")
    owner = None
    if is_id(wanted):
        owner = get_object_or_404(User.objects.visible_to(request.user), pk=int(wanted))
    rows = losses_by_owner(user=request.user, at=at)
    lost = losing_of(owner, at=at) if owner else []
    numbers = masked_numbers([one.customer.pk for one in lost])
    context: dict[str, Any] = {
        "owners": rows,
        "leaving": sum(row.leaving for row in rows),
        "tomorrow": sum(row.tomorrow for row in rows),
        "soon": sum(row.soon for row in rows),
        "rules": rules_at(at),
        "owner": owner,
        "rows": [(one, numbers.get(one.customer.pk, "")) for one in lost],
        "is_mine": False,
        "farmers": farmers(user=request.user, at=at),
        "can_edit": request.user.can(Act.EDIT_OWNERSHIP),
    }
    return render(request, "ownership/losses.html", context)


# -- settings --------------------------------------------------------------------------------------


@requires(Act.EDIT_OWNERSHIP)
@require_http_methods(["GET", "POST"])
def edit_rules(request: Request) -> HttpResponse:
    """Look at and change the rules. A POST tries them on the past first; with `save` it puts
    them in force, as a new version."""
    at = timezone.now()
    forms = RulesForms(body_at(BOOK, at), request.POST or None)
    trial = None
    if request.method == "POST" and forms.is_valid():
        change = forms.change.cleaned_data
        if request.POST.get("save"):
            version = set_rules(
                book=BOOK, body=forms.body(), note=change["note"], from_at=change["from_at"],
                by=request.user, at=at,
            )  # fmt: skip
            messages.success(
                request, _("Version %(version)d is saved.") % {"version": version.version}
            )
            return redirect("ownership-rules")
        try:
            trial = simulate(body=forms.body(), days=change["days"], at=at)
        except ValueError as wrong:
            raise CannotSetRules(str(wrong), rule="B4") from None
    context = {"forms": forms, "trial": trial, "history": history(BOOK), "now": at}
    return render(request, "ownership/rules.html", context)


@requires(Act.ASSIGN_CUSTOMERS)
@require_http_methods(["GET", "POST"])
def pauses(request: Request) -> HttpResponse:
    """Days that do not count: approved leave, and outages."""
    at = timezone.now()
    form = PauseForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        starts_at, ends_at = form.span
        if form.cleaned_data["agent"] is None and not request.user.can(Act.EDIT_OWNERSHIP):
            form.add_error("agent", _("An outage for everybody is set by operations."))
        else:
            add_pause(
                kind=form.kind, agent=form.cleaned_data["agent"], starts_at=starts_at,
                ends_at=ends_at, note=form.cleaned_data["note"], by=request.user, at=at,
            )  # fmt: skip
            messages.success(request, _("These days do not count."))
            return redirect("ownership-pauses")
    rows = Pause.objects.visible_to(request.user).standing().select_related("agent", "by")
    context = {"form": form, "rows": rows.order_by("-ends_at", "-id")[:200], "now": at}
    return render(request, "ownership/pauses.html", context)


@requires(Act.ASSIGN_CUSTOMERS)
@require_POST
def pause_cancel(request: Request, pause_id: int) -> HttpResponse:
    pause = get_object_or_404(Pause.objects.visible_to(request.user), pk=pause_id)
    if pause.agent_id is None and not request.user.can(Act.EDIT_OWNERSHIP):
        raise CannotAssign(_("An outage for everybody is set by operations."), rule="B4")
    cancel_pause(pause=pause, by=request.user, at=timezone.now())
    return redirect(reverse("ownership-pauses"))
