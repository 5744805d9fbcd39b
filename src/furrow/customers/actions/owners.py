"""The door through which customers change hands. Nothing else writes who owns a customer.

Who may have whom, and for how long, is decided above, in ownership; here it is carried out: the
customer's row, and one OwnershipEvent that says why, by which rule, and by whom.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.sql import load_sql
from furrow.customers.models import Customer, CustomerQuerySet, OwnershipEvent
from furrow.customers.rules import CannotAssign, OwnerChange
from furrow.organisation.models import User
from furrow.organisation.rules import Act


@dataclass(frozen=True)
class Move:
    """One customer from one owner to another; None is the pool."""

    customer_id: int
    from_owner_id: int | None
    to_owner_id: int | None


@transaction.atomic
def assign_customer(
    *,
    customer: Customer,
    to: User | None,
    change: OwnerChange,
    reason: str = "",
    rule: str = "",
    rule_version: int | None = None,
    by: User,
    at: datetime,
) -> Customer:
    """Give a customer to somebody, or to the pool with `to` None. The same owner: no change.

    Raises CannotAssign for somebody who cannot look after customers, or a merged record.
    """
    return change_owner(
        locked(customer), to, change,
        reason=reason, rule=rule, rule_version=rule_version, by=by, at=at,
    )  # fmt: skip


def move_owners(
    *,
    moves: Sequence[Move],
    change: OwnerChange,
    reason: str = "",
    rule: str = "",
    rule_version: int | None = None,
    known: Collection[int] = (),
    by: User,
    at: datetime,
) -> set[int]:
    """Change many owners at once. Returns the customers that changed hands.

    known  people of whom the caller has just asked whether they look after customers

    A customer that no longer has the owner a move says, or was merged, is left alone and not
    returned: of two who want one customer exactly one gets it. Two statements and one audit event
    whatever the number. Rows are locked in the order of their ids, so two batches never deadlock.

    Raises CannotAssign for somebody who cannot look after customers.
    """
    getters = {move.to_owner_id for move in moves if move.to_owner_id is not None}
    if unknown := getters - set(known):
        for person in User.objects.filter(pk__in=unknown):
            _check_may_own(person)
    # Nothing was written before, and nobody goes on after a failure: no savepoint is needed.
    with transaction.atomic(savepoint=False):
        with connection.cursor() as cursor:
            cursor.execute(
                load_sql("furrow.customers", "move_owners"),
                {
                    "customers": [move.customer_id for move in moves],
                    "froms": [move.from_owner_id for move in moves],
                    "tos": [move.to_owner_id for move in moves],
                    "at": at,
                },
            )
            moved: list[tuple[int, int | None, int | None]] = cursor.fetchall()
            # A statement of its own: inserted by the first one, the events' deferred foreign keys
            # made each history trigger ten times slower (1.1 ms instead of 0.15 at 10,000 rows).
            cursor.execute(
                """INSERT INTO customers_ownershipevent
                       (customer_id, from_owner_id, to_owner_id, change, reason, rule, rule_version,
                        by_id, at)
                   SELECT one.customer, one.from_owner, one.to_owner,
                          %(change)s, %(reason)s, %(rule)s, %(rule_version)s, %(by)s, %(at)s
                   FROM unnest(%(customers)s::bigint[], %(froms)s::bigint[], %(tos)s::bigint[])
                        AS one (customer, from_owner, to_owner)""",
                {
                    "customers": [row[0] for row in moved],
                    "froms": [row[1] for row in moved],
                    "tos": [row[2] for row in moved],
                    "change": str(change), "reason": reason[:200], "rule": rule,
                    "rule_version": rule_version, "by": by.pk, "at": at,
                },
            )  # fmt: skip
        _record_moves(moved, change, rule=rule, rule_version=rule_version, by=by, at=at)
    return {row[0] for row in moved}


def _record_moves(
    moved: Sequence[tuple[int, int | None, int | None]],
    change: OwnerChange,
    *,
    rule: str,
    rule_version: int | None,
    by: User,
    at: datetime,
) -> None:
    """One event: about the customer if there is one, else about whoever moved so many."""
    said = {"rule": rule, "rule_version": rule_version} if rule else {}
    if len(moved) == 1:
        [(customer, from_owner, to_owner)] = moved
        record(
            f"customer.{change}", of=Customer(pk=customer), by=by.username, at=at,
            from_owner=from_owner, to_owner=to_owner, **said,
        )  # fmt: skip
    elif moved:
        to_owners = Counter(str(to_owner or 0) for _customer, _from, to_owner in moved)
        record(
            f"customers.{change}", of=by, by=by.username, at=at, customers=len(moved),
            to_owners=to_owners, **said,
        )  # fmt: skip


@transaction.atomic
def allocate_customers(
    *,
    customers: CustomerQuerySet | Iterable[int],
    agents: Sequence[User],
    by: User,
    at: datetime,
) -> dict[int, int]:
    """Deal pooled customers evenly to `agents`, in their order. Returns agent id -> how many.

    customers  a query set or ids; those with an owner, and merged ones, are passed over

    Raises CannotAssign without agents.
    """
    if not agents:
        raise CannotAssign(_("Choose at least one agent."), rule="B3")
    if isinstance(customers, CustomerQuerySet):
        customers = customers.values_list("pk", flat=True)
    pooled = Customer.objects.in_pool().filter(pk__in=list(customers)).order_by("pk")
    moves = [
        Move(pk, None, agents[place % len(agents)].pk)
        for place, pk in enumerate(pooled.values_list("pk", flat=True))
    ]
    got = move_owners(moves=moves, change=OwnerChange.ALLOCATED, by=by, at=at)
    given = Counter(move.to_owner_id for move in moves if move.customer_id in got)
    return {agent.pk: given[agent.pk] for agent in agents}


def register_owner(customer: Customer, owner: User, *, by: User, at: datetime) -> None:
    """First come, first owned (B3): `customer` is about to be recorded, and not saved yet."""
    _check_may_own(owner)
    customer.owner, customer.owned_since = owner, at


def note_registration(customer: Customer, *, by: User, at: datetime) -> None:
    """The ledger's line for `register_owner`, once the customer is saved."""
    OwnershipEvent.objects.create(
        customer=customer, to_owner=customer.owner, change=OwnerChange.REGISTERED, by=by, at=at
    )


