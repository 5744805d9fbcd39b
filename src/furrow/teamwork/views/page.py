"""The tabs above every page of working together, and what waits behind them."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from furrow.organisation.http import Request
from furrow.organisation.rules import Act
from furrow.teamwork.queries.clashes import to_decide
from furrow.teamwork.queries.handing import count_touches

_TABS: tuple[tuple[str, str | Promise, Act], ...] = (
    ("clashes", _("Clashes"), Act.VIEW_CUSTOMERS),
    ("first-touches", _("First touches"), Act.VIEW_CUSTOMERS),
    ("handovers", _("Hand-overs"), Act.ASSIGN_CUSTOMERS),
    ("profiles", _("Who takes what"), Act.ASSIGN_CUSTOMERS),
    ("credit", _("Credit"), Act.VIEW_CREDIT),
    ("terms", _("Terms"), Act.EDIT_POLICY),
)


@dataclass(frozen=True)
class Tab:
    title: str | Promise
    url: str
    is_current: bool
    count: int


def tabs(request: Request, current: str) -> dict[str, Any]:
    """Context for teamwork/tabs.html: only what the role may see."""
    counts = {"clashes": to_decide(request.user)[:100].count()}
    if request.user.can(Act.USE_DESK):
        counts["first-touches"] = count_touches(request.user)
    return {
        "now": timezone.now(),
        "tabs": [
            Tab(title, reverse(name), name == current, counts.get(name, 0))
            for name, title, act in _TABS
            if request.user.can(act)
        ],
    }
