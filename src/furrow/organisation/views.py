"""People and teams, one's own settings, and the audit trail."""

from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.audit.models import Event
from furrow.audit.queries import event_names, last_seal
from furrow.common.paging import newest_first

from .actions import (
    change_rights,
    change_team,
    change_user,
    create_team,
    create_user,
    rename_user,
    set_password,
    set_preferences,
    unlock_user,
)
from .forms import (
    THEMES,
    ChangePersonForm,
    NewPasswordForm,
    NewPersonForm,
    PreferencesForm,
    TeamForm,
)
from .http import Request, requires
from .models import Team, User, rights_in_force
from .queries import locked_out, people_of, table_of, team_tree, versions_told
from .rights import (
    DEFAULT,
    MOST_LIMIT,
    CannotChangeRights,
    Rights,
    changes_between,
    rights_with,
)
from .rules import Act, Role


def _asked(request: Request, name: str) -> str:
    """A parameter of the address, without spaces around it."""
    return request.GET.get(name, "").strip()[:80]


@requires(Act.MANAGE_PEOPLE)
@require_GET
def people(request: Request) -> HttpResponse:
    """?q=<name>, ?team=<id>, ?role=<role>, ?show=left for those who may not sign in."""
    asked = {name: _asked(request, name) for name in ("q", "team", "role", "show")}
    rows = people_of(
        text=asked["q"],
        team=asked["team"],
        role=asked["role"],
        is_active=asked["show"] != "left",
    )
    context = {
        "rows": rows,
        "locked": locked_out(at=timezone.now()),
        "teams": Team.objects.visible_to(request.user).order_by("name"),
        "tree": team_tree(),
        "roles": Role.choices,
        "asked": asked,
    }
    return render(request, "organisation/people.html", context)


@requires(Act.MANAGE_PEOPLE)
@require_http_methods(["GET", "POST"])
def create_person(request: Request) -> HttpResponse:
    form = NewPersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        user = create_user(
            username=given["username"],
            display_name=given["display_name"],
            role=Role(given["role"]),
            team=given["team"],
            password=given["password"],
            by=request.user,
            at=timezone.now(),
        )
        messages.success(request, _("%(name)s may sign in now.") % {"name": user})
        return redirect("people")
    return render(request, "organisation/person_new.html", {"form": form})


def _person(request: Request, user_id: int) -> User:
    return get_object_or_404(
        User.objects.visible_to(request.user).exclude(username="system"), pk=user_id
    )


@requires(Act.MANAGE_PEOPLE)
@require_http_methods(["GET", "POST"])
def person(request: Request, user_id: int) -> HttpResponse:
    user, at = _person(request, user_id), timezone.now()
    now = {
        "display_name": user.display_name,
        "role": user.role,
        "team": user.team_id,
        "is_active": user.is_active,
    }
    form = ChangePersonForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        change_user(
            user=user,
            role=Role(given["role"]),
            team=given["team"],
            is_active=given["is_active"],
            by=request.user,
            at=at,
        )
        if given["display_name"] != user.display_name:
            rename_user(user=user, display_name=given["display_name"], by=request.user, at=at)
        messages.success(request, _("Saved."))
        return redirect("people")
    return _show_person(request, user, form=form)


def _show_person(
    request: Request,
    user: User,
    *,
    form: ChangePersonForm,
    password_form: NewPasswordForm | None = None,
) -> HttpResponse:
    context = {
        "person": user,
        "form": form,
        "password_form": password_form or NewPasswordForm(user=user),
        "is_locked": user.username in locked_out(at=timezone.now()),
        "events": Event.objects.about(user)[:20],  # everybody's who manages people
    }
    return render(request, "organisation/person.html", context)


@requires(Act.MANAGE_PEOPLE)
@require_POST
def new_password(request: Request, user_id: int) -> HttpResponse:
    user = _person(request, user_id)
    form = NewPasswordForm(request.POST, user=user)
    if form.is_valid():
        set_password(
            user=user, password=form.cleaned_data["password"], by=request.user, at=timezone.now()
        )
        messages.success(request, _("The new password is set. Hand it over in person."))
        return redirect("person", user.pk)
    shown = ChangePersonForm(
        initial={
            "display_name": user.display_name,
            "role": user.role,
            "team": user.team_id,
            "is_active": user.is_active,
        }
    )
    return _show_person(request, user, form=shown, password_form=form)


@requires(Act.MANAGE_PEOPLE)
@require_POST
def unlock(request: Request, user_id: int) -> HttpResponse:
    user = _person(request, user_id)
    unlock_user(user=user, by=request.user, at=timezone.now())
    messages.success(request, _("%(name)s may try to sign in again.") % {"name": user})
    return redirect("person", user.pk)


@requires(Act.MANAGE_PEOPLE)
@require_http_methods(["GET", "POST"])
def new_team(request: Request) -> HttpResponse:
    """A form for the dialog."""
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        create_team(name=given["name"], parent=given["parent"], by=request.user, at=timezone.now())
        messages.success(request, _("The team is there."))
        return _to_people(request)
    return render(request, "organisation/team_new.html", {"form": form, "team": None})


@requires(Act.MANAGE_PEOPLE)
@require_http_methods(["GET", "POST"])
def edit_team(request: Request, team_id: int) -> HttpResponse:
    """A form for the dialog: the name, and the team above."""
    team = get_object_or_404(Team.objects.visible_to(request.user), pk=team_id)
    form = TeamForm(request.POST or None, team=team)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        change_team(
            team=team, name=given["name"], parent=given["parent"], by=request.user,
            at=timezone.now(),
        )  # fmt: skip
        messages.success(request, _("Saved."))
        return _to_people(request)
    return render(request, "organisation/team_new.html", {"form": form, "team": team})


