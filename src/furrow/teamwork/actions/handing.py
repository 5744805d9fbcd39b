"""Somebody's customers go to others, whole or in part, with all that hangs on them (B6)."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.jobs import enqueue
from furrow.common.realtime import publish
from furrow.customers.actions import Move, move_owners
from furrow.customers.models import CustomerQuerySet
from furrow.customers.rules import OwnerChange
from furrow.organisation.actions import change_user
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.teamwork.duties import move_duties
from furrow.teamwork.models import Handover, HandoverItem
from furrow.teamwork.queries.dealing import Offer, deal_all, takers_of
from furrow.teamwork.queries.handing import customers_to_hand
from furrow.teamwork.queries.terms import deadline
from furrow.teamwork.rules import (
    CannotHandOver,
    HandoverReason,
    HandoverState,
    ItemState,
    check_transition,
)

from .clashes import close_clashes_of
from .sharing import end_collaborations_of

CHUNK = 2000  # customers per transaction

_LONGEST_QUERY = 500


@transaction.atomic
def plan_handover(
    *,
    person: User,
    reason: HandoverReason,
    heirs: Sequence[User],
    touch_days: int,
    query: str = "",
    seed: int,
    by: User,
    at: datetime,
) -> Handover:
    """Say who would take over whom; nothing moves yet. A plan of the same person is replaced.

    query  a slice, as a list's URL writes it; "" = everybody

    Matching customers go to whom they suit, the rest to anybody with room; who finds no room is
    kept as such, and goes to the pool if the person leaves. Set-based: 50,000 customers in
    seconds. Raises CannotHandOver without heirs, without customers, or while one is running.
    """
    person = User.objects.select_for_update(no_key=True).get(pk=person.pk)
    if not heirs or any(heir.pk == person.pk for heir in heirs):
        raise CannotHandOver(_("Choose who takes over: somebody else."), rule="B6")
    if len(query) > _LONGEST_QUERY:  # cut, it would hand over more than was chosen
        raise CannotHandOver(_("These are too many filters. Take some out."), rule="B6")
    if not 1 <= touch_days <= 60:
        raise CannotHandOver(_("The first touch is due within 1 to 60 days."), rule="B6")
    if Handover.objects.filter(person=person, state=HandoverState.RUNNING).exists():
        raise CannotHandOver(
            _("A hand-over of %(person)s is running. Wait until it is done.") % {"person": person},
            rule="B6",
        )
    Handover.objects.filter(person=person, state=HandoverState.PLANNED).update(
        state=HandoverState.CANCELLED
    )
    handover = Handover.objects.create(
        person=person, reason=reason, query=query, heirs=[heir.pk for heir in heirs],
        touch_days=touch_days, seed=seed, by=by, planned_at=at,
    )  # fmt: skip
    if not _plan(handover, customers_to_hand(person=person, query=query, by=by), heirs, at=at):
        raise CannotHandOver(_("%(person)s has no such customers.") % {"person": person}, rule="B6")
    record(
        "handover.planned", of=handover, by=by.username, at=at,
        person=person.pk, heirs=handover.heirs, reason=reason, is_whole=not query,
    )  # fmt: skip
    return handover


@transaction.atomic
def start_handover(*, handover: Handover, freezes: bool, by: User, at: datetime) -> Handover:
    """Let the work begin. With `freezes` the person is out the same second: sessions and keys end
    with the next request, whatever else is still to move.

    Raises CannotHandOver unless it is planned; CannotChangePeople as deactivating does.
    """
    handover = Handover.objects.select_for_update().get(pk=handover.pk)
    if handover.state != HandoverState.PLANNED:
        raise CannotHandOver(_("This hand-over has begun already, or was cancelled."), rule="B6")
    check_transition(
        is_whole=not handover.query, reason=HandoverReason(handover.reason), freezes=freezes
    )
    person = handover.person
    if freezes:
        change_user(
            user=person, role=Role(person.role), team=person.team, is_active=False, by=by, at=at
        )
        end_collaborations_of(person, by=by, at=at)
        close_clashes_of(person, by=by, at=at)
    handover.state, handover.started_at = HandoverState.RUNNING, at
    handover.save(update_fields=["state", "started_at"])
    record("handover.started", of=handover, by=by.username, at=at, freezes=freezes)
    enqueue("teamwork.hand_over", handover_id=handover.pk)
    return handover


@transaction.atomic
def cancel_handover(*, handover: Handover, by: User, at: datetime) -> bool:
    """Drop a plan. False if it has begun."""
    planned = Handover.objects.filter(pk=handover.pk, state=HandoverState.PLANNED)
    cancelled = bool(planned.update(state=HandoverState.CANCELLED))
    if cancelled:
        record("handover.cancelled", of=handover, by=by.username, at=at)
    return cancelled


@transaction.atomic
def hand_chunk(*, handover_id: int, at: datetime) -> bool:
    """The next 2,000 customers with their promises and places in campaigns, in one transaction.
    False once it is done. Killed before its commit it has done nothing; run again it goes on.

    Customers the person got since the plan are planned and moved too; who changed hands in the
    meantime is left alone.
    """
    handover = Handover.objects.select_for_update().select_related("person", "by").get(
        pk=handover_id
    )  # fmt: skip
    if handover.state != HandoverState.RUNNING:
        return False
    waiting = handover.items.filter(state=ItemState.PLANNED).order_by("pk")
    items = list(waiting.values_list("pk", "customer_id", "heir_id")[:CHUNK])
    if not items:
        return _finish(handover, at=at)
    person, heirs = handover.person, {c: h for _pk, c, h in items if h is not None}
    moved = move_owners(
        moves=[Move(customer, person.pk, heir) for customer, heir in heirs.items()],
        change=OwnerChange.TRANSFERRED, reason=str(HandoverReason(handover.reason).label),
        rule="B6", by=handover.by, at=at,
    )  # fmt: skip
    move_duties({c: h for c, h in heirs.items() if c in moved}, person=person, at=at)
    done = [pk for pk, customer, _heir in items if customer in moved]
    due_at = deadline(at=at, days=handover.touch_days)
    HandoverItem.objects.filter(pk__in=done).update(
        state=ItemState.MOVED, moved_at=at, due_at=due_at
    )
    HandoverItem.objects.filter(
        pk__in=[pk for pk, _c, _h in items], state=ItemState.PLANNED
    ).update(state=ItemState.PASSED)
    publish("handover", topics=[f"user:{handover.by_id}", "floor"], handover=handover.pk)
    return True


def _finish(handover: Handover, *, at: datetime) -> bool:
    """Nobody is planned any more: plan who came since, else end. True if there is more to do."""
    person, by = handover.person, handover.by
    theirs = customers_to_hand(person=person, query=handover.query, by=by)
    is_gone = handover.reason == HandoverReason.LEAVING and not person.is_active
    if is_gone:
        since = theirs.exclude(pk__in=handover.items.values("customer_id"))
        heirs = list(User.objects.agents().filter(pk__in=handover.heirs).order_by("pk"))
        if heirs and _plan(handover, since, heirs, at=at):
            return True
        # Nobody had room: to the pool, so that nothing stays with somebody who is gone.
        move_owners(
            moves=[Move(pk, person.pk, None) for pk in theirs.values_list("pk", flat=True)],
            change=OwnerChange.RELEASED, reason=str(HandoverReason.LEAVING.label), rule="B6",
            by=by, at=at,
        )  # fmt: skip
    handover.state, handover.done_at = HandoverState.DONE, at
    handover.save(update_fields=["state", "done_at"])
    record("handover.done", of=handover, by=by.username, at=at, person=person.pk)
    publish(
        "handover",
        topics=[f"user:{pk}" for pk in [*handover.heirs, handover.by_id]],
        handover=handover.pk,
    )
    return False


def _plan(
    handover: Handover, customers: CustomerQuerySet, heirs: Sequence[User], *, at: datetime
) -> int:
    """Write a line for each customer: who takes over, or that nobody has room. How many."""
    ids = list(customers.order_by("pk").values_list("pk", flat=True))
    if not ids:
        return 0
    offer = Offer(agents=heirs, seed=handover.seed, evens_out=False)
    takers, _held = takers_of(offer, at=at)
    given = deal_all(ids, takers, insists=False, seed=handover.seed, at=at).given
    with connection.cursor() as cursor, cursor.copy(
        "COPY teamwork_handoveritem (handover_id, customer_id, heir_id, state) FROM STDIN"
    ) as copy:  # fmt: skip
        for pk in ids:
            heir = given.get(pk)
            state = ItemState.PLANNED if heir else ItemState.UNPLACED
            copy.write_row((handover.pk, pk, heir, str(state)))
    return len(ids)
