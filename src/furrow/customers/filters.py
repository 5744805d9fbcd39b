"""By what a list of customers may be narrowed: each filter is one parameter of the list's URL.

Higher capabilities declare theirs from `apps.py` (stage, source, …), as in holdings. The same
parameters make a campaign's audience. Names and numbers never stand in a URL: what somebody
types to find a person travels in the body of a POST (see views).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from furrow.organisation.models import Team, User

from .models import LAST_TOUCH, CustomerQuerySet
from .rules import Kind

Choice = tuple[str, str | Promise]  # value in the URL, label
Choices = Callable[[User], Sequence[Choice]]  # what `user` may choose from
Apply = Callable[[CustomerQuerySet, str], CustomerQuerySet]


@dataclass(frozen=True)
class Filter:
    name: str
    label: str | Promise
    apply: Apply
    choices: Choices | None  # None = the value is typed
    input_type: str = "text"


_filters: dict[str, Filter] = {}


def declare_filter(
    name: str,
    label: str | Promise,
    *,
    apply: Apply,
    choices: Choices | None = None,
    input_type: str = "text",
) -> None:
    """Let lists and audiences be narrowed by `?name=value`.

    apply       narrows the query set by one value; an unreadable value narrows it to nothing
    choices     what a person may choose from; None = typed into an input of `input_type`
    """
    _filters[name] = Filter(name, label, apply, choices, input_type)


def filters() -> list[Filter]:
    """Every declared filter, in the order of declaration (the shelf, upwards)."""
    return list(_filters.values())


def by_id(field: str) -> Apply:
    """Narrow by the id of a related row: `by_id("team")`."""

    def apply(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
        return customers.filter(**{field: int(value)}) if is_id(value) else customers.none()

    return apply


def is_id(value: str) -> bool:
    return value.isascii() and value.isdecimal() and len(value) <= 18


# -- those customers itself knows ----------------------------------------------------------------


def _by_owner(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    return customers.in_pool() if value == "pool" else by_id("owner")(customers, value)


def _owners(user: User) -> list[Choice]:
    people = User.objects.visible_to(user).agents().order_by("display_name", "id")
    return [
        ("me", _("Me")),
        ("pool", _("The pool")),
        *((str(p.pk), str(p)) for p in people if p != user),
    ]


def _teams(user: User) -> list[Choice]:
    teams = Team.objects.visible_to(user).filter(is_active=True).order_by("name")
    return [(str(team.pk), team.name) for team in teams]


def _by_kind(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    return customers.filter(kind=value)


def _by_city(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    return customers.filter(city=value)


def _by_category(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    return customers.filter(category=value)


def _not_touched_since(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    """Nobody reached out since the morning of that day, or ever."""
    try:
        day = timezone.make_aware(datetime.combine(date.fromisoformat(value), time.min))
    except (ValueError, OverflowError):  # the first day of year 1 has no instant before it
        return customers.none()
    # By the expression that is indexed, so that this filter and sorting by touch agree.
    return customers.alias(touched=LAST_TOUCH).filter(touched__lt=day)


def declare_own() -> None:
    declare_filter("owner", _("Owner"), apply=_by_owner, choices=_owners)
    declare_filter("team", _("Team"), apply=by_id("team"), choices=_teams)
    declare_filter("kind", _("Kind"), apply=_by_kind, choices=lambda user: Kind.choices)
    declare_filter("city", _("City"), apply=_by_city)
    declare_filter("category", _("Category"), apply=_by_category)
    declare_filter("untouched", _("No touch since"), apply=_not_touched_since, input_type="date")
