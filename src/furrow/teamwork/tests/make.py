"""Working together, for tests."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from furrow.customers.actions import mark_touched
from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.ownership.tests.make import make_act
from furrow.teamwork.actions import add_collaborator, credit_sale, record_clash
from furrow.teamwork.models import Clash, Collaboration, Handover, HandoverItem, Sale
from furrow.teamwork.rules import ClashState, Entrance, HandoverReason, ItemState


def make_clash(
    *,
    customer: Customer | None = None,
    claimant: User | None = None,
    entrance: Entrance = Entrance.FORM,
    at: datetime = NOON,
) -> Clash:
    """An agent wants a customer whom its owner has never touched: a leader has to decide."""
    customer = customer or make_customer(owner=make_agent())
    clash = record_clash(
        customer_id=customer.pk, entrance=entrance, by=claimant or make_agent(), at=at
    )
    assert clash is not None
    return clash


def make_touched(customer: Customer, *, at: datetime = NOON) -> Customer:
    """The owner talked with the customer for a minute."""
    assert customer.owner is not None
    make_act(customer=customer, by=customer.owner, at=at)
    mark_touched(customer_id=customer.pk, at=at)
    customer.refresh_from_db()
    return customer


def make_leader_of(person: User) -> User:
    return make_user(role=Role.LEADER, team=person.team)


def make_collaboration(
    *,
    customer: Customer,
    user: User | None = None,
    share: int = 3000,
    at: datetime | None = None,
    days: int = 30,
) -> Collaboration:
    """From now by the clock unless `at` is given: who sees whom is asked of the database's."""
    at = at or timezone.now()
    owner = customer.owner
    assert owner is not None
    return add_collaborator(
        customer=customer, user=user or make_agent(), share=share,
        until=at + timedelta(days=days), by=owner, at=at,
    )  # fmt: skip


def make_sale(
    *, customer: Customer, amount_minor: int = 10_000, order_ref: str = "", at: datetime = NOON
) -> Sale:
    sale, _is_new = credit_sale(
        order_ref=order_ref or f"order-{customer.pk}-{Sale.objects.count()}",
        customer=customer, amount_minor=amount_minor, sold_at=at,
        by=make_user(role=Role.OPERATIONS), at=at,
    )  # fmt: skip
    return sale


def make_handover(*, person: User | None = None, heirs: Sequence[User] = ()) -> Handover:
    """A plan without lines."""
    person = person or make_agent()
    return Handover.objects.create(
        person=person, reason=HandoverReason.OVERLOAD, heirs=[heir.pk for heir in heirs],
        touch_days=3, seed=1, by=make_user(role=Role.MANAGER), planned_at=NOON,
    )  # fmt: skip


def make_item(*, customer: Customer, heir: User) -> HandoverItem:
    """A customer who came to `heir` at noon."""
    return HandoverItem.objects.create(
        handover=make_handover(heirs=[heir]), customer=customer, heir=heir, state=ItemState.MOVED,
        moved_at=NOON, due_at=NOON + timedelta(days=3),
    )  # fmt: skip


def make_traces(customer: Customer, by: User) -> list[Callable[[], object]]:
    """One of each row about a customer, for those who check that merges keep everything."""
    day = timedelta(days=1)
    return [
        lambda: Clash.objects.create(
            customer=customer, claimant=make_agent(), holder=by, entrance=Entrance.FORM,
            opened_at=NOON, last_at=NOON, due_at=NOON + day, state=ClashState.WAITING,
        ),
        lambda: Collaboration.objects.create(
            customer=customer, user=by, since=NOON, until=NOON + day, by=by
        ),
        lambda: make_sale(customer=customer),
        lambda: make_item(customer=customer, heir=by),
    ]  # fmt: skip
