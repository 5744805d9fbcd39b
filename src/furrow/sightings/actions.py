"""Writing down who looked, and telling when it was unusual."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.audit.models import subject_of
from furrow.common.sql import load_sql
from furrow.customers.actions import create_customer, mark_planted
from furrow.customers.models import Customer
from furrow.customers.showing import shown_to
from furrow.organisation.actions import system_user
from furrow.organisation.models import Team, User
from furrow.organisation.rights import Limit
from furrow.organisation.rules import OwnerState
from furrow.webhooks.actions import announce

from .models import Alert, Planted, Sighting
from .queries import findings_of
from .rules import AlertKind, CannotSettle, TooManyOpened

_THEIRS = {OwnerState.OWN, OwnerState.COLLABORATOR}


@transaction.atomic
def note_opened(*, customers: Collection[int], where: str, by: User, at: datetime) -> None:
    """Write down that `by` is about to be told of these customers.

    Each customer's first look of the day is an audit event; looks again are counted. A planted one
    alerts at once. Raises TooManyOpened beyond the day's limit, and then writes nothing.

    Cost: five short statements, whatever the number of customers.
    """
    on = timezone.localdate(at)
    # One look at a time per person: two requests at once must not both pass the count.
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    todays = Sighting.objects.filter(user=by, on=on)
    known = set(todays.filter(customer__in=customers).values_list("customer_id", flat=True))
    fresh = sorted(set(customers) - known)
    if fresh:
        limit = by.limit(Limit.VIEWS)
        if todays.count() + len(fresh) > limit:
            raise TooManyOpened(
                _("You have opened %(limit)d customers today, the most for your role. An "
                  "administrator can raise it under “Roles and rights”; tomorrow it begins anew.")
                % {"limit": limit},
                rule="I2",
            )  # fmt: skip
        seen = shown_to(by, Customer.objects.filter(pk__in=fresh).order_by("pk"))
        Sighting.objects.bulk_create(
            [
                Sighting(
                    user=by, customer=one.customer, on=on, first_at=at, last_at=at, where=where,
                    is_own=one.standing.state in _THEIRS,
                )
                for one in seen
            ],
            ignore_conflicts=True,  # two tabs at once: it is written down already
        )  # fmt: skip
        for one in seen:
            record("customer.opened", of=one.customer, by=by.username, at=at, where=where)
    if known:
        with connection.cursor() as cursor:
            cursor.execute(
                load_sql("furrow.sightings", "look_again"),
                {"user": by.pk, "on": on, "customers": sorted(known), "at": at},
            )
    note_touched(customers=customers, where=where, by=by, at=at)


@transaction.atomic
def note_touched(*, customers: Collection[int], where: str, by: User, at: datetime) -> None:
    """Alert at once if one of these is planted; whoever plants may look at them."""
    planted = Planted.objects.filter(customer__in=customers).exclude(by=by)
    for one in planted.select_related("customer"):
        _alert(AlertKind.PLANTED, user=by, customer=one.customer, evidence={"where": where}, at=at)


def forget_sightings(*, at: datetime, most: int = 100_000) -> int:
    """Delete sightings older than they are kept, `most` in a transaction; returns how many. The
    trail still has each first look. Run twice, it deletes nothing twice."""
    before = timezone.localdate(at) - timedelta(days=settings.KEEP_SIGHTINGS_DAYS)
    count = 0
    while old := list(Sighting.objects.filter(on__lt=before).values_list("pk", flat=True)[:most]):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM sightings_sighting WHERE id = ANY(%s)", [old])
        count += len(old)
    return count


def note_limit(*, by: User, at: datetime) -> None:
    """Somebody wanted to open more than a day allows."""
    _alert(AlertKind.LIMIT, user=by, evidence={"limit": by.limit(Limit.VIEWS)}, at=at)


@transaction.atomic
def watch(*, at: datetime) -> int:
    """Look at the day so far and alert to what is unusual. Returns how many alerts are new; run
    twice, it brings their evidence up to date and makes none twice."""
    new = 0
    for user, finding in findings_of(at=at):
        new += _alert(finding.kind, user=user, evidence=finding.evidence, at=at)
    return new


@transaction.atomic
def _alert(
    kind: AlertKind,
    *,
    user: User,
    customer: Customer | None = None,
    evidence: dict[str, Any],
    at: datetime,
) -> bool:
    """One alert for each person, day, kind and planted record; whether it is new."""
    on = timezone.localdate(at)
    alert, is_new = Alert.objects.select_for_update().get_or_create(
        kind=kind, user=user, on=on, customer=customer,
        defaults={"at": at, "evidence": evidence},
    )  # fmt: skip
    if is_new:
        record("alert.raised", of=alert, by=system_user().username, at=at,
               kind=kind, about=subject_of(user))  # fmt: skip
        announce(event="alert.raised", payload={"alert": alert.pk, "kind": kind}, at=at)
    else:
        alert.at, alert.evidence, alert.times = at, evidence, alert.times + 1
        alert.save(update_fields=["at", "evidence", "times"])
    return is_new


@transaction.atomic
def settle_alert(*, alert: Alert, finding: str, by: User, at: datetime) -> Alert:
    """Somebody looked into it, and says what it was. Raises CannotSettle without words."""
    if not finding.strip():
        raise CannotSettle(_("Say in a few words what it was."), rule="I2")
    alert = Alert.objects.select_for_update().get(pk=alert.pk)
    if alert.settled_at is None:
        alert.settled_by, alert.settled_at, alert.finding = by, at, finding.strip()[:300]
        alert.save(update_fields=["settled_by", "settled_at", "finding"])
        record("alert.settled", of=alert, by=by.username, at=at)
    return alert


@transaction.atomic
def plant(
    *, name: str, number: str, city: str, team: Team | None, by: User, at: datetime
) -> Planted:
    """Put a made-up customer among the real ones. It is in no pool and may not be called, so no
    work leads to it.

    number  E.164, one that rings with you or nowhere
    team    whose people may come upon it; None = only those who see the whole company

    Raises NumberTaken, CannotRecord.
    """
    customer = create_customer(name=name, numbers=[number], city=city, team=team, by=by, at=at)
    mark_planted(customer=customer, by=by, at=at)
    planted = Planted.objects.create(customer=customer, by=by, at=at)
    record("honey.planted", of=planted, by=by.username, at=at)
    return planted
