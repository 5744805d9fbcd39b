"""The do-not-call list, the calling rules, and the calendar."""

from datetime import date, datetime, time
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.common.paging import newest_first
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .actions import (
    adopt_pack,
    import_holidays,
    lift_suppression,
    load_register,
    set_calendar_day,
    set_policy,
    set_register_active,
    suppress_number,
)
from .forms import DayForm, LiftForm, PolicyForms, RegisterForm, SearchForm, SuppressForm
from .models import CalendarDay, Register, Suppression
from .queries import (
    calendar_of,
    hours_now,
    pack_of,
    packs_for,
    policy_body,
    policy_history,
    regions_with_rules,
    registers_told,
)
from .rules import EVERYWHERE_ELSE, DayKind, SuppressionKind, country_of, is_region

MOST_FOUND = 100


@requires(Act.SUPPRESS)
@require_GET
def suppressions(request: Request) -> HttpResponse:
    """?show=all for lifted ones as well, ?kind=<why>, ?after=<place>."""
    at = timezone.now()
    rows = Suppression.objects.visible_to(request.user).select_related("by", "lifted_by")
    show = "all" if request.GET.get("show") == "all" else "standing"
    if show == "standing":
        rows = rows.standing(at)
    kind = request.GET.get("kind", "")
    if kind in SuppressionKind.values:
        rows = rows.filter(kind=kind)
    else:
        kind = ""
    page = newest_first(rows, after=request.GET.get("after", ""))
    return _list(request, page.rows, older=page.older, show=show, kind=kind)


def _list(request: Request, rows: list[Suppression], **context: Any) -> HttpResponse:
    defaults = {
        "rows": rows,
        "older": "",
        "show": "",
        "kind": "",
        "kinds": SuppressionKind.choices,
        "searched": False,
        "can_edit_policy": request.user.can(Act.EDIT_POLICY),
        "can_lift": request.user.can(Act.LIFT_SUPPRESSION),
        "now": timezone.now(),
    }
    return render(request, "compliance/suppressions.html", defaults | context)


@requires(Act.SUPPRESS)
@require_http_methods(["GET", "POST"])
def search(request: Request) -> HttpResponse:
    """By POST: a number never stands in an address. A reload by GET shows the list."""
    form = SearchForm(request.POST)
    if request.method == "GET" or not form.is_valid():
        return redirect("suppressions")
    rows = form.find().visible_to(request.user).select_related("by", "lifted_by")
    return _list(request, list(rows.order_by("-at", "-pk")[:MOST_FOUND]), searched=True)


@requires(Act.SUPPRESS)
@require_http_methods(["GET", "POST"])
def suppress(request: Request) -> HttpResponse:
    """A form for the dialog; with errors it shows itself again."""
    form = SuppressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        suppress_number(
            e164=given["number"],
            kind=SuppressionKind(given["kind"]),
            reason=given["reason"],
            origin="person",
            until=_end_of(given["until"]),
            by=request.user,
            at=timezone.now(),
        )
        messages.success(request, _("Nobody can call this number any more."))
        return _done(request, "suppressions")
    return render(request, "compliance/suppress.html", {"form": form})


def _end_of(day: date | None) -> datetime | None:
    return None if day is None else timezone.make_aware(datetime.combine(day, time.max))


def _done(request: Request, *where: Any) -> HttpResponse:
    """To the list: htmx reloads the page, a browser without it follows a redirect."""
    answer = redirect(*where)
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": answer["Location"]})
    return answer


@requires(Act.LIFT_SUPPRESSION)
@require_http_methods(["GET", "POST"])
def lift(request: Request, suppression_id: int) -> HttpResponse:
    suppression = get_object_or_404(Suppression.objects.visible_to(request.user), pk=suppression_id)
    form = LiftForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        lift_suppression(
            suppression=suppression,
            reason=form.cleaned_data["reason"],
            by=request.user,
            at=timezone.now(),
        )
        messages.success(request, _("This number may be called again."))
        return _done(request, "suppressions")
    return render(request, "compliance/lift.html", {"form": form, "suppression": suppression})


@requires(Act.EDIT_POLICY)
@require_GET
def policies(request: Request) -> HttpResponse:
    at = timezone.now()
    rows = [(rules, hours_now(region=rules.region, at=at)) for rules in regions_with_rules(at=at)]
    context = {"rows": rows, "year": timezone.localdate(at).year}
    return render(request, "compliance/policies.html", context)


@requires(Act.EDIT_POLICY)
@require_GET
def add_region(request: Request) -> HttpResponse:
    """To the rules of ?region=DE, which begin as a copy of those for all others."""
    region = request.GET.get("region", "").strip().upper()
    if is_region(region) and region != EVERYWHERE_ELSE:
        return redirect("policy-edit", region)
    messages.error(request, _("A region is two letters, such as CN, or with a state, US-FL."))
    return redirect("policy")


