"""Answers about calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min
from django.utils.translation import gettext as _

from furrow.customers.models import Customer
from furrow.customers.rules import Moment
from furrow.organisation.models import User
from furrow.permits.objections import Asked
from furrow.permits.rules import Objection

from .models import Call
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
    if call.is_inbound:
        parts = [_("Called us: %(outcome)s") % {"outcome": came_of_it}]
    else:
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
        by=str(call.agent) if call.agent else _("The dialer"),
        anchor=f"calls.Call:{call.pk}",
    )


def tied_customers(user: User) -> list[int]:
    """Ids of the customers `user` talks with now, or owes a result about."""
    calls = Call.objects.filter(agent=user)
    rows = (calls.in_progress() | calls.unwrapped()).order_by()
    return list(rows.values_list("customer_id", flat=True))


def is_calling_us(asked: Asked) -> Objection | None:
    """Against calling somebody who is on the line with us already, or waits there."""
    on = Call.objects.in_progress().filter(customer=asked.customer_id, is_inbound=True)
    if not on.exists():
        return None
    return Objection("D4", _("This customer is calling us at this moment."))


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
