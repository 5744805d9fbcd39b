"""First come, first owned; attempts by others are recorded and decided."""

from datetime import timedelta

import pytest

from furrow.customers.actions import assign_customer, merge_customers, undo_merge
from furrow.customers.models import Customer, MergeEvent
from furrow.customers.rules import OwnerChange
from furrow.customers.tests.make import make_customer, number_of
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.teamwork.actions import (
    appeal_clash,
    decide_clash,
    keep_deadlines,
    look_up,
    record_attempts,
    record_clash,
    save_terms,
)
from furrow.teamwork.models import Clash, ClashStep, LookUp
from furrow.teamwork.queries.clashes import next_to_decide, seen_by, to_decide, waiting_for
from furrow.teamwork.rules import (
    CannotSettle,
    ClashState,
    Entrance,
    Grounds,
    Ruling,
    Terms,
    TooManyQuestions,
)

from .make import make_clash, make_collaboration, make_leader_of, make_touched

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def _manager() -> User:
    return make_user(role=Role.MANAGER)


def test_wanting_a_customer_nobody_worked_on_waits_for_the_holders_leader() -> None:
    clash = make_clash()

    assert clash.state == ClashState.WAITING
    assert clash.team == clash.holder.team
    assert clash.due_at is not None
    assert clash.due_at > NOON + timedelta(days=2)
    assert next_to_decide(make_leader_of(clash.holder)) == clash
    assert next_to_decide(make_leader_of(clash.claimant)) is None


def test_an_owner_who_worked_lately_keeps_the_customer_by_rule() -> None:
    customer = make_touched(make_customer(owner=make_agent()), at=NOON)

    clash = make_clash(customer=customer, at=NOON + timedelta(days=14))

    assert (clash.state, clash.ruling, clash.grounds) == ("decided", "holder", "worked")


def test_a_touch_of_the_owner_before_does_not_count() -> None:
    customer = make_touched(make_customer(owner=make_agent()), at=NOON)
    by = make_user(role=Role.MANAGER)
    assign_customer(
        customer=customer, to=make_agent(), change=OwnerChange.TRANSFERRED, by=by, at=LATER
    )

    assert make_clash(customer=customer, at=LATER).state == ClashState.WAITING


def test_a_further_attempt_is_counted_in_the_clash_there_is() -> None:
    clash = make_clash()

    again = make_clash(customer=clash.customer, claimant=clash.claimant, at=LATER)

    assert (again.pk, again.attempts, again.last_at) == (clash.pk, 2, LATER)


def test_owners_helpers_and_the_pool_make_no_clash() -> None:
    customer, pooled = make_customer(owner=make_agent()), make_customer()
    helper = make_collaboration(customer=customer, at=NOON).user

    for who, whom in [(customer.owner, customer), (helper, customer), (make_agent(), pooled)]:
        assert who is not None
        assert record_clash(customer_id=whom.pk, entrance=Entrance.API, by=who, at=LATER) is None


def test_where_a_leader_is_a_party_a_manager_decides() -> None:
    leader = make_user(role=Role.LEADER)
    clash = make_clash(customer=make_customer(owner=make_agent(team=leader.team)), claimant=leader)

    assert clash.state == ClashState.ESCALATED
    with pytest.raises(CannotSettle):
        decide_clash(clash=clash, ruling=Ruling.CLAIMANT, by=leader, at=LATER)
    assert next_to_decide(_manager()) == clash


def test_a_list_takes_nobodys_customer_and_is_written_down() -> None:
    owned = [make_customer(owner=make_agent()) for _ in range(3)]
    pooled = make_customer()
    by = make_user(role=Role.OPERATIONS)
    ids = [customer.pk for customer in [*owned, pooled]]

    assert record_attempts(customer_ids=ids, entrance=Entrance.IMPORT, by=by, at=NOON) == 3
    assert set(Clash.objects.values_list("state", "grounds")) == {("closed", "no_claim")}
    assert ClashStep.objects.count() == 3


def test_the_leader_gives_it_to_the_claimant() -> None:
    clash = make_clash()
    leader = make_leader_of(clash.holder)

    clash = decide_clash(
        clash=clash, ruling=Ruling.CLAIMANT, words="called first", by=leader, at=LATER
    )

    clash.customer.refresh_from_db()
    assert clash.customer.owner == clash.claimant
    assert (clash.state, clash.grounds) == (ClashState.DECIDED, Grounds.PERSON)
    last = clash.steps.order_by("pk").last()
    assert last is not None
    assert last.words == "called first"
    assert any(anchor.startswith("customers.OwnershipEvent") for anchor in last.evidence)


def test_a_decision_is_appealed_once_and_the_manager_has_the_last_word() -> None:
    clash = make_clash()
    leader = make_leader_of(clash.holder)
    clash = decide_clash(clash=clash, ruling=Ruling.CLAIMANT, by=leader, at=LATER)

    clash = appeal_clash(clash=clash, words="my call of May", by=clash.holder, at=LATER)
    assert next_to_decide(leader) is None
    clash = decide_clash(clash=clash, ruling=Ruling.HOLDER, by=_manager(), at=LATER)

    assert clash.state == ClashState.CLOSED
    clash.customer.refresh_from_db()
    assert clash.customer.owner == clash.holder
    with pytest.raises(CannotSettle):
        appeal_clash(clash=clash, words="no", by=clash.claimant, at=LATER)


