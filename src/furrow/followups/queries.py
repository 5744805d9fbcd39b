"""Answers about follow-ups."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q, Value
from django.db.models.functions import Now
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from furrow.calls.models import Call
from furrow.campaigns.rules import Effect
from furrow.common.sql import load_sql
from furrow.customers.models import Customer, CustomerQuerySet
from furrow.customers.queries import first_callable
from furrow.customers.rules import Moment
from furrow.organisation.models import User
from furrow.organisation.rules import Act, Scope
from furrow.permits.objections import Asked
from furrow.permits.rules import Objection, Purpose
from furrow.rulebooks.queries import rules_at
from furrow.rulebooks.rules import Book

from .models import PROMISED_FIRST, FollowUp, FollowUpQuerySet, PoolReminder, Rest
from .rules import DEFAULT_BODY, FollowUpRules, rules_from

BOOK: Book[FollowUpRules] = Book("followups", rule="E2", default=DEFAULT_BODY, read=rules_from)


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
    due = for_the_day(user=agent, until=at).calls().filter(assigned_to=agent)
    return first_callable(due.exclude(customer_id__in=skip))


def open_of(customer: Customer) -> FollowUp | None:
    """The next call; tasks by other channels are `tasks_of`."""
    calls = FollowUp.objects.open().calls().filter(customer=customer)
    return calls.select_related("assigned_to").first()


def tasks_of(customer: Customer) -> list[FollowUp]:
    """What was promised beside the next call, the earliest first."""
    tasks = FollowUp.objects.open().filter(customer=customer).exclude(channel="call")
    return list(tasks.select_related("assigned_to").order_by("due_at", "pk"))


# -- refusals --------------------------------------------------------------------------------------


def refusals_of(customer_id: int) -> int:
    """How often a customer has refused since its last rest."""
    calls = Call.objects.filter(customer=customer_id, disposition__effect=Effect.REFUSED)
    since = Rest.objects.filter(customer=customer_id).values_list("since", flat=True).first()
    return calls.filter(wrapped_at__gt=since).count() if since else calls.count()


@dataclass(frozen=True)
class Countdown:
    """Where a customer stands with refusals (E1)."""

    refusals: int
    most: int
    rests_until: datetime | None

    @property
    def left(self) -> int:
        return max(self.most - self.refusals, 0)


def countdown_of(customer: Customer, *, at: datetime) -> Countdown:
    rest = Rest.objects.filter(customer=customer, until__gt=at).first()
    return Countdown(
        refusals_of(customer.pk), rules_at(BOOK, at).refusals.most, rest.until if rest else None
    )


def rests(asked: Asked) -> Objection | None:
    """Against a sales call while a customer rests after the last refusal (E1)."""
    if asked.purpose is not Purpose.SALES:
        return None
    rest = Rest.objects.filter(customer=asked.customer_id, until__gt=asked.at).first()
    if rest is None:
        return None
    why = _(
        "The customer refused as often as the rules allow, and is left in peace until %(until)s."
    )
    return Objection("E1", why % {"until": _local(rest.until)}, until=rest.until)


# -- revisits --------------------------------------------------------------------------------------


def policy_arrays(rules: FollowUpRules) -> dict[str, list[Any]]:
    """The revisit policies as sql/revisits.sql takes them."""
    return {
        "keys": [one.key for one in rules.revisits],
        "bought": [one.bought_days for one in rules.revisits],
        "pis": [one.pi_from for one in rules.revisits],
        "days": [one.every_days for one in rules.revisits],
    }


def quiet_since(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    """Whom nobody touched for so many days."""
    if not (value.isascii() and value.isdecimal() and len(value) < 4):
        return customers.none()
    since = Now() - timedelta(days=int(value))
    return customers.filter(
        Q(last_touch_at__lt=since) | Q(last_touch_at=None, created_at__lt=since)
    )


def quiet_choices(user: User) -> list[tuple[str, str]]:
    return [(str(n), _("For %(days)d days or more") % {"days": n}) for n in (30, 60, 90, 180)]


def pool_reminders(user: User) -> list[PoolReminder]:
    """What last night's run says of the pools of the teams `user` leads, the most first."""
    latest = PoolReminder.objects.order_by("-on").values_list("on", flat=True).first()
    if latest is None:
        return []
    rows = PoolReminder.objects.filter(on=latest, customers__gt=0).select_related("team")
    if user.scope(Act.VIEW_FOLLOWUPS) is not Scope.ALL:
        rows = rows.filter(team__in=user.teams(Act.VIEW_FOLLOWUPS))
    return list(rows.order_by("-customers"))


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


@dataclass(frozen=True)
class TeamCompliance:
    """How well a team keeps follow-ups, of the same days as its agents."""

    name: str
    open: int
    overdue: int
    kept: int
    kept_late: int

    @property
    def percent_in_time(self) -> int | None:
        done = self.kept + self.kept_late
        return round(100 * self.kept / done) if done else None


def by_team(agents: Sequence[AgentCompliance]) -> list[TeamCompliance]:
    """The agents' figures by team, the most overdue first."""
    teams = dict.fromkeys(row.team for row in agents)
    rows = [
        TeamCompliance(
            name, *(
                sum(getattr(row, field) for row in agents if row.team == name)
                for field in ("open", "overdue", "kept", "kept_late")
            ),
        )
        for name in teams
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row.overdue, row.name))


# -- at which attempt sales are closed -------------------------------------------------------------

# The picture of the textbooks (E1): per cent of sales closed at the first conversation, at the
# first, second and third follow-up, and at the fourth to eleventh.
CLASSICAL = (2, 3, 5, 10, 80)


@dataclass(frozen=True)
class Closings:
    """Sales by the number of conversations they took, beside the classical picture.

    counts  at the 1st, 2nd, 3rd, 4th, 5th to 12th, and later conversations
    """

    days: int
    counts: tuple[int, ...]
    by_agent: list[tuple[User, int, float]]  # who, sales, conversations a sale took on average

    @property
    def sales(self) -> int:
        return sum(self.counts)

    @property
    def percents(self) -> list[int]:
        return [round(100 * count / self.sales) if self.sales else 0 for count in self.counts]


def closings(*, user: User, days: int, at: datetime) -> Closings:
    """Of the last `days` days, for the teams `user` may report on. One query: the calls of the
    customers who bought."""
    teams = None if user.scope(Act.VIEW_REPORTS) is Scope.ALL else user.teams(Act.VIEW_REPORTS)
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.followups", "closings"),
            {
                "since": at - timedelta(days=days), "until": at,
                "teams": None if teams is None else list(teams),
            },
        )  # fmt: skip
        rows = cursor.fetchall()
    counts = [0] * (len(CLASSICAL) + 1)
    agents: dict[int, list[int]] = {}
    for _team, agent, conversations, sales in rows:
        place = min(max(conversations, 1), 5) - 1 if conversations <= 12 else len(CLASSICAL)
        counts[place] += sales
        tally = agents.setdefault(agent, [0, 0])
        tally[0] += sales
        tally[1] += sales * conversations
    people = User.objects.select_related("team").in_bulk([pk for pk in agents if pk])
    return Closings(
        days=days,
        counts=tuple(counts),
        by_agent=sorted(
            ((people[pk], sold, talks / sold) for pk, (sold, talks) in agents.items() if pk),
            key=lambda row: (-row[1], row[0].pk),
        ),
    )
