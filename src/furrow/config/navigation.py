"""The left navigation: by the work, and only what the role may see."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from furrow.organisation.rules import Act


@dataclass(frozen=True)
class Place:
    """A page to go to. `what` says in one line what is done there; only settings need it."""

    title: str | Promise
    url_name: str
    icon: str
    act: Act
    what: str | Promise = ""


WORK = (
    Place(_("Desk"), "desk", "headset", Act.USE_DESK),
    Place(_("Follow-ups"), "followups", "calendar-due", Act.VIEW_FOLLOWUPS),
    Place(_("Customers"), "customers", "users", Act.VIEW_CUSTOMERS),
    Place(_("The pool"), "pool", "users-group", Act.VIEW_CUSTOMERS),
    Place(_("Teamwork"), "clashes", "share", Act.VIEW_CUSTOMERS),
    Place(_("Duplicates"), "duplicates", "git-merge", Act.MERGE_CUSTOMERS),
    Place(_("Campaigns"), "campaigns", "speakerphone", Act.VIEW_CAMPAIGNS),
    Place(_("Segments"), "segments", "target-arrow", Act.EDIT_CAMPAIGNS),
    Place(_("Lists"), "imports", "file-import", Act.IMPORT),
    Place(_("Floor"), "floor", "activity", Act.WATCH_FLOOR),
    Place(_("Callers"), "callers", "phone-incoming", Act.WATCH_FLOOR),
    Place(_("Reports"), "day-report", "chart-bar", Act.VIEW_REPORTS),
    Place(_("Learning"), "learning", "school", Act.VIEW_REPORTS),
    Place(_("Do not call"), "suppressions", "phone-off", Act.SUPPRESS),
)

# What is set up once and looked at now and then, by heading.
SETTINGS: tuple[tuple[str | Promise, tuple[Place, ...]], ...] = (
    (
        _("Customers"),
        (
            Place(_("Stages"), "stages", "route", Act.EDIT_PIPELINE,
                  _("How customers come in, who works them, and when they are handed on")),
            Place(_("Follow-up rules"), "followup-rules", "calendar-due", Act.EDIT_PIPELINE,
                  _("Whom to reach out to again, when, and with which reason")),
            Place(_("Web sites"), "web-sites", "world", Act.IMPORT,
                  _("Which visits to your own pages become leads")),
            Place(_("Exports"), "exports", "download", Act.EXPORT,
                  _("What left the house, who approved it, and how much may")),
        ),
    ),
    (
        _("Calls"),
        (
            Place(_("Calling rules"), "policy", "shield-check", Act.EDIT_POLICY,
                  _("Hours, holidays and caps, by region; tried on the past before they count")),
            Place(_("Caller ids"), "lines", "phone-outgoing", Act.EDIT_CAMPAIGNS,
                  _("The numbers we call from, and how much each may call")),
        ),
    ),
    (
        _("People and trust"),
        (
            Place(_("People"), "people", "id-badge", Act.MANAGE_PEOPLE,
                  _("Who works here, in which team, with which role")),
            Place(_("Roles and rights"), "rights", "lock", Act.EDIT_RIGHTS,
                  _("What each role may see and do, and how far")),
            Place(_("Alerts"), "alerts", "alert-triangle", Act.VIEW_ALERTS,
                  _("Somebody looked at more customers than their work explains")),
            Place(_("Audit trail"), "audit", "history", Act.VIEW_AUDIT,
                  _("Every change, by whom and when; nobody can rewrite it")),
            Place(_("Integrations"), "integrations", "plug", Act.MANAGE_INTEGRATIONS,
                  _("Keys for other systems, and what they are told")),
        ),
    ),
)  # fmt: skip


def _may(request: HttpRequest, act: Act) -> bool:
    user = getattr(request, "user", None)
    return bool(user and user.is_authenticated and user.can(act))


@dataclass(frozen=True)
class Item:
    title: str | Promise
    url: str
    icon: str
    is_active: bool
    what: str | Promise = ""


def _open_to(request: HttpRequest, places: Iterable[Place]) -> list[Item]:
    """Those of the places that this person's role may see."""
    return [
        Item(place.title, url, place.icon, request.path.startswith(url), place.what)
        for place in places
        if _may(request, place.act) and (url := reverse(place.url_name))
    ]


def settings_for(request: HttpRequest) -> list[tuple[str | Promise, list[Item]]]:
    """The settings this person may see, by heading; none without any."""
    found = [(heading, _open_to(request, places)) for heading, places in SETTINGS]
    return [(heading, items) for heading, items in found if items]


def places_for(request: HttpRequest) -> list[Item]:
    """The navigation: the work, then one door to the settings, or to the only one there is."""
    if not request.user.is_authenticated:
        return []
    items = _open_to(request, WORK)
    behind = [item for _heading, settings in settings_for(request) for item in settings]
    if len(behind) > 1:
        url = reverse("settings")
        is_active = request.path == url or any(item.is_active for item in behind)
        items.append(Item(_("Settings"), url, "settings", is_active))
    return items + behind if len(behind) == 1 else items


def chrome(request: HttpRequest) -> dict[str, Any]:
    """What every page's frame needs."""
    return {
        "nav": places_for(request) if hasattr(request, "user") else [],
        "me": request.user if hasattr(request, "user") and request.user.is_authenticated else None,
        "events_url": settings.EVENTS,
        "can_be_called": _may(request, Act.USE_DESK),
        "has_phone": settings.TELEPHONY == "asterisk" and _may(request, Act.USE_PHONE),
        "languages": settings.LANGUAGES,
    }


def home_of(request: HttpRequest) -> str:
    """Where somebody starts: what is due, else the first place the role may see."""
    if _may(request, Act.VIEW_FOLLOWUPS):
        return reverse("followups")
    items = places_for(request)
    return items[0].url if items else reverse("account_login")