def test_a_clash_about_a_customer_who_changed_hands_is_moot() -> None:
    clash = make_clash()
    leader, third = make_leader_of(clash.holder), make_agent()
    assign_customer(
        customer=clash.customer, to=third, change=OwnerChange.TRANSFERRED, by=leader, at=LATER
    )

    clash = decide_clash(clash=clash, ruling=Ruling.CLAIMANT, by=leader, at=LATER)

    assert (clash.state, clash.grounds) == (ClashState.CLOSED, Grounds.MOOT)
    clash.customer.refresh_from_db()
    assert clash.customer.owner == third


def test_what_a_leader_leaves_lying_goes_to_the_managers() -> None:
    clash = make_clash()
    leader, by = make_leader_of(clash.holder), make_user(role=Role.ADMINISTRATOR)

    assert keep_deadlines(by=by, at=NOON + timedelta(days=3)) == 0
    assert keep_deadlines(by=by, at=NOON + timedelta(days=30)) == 1
    assert keep_deadlines(by=by, at=NOON + timedelta(days=30)) == 0

    clash.refresh_from_db()
    assert clash.state == ClashState.ESCALATED
    with pytest.raises(CannotSettle):
        decide_clash(clash=clash, ruling=Ruling.HOLDER, by=leader, at=LATER)


def test_what_nobody_appeals_in_time_is_closed() -> None:
    clash = make_clash()
    decide_clash(clash=clash, ruling=Ruling.HOLDER, by=make_leader_of(clash.holder), at=LATER)

    keep_deadlines(by=make_user(role=Role.ADMINISTRATOR), at=NOON + timedelta(days=30))

    clash.refresh_from_db()
    assert (clash.state, clash.ruling) == (ClashState.CLOSED, Ruling.HOLDER)


def test_each_side_and_the_leader_see_a_clash_and_a_stranger_does_not() -> None:
    clash = make_clash()

    for who in (clash.claimant, clash.holder, make_leader_of(clash.holder), _manager()):
        assert list(Clash.objects.visible_to(who)) == [clash]
    assert not Clash.objects.visible_to(make_agent()).exists()
    assert not to_decide(make_agent()).exists()


def test_what_waits_is_counted() -> None:
    clash = make_clash()
    leader = make_leader_of(clash.holder)
    assert waiting_for(leader, at=LATER)["to_decide"] == 1
    assert waiting_for(clash.holder, at=LATER)["against_me"] == 1

    decide_clash(clash=clash, ruling=Ruling.HOLDER, by=leader, at=LATER)

    assert waiting_for(clash.claimant, at=LATER)["to_appeal"] == 1


def test_a_merge_keeps_every_clash_and_undoing_it_puts_them_back() -> None:
    claimant = make_agent()
    kept, duplicate = make_customer(owner=make_agent()), make_customer(owner=make_agent())
    ours = make_clash(customer=kept, claimant=claimant)
    theirs = make_clash(customer=duplicate, claimant=claimant)
    other = make_clash(customer=duplicate)
    by = make_user(role=Role.OPERATIONS)

    merge_customers(duplicate=duplicate, into=kept, by=by, at=LATER)

    assert set(Clash.objects.filter(customer=kept)) == {ours, theirs, other}
    assert set(Clash.objects.living()) == {ours, other}
    undo_merge(merge=MergeEvent.objects.get(), by=by, at=LATER)
    assert set(Clash.objects.filter(customer=duplicate)) == {theirs, other}
    assert Clash.objects.living().count() == 3


# -- whose is it -----------------------------------------------------------------------------------


def test_a_number_or_a_whole_name_tells_the_owners_name_only() -> None:
    owner = make_agent()
    customer = make_customer(name="陈晓明", owner=owner)
    by = make_agent()

    by_number = look_up(text=number_of(customer).e164, by=by, at=NOON)
    by_name = look_up(text="陈 晓明", by=by, at=NOON)

    assert by_number == by_name
    assert [(found.owner, found.owner_id) for found in by_name] == [(str(owner), owner.pk)]
    assert look_up(text="陈", by=by, at=NOON) == []
    assert LookUp.objects.count() == 3


def test_asking_too_often_is_refused_until_the_hour_has_passed() -> None:
    by = make_agent()
    save_terms(terms=Terms(lookups_per_hour=2), by=_manager(), at=NOON)
    look_up(text="甲", by=by, at=NOON)
    look_up(text="乙", by=by, at=NOON + timedelta(minutes=10))

    with pytest.raises(TooManyQuestions) as refused:
        look_up(text="丙", by=by, at=NOON + timedelta(minutes=20))

    assert refused.value.next_at == NOON + timedelta(hours=1)
    look_up(text="丙", by=by, at=NOON + timedelta(hours=1))
    look_up(text="甲", by=make_agent(), at=NOON + timedelta(minutes=20))


def test_the_evidence_is_what_the_timeline_tells() -> None:
    clash = make_clash()

    seen = seen_by(clash, user=make_leader_of(clash.holder), at=LATER)
    assert {moment.kind for moment in seen.evidence} >= {"owner"}
    assert seen.can_decide
    hidden = seen_by(clash, user=clash.claimant, at=LATER)
    assert (hidden.evidence, hidden.sees_customer) == ([], False)


def test_a_customer_is_gone_from_no_list_by_a_clash() -> None:
    clash = make_clash()
    assert Customer.objects.visible_to(clash.holder).filter(pk=clash.customer_id).exists()
    assert not Customer.objects.visible_to(clash.claimant).filter(pk=clash.customer_id).exists()
