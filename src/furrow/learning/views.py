"""What the company learns from its calls, and what is suggested of one customer."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.common.jobs import enqueue
from furrow.customers.filters import is_id
from furrow.customers.models import Customer
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act
from furrow.pipeline.models import Standing
from furrow.pipeline.rules import Score
from furrow.rulebooks.actions import set_rules
from furrow.rulebooks.queries import body_at, history

from .forms import TermsForm
from .queries import (
    BOOK,
    advice_of,
    best_time,
    fits,
    gain_of_matching,
    live_agreement,
    newest,
    times,
    week_from,
)
from .rules import CannotLearn, What, asked_in
from .showing import (
    agreements_of,
    columns_of,
    effect_sentence,
    fits_table,
    heat_chart,
    hours_of,
    lists_of,
    refused_of,
    sentence,
    steps_chart,
)


def _page(request: Request, current: str) -> dict[str, Any]:
    tabs = [
        ("learning", _("Who says yes"), Act.VIEW_REPORTS),
        ("learning-times", _("When to call"), Act.VIEW_REPORTS),
        ("learning-fits", _("Who suits whom"), Act.VIEW_REPORTS),
        ("learning-terms", _("Rubric and terms"), Act.EDIT_POLICY),
    ]
    return {
        "tabs": [
            {"title": title, "url": reverse(name), "is_current": name == current}
            for name, title, act in tabs
            if request.user.can(act)
        ],
        "can_learn": request.user.can(Act.EDIT_POLICY),
    }


@requires(Act.VIEW_REPORTS)
@require_GET
def scores(request: Request) -> HttpResponse:
    """What each model knows, how good it was on what came after, and how far agents agree."""
    score = Score.PI if request.GET.get("score") == Score.PI else Score.CP
    learned = newest(What(score.value))
    context = _page(request, "learning") | {"score": score, "all_scores": list(Score)}
    if learned is not None:
        pairs, kappa = live_agreement(user=request.user, score=score)
        context |= {
            "learned": learned,
            "figures": learned.figures,
            "headline": sentence(learned.figures),
            "known": columns_of(learned),
            "refused": refused_of(learned),
            "chart": steps_chart(learned),
            "agreements": agreements_of(learned, user=request.user),
            "pairs": pairs,
            "kappa": kappa,
        }
    return render(request, "learning/scores.html", context)


@requires(Act.VIEW_REPORTS)
@require_GET
def moments(request: Request) -> HttpResponse:
    """When people answer and when they say yes. `?list=` one list's week, `?of=yes` the yeses."""
    learned, found = newest(What.TIMES), times()
    context = _page(request, "learning-times")
    if learned is not None and found is not None:
        chosen = request.GET.get("list", "")
        of_yes = request.GET.get("of") == "yes"
        week = found.week(int(chosen)) if is_id(chosen) else found.company
        if of_yes:
            week = week_from(learned.body["agreed"])
        effects = learned.figures["agreed" if of_yes else "answered"]
        context |= {
            "learned": learned,
            "headline": effect_sentence(effects),
            "has_effect": bool(effects),
            "week": week,
            "chart": heat_chart(week),
            "hours": hours_of(week, effects),
            "lists": lists_of(found),
            "chosen": int(chosen) if is_id(chosen) and not of_yes else 0,
            "of_yes": of_yes,
        }
    return render(request, "learning/times.html", context)


@requires(Act.VIEW_REPORTS)
@require_GET
def matches(request: Request) -> HttpResponse:
    """Which agents do better with which customers, and what dealing by match has brought."""
    found = fits()
    context = _page(request, "learning-fits")
    if found is not None:
        kinds, rows = fits_table(found, user=request.user)
        context |= {
            "fits": found,
            "kinds": kinds,
            "rows": rows,
            "learned": newest(What.FITS),
            "gain": gain_of_matching(at=timezone.now()),
        }
    return render(request, "learning/fits.html", context)


@requires(Act.EDIT_POLICY)
@require_POST
def learn_now(request: Request) -> HttpResponse:
    """Learn anew in the background."""
    enqueue("learning.now", queueing_lock="learning.now")
    messages.success(request, _("Learning anew has begun. Look again in a minute."))
    return redirect("learning")


@requires(Act.EDIT_POLICY)
@require_http_methods(["GET", "POST"])
def terms(request: Request) -> HttpResponse:
    """The rubric, what is vouched for, how many are dealt by chance."""
    at = timezone.now()
    form = TermsForm(body_at(BOOK, at), request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if not form.is_valid():
            raise CannotLearn(str(next(iter(form.errors.values()))[0]), rule="C2")
        version = set_rules(
            book=BOOK, body=form.body(), note=form.cleaned_data["note"], by=request.user, at=at
        )
        messages.success(request, _("Version %(version)d is saved.") % {"version": version.version})
        return redirect("learning-terms")
    context = _page(request, "learning-terms") | {"form": form, "history": history(BOOK), "now": at}
    return render(request, "learning/terms.html", context)


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def suggestion(request: Request, customer_id: int) -> HttpResponse:
    """What the model says of a customer now, with its reasons: a part for the desk (`?desk=1`) and
    the record. `?score=cp` or `pi`, else what the customer's stage asks for."""
    customer = get_object_or_404(Customer.objects.visible_to(request.user), pk=customer_id)
    at = timezone.now()
    standing = Standing.objects.visible_to(request.user).filter(pk=customer.pk).first()
    stage = request.GET.get("stage") or (standing.stage if standing else "")
    asked = request.GET.get("score")
    score = Score(asked) if asked in Score.values else asked_in(stage)
    number = customer.numbers.order_by("-is_primary", "pk").first()
    context = {
        "customer": customer,
        "advice": advice_of(customer, score=score, stage=stage, number=number, at=at),
        "best": best_time(customer, number=number, at=at) if number else None,
        "is_desk": "desk" in request.GET,
    }
    return render(request, "learning/suggestion.html", context)