def _to_people(request: Request) -> HttpResponse:
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": reverse("people")})
    return redirect("people")


# -- rights ----------------------------------------------------------------------------------------

_TABLES = ("acts", "fields", "limits")


@requires(Act.EDIT_RIGHTS)
@require_http_methods(["GET", "POST"])
def rights(request: Request) -> HttpResponse:
    """?table=acts, fields or limits. POST: the cells of one table, why, and the version they were
    changed from; `reset` puts everything back to what the product says."""
    table = request.GET.get("table", "")
    table = table if table in _TABLES else "acts"
    now = rights_in_force()
    if request.method == "POST":
        wanted = DEFAULT if request.POST.get("reset") else _laid_over(now, table, request.POST)
        made = change_rights(
            rights=wanted,
            reason=request.POST.get("reason", ""),
            version=int(request.POST["version"]) if _is_number(request.POST.get("version")) else 0,
            by=request.user,
            at=timezone.now(),
        )
        messages.success(request, _("Saved.") if made else _("Nothing was changed."))
        return redirect(f"{reverse('rights')}?table={table}")
    context = {
        "table": table,
        "tables": [
            ("acts", _("What each role may do")),
            ("fields", _("What each role is shown")),
            ("limits", _("How much a day")),
        ],
        "rows": table_of(now, table),
        "roles": Role.choices,
        "version": now.version,
        "versions": versions_told(),
    }
    return render(request, "organisation/rights.html", context)


def _is_number(text: str | None) -> bool:
    return bool(text) and str(text).isascii() and str(text).isdecimal() and len(str(text)) < 18


def _laid_over(now: Rights, table: str, given: QueryDict) -> Rights:
    """The rights that hold, with the cells of one table as the form has them."""
    changes = changes_between(DEFAULT, now)
    part: dict[str, Any] = {}
    for row in table_of(now, table):
        for cell in row.cells:
            value = given.get(cell.name, cell.value) if cell.choices else cell.value
            if table == "limits" and not _is_number(value):
                raise CannotChangeRights(
                    _("A limit is a whole number from 0 to %(most)s.") % {"most": MOST_LIMIT},
                    rule="I3",
                )
            if table != "limits" and cell.choices and value not in dict(cell.choices):
                raise CannotChangeRights(_("There is no such reach for this right."), rule="I3")
            role, *path = cell.name.split(".")
            place = part.setdefault(role, {})
            for step in path[:-1]:
                place = place.setdefault(step, {})
            place[path[-1]] = value
    return rights_with({**changes, table: part}, version=now.version)


# -- oneself ---------------------------------------------------------------------------------------


@requires(Act.SEE_SELF)
@require_http_methods(["GET", "POST"])
def me(request: Request) -> HttpResponse:
    user = request.user
    form = PreferencesForm(
        request.POST or None, initial={"language": user.language, "theme": user.theme}
    )
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        set_preferences(
            user=user, language=given["language"], theme=given["theme"], at=timezone.now()
        )
        messages.success(request, _("Saved."))
        return redirect("me")
    return render(request, "organisation/me.html", {"form": form})


@requires(Act.SEE_SELF)
@require_POST
def set_language(request: Request) -> HttpResponse:
    """From the menu: remember the language and show the same page in it."""
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        set_preferences(
            user=request.user, language=language, theme=request.user.theme, at=timezone.now()
        )
    where = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(where, {request.get_host()}, request.is_secure())
    return HttpResponseRedirect(where if is_ours and where.startswith("/") else reverse("home"))


@requires(Act.SEE_SELF)
@require_POST
def set_theme(request: Request) -> HttpResponse:
    """From the menu: the page has changed its colours already; remember them."""
    theme = request.POST.get("theme", "")
    if theme in dict(THEMES):
        set_preferences(
            user=request.user, language=request.user.language, theme=theme, at=timezone.now()
        )
    return HttpResponse(status=204) if request.htmx else redirect("me")


# -- the audit trail -------------------------------------------------------------------------------


@requires(Act.VIEW_AUDIT)
@require_GET
def audit(request: Request) -> HttpResponse:
    """?who=<username>, ?what=<event>, ?subject=<type:id>, ?since=<day>, ?until=<day, inclusive>,
    ?after=<place>. Exact, so that each walks an index however long the trail."""
    names = ("who", "what", "subject", "since", "until")
    asked = {name: _asked(request, name) for name in names}
    rows = Event.objects.all()  # everybody's who may see this page
    if asked["who"]:
        rows = rows.filter(who=asked["who"])
    if asked["what"]:
        rows = rows.filter(what=asked["what"])
    if asked["subject"]:
        rows = rows.filter(subject=asked["subject"])
    if since := _day(asked["since"]):
        rows = rows.filter(at__gte=since)
    if until := _day(asked["until"]):
        rows = rows.filter(at__lt=until + timedelta(days=1))
    page = newest_first(rows, after=request.GET.get("after", ""), size=100)
    older = request.GET.copy()
    older["after"] = page.older
    context = {
        "rows": page.rows,
        "older": older.urlencode() if page.older else "",
        "asked": asked,
        "names": event_names(),
        "seal": last_seal(),
        "is_filtered": any(asked.values()),
    }
    return render(request, "organisation/audit.html", context)


def _day(text: str) -> datetime | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    if day is None or not 2000 <= day.year < 2100:
        return None
    return timezone.make_aware(datetime.combine(day, time.min))