@requires(Act.EDIT_POLICY)
@require_http_methods(["GET", "POST"])
def policy(request: Request, region: str) -> HttpResponse:
    """Look at and change one region's rules; every change is a new version."""
    _check_region(region)
    at = timezone.now()
    body = policy_body(region=region, at=at)
    forms = PolicyForms(body, request.POST or None)
    if request.method == "POST" and forms.is_valid():
        version = set_policy(
            region=region,
            body=forms.body(),
            note=forms.note,
            from_at=forms.from_at,
            by=request.user,
            at=at,
        )
        messages.success(request, _("Version %(version)d is saved.") % {"version": version.version})
        return redirect("policy-edit", region)
    context = {
        "region": region,
        "country": country_of(region),
        "forms": forms,
        "sources": body.get("sources", {}),
        "packs": packs_for(region),
        "pack": pack_of(body),
        "hours": hours_now(region=region, at=at),
        "history": policy_history(region=region),
        "now": at,
        "year": timezone.localdate(at).year,
    }
    return render(request, "compliance/policy.html", context)


@requires(Act.EDIT_POLICY)
@require_POST
def adopt(request: Request, region: str) -> HttpResponse:
    """A pack's rules, as the region's next version, at once."""
    _check_region(region)
    version = adopt_pack(
        key=request.POST.get("pack", ""), region=region, by=request.user, at=timezone.now()
    )
    messages.success(request, _("Version %(version)d is saved.") % {"version": version.version})
    return redirect("policy-edit", region)


@requires(Act.EDIT_POLICY)
@require_http_methods(["GET", "POST"])
def registers(request: Request) -> HttpResponse:
    """The imported do-not-call registers, and importing one."""
    at = timezone.now()
    form = RegisterForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        load = load_register(
            name=given["name"],
            region=given["region"],
            refresh_days=given["refresh_days"],
            lines=form.lines(),
            is_whole=given["is_whole"],
            default_region=settings.DEFAULT_REGION,
            by=request.user,
            at=at,
        )
        messages.success(
            request,
            _("%(listed)d numbers read, %(bad)d lines are none. %(size)d are listed now.")
            % {"listed": load.listed, "bad": load.bad, "size": load.register.size},
        )
        if load.bad_lines:
            lines = ", ".join(str(line) for line in load.bad_lines[:20])
            messages.warning(request, _("Not numbers: lines %(lines)s") % {"lines": lines})
        return redirect("registers")
    return render(
        request, "compliance/registers.html", {"rows": registers_told(at=at), "form": form}
    )


@requires(Act.EDIT_POLICY)
@require_POST
def register_active(request: Request, register_id: int) -> HttpResponse:
    """Set a register aside, or call by it again."""
    found = get_object_or_404(Register.objects.visible_to(request.user), pk=register_id)
    wanted = request.POST.get("active") == "1"
    set_register_active(register=found, is_active=wanted, by=request.user, at=timezone.now())
    return redirect("registers")


def _check_region(region: str) -> None:
    if not is_region(region):
        raise Http404


def _check_calendar(region: str, year: int) -> None:
    _check_region(region)
    if not 2000 <= year <= 2100 or region == EVERYWHERE_ELSE or "-" in region:
        raise Http404


@requires(Act.EDIT_POLICY)
@require_http_methods(["GET", "POST"])
def calendar(request: Request, region: str, year: int) -> HttpResponse:
    """Holidays and make-up workdays of one region in one year."""
    _check_calendar(region, year)
    form = DayForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        set_calendar_day(
            region=region,
            on=given["on"],
            kind=DayKind(given["kind"]) if given["kind"] else None,
            name=given["name"],
            by=request.user,
            at=timezone.now(),
        )
        messages.success(request, _("The calendar is saved."))
        return redirect("policy-calendar", region, given["on"].year)
    days: list[CalendarDay] = calendar_of(region=region, year=year)
    context = {
        "region": region,
        "year": year,
        "days": days,
        "form": form,
        # China announces next year's make-up workdays in November: until then none are known.
        "lacks_workdays": region == "CN" and not any(d.kind == DayKind.WORKDAY for d in days),
    }
    return render(request, "compliance/calendar.html", context)


@requires(Act.EDIT_POLICY)
@require_POST
def fill_calendar(request: Request, region: str, year: int) -> HttpResponse:
    """Add what is published for the year; what people have set stays."""
    _check_calendar(region, year)
    fresh = import_holidays(region=region, year=year, by=request.user, at=timezone.now())
    messages.success(request, _("%(days)d days were added.") % {"days": fresh})
    return redirect("policy-calendar", region, year)
