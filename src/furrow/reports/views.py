"""The manager's day: a sentence, the figures, the charts, the rows, the file."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from furrow.common.streams import csv_answer
from furrow.customers.filters import is_id
from furrow.exports.actions import take_rows
from furrow.organisation.http import Request, requires
from furrow.organisation.models import Team
from furrow.organisation.rules import Act, Scope

from .actions import note_export
from .queries import DayAndBefore, day_and_before, latest_day, team_of
from .rules import Count, headline

DIMENSIONS = ("agent", "source", "hour", "cp", "outcome", "disposition")


def _titles() -> dict[str, str]:
    return {
        "agent": _("Agent"),
        "source": _("Source"),
        "hour": _("Hour"),
        "cp": _("Customer potential (CP)"),
        "outcome": _("What the line said"),
        "disposition": _("Result"),
    }


def _team(request: Request) -> Team | None:
    wanted = request.GET.get("team") or request.POST.get("team") or ""
    if not is_id(wanted):
        return None
    return get_object_or_404(Team.objects.visible_to(request.user), pk=int(wanted))


def _asked(request: Request) -> tuple[DayAndBefore, Team | None]:
    zone = timezone.get_current_timezone()
    text = request.GET.get("on") or request.POST.get("on") or ""
    try:
        on = parse_date(text) if text else latest_day(zone=zone, at=timezone.now())
    except ValueError:
        on = None
    if on is None or not 2000 <= on.year < 2100:
        raise Http404
    team = _team(request)
    found = day_and_before(on=on, zone=zone, team_id=team_of(request.user, team))
    return found, team


@requires(Act.VIEW_REPORTS)
@require_GET
def day(request: Request) -> HttpResponse:
    """`?on=2026-11-21&team=3`; without a day, the latest one with calls."""
    found, team = _asked(request)
    sees_all = request.user.scope(Act.VIEW_REPORTS) is Scope.ALL
    context = {
        "found": found,
        "total": found.day.total,
        "before": found.before.total if found.before else None,
        "headline": headline(found.day, found.before),
        "tiles": _tiles(found),
        "tables": [
            (name, _titles()[name], list(found.day.by.get(name, {}).items())) for name in DIMENSIONS
        ],
        "charts": _charts(found),
        "team": team,
        "teams": Team.objects.visible_to(request.user).order_by("name") if sees_all else [],
        "previous": found.on - timedelta(days=1),
        "next": found.on + timedelta(days=1),
        "today": timezone.localdate(),
        "can_export": request.user.can(Act.EXPORT),
    }
    return render(request, "reports/day.html", context)


def _tiles(found: DayAndBefore) -> list[dict[str, Any]]:
    """Label, value, unit, the change against a week earlier, and whether more is better."""
    now, before = found.day.total, found.before.total if found.before else None

    def tile(label: str, value: float, earlier: float | None, unit: str = "") -> dict[str, Any]:
        delta = ""
        tone = ""
        if earlier is not None:
            if unit == "%":
                points = value - earlier
                delta = f"{points:+.1f}" if abs(points) >= 0.05 else "0"
                tone = "good" if points > 0.05 else "bad" if points < -0.05 else ""
            elif earlier:
                share = 100 * (value / earlier - 1)
                delta = f"{share:+.0f} %"
                tone = "good" if share >= 0.5 else "bad" if share <= -0.5 else ""
        shown = f"{value:.1f}" if unit == "%" else f"{value:,.0f}"
        return {"label": label, "value": shown, "unit": unit, "delta": delta, "tone": tone}

    def of(read: Any) -> tuple[float, float | None]:
        return read(now), read(before) if before else None

    return [
        tile(_("Calls"), *of(lambda c: c.attempts)),
        tile(_("Contact rate"), *of(lambda c: 100 * c.contact_rate), unit="%"),
        tile(_("Conversations"), *of(lambda c: c.conversations)),
        tile(_("Mean talk"), *of(lambda c: c.mean_talk_seconds), unit="s"),
        tile(_("CP 3 and more"), *of(lambda c: c.promising)),
        tile(_("Sold"), *of(lambda c: c.sold)),
        tile(_("Conversion"), *of(lambda c: 100 * c.conversion), unit="%"),
    ]


def _charts(found: DayAndBefore) -> dict[str, Any]:
    hours = found.day.by.get("hour", {})
    before = found.before.by.get("hour", {}) if found.before else {}
    sources = found.day.by.get("source", {})
    agents = dict(list(found.day.by.get("agent", {}).items())[:20])
    scores = found.day.by.get("cp", {})
    return {
        "hours": {
            "categories": list(hours),
            "unit": "",
            "series": [
                {"name": _("Answered"), "data": [c.answered for c in hours.values()],
                 "tone": "accent"},
                {"name": _("Not answered"),
                 "data": [c.attempts - c.answered for c in hours.values()], "tone": "quiet"},
            ],
        },
        "rate": {
            "categories": list(hours),
            "unit": "%",
            "series": [
                {"name": _("This day"), "tone": "accent",
                 "data": [round(100 * c.contact_rate, 1) for c in hours.values()]},
                {"name": _("A week earlier"), "tone": "quiet",
                 "data": [round(100 * before.get(h, Count()).contact_rate, 1) for h in hours]},
            ],
        },
        "cp": {
            "categories": [str(value) for value in range(6)],
            "unit": "",
            "series": [
                {"name": _("Customers"),
                 "data": [scores.get(str(value), Count()).attempts for value in range(6)]}
            ],
        },
        "sources": {
            "categories": list(sources),
            "unit": "%",
            "series": [
                {"name": _("Contact rate"), "tone": "accent",
                 "data": [round(100 * c.contact_rate, 1) for c in sources.values()]},
                {"name": _("Empty numbers"), "tone": "bad",
                 "data": [round(100 * c.empty_rate, 1) for c in sources.values()]},
            ],
        },
        "agents": {
            "categories": list(agents),
            "unit": "",
            "series": [
                {"name": _("Conversations"), "tone": "accent",
                 "data": [c.conversations for c in agents.values()]},
                {"name": _("Sold"), "tone": "good", "data": [c.sold for c in agents.values()]},
            ],
        },
    }  # fmt: skip


@requires(Act.EXPORT)
@require_POST
def export(request: Request) -> StreamingHttpResponse:
    """One dimension of the day as CSV. A POST, because exporting is recorded."""
    dimension = request.POST.get("by", "")
    if dimension not in DIMENSIONS:
        raise Http404
    found, _team_asked = _asked(request)
    rows = found.day.by.get(dimension, {})
    take_rows(what="report.day", rows=len(rows), by=request.user, at=timezone.now())
    note_export(
        on=found.on, dimension=dimension, rows=len(rows), by=request.user, at=timezone.now()
    )
    return csv_answer(
        _table(dimension, rows.items()), name=f"furrow-{found.on.isoformat()}-{dimension}.csv"
    )


def _table(dimension: str, rows: Iterable[tuple[str, Count]]) -> Iterator[list[object]]:
    yield [
        _titles()[dimension], _("Calls"), _("Answered"), _("Contact rate"), _("Conversations"),
        _("CP 3 and more"), _("Sold"), _("Conversion"), _("Empty numbers"), _("Talk, seconds"),
    ]  # fmt: skip
    for name, count in rows:
        yield [
            name, count.attempts, count.answered, f"{count.contact_rate:.4f}",
            count.conversations, count.promising, count.sold, f"{count.conversion:.4f}",
            count.empty, count.talk_seconds,
        ]  # fmt: skip
