"""Customers dealt by share, room, attendance and what suits; and why somebody was not."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from furrow.customers.actions import assign_customer
from furrow.customers.models import Customer, OwnershipEvent
from furrow.customers.rules import OwnerChange
from furrow.customers.tests.make import make_customer
from furrow.organisation.actions import set_presence
from furrow.organisation.models import User
from furrow.organisation.rules import PresenceState, Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user
from furrow.ownership.tests.make import make_body, put_in_force
from furrow.teamwork.actions import deal_customers, save_profile
from furrow.teamwork.queries.dealing import Offer, propose
from furrow.teamwork.rules import CannotDeal

pytestmark = pytest.mark.django_db


def _agents(many: int) -> list[User]:
    team = make_team()
    return [make_agent(team=team) for _ in range(many)]


def _pool(many: int, city: str = "", language: str = "") -> list[int]:
    team = make_team()
    profile = {"language": language} if language else None
    return [make_customer(team=team, city=city, profile=profile).pk for _ in range(many)]


def _profile(
    user: User, *, share: int = 100, most: int | None = None, **accepts: list[str]
) -> None:
    by = make_user(role=Role.MANAGER)
    save_profile(user=user, share=share, most=most, accepts=accepts, by=by, at=NOON)


def _counts(ids: list[int]) -> Counter[int | None]:
    return Counter(Customer.objects.filter(pk__in=ids).values_list("owner_id", flat=True))


def test_shares_are_exact_and_each_is_in_the_ledger() -> None:
    a, b = _agents(2)
    _profile(a, share=200)
    ids = _pool(9)

    dealing, _p = deal_customers(
        customer_ids=ids, offer=Offer(agents=[a, b], seed=1), by=make_agent(), at=NOON
    )

    assert _counts(ids) == {a.pk: 6, b.pk: 3}
    assert dealing.counts == {str(a.pk): 6, str(b.pk): 3}
    assert OwnershipEvent.objects.filter(change="allocated").count() == 9


def test_what_somebody_was_dealt_this_morning_counts() -> None:
    a, b = _agents(2)
    by = make_user(role=Role.MANAGER)
    deal_customers(customer_ids=_pool(4), offer=Offer(agents=[a], seed=1), by=by, at=NOON)
    ids = _pool(6)

    later = NOON + timedelta(hours=1)
    deal_customers(customer_ids=ids, offer=Offer(agents=[a, b], seed=1), by=by, at=later)

    assert _counts(ids) == {a.pk: 1, b.pk: 5}


def test_a_dry_run_is_what_happens_and_changes_nothing() -> None:
    people = _agents(3)
    offer, ids = Offer(agents=people, seed=5), _pool(10)

    dry = propose(ids, offer, at=NOON)
    assert _counts(ids) == {None: 10}
    deal_customers(customer_ids=ids, offer=offer, by=make_agent(), at=NOON)

    assert dict(Customer.objects.filter(pk__in=ids).values_list("pk", "owner")) == dry.deal.given


def test_who_is_not_at_work_gets_nobody_when_that_is_asked() -> None:
    here, away = _agents(2)
    set_presence(user=here, state=PresenceState.READY, at=NOON)
    ids = _pool(4)

    offer = Offer(agents=[here, away], seed=1, only_present=True)
    proposal = propose(ids, offer, at=NOON)

    assert Counter(proposal.deal.given.values()) == {here.pk: 4}
    assert [str(line.closed) for line in proposal.lines] == ["", "is not at work now"]


def test_why_each_was_not_dealt_is_said_in_words() -> None:
    full, abroad = _agents(2)
    _profile(full, most=0)
    _profile(abroad, city=["北京"])
    ids = _pool(3, city="上海")

    [left] = propose(ids, Offer(agents=[full, abroad], seed=1), at=NOON).left

    assert left.count == 3
    assert {(user, str(why)) for user, why in left.whys} == {
        (full, "has no room left"), (abroad, "City"),
    }  # fmt: skip
    assert {customer.pk for customer in left.examples} == set(ids)


def test_nobody_is_dealt_beyond_what_the_rules_let_the_role_hold() -> None:
    """The strictest limit of the pools that are dealt from; a person's own may be stricter."""
    [usual] = make_body()["pools"]
    pools = [
        usual | {"key": "sh", "when": {"city": ["上海"]}, "most_held": {"agent": 3, "leader": 3}},
        usual | {"most_held": {"agent": 5, "leader": 9}},
    ]
    put_in_force(pools=pools)
    a, b = _agents(2)
    leader = make_user(role=Role.LEADER, team=a.team)
    _profile(b, most=1)
    make_customer(owner=a)

    elsewhere = propose(_pool(20), Offer(agents=[a, b, leader], seed=1), at=NOON)
    there = propose(_pool(20, city="上海"), Offer(agents=[a, b, leader], seed=1), at=NOON)

    assert [line.room for line in elsewhere.lines] == [4, 1, 9]
    assert [line.room for line in there.lines] == [2, 1, 3]
    assert [line.gets for line in there.lines] == [2, 1, 3]
    assert {str(why) for left in there.left for _who, why in left.whys} == {"has no room left"}


