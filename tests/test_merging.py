"""Two records become one and two again, with rows in every table about customers."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from furrow.acquisition.models import Lead, Row
from furrow.acquisition.tests.make import make_list, make_source
from furrow.calls.rules import CallState
from furrow.calls.tests.make import make_call
from furrow.campaigns.models import Campaign
from furrow.campaigns.tests.make import make_campaign, make_target
from furrow.capture.models import Visitor
from furrow.capture.tests.make import key, make_site
from furrow.customers import holdings
from furrow.customers.actions import (
    add_note,
    add_number,
    assign_customer,
    merge_customers,
    undo_merge,
    update_customer,
)
from furrow.customers.models import Customer, MergeEvent, Note, OwnershipEvent
from furrow.customers.rules import CannotMerge, OwnerChange
from furrow.customers.tests.make import make_customer, make_e164, number_of
from furrow.followups.models import FollowUp, Rest
from furrow.followups.tests.make import make_followup
from furrow.learning.tests.make import make_traces as make_learned
from furrow.linkage.models import Pair
from furrow.linkage.rules import Verdict
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user
from furrow.ownership.tests.make import make_act
from furrow.permits.models import Denial
from furrow.pipeline.actions import give_score, move_stage
from furrow.pipeline.rules import Score, Stage
from furrow.pipeline.tests.make import make_standing, put_in_force
from furrow.profiles.models import Contact
from furrow.profiles.rules import Role as Part
from furrow.teamwork.tests.make import make_traces

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def _fill(customer: Customer, *, by: User, campaigns: list[Campaign], random: Random) -> None:
    """Rows about a customer: each kind or none, as chance has it."""

    def perhaps(do: Callable[[], Any]) -> None:
        if random.random() < 0.7:
            do()

    perhaps(lambda: add_note(customer=customer, text="likes tea", by=by, at=NOON))
    perhaps(lambda: add_number(customer=customer, e164=make_e164(), by=by, at=NOON))
    perhaps(lambda: make_standing(customer=customer, by=by))
    perhaps(lambda: give_score(customer=customer, score=Score.CP, value=2, by=by, at=NOON))
    boss = make_user(role=Role.MANAGER)
    perhaps(
        lambda: move_stage(
            customer=customer, to=Stage.ACQUISITION, reason="ready", by=boss, at=NOON
        )
    )
    perhaps(lambda: make_call(agent=by, customer=customer, state=CallState.ENDED))
    due_at = NOON + timedelta(days=random.randrange(1, 9))
    perhaps(lambda: make_followup(agent=by, customer=customer, due_at=due_at))
    perhaps(
        lambda: Rest.objects.create(
            customer=customer, since=NOON, until=NOON + timedelta(days=random.randrange(1, 9))
        )
    )
    for campaign in campaigns:
        perhaps(lambda: make_target(campaign=campaign, customer=customer, agent=by))  # noqa: B023
    perhaps(
        lambda: Denial.objects.create(
            customer=customer, number=number_of(customer), agent=by, rule="D4", at=NOON, answers=[]
        )
    )
    perhaps(lambda: Row.objects.create(batch=make_list(), line=1, cells=[], customer=customer))
    perhaps(lambda: Lead.objects.create(source=make_source(), customer=customer, at=NOON))
    perhaps(lambda: make_act(customer=customer, by=by, at=NOON, is_deal=True))
    perhaps(
        lambda: Contact.objects.create(
            customer=customer, name="王芳", role=Part.PAYER, person=make_customer(), by=by, at=NOON
        )
    )
    perhaps(
        lambda: Visitor.objects.create(
            site=make_site(), key=key(), first_at=NOON, last_at=NOON, customer=customer
        )
    )
    for make_trace in (*make_traces(customer, by), *make_learned(customer, by)):
        perhaps(make_trace)


def _pair(seed: int) -> tuple[Customer, Customer]:
    random, by = Random(seed), make_agent()
    put_in_force(stages={"acquisition": {"team": make_team().pk}})  # so there are hand-offs
    campaigns = [make_campaign(agent=by) for _time in range(2)]
    third = make_customer()
    pair = []
    for _which in range(2):
        customer = make_customer(
            owner=random.choice([by, make_agent(), None]),
            city=random.choice(["", "深圳", "北京"]),
            address=random.choice(["", "南山区科技路1号"]),
            profile={name: seed for name in ("sex", "hobby", "job") if random.random() < 0.5},
        )
        _fill(customer, by=by, campaigns=campaigns, random=random)
        pair.append(customer)
        if random.random() < 0.7:  # compared with a third, and perhaps judged
            verdict = random.choice([Verdict.OPEN, Verdict.DIFFERENT])
            said = {} if verdict is Verdict.OPEN else {"decided_by": by, "decided_at": NOON}
            Pair.objects.create(
                left=third, right=customer, weight=1, verdict=verdict, found_at=NOON, **said
            )
    return pair[0], pair[1]


def _merge(duplicate: Customer, kept: Customer, **more: Any) -> MergeEvent:
    by = make_user(role=Role.OPERATIONS)
    merge_customers(duplicate=duplicate, into=kept, by=by, at=LATER, **more)
    return MergeEvent.objects.get(duplicate=duplicate, undone_at=None)


def _undo(merge: MergeEvent) -> MergeEvent:
    return undo_merge(merge=merge, by=merge.by, at=LATER + timedelta(hours=1))


@pytest.mark.parametrize("seed", range(12))
def test_undoing_a_merge_leaves_no_trace_but_history(seed: int) -> None:
    duplicate, kept = _pair(seed)
    pair = [duplicate.pk, kept.pk]
    before = holdings.picture(pair)

    merge = _merge(duplicate, kept)
    assert all(
        pk in (kept.pk, duplicate.pk) or duplicate.pk not in row.values()
        for table, rows in holdings.picture([duplicate.pk]).items()
        for pk, row in rows.items()
        if table != "customers.Customer" and "customer_id" in row
    )
    merge = _undo(merge)

    assert holdings.picture(pair) == before
    assert merge.left == {}
    for customer in Customer.objects.filter(pk__in=pair):  # replaying the ledger gives the owner
        last = OwnershipEvent.objects.filter(customer=customer).order_by("id").last()
        assert customer.owner_id == (last.to_owner_id if last else None)


def test_these_pairs_have_rows_in_every_declared_table() -> None:
    seen = set()
    for seed in range(12):
        a, b = _pair(seed)
        seen |= {table for table, rows in holdings.picture([a.pk, b.pk]).items() if rows}
    assert seen == set(holdings.picture([]))


def test_what_changed_or_came_since_is_left_and_said() -> None:
    by, agent = make_user(role=Role.OPERATIONS), make_agent()
    kept = make_customer(city="", address="")
    duplicate = make_customer(city="深圳", address="科技路1号", profile={"sex": "f"}, owner=agent)
    moved = add_note(customer=duplicate, text="old", by=by, at=NOON)
    merge = _merge(duplicate, kept)
    kept.refresh_from_db()
    update_customer(customer=kept, changes={"city": "广州"}, by=by, at=LATER)
    update_customer(customer=kept, changes={"profile": {"job": "x"}}, by=by, at=LATER)
    new = add_note(customer=kept, text="new", by=by, at=LATER)
    assign_customer(customer=kept, to=make_agent(), change=OwnerChange.TRANSFERRED, by=by, at=LATER)

    merge = _undo(merge)

    kept.refresh_from_db()
    duplicate.refresh_from_db()
    assert (kept.city, kept.address, kept.profile) == ("广州", "", {"job": "x"})
    assert kept.owner != agent
    assert duplicate.owner == agent
    assert Note.objects.get(pk=moved.pk).customer == duplicate
    assert Note.objects.get(pk=new.pk).customer == kept
    assert merge.left == {"fields": ["city"], "since": 1, "owners": 1}
    assert len(merge.what_was_left.sentences) == 3


def test_a_place_taken_since_is_left_to_who_took_it() -> None:
    agent = make_agent()
    kept, duplicate = make_customer(owner=agent), make_customer(owner=agent)
    later = make_followup(agent=agent, customer=kept, due_at=NOON + timedelta(days=9))
    sooner = make_followup(agent=agent, customer=duplicate, due_at=NOON + timedelta(days=2))
    merge = _merge(duplicate, kept)
    FollowUp.objects.filter(pk=sooner.pk).update(done_at=LATER)
    newest = make_followup(agent=agent, customer=kept)

    merge = _undo(merge)

    sooner.refresh_from_db()
    later.refresh_from_db()
    assert (sooner.customer, sooner.done_at) == (duplicate, LATER)
    assert later.done_at is not None
    assert FollowUp.objects.get(customer=kept, done_at=None) == newest
    assert merge.left == {"changed": 1, "since": 1}


def test_a_chain_is_undone_from_its_end() -> None:
    a, b, c = make_customer(), make_customer(), make_customer()
    first, second = _merge(a, b), _merge(b, c)

    with pytest.raises(CannotMerge):
        _undo(first)
    _undo(second)
    a.refresh_from_db()
    assert a.merged_into == b
    _undo(first)
    with pytest.raises(CannotMerge):
        _undo(first)
    assert [len(holdings.picture([x.pk])["customers.Number"]) for x in (a, b, c)] == [1, 1, 1]


def test_an_owner_who_left_gets_nobody_back() -> None:
    agent = make_agent()
    duplicate = make_customer(owner=agent)
    merge = _merge(duplicate, make_customer(owner=make_agent()))
    User.objects.filter(pk=agent.pk).update(role=Role.QA, team=None)

    merge = _undo(merge)

    duplicate.refresh_from_db()
    assert (duplicate.owner, duplicate.merged_into) == (None, None)
    assert merge.left == {"owners": 1}
