"""Promising, keeping and handing over follow-ups."""

from collections.abc import Mapping
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from furrow.acquisition.models import Lead
from furrow.acquisition.rules import Basis
from furrow.audit.actions import record
from furrow.calls.models import Call
from furrow.common.realtime import publish
from furrow.customers.models import Customer
from furrow.organisation.models import User

from .models import FollowUp
from .rules import ANSWER_WITHIN, Reason, check_due


@transaction.atomic
def plan_followup(
    *,
    customer: Customer,
    assigned_to: User,
    due_at: datetime,
    reason: Reason,
    by: User,
    at: datetime,
    note: str = "",
    after_call: Call | None = None,
) -> FollowUp:
    """Promise the next touch. An open one is replaced: a customer has one next step.

    Raises CannotPlan for a time in the past or more than 400 days ahead.
    """
    check_due(due_at=due_at, at=at)
    # The customer's row is the lock: two people planning at once leave one promise, not an error.
    # Not the key: rows that merely point at the customer need not wait, nor deadlock.
    Customer.objects.select_for_update(no_key=True).only("pk").get(pk=customer.pk)
    for earlier in FollowUp.objects.open().filter(customer=customer):
        finish_followup(followup=earlier, by=by, at=at, call=after_call)
    followup = FollowUp.objects.create(
        customer=customer,
        assigned_to=assigned_to,
        reason=reason,
        note=note,
        due_at=due_at,
        after_call=after_call,
        planned_at=at,
    )
    record("followup.planned", of=followup, by=by.username, at=at, due_at=due_at, reason=reason)
    publish("followup", topics=[f"user:{assigned_to.pk}"], followup=followup.pk)
    return followup


@transaction.atomic
def finish_followup(
    *, followup: FollowUp, by: User, at: datetime, call: Call | None = None
) -> bool:
    """Kept, or no longer needed. False if it was done already."""
    done = FollowUp.objects.open().filter(pk=followup.pk).update(done_at=at, done_by_call=call)
    if done:
        record(
            "followup.finished",
            of=followup,
            by=by.username,
            at=at,
            call=call.pk if call else None,
        )
        publish("followup", topics=[f"user:{followup.assigned_to_id}"], followup=followup.pk)
    return bool(done)


@transaction.atomic
def finish_due(*, call: Call, by: User, at: datetime) -> int:
    """A recorded conversation keeps the customer's open follow-up. Returns how many."""
    return sum(
        finish_followup(followup=followup, by=by, at=at, call=call)
        for followup in FollowUp.objects.open().filter(customer=call.customer)
    )


def answer_lead(*, lead: Lead, by: User, at: datetime) -> FollowUp | None:
    """Whoever looks after somebody who asks for us calls back soon. None when nobody does, when
    the lead says nothing of interest, or when something is promised or due before."""
    basis, owner = Basis.read(lead.basis), lead.customer.owner
    if owner is None or not (basis.rule or basis.asked):
        return None
    due_at = at + ANSWER_WITHIN
    waiting = FollowUp.objects.open().filter(customer=lead.customer)
    if waiting.filter(Q(due_at__lte=due_at) | Q(reason=Reason.PROMISE)).exists():
        return None
    return plan_followup(
        customer=lead.customer, assigned_to=owner, due_at=due_at, reason=Reason.INTEREST,
        note=f"{basis.because} · {basis.site}{basis.page}"[:200], by=by, at=at,
    )  # fmt: skip


def hand_on(heirs: Mapping[int, int], person: User, at: datetime) -> int:
    """Open promises of `person` go with the customers: customer -> new owner. How many; one
    statement, whatever the number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE followups_followup AS followup SET assigned_to_id = one.heir"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS one (customer, heir)"
            " WHERE followup.customer_id = one.customer AND followup.done_at IS NULL"
            " AND followup.assigned_to_id = %s",
            [list(heirs), list(heirs.values()), person.pk],
        )
        return int(cursor.rowcount)


def move_followups(duplicate: Customer, into: Customer) -> None:
    """Keep the promises; where both have one open, the kept customer's earlier one wins."""
    FollowUp.objects.filter(customer=duplicate).exclude(done_at=None).update(customer=into)
    theirs = FollowUp.objects.open().filter(customer=duplicate).first()
    ours = FollowUp.objects.open().filter(customer=into).first()
    if theirs is None:
        return
    if ours is None:
        FollowUp.objects.filter(pk=theirs.pk).update(customer=into)
        return
    keep, drop = sorted((ours, theirs), key=lambda f: (f.due_at, f.pk))
    FollowUp.objects.filter(pk=drop.pk).update(done_at=drop.planned_at, customer=into)
    FollowUp.objects.filter(pk=keep.pk).update(customer=into)
