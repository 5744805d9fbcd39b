"""Somebody leaves, moves on or has too much: everybody goes over, with history and promises."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from furrow.customers.actions import add_note, assign_customer
from furrow.customers.models import Customer, OwnershipEvent
from furrow.customers.rules import OwnerChange
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_token, make_user
from furrow.teamwork.actions import (
    cancel_handover,
    hand_chunk,
    plan_handover,
    save_profile,
    start_handover,
)
from furrow.teamwork.actions import handing as actions
from furrow.teamwork.models import Clash, Handover, HandoverItem
from furrow.teamwork.queries.handing import brief_of, by_heir, first_touches, progress_of
from furrow.teamwork.rules import CannotHandOver, HandoverReason, HandoverState, ItemState

from .make import make_clash, make_touched

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def _house(heirs: int = 2, customers: int = 5) -> tuple[User, list[User], list[Customer]]:
    team = make_team()
    person = make_agent(team=team)
    others = [make_agent(team=team) for _ in range(heirs)]
    return person, others, [make_customer(owner=person, city="上海") for _ in range(customers)]


def _plan(
    person: User, heirs: list[User], *, query: str = "",
    reason: HandoverReason = HandoverReason.LEAVING,
) -> Handover:  # fmt: skip
    return plan_handover(
        person=person, reason=reason, heirs=heirs, touch_days=3, query=query, seed=1,
        by=make_user(role=Role.MANAGER), at=NOON,
    )  # fmt: skip


def _run(handover: Handover, *, freezes: bool = True) -> Handover:
    start_handover(handover=handover, freezes=freezes, by=handover.by, at=LATER)
    while hand_chunk(handover_id=handover.pk, at=LATER):
        pass
    handover.refresh_from_db()
    return handover


def test_a_plan_moves_nobody_and_says_who_would_get_how_many() -> None:
    person, heirs, customers = _house()

    handover = _plan(person, heirs)

    assert Customer.objects.filter(owner=person).count() == len(customers)
    assert sorted(line.gets for line in by_heir(handover, at=NOON)) == [2, 3]


def test_everybody_goes_over_and_the_leaver_is_out_the_same_second(client: Client) -> None:
    person, heirs, customers = _house()
    make_token(secret="furrow_secret-of-a-leaver", user=person)
    client.force_login(person)
    assert client.get(reverse("customers")).status_code == 200
    handover = _plan(person, heirs)

    start_handover(handover=handover, freezes=True, by=handover.by, at=LATER)

    assert client.get(reverse("customers")).status_code == 302  # before anybody has moved
    key = {"Authorization": "Bearer furrow_secret-of-a-leaver"}
    assert client.get("/api/v1/customers", headers=key).status_code == 401
    handover = _run_on(handover)
    assert handover.state == HandoverState.DONE
    assert set(Customer.objects.values_list("owner", flat=True)) == {h.pk for h in heirs}
    assert OwnershipEvent.objects.filter(change="transferred", rule="B6").count() == len(customers)


def _run_on(handover: Handover) -> Handover:
    while hand_chunk(handover_id=handover.pk, at=LATER):
        pass
    handover.refresh_from_db()
    return handover


def test_it_goes_on_where_it_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    person, heirs, _customers = _house(customers=5)
    monkeypatch.setattr(actions, "CHUNK", 2)
    handover = _plan(person, heirs)
    start_handover(handover=handover, freezes=True, by=handover.by, at=LATER)

    assert hand_chunk(handover_id=handover.pk, at=LATER) is True
    assert (progress_of(handover).moved, progress_of(handover).planned) == (2, 3)
    _run_on(handover)

    assert (progress_of(handover).moved, progress_of(handover).planned) == (5, 0)
    assert not hand_chunk(handover_id=handover.pk, at=LATER)


def test_who_came_since_the_plan_goes_over_too() -> None:
    person, heirs, _customers = _house()
    handover = _plan(person, heirs)
    late = make_customer(owner=person)

    _run(handover)

    late.refresh_from_db()
    assert late.owner in heirs


def test_who_finds_no_room_goes_to_the_pool_and_not_between_chairs() -> None:
    person, heirs, customers = _house(heirs=1)
    by = make_user(role=Role.MANAGER)
    save_profile(user=heirs[0], share=100, most=2, accepts={}, by=by, at=NOON)
    handover = _plan(person, heirs)
    assert progress_of(handover).unplaced == 3

    _run(handover)

    assert Customer.objects.filter(owner=heirs[0]).count() == 2
    assert Customer.objects.in_pool().count() == len(customers) - 2


def test_a_slice_of_somebody_who_stays() -> None:
    person, heirs, customers = _house()
    far = make_customer(owner=person, city="北京")
    handover = _plan(person, heirs, query="city=上海", reason=HandoverReason.OVERLOAD)

    _run(handover, freezes=False)

    far.refresh_from_db()
    person.refresh_from_db()
    assert far.owner == person
    assert person.is_active
    assert progress_of(handover).moved == len(customers)


def test_matching_heirs_come_first_and_the_rest_go_to_anybody() -> None:
    person, [near, other], _customers = _house()
    far = make_customer(owner=person, city="北京")
    by = make_user(role=Role.MANAGER)
    for heir in (near, other):
        region = ["上海"] if heir is near else ["广州"]
        save_profile(user=heir, share=100, most=None, accepts={"city": region}, by=by, at=NOON)

    handover = _plan(person, [near, other])

    heirs = dict(HandoverItem.objects.filter(handover=handover).values_list("customer", "heir"))
    assert heirs.pop(far.pk) in {near.pk, other.pk}
    assert set(heirs.values()) == {near.pk}


def test_somebody_who_changed_hands_in_the_meantime_is_left_alone() -> None:
    person, heirs, customers = _house()
    handover = _plan(person, heirs, reason=HandoverReason.OVERLOAD)
    taken = assign_customer(
        customer=customers[0], to=make_agent(), change=OwnerChange.TRANSFERRED, by=heirs[0], at=NOON
    )

    _run(handover, freezes=False)

    assert HandoverItem.objects.get(customer=taken).state == ItemState.PASSED
    assert progress_of(handover).moved == len(customers) - 1


def test_the_first_touch_is_due_and_who_is_late_is_seen() -> None:
    person, heirs, customers = _house(heirs=1)
    handover = _run(_plan(person, heirs))
    customers[0].refresh_from_db()
    make_touched(customers[0], at=LATER + timedelta(minutes=1))
    much_later = LATER + timedelta(days=10)

    [line] = by_heir(handover, at=much_later)
    assert (line.moved, line.touched, line.late, line.waits) == (5, 1, 4, 4)
    assert len(first_touches(heirs[0], mine=True)) == 4
    assert first_touches(make_agent(), mine=True) == []


def test_the_brief_tells_what_the_timeline_knows() -> None:
    person, heirs, customers = _house(customers=1)
    add_note(customer=customers[0], text="likes tea", by=person, at=NOON)
    handover = _run(_plan(person, heirs))

    brief = brief_of(handover.items.select_related("customer").get(), at=LATER)

    assert [moment.body for moment in brief.notes] == ["likes tea"]
    assert not brief.is_empty


def test_a_leavers_own_wants_end() -> None:
    person, heirs, _customers = _house()
    clash = make_clash(claimant=person)

    _run(_plan(person, heirs))

    assert Clash.objects.get(pk=clash.pk).state == "closed"


@pytest.mark.parametrize("what", ["nobody", "himself", "days", "no_customers", "running"])
def test_what_cannot_be_planned(what: str) -> None:
    person, heirs, _customers = _house()
    days = 3
    if what == "nobody":
        heirs = []
    elif what == "himself":
        heirs = [person]
    elif what == "days":
        days = 0
    elif what == "no_customers":
        Customer.objects.update(owner=None, owned_since=None)
    else:
        handover = _plan(person, heirs)
        start_handover(handover=handover, freezes=False, by=handover.by, at=NOON)

    with pytest.raises(CannotHandOver):
        plan_handover(
            person=person, reason=HandoverReason.LEAVING, heirs=heirs, touch_days=days, seed=1,
            by=make_user(role=Role.MANAGER), at=NOON,
        )  # fmt: skip


def test_only_a_whole_leaver_is_frozen_and_a_plan_starts_once() -> None:
    person, heirs, _customers = _house()
    sliced = _plan(person, heirs, query="city=上海")
    with pytest.raises(CannotHandOver):
        start_handover(handover=sliced, freezes=True, by=sliced.by, at=NOON)
    staying = _plan(person, heirs, reason=HandoverReason.PROMOTED)
    with pytest.raises(CannotHandOver):
        start_handover(handover=staying, freezes=True, by=sliced.by, at=NOON)
    with pytest.raises(CannotHandOver):
        start_handover(handover=sliced, freezes=False, by=sliced.by, at=NOON)  # replaced
    assert cancel_handover(handover=staying, by=sliced.by, at=NOON)
    assert not cancel_handover(handover=staying, by=sliced.by, at=NOON)
