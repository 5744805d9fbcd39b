"""Permission to reach a customer: asked for, spent, closed."""

from dataclasses import replace
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.compliance.queries import hold_numbers
from furrow.customers.models import Customer, Number
from furrow.customers.rules import CannotMerge
from furrow.organisation.models import User

from .models import Denial, Permit
from .queries import facts_for, is_forbidden, numbers_of
from .rules import (
    PERMIT_LIFE,
    Answer,
    CampaignWindow,
    Decision,
    PermitVoid,
    Purpose,
    decide,
    line_taken_by,
    line_taken_by_agent,
)


@transaction.atomic
def request_permit(
    *,
    number: Number,
    agent: User | None,
    purpose: Purpose = Purpose.SALES,
    campaign_ref: int | None = None,
    campaign: CampaignWindow | None = None,
    stands_in: bool = False,
    is_third: bool = False,
    by: User,
    at: datetime,
) -> tuple[Decision, Permit | None]:
    """Ask the gate for one call. Either a permit is stored, or a denial; both say why.

    The customer's row stays locked until the transaction ends, so two requests about one
    customer are decided one after the other. The permit has to be spent within `PERMIT_LIFE`.
    About 10 ms.

    agent  None = the dialer's call, which the first free agent takes: only for a customer whom
           nobody owns; `give_permit` names the agent later
    stands_in  the agent keeps the promise of the owner, who is not there for it: for this one
           call as good as a collaborator
    is_third  somebody who is to come into a call that the agent is in already; the permit bears
           no agent, for the agent's one line is that call's

    A denial is an answer, not an error: the caller commits it, then raises `NotPermitted`.
    """
    number = _locked(number)
    numbers = numbers_of(number.customer)
    hold_numbers(numbers, to_change=False)
    theirs = Q(customer=number.customer)
    _void(theirs | Q(agent=agent) if agent else theirs, at=at)
    facts = facts_for(
        number=number, agent=agent, campaign=campaign, purpose=purpose, numbers=numbers, at=at
    )
    if stands_in:
        facts = replace(facts, is_collaborator=True)
    if is_third:
        facts = replace(facts, agent_is_on_the_line=False)
    decision = decide(facts, at=at)
    permit = None
    if decision.is_allowed:
        try:
            with transaction.atomic():
                permit = Permit.objects.create(
                    customer=number.customer, number=number,
                    agent=None if is_third else agent, purpose=purpose,
                    campaign_ref=campaign_ref, issued_at=at, expires_at=at + PERMIT_LIFE,
                    answers=_stored(decision),
                )  # fmt: skip
        except IntegrityError as taken:
            decision = _line_was_taken(decision, taken)
    if permit is not None:
        record(
            "permit.issued", of=permit, by=by.username, at=at,
            customer=number.customer_id, agent=agent and agent.pk, campaign=campaign_ref,
            purpose=purpose,
        )  # fmt: skip
        return decision, permit
    refusal = decision.refusal
    assert refusal is not None  # noqa: S101
    denial = Denial.objects.create(
        customer=number.customer, number=number, agent=agent, purpose=purpose,
        campaign_ref=campaign_ref, at=at, rule=refusal.rule, check_name=refusal.check,
        next_at=decision.changes_at, answers=_stored(decision),
    )  # fmt: skip
    record(
        "permit.denied", of=denial, by=by.username, at=at,
        customer=number.customer_id, agent=agent and agent.pk, campaign=campaign_ref,
        purpose=purpose, rule=refusal.rule, check=refusal.check,
    )  # fmt: skip
    return decision, None


def _locked(number: Number) -> Number:
    """The number as it is, its customer locked; a merge may be moving it meanwhile."""
    while True:
        customer = (
            Customer.objects.select_for_update(of=("self",), no_key=True)
            .select_related("owner")
            .get(pk=number.customer_id)
        )
        number = Number.objects.get(pk=number.pk)
        if number.customer_id == customer.pk:
            number.customer = customer
            return number


def _stored(decision: Decision) -> list[dict[str, object]]:
    return [answer.as_json() for answer in decision.answers]


def _line_was_taken(decision: Decision, taken: IntegrityError) -> Decision:
    """Somebody was quicker, and the database saw it first."""
    if "permit_one_open_per_agent" in str(taken):
        line: Answer = line_taken_by_agent()
    elif "permit_one_open_per_customer" in str(taken):
        line = line_taken_by(_("Somebody"))
    else:
        raise taken
    return Decision((*(a for a in decision.answers if a.check != line.check), line))


@transaction.atomic
def spend_permit(*, permit: Permit, at: datetime) -> Permit:
    """Use the permit, in the transaction that stores the call it allows.

    Raises PermitVoid when it is too late, was used already, or the number was suppressed since.
    """
    hold_numbers(numbers_of(permit.customer), to_change=False)
    if is_forbidden(permit.number, at=at):
        raise PermitVoid(_("This number was put on the do-not-call list just now."), rule="C4")
    usable = Permit.objects.filter(pk=permit.pk, spent_at=None, closed_at=None, expires_at__gt=at)
    if not usable.update(spent_at=at):
        raise PermitVoid(
            _("This permission was used already or is older than 30 seconds. Dial again."),
            rule="D4",
        )
    permit.spent_at = at
    return permit


@transaction.atomic
def give_permit(*, permit_id: int, agent: User, at: datetime) -> None:
    """Name the agent who takes the call that the dialer's permit allowed.

    Raises IntegrityError when the agent holds another open permit.
    """
    given = Permit.objects.filter(pk=permit_id, closed_at=None).exclude(agent=agent)
    if given.update(agent=agent):
        record("permit.given", of=Permit(pk=permit_id), by=agent.username, at=at, agent=agent.pk)


def free_agent(*, permit_id: int) -> None:
    """The agent is free for others, the customer is not: they talk on without us (D4)."""
    Permit.objects.filter(pk=permit_id, closed_at=None).update(agent=None)


@transaction.atomic
def close_permit(*, permit_id: int, at: datetime) -> bool:
    """The touch it allowed has ended. False if it was closed before: ends may be told twice."""
    return Permit.objects.filter(pk=permit_id, closed_at=None).update(closed_at=at) == 1


@transaction.atomic
def void_stale(*, at: datetime) -> int:
    """Close permits nobody spent in time; returns how many. Safe to repeat."""
    return _void(Q(), at=at)


def _void(which: Q, *, at: datetime) -> int:
    return Permit.objects.void(at).filter(which).update(closed_at=at)


def move_permits(duplicate: Customer, kept: Customer) -> None:
    """Permits follow a merge, and count towards the caps of the kept customer.

    Raises CannotMerge while somebody is on the line with one of the two.
    """
    both = Permit.objects.open().filter(customer__in=[duplicate, kept])
    if both.exists():
        raise CannotMerge(
            _("Somebody is on the line with one of these customers. Merge after the call."),
            rule="B2",
        )
    Permit.objects.filter(customer=duplicate).update(customer=kept)


def move_denials(duplicate: Customer, kept: Customer) -> None:
    """Denials follow a merge."""
    Denial.objects.filter(customer=duplicate).update(customer=kept)
