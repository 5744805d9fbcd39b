"""Answers about who looked at whom."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from furrow.common.sql import load_sql
from furrow.customers.queries import masked_numbers
from furrow.organisation.models import User
from furrow.organisation.rules import Act, Scope

from .models import Alert, Planted, Sighting
from .rules import (
    FAST,
    FAST_MINUTES,
    HABIT_DAYS,
    LEAST_FOREIGN,
    LEAST_NIGHT,
    LEAST_OPENED,
    NIGHT_FROM,
    NIGHT_UNTIL,
    AlertKind,
    Finding,
    Viewing,
    unusual,
)


def viewings_on(on: date) -> dict[int, Viewing]:
    """What each person opened on a day, by the person's id. One walk of the day's sightings."""
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.sightings", "day"),
            {
                "on": on, "zone": timezone.get_default_timezone_name(), "from": NIGHT_FROM,
                "until": NIGHT_UNTIL, "minutes": FAST_MINUTES,
            },
        )  # fmt: skip
        return {
            user: Viewing(opened=opened, foreign=foreign, night=night, fastest=fastest)
            for user, opened, foreign, night, fastest in cursor.fetchall()
        }


def findings_of(*, at: datetime) -> Iterator[tuple[User, Finding]]:
    """What is unusual about the day so far. Habits are read only of those whose day might be."""
    on = timezone.localdate(at)
    viewings = viewings_on(on)
    people = User.objects.in_bulk(list(viewings))
    by_role: dict[str, list[int]] = defaultdict(list)
    for user_id, viewing in viewings.items():
        by_role[people[user_id].role].append(viewing.opened)
    for user_id, viewing in viewings.items():
        if not _might_be(viewing):
            continue
        user = people[user_id]
        peers = list(by_role[user.role])
        peers.remove(viewing.opened)
        sees_all = user.scope(Act.VIEW_CUSTOMERS) is Scope.ALL
        habit = habit_of(user, before=on)
        for finding in unusual(viewing, own=habit, peers=peers, sees_all=sees_all):
            yield user, finding


def _might_be(viewing: Viewing) -> bool:
    return (
        viewing.opened >= LEAST_OPENED
        or viewing.foreign >= LEAST_FOREIGN
        or viewing.fastest >= FAST
        or viewing.night >= LEAST_NIGHT
    )


def habit_of(user: User, *, before: date) -> list[int]:
    """Customers opened on each of the days before that somebody opened any, newest first."""
    days = Sighting.objects.filter(user=user, on__lt=before, on__gte=before - timedelta(days=60))
    counted = days.values("on").annotate(opened=Count("id")).order_by("-on")
    return list(counted.values_list("opened", flat=True)[:HABIT_DAYS])


@dataclass(frozen=True)
class Told:
    """An alert and its evidence in a sentence."""

    alert: Alert
    sentence: str


def told(alert: Alert) -> Told:
    said = alert.evidence
    match alert.kind:
        case AlertKind.PLANTED:
            sentence = _("A planted record, by way of “%(where)s”, %(times)d times.") % {
                "where": said.get("where", ""), "times": alert.times
            }  # fmt: skip
        case AlertKind.LIMIT:
            sentence = _("Wanted to open more than %(limit)d customers, %(times)d times.") % {
                "limit": said.get("limit", 0), "times": alert.times
            }  # fmt: skip
        case AlertKind.MANY:
            sentence = _(
                "%(opened)d customers; usual for this person %(own)d, "
                "for colleagues today %(peers)d."
            ) % {"opened": 0, "own": 0, "peers": 0, **said}
        case AlertKind.FOREIGN:
            sentence = _("%(foreign)d of %(opened)d belonged to others.") % {
                "foreign": 0, "opened": 0, **said
            }  # fmt: skip
        case AlertKind.FAST:
            sentence = _("%(opened)d customers within %(minutes)d minutes.") % {
                "opened": 0, "minutes": FAST_MINUTES, **said
            }  # fmt: skip
        case _:
            sentence = _("%(opened)d customers between %(from)d and %(until)d o'clock.") % {
                "opened": 0, "from": NIGHT_FROM, "until": NIGHT_UNTIL, **said
            }  # fmt: skip
    return Told(alert, sentence)


@dataclass(frozen=True)
class Bait:
    """A planted record on its page."""

    planted: Planted
    number: str  # masked
    touched: int  # alerts it raised


def baits(user: User) -> list[Bait]:
    rows = list(
        Planted.objects.visible_to(user)
        .select_related("customer__team", "by")
        .order_by("-at", "-id")
    )
    alerts = Alert.objects.filter(customer__in=[row.customer_id for row in rows])
    touched = Counter(alerts.values_list("customer_id", flat=True))
    numbers = masked_numbers([row.customer_id for row in rows])
    return [Bait(row, numbers.get(row.customer_id, ""), touched[row.customer_id]) for row in rows]