def change_owner(
    customer: Customer,
    to: User | None,
    change: OwnerChange,
    *,
    by: User,
    at: datetime,
    reason: str = "",
    rule: str = "",
    rule_version: int | None = None,
) -> Customer:
    """One customer, already locked by the caller, changes hands."""
    if to is not None:
        _check_may_own(to)
    if customer.owner_id == (to.pk if to else None):
        return customer
    event = OwnershipEvent.objects.create(
        customer=customer, from_owner_id=customer.owner_id, to_owner=to, change=change,
        reason=reason[:200], rule=rule, rule_version=rule_version, by=by, at=at,
    )  # fmt: skip
    customer.owner, customer.owned_since = to, at if to else None
    if to is not None and to.team_id is not None:
        customer.team_id = to.team_id
    customer.save(update_fields=["owner", "owned_since", "team"])
    record(
        f"customer.{change}", of=customer, by=by.username, at=at,
        from_owner=event.from_owner_id, to_owner=event.to_owner_id,
        **({"rule": rule, "rule_version": rule_version} if rule else {}),
    )  # fmt: skip
    return customer


def restore_since(customer: Customer, *, since: datetime | None, team_id: int | None) -> None:
    """A join is undone: its owner has the customer for as long as before, in the team of before."""
    customer.owned_since, customer.team_id = since, team_id
    customer.save(update_fields=["owned_since", "team"])


def locked(customer: Customer) -> Customer:
    """The record as it is now, held until the transaction ends. Raises CannotAssign if merged."""
    # Not the key: rows that merely point at the customer need not wait, nor deadlock.
    fresh = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    if fresh.merged_into_id is not None:
        raise CannotAssign(
            _("This record was joined to another one. Open that one instead."), rule="B2"
        )
    return fresh


def _check_may_own(person: User) -> None:
    if not person.can(Act.USE_DESK):
        raise CannotAssign(
            _("%(person)s does not look after customers. Choose an agent or a leader.")
            % {"person": person},
            rule="B3",
        )
