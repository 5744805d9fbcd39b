"""The left navigation: by the work, and only what the role may see."""

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
    title: str | Promise
    url_name: str
    icon: str
    act: Act
    section: str | Promise = ""


PLACES = (
    Place(_("Desk"), "desk", "headset", Act.USE_DESK),
    Place(_("Follow-ups"), "followups", "calendar-due", Act.VIEW_FOLLOWUPS),
    Place(_("Customers"), "customers", "users", Act.VIEW_CUSTOMERS),
    Place(_("The pool"), "pool", "users-group", Act.VIEW_CUSTOMERS),
    Place(_("Teamwork"), "clashes", "share", Act.VIEW_CUSTOMERS),
    Place(_("Duplicates"), "duplicates", "git-merge", Act.MERGE_CUSTOMERS),
    Place(_("Campaigns"), "campaigns", "speakerphone", Act.VIEW_CAMPAIGNS),
    Place(_("Stages"), "stages", "route", Act.EDIT_PIPELINE),
    Place(_("Lists"), "imports", "file-import", Act.IMPORT),
    Place(_("Web sites"), "web-sites", "world", Act.IMPORT),
    Place(_("Floor"), "floor", "activity", Act.WATCH_FLOOR),
    Place(_("Callers"), "callers", "phone-incoming", Act.WATCH_FLOOR),
    Place(_("Reports"), "day-report", "chart-bar", Act.VIEW_REPORTS),
    Place(_("Caller ids"), "lines", "phone-outgoing", Act.EDIT_CAMPAIGNS),
    Place(_("Do not call"), "suppressions", "phone-off", Act.SUPPRESS),
    Place(_("Calling rules"), "policy", "shield-check", Act.EDIT_POLICY),
    Place(_("People"), "people", "id-badge", Act.MANAGE_PEOPLE),
    Place(_("Roles and rights"), "rights", "lock", Act.EDIT_RIGHTS),
    Place(_("Integrations"), "integrations", "plug", Act.MANAGE_INTEGRATIONS),
    Place(_("Exports"), "exports", "download", Act.EXPORT),
    Place(_("Alerts"), "alerts", "alert-triangle", Act.VIEW_ALERTS),
    Place(_("Audit trail"), "audit", "history", Act.VIEW_AUDIT),
)


def user_can_call(request: HttpRequest) -> bool:
    """Whether this person calls and is called."""
    user = getattr(request, "user", None)
    return bool(user and user.is_authenticated and user.can(Act.USE_PHONE))


@dataclass(frozen=True)
class Item:
    title: str | Promise
    url: str
    icon: str
    is_active: bool


def places_for(request: HttpRequest) -> list[Item]:
    user = request.user
    if not user.is_authenticated:
        return []
    items = []
    for place in PLACES:
        if user.can(place.act):
            url = reverse(place.url_name)
            items.append(Item(place.title, url, place.icon, request.path.startswith(url)))
    return items


def chrome(request: HttpRequest) -> dict[str, Any]:
    """What every page's frame needs."""
    return {
        "nav": places_for(request) if hasattr(request, "user") else [],
        "me": request.user if hasattr(request, "user") and request.user.is_authenticated else None,
        "events_url": settings.EVENTS,
        "can_be_called": user_can_call(request),
        "has_phone": settings.TELEPHONY == "asterisk" and user_can_call(request),
        "languages": settings.LANGUAGES,
    }


def home_of(request: HttpRequest) -> str:
    """Where somebody starts: the first place the role may see."""
    items = places_for(request)
    return items[0].url if items else reverse("account_login")
