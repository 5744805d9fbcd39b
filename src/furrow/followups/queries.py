"""Answers about follow-ups."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, IntegerField, Q, Value, When

from furrow.customers.models import Customer
from furrow.customers.rules import Moment
from furrow.organisation.models import User

from .models import FollowUp, FollowUpQuerySet
from .rules import Reason


def for_the_day(*, user: User, at: datetime, until: datetime) -> FollowUpQuerySet:
    """Open follow-ups due before `until`: promises first, then by due time, the longest overdue
    first within each."""
    promised_first = Case(
        When(reason=Reason.PROMISE, then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    return (
        FollowUp.objects.visible_to(user)
        .open()
        .filter(due_at__lt=until)
        .select_related("customer", "assigned_to")
        .order_by(promised_first, "due_at", "id")
    )


@dataclass(frozen=True)
class Load:
    """What waits for somebody: overdue at `at`, due later the same day, and within a week."""

    overdue: int
    today: int
    week: int


def load_of(*, user: User, at: datetime, day_ends: datetime) -> Load:
    """Counts of one's own open follow-ups; three index-only counts in one query."""
    from django.db.models import Count

    row = (
        FollowUp.objects.open()
        .filter(assigned_to=user, due_at__lt=day_ends + timedelta(days=7))
        .aggregate(
            overdue=Count("id", filter=Q(due_at__lt=at)),
            today=Count("id", filter=Q(due_at__gte=at, due_at__lt=day_ends)),
            week=Count("id", filter=Q(due_at__gte=day_ends)),
        )
    )
    return Load(row["overdue"], row["today"], row["week"])


def next_due(*, agent: User, at: datetime, skip: int | None = None) -> FollowUp | None:
    """The follow-up this agent should keep now: due by `at`, promises first. None if none."""
    due = for_the_day(user=agent, at=at, until=at).filter(assigned_to=agent)
    if skip is not None:
        due = due.exclude(customer_id=skip)
    return due.first()


def open_of(customer: Customer) -> FollowUp | None:
    return (
        FollowUp.objects.open().filter(customer=customer).select_related("assigned_to").first()
    )


def tell_followups(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    """Plans and their keeping, for the timeline."""
    from django.utils.translation import gettext as _

    rows = FollowUp.objects.filter(customer=customer).select_related("assigned_to")
    if before is not None:
        rows = rows.filter(planned_at__lt=before)
    return [
        Moment(
            at=row.planned_at,
            kind="followup",
            title=_("Follow-up planned for %(due)s: %(reason)s")
            % {
                "due": _local(row.due_at),
                "reason": row.get_reason_display(),
            },
            body=row.note if row.done_at is None else " ".join([row.note, _("Done.")]).strip(),
            by=str(row.assigned_to),
            anchor=f"followups.FollowUp:{row.pk}",
        )
        for row in rows.order_by("-planned_at", "-id")[:most]
    ]


def _local(moment: datetime) -> str:
    from django.utils.timezone import localtime

    return localtime(moment).strftime("%Y-%m-%d %H:%M")