def test_unless_it_insists_whom_nobody_suits_goes_to_anybody_with_room() -> None:
    a, b = _agents(2)
    _profile(a, language=["粤语"])
    _profile(b, language=["英语"])
    ids = _pool(4, language="法语")

    insisting = propose(ids, Offer(agents=[a, b], seed=1), at=NOON)
    easy = propose(ids, Offer(agents=[a, b], seed=1, insists=False), at=NOON)

    assert len(insisting.deal.left) == 4
    assert Counter(easy.deal.given.values()) == {a.pk: 2, b.pk: 2}


def test_somebody_claimed_in_the_meantime_is_passed_over() -> None:
    [a] = _agents(1)
    ids = _pool(2)
    claimant = make_agent()
    assign_customer(
        customer=Customer.objects.get(pk=ids[0]), to=claimant, change=OwnerChange.CLAIMED,
        by=claimant, at=NOON,
    )  # fmt: skip

    deal_customers(customer_ids=ids, offer=Offer(agents=[a], seed=1), by=a, at=NOON)

    assert _counts(ids) == {claimant.pk: 1, a.pk: 1}


@pytest.mark.parametrize("role", [None, Role.QA])
def test_nobody_or_somebody_without_a_desk_cannot_be_dealt_to(role: Role | None) -> None:
    agents = [make_user(role=role)] if role else []
    with pytest.raises(CannotDeal):
        deal_customers(
            customer_ids=[], offer=Offer(agents=agents, seed=1), by=make_agent(), at=NOON
        )


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    people=st.lists(
        st.tuples(st.integers(0, 300), st.none() | st.integers(0, 4), st.sampled_from(["", "甲"])),
        min_size=1,
        max_size=4,
    ),
    cities=st.lists(st.sampled_from(["甲", "乙", ""]), max_size=8),
)
def test_none_twice_none_lost_and_nobody_beyond_the_own_limit(
    people: list[tuple[int, int | None, str]], cities: list[str]
) -> None:
    agents = _agents(len(people))
    for agent, (share, most, city) in zip(agents, people, strict=True):
        _profile(agent, share=share, most=most, city=[city] if city else [])
    team = make_team()
    ids = [make_customer(team=team, city=city).pk for city in cities]

    _dealing, proposal = deal_customers(
        customer_ids=ids, offer=Offer(agents=agents, seed=3, evens_out=False), by=agents[0], at=NOON
    )

    counts = _counts(ids)
    assert counts[None] == len(proposal.deal.left)
    assert sum(counts.values()) == len(ids)
    for agent, (share, most, _city) in zip(agents, people, strict=True):
        assert counts[agent.pk] <= (most if most is not None else len(ids))
        assert share or not counts[agent.pk]
    assert OwnershipEvent.objects.filter(customer__in=ids, change="allocated").count() == len(
        proposal.deal.given
    )
