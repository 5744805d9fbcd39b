"""Who takes over whom, what the heir should know, and who is late."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q
from django.http import QueryDict

from furrow.customers import holdings
from furrow.customers.filters import filters
from furrow.customers.models import Customer, CustomerQuerySet
from furrow.customers.queries import filtered
from furrow.customers.rules import Moment
from furrow.organisation.models import User
from furrow.teamwork.models import Clash, Collaboration, Handover, HandoverItem
from furrow.teamwork.rules import HandoverReason, ItemState

_CALLS, _NOTES = 3, 3


def customers_to_hand(*, person: User, query: str, by: User) -> CustomerQuerySet:
    """The person's customers, or the slice of them that a list's filters say.

    query  a list's URL parameters; "" = all
    """
    mine = Customer.objects.filter(owner=person, merged_into=None)
    if not query:
        return mine
    return filtered(by, QueryDict(query)).filter(owner=person)


@dataclass(frozen=True)
class HeirLine:
    """One heir in a hand-over: how many come, how many were reached, how many are late."""

    heir: User | None  # None = nobody had room: to the pool
    gets: int
    moved: int
    touched: int
    late: int

    @property
    def waits(self) -> int:
        return self.moved - self.touched


_TOUCHED = Q(state=ItemState.MOVED) & (
    Q(customer__last_touch_at__gte=F("moved_at")) | ~Q(customer__owner=F("heir"))
)


def by_heir(handover: Handover, *, at: datetime) -> list[HeirLine]:
    """How far each heir is; whoever got most first. Who lost the customer since owes nothing."""
    rows = list(
        handover.items.order_by()
        .values_list("heir_id")
        .annotate(
            gets=Count("pk"),
            moved=Count("pk", filter=Q(state=ItemState.MOVED)),
            touched=Count("pk", filter=_TOUCHED),
            late=Count("pk", filter=Q(state=ItemState.MOVED, due_at__lt=at) & ~_TOUCHED),
        )
    )
    people = User.objects.in_bulk([row[0] for row in rows if row[0]])
    lines = [HeirLine(people.get(heir or 0), *counts) for heir, *counts in rows]
    return sorted(lines, key=lambda line: (line.heir is None, -line.gets))


@dataclass(frozen=True)
class Progress:
    total: int
    planned: int
    moved: int
    passed: int
    unplaced: int

    @property
    def done(self) -> int:
        return self.total - self.planned


def progress_of(handover: Handover) -> Progress:
    states = Counter(dict(handover.items.order_by().values_list("state").annotate(n=Count("pk"))))
    return Progress(
        total=sum(states.values()),
        planned=states[ItemState.PLANNED],
        moved=states[ItemState.MOVED],
        passed=states[ItemState.PASSED],
        unplaced=states[ItemState.UNPLACED],
    )


def first_touches(user: User, *, mine: bool) -> list[HandoverItem]:
    """Customers handed over whom nobody has reached out to since, the soonest due first.

    mine  only those that came to `user`
    """
    items = HandoverItem.objects.visible_to(user).untouched()
    if mine:
        items = items.filter(heir=user)
    soonest = list(items.order_by("due_at", "pk").values_list("pk", flat=True)[:200])
    found = HandoverItem.objects.filter(pk__in=soonest)
    return list(
        found.select_related("customer", "heir", "handover__person").order_by("due_at", "pk")
    )


def count_touches(user: User, *, late_at: datetime | None = None) -> int:
    """How many came to `user` and wait for a first touch, at most 200; of these only the late
    ones with `late_at`."""
    items = HandoverItem.objects.filter(heir=user).untouched()
    if late_at is not None:
        items = items.filter(due_at__lt=late_at)
    return items[:200].count()


@dataclass(frozen=True)
class Brief:
    """What the heir of one customer should know, from its timeline up to the hand-over."""

    item: HandoverItem
    calls: list[Moment]
    promises: list[Moment]
    notes: list[Moment]
    helpers: list[Collaboration]
    clashes: list[Clash]

    @property
    def is_empty(self) -> bool:
        return not (self.calls or self.promises or self.notes or self.helpers or self.clashes)


def brief_of(item: HandoverItem, *, at: datetime) -> Brief:
    """Composed when it is read: so a merge, or a note added since, is in it. A few queries."""

    def told(kind: str, most: int) -> list[Moment]:
        return holdings.timeline(
            item.customer, before=None, most=most, kinds=frozenset({kind})
        )[:most]  # fmt: skip

    customer = item.customer
    return Brief(
        item=item,
        calls=told("call", _CALLS),
        promises=told("followup", 1),
        notes=told("note", _NOTES),
        helpers=list(
            Collaboration.objects.standing(at).filter(customer=customer).select_related("user")
        ),
        clashes=list(
            Clash.objects.living()
            .filter(customer=customer)
            .select_related("claimant")
            .order_by("pk")
        ),
    )


def is_whole_leaving(handover: Handover) -> bool:
    return handover.reason == HandoverReason.LEAVING and not handover.query


def slice_of(handover: Handover, *, user: User) -> list[tuple[str, str]]:
    """Which part is handed over, as people read it: (filter, value); empty = all."""
    params = QueryDict(handover.query)
    found = []
    for known in filters():
        if value := params.get(known.name):
            shown = dict(known.choices(user)).get(value, value) if known.choices else value
            found.append((str(known.label), str(shown)))
    return found
