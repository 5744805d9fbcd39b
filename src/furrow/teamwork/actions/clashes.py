"""Asking whose a customer is; wanting one who has an owner; deciding between two."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.realtime import publish
from furrow.common.sql import load_sql
from furrow.customers.actions import assign_customer
from furrow.customers.models import Customer
from furrow.customers.rules import OwnerChange
from furrow.organisation.models import User
from furrow.organisation.rules import Act
from furrow.teamwork.duties import move_duties
from furrow.teamwork.models import Clash, ClashStep, LookUp
from furrow.teamwork.queries.clashes import (
    Found,
    asked_since,
    evidence_of,
    found_by,
    helps,
    last_act_at,
    overdue,
    standing_of,
)
from furrow.teamwork.queries.terms import deadline, terms_at
from furrow.teamwork.rules import (
    UNDECIDED,
    CannotSettle,
    ClashState,
    Entrance,
    Grounds,
    Ruling,
    TooManyQuestions,
    check_appeal,
    check_decide,
    rule_of,
)

_BATCH = 2000


@transaction.atomic
def look_up(*, text: str, by: User, at: datetime) -> list[Found]:
    """Whose customers have this number, or exactly this name. That somebody asked is kept; what
    was typed is not.

    Raises TooManyQuestions beyond the terms' number in an hour, with the moment it ends.
    """
    # One question at a time per person: two tabs must not both pass the count.
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    asked = asked_since(by, since=at - timedelta(hours=1))
    most = terms_at(at).lookups_per_hour
    if len(asked) >= most:
        refusal = TooManyQuestions(
            _("You asked %(most)d times within an hour. Ask again later, or ask your leader.")
            % {"most": most},
            rule="B3",
        )
        refusal.next_at = asked[-most] + timedelta(hours=1)
        raise refusal
    by_number, found = found_by(text)
    asking = LookUp.objects.create(by=by, at=at, by_number=by_number, found=len(found))
    record("customer.looked_up", of=asking, by=by.username, at=at, found=len(found))
    return found


@transaction.atomic
def record_clash(
    *, customer_id: int, entrance: Entrance, by: User, at: datetime, words: str = ""
) -> Clash | None:
    """`by` wants a customer. None where there is nothing to decide: it is in a pool, or `by` owns
    it or helps with it. A further attempt is counted in the clash there is.

    An owner who worked on the customer lately keeps it by rule, at once; so does every owner
    against an import or a machine. Otherwise the holder's leader decides, or a manager where the
    leader is a party.
    """
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    if customer.merged_into_id is not None:
        customer = Customer.objects.select_for_update(no_key=True).get(pk=customer.merged_into_id)
    holder = customer.owner
    if holder is None or holder == by or helps(customer_id=customer.pk, user=by, at=at):
        return None
    living = Clash.objects.living().select_for_update().filter(customer=customer, claimant=by)
    if (clash := living.first()) is not None:
        clash.attempts, clash.last_at = clash.attempts + 1, at
        clash.words = words.strip()[:300] or clash.words
        clash.save(update_fields=["attempts", "last_at", "words"])
        record("clash.repeated", of=clash, by=by.username, at=at, entrance=entrance)
        return clash
    terms = terms_at(at)
    can_own = by.can(Act.USE_DESK) and entrance is not Entrance.IMPORT
    grounds = rule_of(
        can_own=can_own,
        last_act_at=last_act_at(customer),
        terms=terms,
        at=at,
    )
    leaders_own = by.can(Act.SETTLE_CLASHES) or holder.can(Act.SETTLE_CLASHES)
    match grounds:
        case None:
            state = ClashState.ESCALATED if leaders_own else ClashState.WAITING
            due_at: datetime | None = deadline(at=at, days=terms.decide_days)
        case Grounds.NO_CLAIM:
            state, due_at = ClashState.CLOSED, None
        case _:
            state, due_at = ClashState.DECIDED, deadline(at=at, days=terms.appeal_days)
    clash = Clash.objects.create(
        customer=customer, claimant=by, holder=holder, team_id=holder.team_id, entrance=entrance,
        words=words.strip()[:300], opened_at=at, last_at=at, state=state, due_at=due_at,
        ruling=Ruling.HOLDER if grounds else "", grounds=grounds or "",
    )  # fmt: skip
    _step(clash, words=clash.words, by=by, at=at)
    record(
        "clash.recorded", of=clash, by=by.username, at=at,
        customer=customer.pk, entrance=entrance, state=state, grounds=clash.grounds,
    )  # fmt: skip
    return clash


@transaction.atomic
def record_attempts(
    *, customer_ids: Iterable[int], entrance: Entrance, by: User, at: datetime
) -> int:
    """A list, or a machine, brought customers who have owners. Each is a clash, closed at once by
    rule: nothing of the kind takes a customer from its owner. Returns how many.

    Two statements, whatever the number. Lists are the company's, so customers of the list's own
    people count too.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.teamwork", "record_attempts"),
            {
                "customers": list(set(customer_ids)), "by": by.pk, "at": at,
                "entrance": str(entrance), "state": str(ClashState.CLOSED),
                "ruling": str(Ruling.HOLDER), "grounds": str(Grounds.NO_CLAIM),
            },
        )  # fmt: skip
        [many] = cursor.fetchone() or [0]
    if many:
        record("clashes.recorded", of=by, by=by.username, at=at, entrance=entrance, many=many)
    return int(many)


