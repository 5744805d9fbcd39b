"""Acts and rules for tests."""

from copy import deepcopy
from datetime import datetime
from itertools import count
from typing import Any

from furrow.customers.models import Customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_user
from furrow.ownership.actions import note_act
from furrow.ownership.models import Act
from furrow.ownership.queries import BOOK
from furrow.ownership.rules import DEFAULT_BODY, ActKind, Rules, Strength, rules_from
from furrow.rulebooks.actions import set_rules
from furrow.rulebooks.models import RuleVersion

_next = count(1)


def make_act(
    *,
    customer: Customer,
    by: User,
    at: datetime,
    kind: ActKind = ActKind.CALL,
    strength: Strength = Strength.WEAK,
    talk_seconds: int | None = 60,
    is_deal: bool = False,
) -> Act:
    """A call of a minute's talk."""
    act = note_act(
        customer_id=customer.pk, kind=kind, strength=strength, source=f"test:{next(_next)}",
        talk_seconds=talk_seconds, is_deal=is_deal, by=by, at=at,
    )  # fmt: skip
    assert act is not None
    return act


def make_body(
    *, clocks: dict[str, int | None] | None = None, pool: Any = None, **house: Any
) -> Any:
    """The rules Furrow starts with, some of them changed; by default nothing is safe by itself."""
    body = deepcopy(dict(DEFAULT_BODY))
    body |= {"is_on": True, "taken_days": 0, **house}
    body["pools"][0] |= pool or {}
    body["pools"][0]["clocks"][0] |= clocks or {}
    return body


def make_rules(**changes: Any) -> Rules:
    return rules_from(make_body(**changes), version=1)


def put_in_force(*, at: datetime = NOON, **changes: Any) -> RuleVersion:
    return set_rules(
        book=BOOK, body=make_body(**changes), note="test", by=make_user(role=Role.MANAGER), at=at
    )
