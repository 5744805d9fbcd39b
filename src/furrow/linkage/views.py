"""Duplicates shown while a customer is being typed in."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act
from furrow.science.linkage.numbers import read_numbers
from furrow.science.linkage.text import plain

from .actions import note_lookup
from .queries import likely_duplicates, record_of


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
    hidden = sum(likeness.customer is None for likeness in found)
    note_lookup(found=len(found), hidden=hidden, by=request.user, at=timezone.now())
    return render(request, "linkage/likely.html", {"found": found})
