"""Building a segment: conditions, how many they choose, and what calling them would take."""

import re
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.common.refusal import Refused
from furrow.customers.models import Customer
from furrow.organisation.http import Request, requires
from furrow.organisation.models import User
from furrow.organisation.rules import Act

from .actions import ask_to_count, delete_segment, save_segment
from .models import Segment
from .queries import chosen_by, in_words, known_filters, likely, pace_at, size_of
from .rules import MOST_CONDITIONS, MOST_GROUPS, Condition, Conditions, need_for

_FIELD = re.compile(r"g(\d{1,2})-c(\d{1,2})-filter")
_BLANK = Condition("", "")


@requires(Act.EDIT_CAMPAIGNS)
@require_GET
def segments(request: Request) -> HttpResponse:
    found = Segment.objects.visible_to(request.user).select_related("by").order_by("name")
    rows = [(one, in_words(one.conditions, user=request.user)) for one in found]
    return render(request, "segments/list.html", {"rows": rows})


@requires(Act.EDIT_CAMPAIGNS)
@require_http_methods(["GET", "POST"])
def segment_new(request: Request) -> HttpResponse:
    return _edit(request, None)


@requires(Act.EDIT_CAMPAIGNS)
@require_http_methods(["GET", "POST"])
def segment(request: Request, segment_id: int) -> HttpResponse:
    return _edit(request, _segment(request, segment_id))


def _segment(request: Request, segment_id: int) -> Segment:
    return get_object_or_404(Segment.objects.visible_to(request.user), pk=segment_id)


def _edit(request: Request, found: Segment | None) -> HttpResponse:
    conditions = found.conditions if found else Conditions()
    name, problem = found.name if found else "", ""
    if request.method == "POST":
        conditions, name = _read(request.POST), request.POST.get("name", "")[:80]
        try:
            saved = save_segment(
                segment=found, name=name, conditions=conditions, by=request.user, at=timezone.now()
            )
        except Refused as refusal:
            problem = refusal.message
        else:
            messages.success(request, _("The segment is saved and is being counted."))
            return redirect("segment", saved.pk)
    context = _builder(request, conditions) | {"segment": found, "name": name, "problem": problem}
    return render(request, "segments/segment.html", context)


@requires(Act.EDIT_CAMPAIGNS)
@require_POST
def draft(request: Request) -> HttpResponse:
    """The builder as filled in so far, with one more row where asked for. Changes nothing."""
    return render(request, "segments/segment.html#builder", _builder(request, _read(request.POST)))


@requires(Act.EDIT_CAMPAIGNS)
@require_POST
def size(request: Request) -> HttpResponse:
    """How many the conditions choose, and what calling them takes. Changes nothing."""
    user, conditions = request.user, _read(request.POST).said
    if not conditions.groups:
        return render(request, "segments/segment.html#size", {"size": None})
    customers = chosen_by(conditions, Customer.objects.visible_to(user))
    found, pace = size_of(customers), pace_at(timezone.now())
    agents = User.objects.visible_to(user).agents().count()
    chance = likely(customers)
    context = {
        "size": found,
        "pace": pace,
        "agents": agents,
        "need": need_for(found.count, pace, days=_whole(request.POST.get("days", "")) or 5),
        "alone": need_for(found.count, pace, agents=agents) if agents else None,
        "chance": chance,
        "buyers": round(found.count * chance) if chance is not None else None,
    }
    return render(request, "segments/segment.html#size", context)


@requires(Act.EDIT_CAMPAIGNS)
@require_POST
def count(request: Request, segment_id: int) -> HttpResponse:
    ask_to_count(segment=_segment(request, segment_id))
    return redirect("segment", segment_id)


@requires(Act.EDIT_CAMPAIGNS)
@require_POST
def delete(request: Request, segment_id: int) -> HttpResponse:
    delete_segment(segment=_segment(request, segment_id), by=request.user, at=timezone.now())
    return redirect("segments")


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0


def _read(said: QueryDict) -> Conditions:
    """The conditions of a form: `g0-c1-filter`, `-value`, `-not`; a value that its filter does not
    offer was another filter's, and is asked for again."""
    places = sorted(
        (int(match[1]), int(match[2])) for name in said if (match := _FIELD.fullmatch(name))
    )
    groups: dict[int, list[Condition]] = {}
    for group, place in places[: MOST_GROUPS * MOST_CONDITIONS]:
        name = f"g{group}-c{place}"
        if said.get("drop") == name:
            continue
        wanted = said.get(f"{name}-filter", "")
        value = said.get(f"{name}-value", "")[:80].strip()
        if said.get(f"{name}-was", wanted) != wanted:
            value = ""
        one = Condition(wanted, value, bool(said.get(f"{name}-not")))
        groups.setdefault(group, []).append(one)
    return Conditions(tuple(tuple(group) for group in groups.values()))


def _builder(request: Request, conditions: Conditions) -> dict[str, Any]:
    """Every group with its rows, what may be chosen in each; one more row or group if asked for."""
    known = known_filters()
    groups = [list(group) for group in conditions.groups]
    more = request.POST.get("more", "")
    if more == "group" or not groups:
        groups.append([_BLANK])
    elif more.isdecimal() and int(more) < len(groups):
        groups[int(more)].append(_BLANK)
    offered = {
        name: known[name].choices
        for name in {one.filter for group in groups for one in group}
        if name in known
    }
    choices = {name: list(offer(request.user)) for name, offer in offered.items() if offer}
    return {
        "built": [
            [
                {
                    "key": f"g{g}-c{c}",
                    "condition": one,
                    "choices": choices.get(one.filter),
                    "input_type": known[one.filter].input_type if one.filter in known else "text",
                }
                for c, one in enumerate(group)
            ]
            for g, group in enumerate(groups[:MOST_GROUPS])
        ],
        "filters": list(known.values()),
        "has_room": len(groups) < MOST_GROUPS,
        "most": MOST_CONDITIONS,
    }
