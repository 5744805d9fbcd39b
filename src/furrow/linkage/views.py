"""Duplicates: shown while a customer is typed in, judged side by side, joined and parted."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.common.streams import csv_answer
from furrow.customers.models import Customer
from furrow.organisation.http import Request, opened, requires
from furrow.organisation.rules import Act, Scope
from furrow.science.linkage.numbers import read_numbers
from furrow.science.linkage.text import plain

from .actions import (
    join_customers,
    judge_pair,
    note_export,
    note_lookup,
    part_customers,
    start_run,
    stop_run,
    take_back_verdict,
)
from .models import Pair
from .queries import (
    MOST_WAITING,
    count_to_judge,
    labels,
    last_run,
    last_verdict,
    likely_duplicates,
    merge_for,
    next_pair,
    record_of,
    side_by_side,
    similar_to,
)
from .rules import CannotJudge, RunState, Verdict


@requires(Act.EDIT_CUSTOMERS)
@require_POST
def likely(request: Request) -> HttpResponse:
    """The part of a form that says who is known already. A POST, because asking is recorded."""
    post = request.POST
    said = {k: plain(post.get(k, ""))[:300] for k in ("name", "address", "city", "email")}
    cells = [*post.getlist("numbers"), *post.getlist("number")][:5]
    numbers = tuple(n for cell in cells for n in read_numbers(cell[:200]).numbers)
    if not (said["name"] or numbers):
        return HttpResponse("")
    record = record_of(
        0, said["name"], numbers, city=said["city"], address=said["address"], email=said["email"]
    )
    found = likely_duplicates(record=record, user=request.user)
    hidden = sum(likeness.shown is None for likeness in found)
    note_lookup(found=len(found), hidden=hidden, by=request.user, at=timezone.now())
    return render(request, "linkage/likely.html", {"found": found})


# -- judging ---------------------------------------------------------------------------------------


@requires(Act.MERGE_CUSTOMERS)
@require_GET
def duplicates(request: Request) -> HttpResponse:
    """The likeliest pair, side by side, and the run that found it. With `?run` the run alone."""
    latest = last_run()
    context = {
        "run": latest,
        "is_working": latest is not None and latest.state == RunState.WORKING,
        "may_run": request.user.scope(Act.MERGE_CUSTOMERS) is Scope.ALL,
    }
    if "run" in request.GET:
        return render(request, "linkage/duplicates.html#run", context)
    return render(request, "linkage/duplicates.html", context | _review(request, None))


@requires(Act.MERGE_CUSTOMERS)
@require_POST
def judge(request: Request, pair_id: int) -> HttpResponse:
    """Answers with the next pair. One that somebody else judged meanwhile is passed over."""
    said = request.POST.get("verdict", "")
    pair = Pair.objects.visible_to(request.user).undecided().filter(pk=pair_id).first()
    if pair is not None and said in {Verdict.SAME, Verdict.DIFFERENT, Verdict.LATER}:
        judge_pair(pair=pair, verdict=Verdict(said), by=request.user, at=timezone.now())
    return _answer(request, None)


@requires(Act.MERGE_CUSTOMERS)
@require_POST
def undo(request: Request) -> HttpResponse:
    """Take back one's last verdict; the pair is asked again."""
    pair = last_verdict(request.user)
    if pair is not None:
        pair = take_back_verdict(pair=pair, by=request.user, at=timezone.now())
    return _answer(request, pair)


def _answer(request: Request, pair: Pair | None) -> HttpResponse:
    if not request.htmx:
        return redirect("duplicates")
    return render(request, "linkage/duplicates.html#review", _review(request, pair))


def _review(request: Request, pair: Pair | None) -> dict[str, Any]:
    pair = pair or next_pair(request.user)
    if pair is not None:
        opened(request, pair.left_id, pair.right_id)
    return {
        "seen": side_by_side(pair, user=request.user) if pair else None,
        "waiting": count_to_judge(request.user),
        "most": MOST_WAITING,
        "last": last_verdict(request.user),
    }


@requires(Act.MERGE_CUSTOMERS)
@require_POST
def run(request: Request) -> HttpResponse:
    """Start comparing all customers, or stop. Only for those who may see all of them."""
    if request.user.scope(Act.MERGE_CUSTOMERS) is not Scope.ALL:
        raise Http404
    latest = last_run()
    if "stop" in request.POST and latest is not None:
        stop_run(run=latest, by=request.user, at=timezone.now())
    else:
        start_run(joins_certain="joins_certain" in request.POST, by=request.user, at=timezone.now())
    return redirect("duplicates")


@requires(Act.MERGE_CUSTOMERS)
@require_POST
def verdicts(request: Request) -> StreamingHttpResponse:
    """Every verdict as a label: ids, no personal data. A POST, because exporting is recorded."""
    note_export(by=request.user, at=timezone.now())
    header = ("left", "right", "verdict", "weight", "reasons", "by", "at")
    return csv_answer((row for part in ([header], labels()) for row in part), name="verdicts.csv")


# -- one customer ----------------------------------------------------------------------------------


@requires(Act.MERGE_CUSTOMERS)
@require_http_methods(["GET", "POST"])
def join(request: Request, customer_id: int) -> HttpResponse:
    """Choose a record to join to this one; POST joins it."""
    seen = Customer.objects.visible_to(request.user)
    customer = get_object_or_404(seen, pk=customer_id)
    if request.method == "GET":
        context = {"customer": customer, "found": similar_to(customer, user=request.user)}
        return render(request, "linkage/join.html", context)
    other = request.POST.get("typed", "").strip().lstrip("#") or request.POST.get("other", "")
    duplicate = seen.filter(pk=int(other)).first() if _is_id(other) else None
    if duplicate is None:
        raise CannotJudge(_("Choose a record, or give its number."), rule="B2")
    join_customers(duplicate=duplicate, into=customer, by=request.user, at=timezone.now())
    messages.success(request, _("Joined. The timeline can undo it."))
    return _leave_to(request, customer.pk)


@requires(Act.MERGE_CUSTOMERS)
@require_POST
def merge_undo(request: Request, merge_id: int) -> HttpResponse:
    merge = merge_for(request.user, merge_id)
    if merge is None:
        raise Http404
    merge = part_customers(merge=merge, by=request.user, at=timezone.now())
    messages.success(
        request, " ".join([_("These are two records again."), *merge.what_was_left.sentences])
    )
    return _leave_to(request, merge.kept_id)


def _leave_to(request: Request, customer_id: int) -> HttpResponse:
    if request.htmx:
        place = reverse("customer", args=[customer_id])
        return HttpResponse(status=204, headers={"HX-Redirect": place})
    return redirect("customer", customer_id)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9
