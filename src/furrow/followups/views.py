"""The morning list, and the panel beside a customer."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.customers.models import Customer
from furrow.customers.showing import name_for
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act, Scope
from furrow.ownership.queries import losing_of
from furrow.rulebooks.actions import set_rules
from furrow.rulebooks.queries import body_at, history, last_run
from furrow.rulebooks.rules import CannotSetRules

from .actions import finish_followup, plan_followup
from .forms import PlanForm, RulesForms
from .models import FollowUp
from .queries import (
    BOOK,
    CLASSICAL,
    by_team,
    closings,
    compliance_by_agent,
    countdown_of,
    end_of_day,
    for_the_day,
    load_of,
    open_of,
    pool_reminders,
    tasks_of,
)
from .rules import Channel, Reason
from .simulation import simulate

_MOST = 200
_SPANS = (30, 90, 365)


@requires(Act.VIEW_FOLLOWUPS)
@require_GET
def followups(request: Request) -> HttpResponse:
    """An agent's home: overdue, due today, soon lost. `?within=7` looks a week ahead; `?all=1` is
    the leader's: compliance by team and agent, and what nobody touches in the pools."""
    at, user = timezone.now(), request.user
    ends = end_of_day(at)
    ahead = 7 if request.GET.get("within") == "7" else 0
    rows = for_the_day(user=user, until=ends + timedelta(days=ahead))
    sees_others = user.scope(Act.VIEW_FOLLOWUPS) > Scope.OWN
    is_mine = user.can(Act.USE_DESK) and not (sees_others and request.GET.get("all"))
    if is_mine:
        rows = rows.filter(assigned_to=user)
    shown = list(rows[: _MOST + 1])
    lost = losing_of(user, at=at, most=20) if is_mine else []
    name_for(user, [*(row.customer for row in shown[:_MOST]), *(row.customer for row in lost)])
    by_agent = compliance_by_agent(user=user, at=at) if not is_mine else []
    context = {
        "sections": [
            ("overdue", _("Overdue"), [row for row in shown[:_MOST] if row.due_at < at]),
            (
                "today",
                _("Within a week") if ahead else _("Due today"),
                [row for row in shown[:_MOST] if row.due_at >= at],
            ),
        ],
        "is_empty": not shown,
        "is_cut": len(shown) > _MOST,
        "most": _MOST,
        "now": at,
        "day_ends": ends,
        "within": ahead,
        "is_mine": is_mine,
        "sees_others": sees_others,
        "load": load_of(user=user, at=at, day_ends=ends),
        "lost": lost,
        "by_agent": by_agent,
        "by_team": by_team(by_agent),
        "pools": pool_reminders(user) if not is_mine else [],
        "can_edit_rules": user.can(Act.EDIT_PIPELINE),
        "can_report": user.can(Act.VIEW_REPORTS),
    }  # fmt: skip
    return render(request, "followups/list.html", context)


@requires(Act.VIEW_REPORTS)
@require_GET
def attempts(request: Request) -> HttpResponse:
    """At which conversation sales are closed, beside the classical picture (E1)."""
    days = next((n for n in _SPANS if str(n) == request.GET.get("days")), 90)
    found = closings(user=request.user, days=days, at=timezone.now())
    names = [_("1st"), _("2nd"), _("3rd"), _("4th"), _("5th to 12th"), _("later")]
    classical = [*CLASSICAL, 0]
    context = {
        "found": found,
        "days": days,
        "spans": _SPANS,
        "rows": list(zip(names, found.counts, found.percents, classical, strict=True)),
        "late": sum(found.percents[4:]),
        "chart": {
            "categories": names,
            "unit": " %",
            "series": [
                {"name": _("Ours"), "data": found.percents, "tone": "accent"},
                {"name": _("The classical picture"), "data": classical, "tone": "quiet"},
            ],
        },
    }
    return render(request, "followups/attempts.html", context)


def _panel(request: Request, customer: Customer, form: PlanForm | None = None) -> HttpResponse:
    at = timezone.now()
    context = {
        "customer": customer,
        "followup": open_of(customer),
        "tasks": tasks_of(customer),
        "countdown": countdown_of(customer, at=at),
        "form": form or PlanForm(initial={"reason": Reason.OTHER}),
        "is_editing": form is not None,
        "now": at,
        "can_edit": request.user.can(Act.EDIT_FOLLOWUPS),
    }
    return render(request, "followups/list.html#panel", context)


@requires(Act.VIEW_FOLLOWUPS)
@require_GET
def panel(request: Request, customer_id: int) -> HttpResponse:
    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=customer_id)
    return _panel(request, customer)


@requires(Act.EDIT_FOLLOWUPS)
@require_POST
def plan(request: Request, customer_id: int) -> HttpResponse:
    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=customer_id)
    form = PlanForm(request.POST)
    if not form.is_valid():
        return _panel(request, customer, form)
    plan_followup(
        customer=customer,
        assigned_to=customer.owner or request.user,
        due_at=form.cleaned_data["due_at"],
        reason=Reason(form.cleaned_data["reason"]),
        channel=Channel(form.cleaned_data["channel"]),
        note=form.cleaned_data["note"],
        by=request.user,
        at=timezone.now(),
    )
    return _panel(request, customer)


@requires(Act.EDIT_FOLLOWUPS)
@require_POST
def finish(request: Request, followup_id: int) -> HttpResponse:
    """Done without a call; answers the panel, or nothing where the row disappears."""
    mine = FollowUp.objects.visible_to(request.user).select_related("customer")
    followup = get_object_or_404(mine, pk=followup_id)
    finish_followup(followup=followup, by=request.user, at=timezone.now())
    if request.POST.get("row"):
        return HttpResponse("")
    return _panel(request, followup.customer)


@requires(Act.EDIT_PIPELINE)
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
            return redirect("followup-rules")
        try:
            trial = simulate(body=forms.body(), days=change["days"], at=at)
        except ValueError as wrong:
            raise CannotSetRules(str(wrong), rule="E2") from None
    context = {
        "forms": forms,
        "trial": trial,
        "run": last_run(BOOK),
        "history": history(BOOK),
        "now": at,
    }
    return render(request, "followups/rules.html", context)
