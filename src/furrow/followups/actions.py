"""Promising, keeping and handing over follow-ups."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from furrow.acquisition.models import Lead
from furrow.acquisition.rules import Basis
from furrow.audit.actions import record
from furrow.calls.models import Call
from furrow.calls.rules import Outcome
from furrow.common.realtime import publish
from furrow.common.sql import load_sql
from furrow.customers.actions import assign_customer
from furrow.customers.models import Customer
from furrow.customers.rules import OwnerChange
from furrow.organisation.models import User
from furrow.ownership.queries import company_zone, today_of
from furrow.rulebooks.actions import walk
from furrow.rulebooks.models import Run
from furrow.rulebooks.queries import rules_at

from .models import FollowUp, PoolReminder, Rest
from .queries import BOOK, policy_arrays, refusals_of
from .rules import (
    ANSWER_WITHIN,
    DAY,
    Channel,
    FollowUpRules,
    Promise,
    Reason,
    after_refusal,
    check_due,
    next_attempt,
)

CHUNK = 250_000  # customer ids looked at in one transaction
_BEGINS = time(9, 0)  # of the day a revisit is planned for


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
    channel: Channel = Channel.CALL,
    after_call: Call | None = None,
) -> FollowUp:
    """Promise the next touch. An open call is replaced by the next: a customer has one next call.
    What is to be done by another channel is a task beside it.

    Raises CannotPlan for a time in the past or more than 400 days ahead.
    """
    check_due(due_at=due_at, at=at)
    # The customer's row is the lock: two people planning at once leave one promise, not an error.
    # Not the key: rows that merely point at the customer need not wait, nor deadlock.
    Customer.objects.select_for_update(no_key=True).only("pk").get(pk=customer.pk)
    if channel is Channel.CALL:
        for earlier in FollowUp.objects.open().calls().filter(customer=customer):
            finish_followup(followup=earlier, by=by, at=at, call=after_call)
    followup = FollowUp.objects.create(
        customer=customer,
        assigned_to=assigned_to,
        reason=reason,
        channel=channel,
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
    """A recorded conversation keeps the call that was planned; tasks stay. Returns how many."""
    return sum(
        finish_followup(followup=followup, by=by, at=at, call=call)
        for followup in FollowUp.objects.open().calls().filter(customer=call.customer)
    )


def answer_lead(*, lead: Lead, by: User, at: datetime) -> FollowUp | None:
    """Whoever looks after somebody who asks for us calls back soon. None when nobody does, when
    the lead says nothing of interest, or when something is promised or due before."""
    basis, owner = Basis.read(lead.basis), lead.customer.owner
    if owner is None or not (basis.rule or basis.asked):
        return None
    due_at = at + ANSWER_WITHIN
    waiting = FollowUp.objects.open().calls().filter(customer=lead.customer)
    if waiting.filter(Q(due_at__lte=due_at) | Q(reason=Reason.PROMISE)).exists():
        return None
    return plan_followup(
        customer=lead.customer, assigned_to=owner, due_at=due_at, reason=Reason.INTEREST,
        note=f"{basis.because} · {basis.site}{basis.page}"[:200], by=by, at=at,
    )  # fmt: skip


# -- what follows from a call ----------------------------------------------------------------------


@transaction.atomic
def follow_refusal(
    *, call: Call, wanted_at: datetime | None, by: User, at: datetime
) -> FollowUp | None:
    """E1: after a refusal the customer is left in peace, then tried with a fresh reason; after the
    last it rests in the pool, and None is returned.

    wanted_at  a later day may be wanted, an earlier one is not had
    """
    rules = rules_at(BOOK, at).refusals
    refusals = refusals_of(call.customer_id)
    following = after_refusal(customer_id=call.customer_id, refusals=refusals, at=at, rules=rules)
    if following is None:
        _rest(call, refusals=refusals, days=rules.rest_days, by=by, at=at)
        return None
    due_at, fresh = following
    return plan_followup(
        customer=call.customer,
        assigned_to=call.talker,
        due_at=max(due_at, wanted_at or due_at),
        reason=Reason.REFUSAL,
        note=fresh,
        after_call=call,
        by=by,
        at=at,
    )


def _rest(call: Call, *, refusals: int, days: int, by: User, at: datetime) -> None:
    Rest.objects.update_or_create(
        customer=call.customer, defaults={"since": at, "until": at + days * DAY}
    )
    for followup in FollowUp.objects.open().filter(customer=call.customer):
        finish_followup(followup=followup, by=by, at=at, call=call)
    assign_customer(
        customer=call.customer, to=None, change=OwnerChange.RETURNED,
        reason=_("%(count)d refusals") % {"count": refusals}, rule="E1", by=by, at=at,
    )  # fmt: skip
    record("customer.rests", of=call.customer, by=by.username, at=at, refusals=refusals, days=days)


def retry_at(*, call: Call, at: datetime) -> datetime | None:
    """When to call again whom this call did not reach, by the rules in force; None = no more."""
    rules = rules_at(BOOK, at).retries
    return next_attempt(Outcome(call.outcome), attempts=call.attempt, last_at=at, rules=rules)


@transaction.atomic
def keep_promise(*, promise: Promise, call: Call, by: User, at: datetime) -> FollowUp:
    """Something promised in a call becomes a task of whoever promised it (E4)."""
    return plan_followup(
        customer=call.customer,
        assigned_to=call.talker,
        due_at=at + timedelta(hours=promise.hours),
        reason=Reason.PROMISE,
        channel=promise.channel,
        note=_(promise.name),
        after_call=call,
        by=by,
        at=at,
    )


# -- the night -------------------------------------------------------------------------------------


def remind_of_everybody(*, at: datetime) -> Run | None:
    """Each night: what people who left had promised goes to who is there; revisits that fall due
    are planned (E2); and nobody of the owned is left untouched without a reminder, which is
    counted, not believed: `found["forgotten"]` is 0. Of the pools, each team's leaders see how
    many nobody touched. See rulebooks.actions.walk. None while another process does it."""
    rules, on = rules_at(BOOK, at), today_of(at)

    def look(after: int, upto: int, at: datetime) -> Mapping[str, int]:
        rules = rules_at(BOOK, at)
        strays = _ask("strays", {"after": after, "upto": upto})[0][0]
        planned = plan_revisits(after=after, upto=upto, rules=rules, at=at) if rules.is_on else {}
        forgotten, pooled = 0, Counter[int | None]()
        stretch = {"after": after, "upto": upto, "at": at}
        since = at - rules.forgotten_days * DAY
        for team, is_owned, count in _ask("untouched", {**stretch, "since": since}):
            if is_owned:
                forgotten += count
            else:
                pooled[team] += count
        _remind_pools(pooled, on=on)
        found = {"strays": strays, "forgotten": forgotten, "in_pools": sum(pooled.values())}
        return {**found, **planned}

    return walk(
        book=BOOK,
        version=rules.version,
        on=on,
        last=Customer.objects.aggregate(last=Max("pk"))["last"] or 0,
        chunk=CHUNK,
        look=look,
        at=at,
    )


@transaction.atomic
def plan_revisits(*, after: int, upto: int, rules: FollowUpRules, at: datetime) -> dict[str, int]:
    """Plan the revisits that fall due until the end of tomorrow, of customers with ids in
    (after, upto], from tomorrow morning on, so many a day for each agent. Returns policy -> how
    many; one statement, safe to repeat."""
    tomorrow = today_of(at) + DAY
    first_at = datetime.combine(tomorrow, _BEGINS, tzinfo=company_zone())
    until = datetime.combine(tomorrow + DAY, time(0), tzinfo=company_zone())
    sql = load_sql("furrow.followups", "plan_revisits").replace(
        "{revisits}", load_sql("furrow.followups", "revisits")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                **policy_arrays(rules), "after": after, "upto": upto, "at": at, "until": until,
                "soonest": until - min(one.every_days for one in rules.revisits) * DAY,
                "first_at": first_at, "per_day": rules.per_agent_day,
                "notes": [_(one.name) for one in rules.revisits],
            },
        )  # fmt: skip
        return dict(cursor.fetchall())


def _remind_pools(pooled: Mapping[int | None, int], *, on: date) -> None:
    for team, count in pooled.items():
        row = PoolReminder.objects.filter(on=on, team=team).first()
        row = row or PoolReminder(on=on, team_id=team, customers=0)
        row.customers += count
        row.save()


def _ask(name: str, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.followups", name), dict(given))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


# -- hand-overs and merging ------------------------------------------------------------------------


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
    """Keep the promises, tasks all of them; where both have a call planned, the earlier stands."""
    both = FollowUp.objects.open().calls().filter(customer__in=[duplicate, into])
    for later in both.order_by("due_at", "pk")[1:]:
        later.done_at = later.planned_at
        later.save()
    FollowUp.objects.filter(customer=duplicate).update(customer=into)


def move_rest(duplicate: Customer, into: Customer) -> None:
    """The longer rest holds for both."""
    theirs = Rest.objects.filter(customer=duplicate).first()
    if theirs is None:
        return
    ours = Rest.objects.filter(customer=into).first()
    if ours is None or ours.until < theirs.until:
        joined = ours or Rest(customer=into)
        joined.since, joined.until = theirs.since, theirs.until
        joined.save()
    theirs.delete()