def hear_attempt(customer_id: int, entrance: str, by: User, at: datetime) -> str:
    """Somebody tried to record a customer who is known (customers.entrances). What becomes of
    that, in a sentence; "" if there is nothing to decide."""
    clash = record_clash(customer_id=customer_id, entrance=Entrance(entrance), by=by, at=at)
    match clash and clash.state:
        case ClashState.WAITING | ClashState.ESCALATED | ClashState.APPEALED:
            return _("Your attempt is recorded; it is decided soon. See Teamwork.")
        case ClashState.DECIDED:
            return _("The owner worked on it lately and keeps it. You may appeal under Teamwork.")
        case _:
            return ""


@transaction.atomic
def decide_clash(*, clash: Clash, ruling: Ruling, words: str = "", by: User, at: datetime) -> Clash:
    """The holder keeps the customer, or it goes to the claimant with all that hangs on it.

    What lay on the table is kept with the decision. A leader's may be appealed; a manager's, on
    appeal or after the leader's deadline, is the last word. If the customer has changed hands in
    the meantime there is nothing left to decide: the clash is closed as that.

    Raises CannotSettle; CannotAssign if the claimant no longer looks after customers.
    """
    # The customer first, as everywhere: a repeated attempt locks in the same order.
    customer = Customer.objects.select_for_update(no_key=True).get(pk=clash.customer_id)
    clash = Clash.objects.select_for_update().get(pk=clash.pk)
    if clash.customer_id != customer.pk:  # a merge moved it meanwhile
        customer = Customer.objects.select_for_update(no_key=True).get(pk=clash.customer_id)
    check_decide(standing_of(clash, user=by))
    if ruling == Ruling.NONE:
        raise CannotSettle(_("Say who of the two it is."), rule="B3")
    has_it = clash.claimant if clash.ruling == Ruling.CLAIMANT else clash.holder
    gets_it = clash.claimant if ruling == Ruling.CLAIMANT else clash.holder
    if customer.owner_id != has_it.pk:
        _close(clash, grounds=Grounds.MOOT, words=words, by=by, at=at)
        return clash
    was = ClashState(clash.state)
    clash.ruling, clash.grounds = ruling, Grounds.PERSON
    is_last = was is not ClashState.WAITING
    clash.state = ClashState.CLOSED if is_last else ClashState.DECIDED
    clash.due_at = None if is_last else deadline(at=at, days=terms_at(at).appeal_days)
    clash.save(update_fields=["ruling", "grounds", "state", "due_at"])
    _step(clash, words=words, by=by, at=at, is_decision=True)
    if gets_it != has_it:
        assign_customer(
            customer=customer, to=gets_it, change=OwnerChange.TRANSFERRED,
            reason=_("Clash decided"), rule="B3", by=by, at=at,
        )  # fmt: skip
        move_duties({customer.pk: gets_it.pk}, person=has_it, at=at)
    record(
        "clash.decided", of=clash, by=by.username, at=at,
        customer=customer.pk, ruling=ruling, after=was,
    )  # fmt: skip
    return clash


@transaction.atomic
def appeal_clash(*, clash: Clash, words: str, by: User, at: datetime) -> Clash:
    """The one it was decided against asks a manager, once. The customer stays where it is."""
    clash = Clash.objects.select_for_update().get(pk=clash.pk)
    check_appeal(standing_of(clash, user=by), words=words, at=at)
    clash.state = ClashState.APPEALED
    clash.due_at = deadline(at=at, days=terms_at(at).decide_days)
    clash.save(update_fields=["state", "due_at"])
    _step(clash, words=words, by=by, at=at)
    record("clash.appealed", of=clash, by=by.username, at=at)
    return clash


@transaction.atomic
def keep_deadlines(*, by: User, at: datetime) -> int:
    """What a leader did not decide in time goes to the managers; what nobody appealed is closed.
    Returns how many; safe to repeat."""
    late = list(overdue(at).select_for_update(skip_locked=True)[:_BATCH])
    for clash in late:
        if clash.state == ClashState.DECIDED:
            _close(clash, grounds=Grounds(clash.grounds), words="", by=by, at=at)
            continue
        clash.state = ClashState.ESCALATED
        clash.due_at = deadline(at=at, days=terms_at(at).decide_days)
        clash.save(update_fields=["state", "due_at"])
        _step(clash, words="", by=by, at=at)
        record("clash.escalated", of=clash, by=by.username, at=at)
    return len(late)


def close_clashes_of(person: User, *, by: User, at: datetime) -> int:
    """Somebody who leaves wants nobody any more. Returns how many clashes that closed."""
    wanting = Clash.objects.select_for_update().filter(claimant=person, state__in=UNDECIDED)
    for clash in wanting:
        _close(clash, grounds=Grounds.MOOT, words="", by=by, at=at)
    return len(wanting)


def _close(clash: Clash, *, grounds: Grounds, words: str, by: User, at: datetime) -> None:
    clash.state, clash.due_at, clash.grounds = ClashState.CLOSED, None, grounds
    clash.save(update_fields=["state", "due_at", "grounds"])
    _step(clash, words=words, by=by, at=at)
    record("clash.closed", of=clash, by=by.username, at=at, grounds=grounds)


def _step(clash: Clash, *, words: str, by: User, at: datetime, is_decision: bool = False) -> None:
    """One line of its story, and the news to whom it concerns: both sides, leaders, managers."""
    evidence = evidence_of(clash) if is_decision else []
    ClashStep.objects.create(
        clash=clash, state=clash.state, ruling=clash.ruling, grounds=clash.grounds,
        words=words.strip()[:300], evidence=[moment.anchor for moment in evidence], by=by, at=at,
    )  # fmt: skip
    publish(
        "clash",
        topics=[
            f"user:{clash.claimant_id}", f"user:{clash.holder_id}", f"floor:{clash.team_id}",
            "floor",
        ],
        clash=clash.pk, state=str(clash.state),
    )  # fmt: skip
