"""Answers about calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Min, Q, Sum
from django.utils.translation import gettext as _

from furrow.customers.models import Customer
from furrow.customers.rules import Moment
from furrow.organisation.models import User

from .models import Call, CallQuerySet
from .rules import IN_PROGRESS, CallState, Outcome


def calls_of(customer: Customer, *, before: datetime | None = None, most: int = 50) -> list[Call]:
    """The newest `most` calls of a customer queued before an instant (None = now), newest first."""
    calls = Call.objects.filter(customer=customer).select_related(
        "agent", "disposition", "campaign", "number"
    )
    if before is not None:
        calls = calls.filter(queued_at__lt=before)
    return list(calls.order_by("-queued_at", "-id")[:most])


def page_of_calls(
    *,
    user: User,
    before: int | None,
    most: int,
    customer_id: int | None = None,
    state: CallState | None = None,
) -> list[Call]:
    """At most `most` calls `user` may see with an id below `before`, newest first."""
    calls = Call.objects.visible_to(user).select_related("number", "agent", "disposition")
    if before is not None:
        calls = calls.filter(pk__lt=before)
    if customer_id is not None:
        calls = calls.filter(customer_id=customer_id)
    if state is not None:
        calls = calls.filter(state=state)
    return list(calls.order_by("-pk")[:most])


def tell_calls(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    """A customer's calls for the timeline."""
    return [_moment(call) for call in calls_of(customer, before=before, most=most)]


def _moment(call: Call) -> Moment:
    came_of_it = Outcome(call.outcome).label if call.outcome else CallState(call.state).label
    parts = [_("Call %(nth)d: %(outcome)s") % {"nth": call.attempt, "outcome": came_of_it}]
    if call.talk_seconds:
        minutes, seconds = divmod(call.talk_seconds, 60)
        parts.append(f"{minutes}:{seconds:02d}")
    if call.disposition is not None:
        parts.append(call.disposition.name)
    return Moment(
        at=call.queued_at,
        kind="call",
        title=" · ".join(parts),
        body=call.remark,
        by=str(call.agent),
        anchor=f"calls.Call:{call.pk}",
    )


@dataclass(frozen=True)
class Tally:
    """What calls came to: dialled, answered by a person, spoken, given a result.

    talk_seconds  sum over the answered
    """

    attempts: int = 0
    answered: int = 0
    talk_seconds: int = 0
    wrapped: int = 0

    @property
    def contact_rate(self) -> float:
        """Answered by a person per attempt; 0.0 without attempts."""
        return self.answered / self.attempts if self.attempts else 0.0


def tally_by_agent(calls: CallQuerySet, *, since: datetime, until: datetime) -> Mapping[int, Tally]:
    """Of the calls queued in [since, until), by agent id; agents without calls are absent."""
    rows = (
        calls.filter(queued_at__gte=since, queued_at__lt=until)
        .order_by()
        .values("agent_id")
        .annotate(
            attempts=Count("id", filter=Q(dialed_at__isnull=False)),
            answered=Count("id", filter=Q(outcome=Outcome.ANSWERED)),
            talked=Sum(F("ended_at") - F("answered_at"), filter=Q(outcome=Outcome.ANSWERED)),
            wrapped=Count("id", filter=Q(wrapped_at__isnull=False)),
        )
    )
    return {
        row["agent_id"]: Tally(
            attempts=row["attempts"],
            answered=row["answered"],
            talk_seconds=int(row["talked"].total_seconds()) if row["talked"] else 0,
            wrapped=row["wrapped"],
        )
        for row in rows
    }


def tally_by_outcome(
    calls: CallQuerySet, *, since: datetime, until: datetime
) -> Mapping[Outcome, int]:
    """Ended calls queued in [since, until) by what the line said; absent outcomes are 0 calls."""
    rows = (
        calls.filter(queued_at__gte=since, queued_at__lt=until, state=CallState.ENDED)
        .order_by()
        .values("outcome")
        .annotate(calls=Count("id"))
    )
    return {Outcome(row["outcome"]): row["calls"] for row in rows}


@dataclass(frozen=True)
class LiveCall:
    """One call that is on now, for the floor."""

    call_id: int
    agent_id: int
    agent: str
    customer_id: int
    customer: str
    state: CallState
    since: datetime  # when this state began


def live_calls(*, user: User) -> list[LiveCall]:
    """The calls in progress `user` may see, longest first. Cost: one partial-index scan."""
    calls = (
        Call.objects.visible_to(user)
        .in_progress()
        .select_related("agent", "customer")
        .order_by("queued_at", "id")
    )
    return [
        LiveCall(
            call_id=call.pk,
            agent_id=call.agent_id,
            agent=str(call.agent),
            customer_id=call.customer_id,
            customer=call.customer.name,
            state=CallState(call.state),
            since=call.answered_at or call.ringing_at or call.dialed_at or call.queued_at,
        )
        for call in calls
    ]


@dataclass(frozen=True)
class Gauges:
    """What the metrics page shows of calls now.

    oldest_queued_at  when the longest waiting call was queued; None when none waits
    unwrapped         ended calls still without a result
    """

    in_progress: Mapping[CallState, int]
    oldest_queued_at: datetime | None
    unwrapped: int


def gauges() -> Gauges:
    """Counts of this moment. Cost: two partial-index scans, whatever the number of old calls."""
    rows = (
        Call.objects.in_progress()
        .order_by()
        .values("state")
        .annotate(calls=Count("id"), oldest=Min("queued_at"))
    )
    counts = {CallState(row["state"]): row["calls"] for row in rows}
    oldest = {CallState(row["state"]): row["oldest"] for row in rows}
    return Gauges(
        in_progress={state: counts.get(state, 0) for state in IN_PROGRESS},
        oldest_queued_at=oldest.get(CallState.QUEUED),
        unwrapped=Call.objects.unwrapped().count(),
    )
