"""Answers about follow-ups."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Q, Value
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from furrow.customers.models import Customer
from furrow.customers.queries import first_callable
from furrow.customers.rules import Moment
from furrow.organisation.models import User

from .models import PROMISED_FIRST, FollowUp, FollowUpQuerySet


def end_of_day(at: datetime) -> datetime:
    """The last instant of the local day that `at` lies in."""
    return localtime(at).replace(hour=23, minute=59, second=59, microsecond=999999)


def for_the_day(*, user: User, until: datetime) -> FollowUpQuerySet:
    """Open follow-ups due before `until`: promises first, then by due time, the longest overdue
    first within each."""
    return (
        FollowUp.objects.visible_to(user)
        .open()
        .filter(due_at__lt=until)
        .select_related("customer", "assigned_to")
        .order_by(PROMISED_FIRST, "due_at", "id")
    )


@dataclass(frozen=True)
class Load:
    """What waits for somebody: overdue at `at`, due later the same day, and within a week."""

    overdue: int
    today: int
    week: int


def load_of(*, user: User, at: datetime, day_ends: datetime) -> Load:
    """Counts of one's own open follow-ups; three index-only counts in one query."""
    row = (
        FollowUp.objects.open()
        .filter(assigned_to=user, due_at__lt=day_ends + timedelta(days=7))
        .aggregate(
            overdue=Count(Value(1), filter=Q(due_at__lt=at)),
            today=Count(Value(1), filter=Q(due_at__gte=at, due_at__lt=day_ends)),
            week=Count(Value(1), filter=Q(due_at__gte=day_ends)),
        )
    )
    return Load(row["overdue"], row["today"], row["week"])


def next_due(*, agent: User, at: datetime, skip: Collection[int] = ()) -> FollowUp | None:
    """The follow-up this agent should keep now by a call: due by `at`, promises first, with
    somebody who may be called. None if none.

    skip  ids of customers to pass over
    """
    due = for_the_day(user=agent, until=at).filter(assigned_to=agent)
    return first_callable(due.exclude(customer_id__in=skip))


def open_of(customer: Customer) -> FollowUp | None:
    return FollowUp.objects.open().filter(customer=customer).select_related("assigned_to").first()


def tell_followups(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    """Plans and their keeping, for the timeline."""
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
    return localtime(moment).strftime("%Y-%m-%d %H:%M")


@dataclass(frozen=True)
class AgentCompliance:
    """How well somebody keeps follow-ups: open, overdue, and kept in time in the last 30 days."""

    agent_id: int
    name: str
    team: str
    open: int
    overdue: int
    kept: int
    kept_late: int

    @property
    def percent_in_time(self) -> int | None:
        done = self.kept + self.kept_late
        return round(100 * self.kept / done) if done else None


def compliance_by_agent(*, user: User, at: datetime) -> list[AgentCompliance]:
    """Per agent that `user` may see, the most overdue first; agents without follow-ups absent (E3).

    Kept in time = finished no later than a day after it was due. Cost: two counts within an index,
    over what is open and what was finished in 30 days.
    """
    visible = FollowUp.objects.visible_to(user)
    in_time = Q(done_at__lte=F("due_at") + timedelta(days=1))
    waiting: dict[int, Mapping[str, Any]] = {
        row["assigned_to_id"]: row
        for row in visible.open()
        .values("assigned_to_id")
        .annotate(open=Count("*"), overdue=Count(Value(1), filter=Q(due_at__lt=at)))
    }
    finished: dict[int, Mapping[str, Any]] = {
        row["assigned_to_id"]: row
        for row in visible.filter(done_at__gte=at - timedelta(days=30))
        .values("assigned_to_id")
        .annotate(all=Count("*"), kept=Count(Value(1), filter=in_time))
    }
    people = User.objects.filter(pk__in=waiting.keys() | finished.keys()).select_related("team")
    rows = []
    for person in people:
        open_now = waiting.get(person.pk, {"open": 0, "overdue": 0})
        done = finished.get(person.pk, {"all": 0, "kept": 0})
        rows.append(
            AgentCompliance(
                agent_id=person.pk,
                name=person.display_name,
                team=person.team.name if person.team else "",
                open=open_now["open"],
                overdue=open_now["overdue"],
                kept=done["kept"],
                kept_late=done["all"] - done["kept"],
            )
        )
    return sorted(rows, key=lambda row: (-row.overdue, row.agent_id))
