"""The part of a record that says where a customer stands; hand-offs; the stages and their rules."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.common.refusal import Refused
from furrow.customers.filters import is_id
from furrow.customers.models import Customer
from furrow.customers.showing import name_for
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act
from furrow.rulebooks.actions import set_rules
from furrow.rulebooks.queries import body_at, history
from furrow.rulebooks.rules import CannotSetRules

from .actions import accept_handoff, bring_back, give_score, move_stage, return_handoff
from .forms import AcceptForm, StagesForms
from .models import HandOff
from .queries import BOOK, open_handoffs, panel_of, returned_handoffs, stages_now, try_rules
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


@requires(Act.LIFT_SUPPRESSION)
@require_POST
def back(request: Request, customer_id: int) -> HttpResponse:
    """Bring a customer back whom screening took out: `reason`."""
    customer = _visible(request, customer_id)
    bring_back(
        customer=customer,
        reason=request.POST.get("reason", ""),
        by=request.user,
        at=timezone.now(),
    )
    return _panel(request, customer)


# -- hand-offs -------------------------------------------------------------------------------------


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def handoffs(request: Request) -> HttpResponse:
    """What waits for my team, and what was sent back."""
    at = timezone.now()
    waiting = open_handoffs(user=request.user, at=at)
    returned = returned_handoffs(user=request.user, at=at)
    name_for(request.user, [one.customer for one in (*waiting, *returned)])
    context = {
        "rows": waiting,
        "late": sum(one.due_at <= at for one in waiting),
        "returned": returned,
        "form": AcceptForm(user=request.user),
        "can_edit": request.user.can(Act.EDIT_CUSTOMERS),
        "now": at,
    }
    return render(request, "pipeline/handoffs.html", context)


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def decide(request: Request) -> HttpResponse:
    """Accept the ticked hand-offs (`to` = who looks after them), or send them back (`reason`)."""
    at = timezone.now()
    form = AcceptForm(request.POST, user=request.user)
    ids = [int(one) for one in request.POST.getlist("ids") if is_id(one)]
    chosen = HandOff.objects.visible_to(request.user).open().filter(pk__in=ids)
    is_return = bool(request.POST.get("return"))
    if not form.is_valid():
        return HttpResponse(status=400)
    done = 0
    for one in chosen.select_related("customer").order_by("pk"):
        try:
            if is_return:
                reason = request.POST.get("reason", "")
                return_handoff(handoff=one, reason=reason, by=request.user, at=at)
            else:
                to = form.cleaned_data["to"]
                accept_handoff(handoff=one, to=to, by=request.user, at=at)
            done += 1
        except Refused as refusal:
            messages.error(request, refusal.message)
            break
    if done:
        said = (
            ngettext("%(count)d customer went back.", "%(count)d customers went back.", done)
            if is_return
            else ngettext("%(count)d customer accepted.", "%(count)d customers accepted.", done)
        )
        messages.success(request, said % {"count": done})
    elif not ids:
        messages.error(request, _("Tick the customers first."))
    if request.POST.get("panel") and is_id(request.POST["panel"]):
        return redirect("customer", int(request.POST["panel"]))
    return redirect("handoffs")


# -- settings --------------------------------------------------------------------------------------


@requires(Act.EDIT_PIPELINE)
@require_http_methods(["GET", "POST"])
def stages(request: Request) -> HttpResponse:
    """The stages as they are, and their rules. A POST tries them on the past first; with `save`
    it puts them in force, as a new version."""
    at = timezone.now()
    forms = StagesForms(body_at(BOOK, at), request.POST or None)
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
            return redirect("stages")
        try:
            trial = try_rules(body=forms.body(), days=change["days"], at=at)
        except ValueError as wrong:
            raise CannotSetRules(str(wrong), rule="C1") from None
    context = {
        "forms": forms,
        "now_rows": stages_now(at=at),
        "trial": trial,
        "history": history(BOOK),
        "now": at,
    }
    return render(request, "pipeline/stages.html", context)
