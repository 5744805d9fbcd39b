"""Who is known already, while somebody types."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from furrow.audit.models import Event
from furrow.customers.models import Customer, MergeEvent, Number
from furrow.customers.rules import TooManyAsked
from furrow.customers.tests.make import make_customer
from furrow.linkage.actions import judge_pair, note_lookup
from furrow.linkage.models import Pair, Run
from furrow.linkage.rules import MOST_LOOKUPS, RunState, Verdict
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(client: Client) -> User:
    agent = make_agent()
    client.force_login(agent)
    return agent


def ask(client: Client, **said: str) -> str:
    response = client.post(reverse("likely-duplicates"), said)
    assert response.status_code == 200
    return str(response.content.decode())


def test_ones_own_customer_is_shown(client: Client, agent: User) -> None:
    customer = make_customer(name="张伟", numbers=["+8613800138001"], team=agent.team)

    shown = ask(client, name="張偉先生", numbers="138 0013 8001")

    assert f'href="{reverse("customer", args=[customer.pk])}"' in shown
    assert "138****8001" in shown


def test_of_anothers_customer_only_the_owner_is_told(client: Client, agent: User) -> None:
    other = make_agent()
    make_customer(name="张伟", numbers=["+8613800138001"], owner=other)

    shown = ask(client, name="李娜", numbers="13800138001")

    assert str(other) in shown
    assert "张伟" not in shown
    assert "8001" not in shown
    event = Event.objects.get(what="duplicates.looked_up")
    assert event.details == {"found": 1, "hidden": 1}


def test_of_anothers_pool_only_the_team_is_told(client: Client, agent: User) -> None:
    team = make_team(name="North")
    make_customer(name="张伟", numbers=["+8613800138001"], team=team)

    assert "in the pool of North" in ask(client, numbers="13800138001")


def test_somebody_who_only_resembles_a_hidden_customer_is_not_told(
    client: Client, agent: User
) -> None:
    make_customer(name="欧阳思远", numbers=["+8613800138001"], owner=make_agent())

    assert ask(client, name="欧阳思远").strip() == ""


def test_nothing_typed_asks_nothing(client: Client, agent: User) -> None:
    assert ask(client, name=" ") == ""
    assert not Event.objects.filter(what="duplicates.looked_up").exists()


def test_asking_faster_than_anybody_types_is_refused() -> None:
    agent, at = make_agent(), timezone.now()
    for _time in range(MOST_LOOKUPS):
        note_lookup(found=0, hidden=0, by=agent, at=at)

    with pytest.raises(TooManyAsked):
        note_lookup(found=0, hidden=0, by=agent, at=at)
    note_lookup(found=0, hidden=0, by=agent, at=at + timedelta(minutes=2))


# -- judging ---------------------------------------------------------------------------------------


@pytest.fixture
def operations(client: Client) -> User:
    person = make_user(role=Role.OPERATIONS)
    client.force_login(person)
    return person


def make_pair(*, weight: float = 3) -> Pair:
    left = make_customer(name="张伟", city="深圳")
    right = make_customer(name="张伟", city="广州")
    return Pair.objects.create(
        left=left, right=right, weight=weight, reasons=["same_name", "city_differs"], found_at=NOON
    )


def test_a_pair_is_shown_side_by_side_with_reasons_and_masked_numbers(
    client: Client, operations: User
) -> None:
    pair = make_pair()

    page = client.get(reverse("duplicates")).content.decode()

    assert "same name" in page
    assert "<mark>深圳</mark>" in page
    assert "<mark>张伟</mark>" not in page
    for number in Number.objects.filter(customer__in=[pair.left, pair.right]):
        assert number.masked in page
        assert number.e164[3:] not in page
    for key in ("s", "d", "l"):
        assert f'data-key="{key}"' in page


def test_a_verdict_brings_the_next_pair_and_can_be_taken_back(
    client: Client, operations: User
) -> None:
    pair, second = make_pair(weight=9), make_pair()

    answer = client.post(
        reverse("pair-judge", args=[pair.pk]),
        {"verdict": "same"},
        headers={"HX-Request": "true"},
    ).content.decode()

    assert reverse("pair-judge", args=[second.pk]) in answer
    assert "<html" not in answer
    pair.right.refresh_from_db()
    assert pair.right.merged_into == pair.left

    again = client.post(reverse("pair-undo"), headers={"HX-Request": "true"}).content.decode()

    assert reverse("pair-judge", args=[pair.pk]) in again
    pair.right.refresh_from_db()
    assert pair.right.merged_into is None


def test_a_pair_somebody_judged_meanwhile_is_passed_over(client: Client, operations: User) -> None:
    pair = make_pair()
    judge_pair(pair=pair, verdict=Verdict.DIFFERENT, by=make_user(role=Role.MANAGER), at=NOON)

    answer = client.post(reverse("pair-judge", args=[pair.pk]), {"verdict": "same"}, follow=True)

    assert "No pair waits" in answer.content.decode()
    pair.refresh_from_db()
    assert pair.verdict == Verdict.DIFFERENT


def test_verdicts_are_exported_without_personal_data(client: Client, operations: User) -> None:
    pair = make_pair()
    judge_pair(pair=pair, verdict=Verdict.DIFFERENT, by=operations, at=NOON)

    answer = client.post(reverse("verdicts"))

    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert f"{pair.left_id},{pair.right_id},different,3.0,same_name city_differs" in text
    assert "张伟" not in text
    assert Event.objects.filter(what="verdicts.exported", who=operations.username).exists()


def test_a_run_is_started_watched_and_stopped(client: Client, operations: User) -> None:
    client.post(reverse("duplicates-run"), {"joins_certain": "on"})
    run = Run.objects.get()
    assert run.joins_certain
    page = client.get(reverse("duplicates") + "?run").content.decode()
    assert "Comparing all customers" in page
    assert "<html" not in page
    assert client.post(reverse("duplicates-run")).status_code == 409

    client.post(reverse("duplicates-run"), {"stop": "1"})

    run.refresh_from_db()
    assert run.state == RunState.STOPPED


def test_a_leader_judges_the_teams_pairs_and_starts_no_run(client: Client) -> None:
    leader = make_user(role=Role.LEADER)
    client.force_login(leader)
    pair = make_pair()
    assert "No pair waits" in client.get(reverse("duplicates")).content.decode()
    Customer.objects.update(team=leader.team)
    page = client.get(reverse("duplicates")).content.decode()
    assert reverse("pair-judge", args=[pair.pk]) in page
    assert reverse("duplicates-run") not in page
    assert client.post(reverse("duplicates-run")).status_code == 404


# -- joining by hand -------------------------------------------------------------------------------


def test_a_record_is_joined_by_hand_and_parted_on_the_timeline(
    client: Client, operations: User
) -> None:
    # Numbers a slip apart, as of one person; others would make them two people.
    kept = make_customer(name="欧阳思远", numbers=["+8615499990001"])
    other = make_customer(name="欧阳思远", city="深圳", numbers=["+8615499990002"])
    dialog = client.get(reverse("customer-join", args=[kept.pk])).content.decode()
    assert f'value="{other.pk}"' in dialog
    assert f'value="{kept.pk}"' not in dialog

    client.post(reverse("customer-join", args=[kept.pk]), {"other": other.pk})

    merge = MergeEvent.objects.get()
    assert (merge.kept, merge.duplicate) == (kept, other)
    assert Pair.objects.get().verdict == Verdict.SAME
    page = client.get(reverse("customer", args=[kept.pk])).content.decode()
    assert reverse("merge-undo", args=[merge.pk]) in page

    answer = client.post(reverse("merge-undo", args=[merge.pk]), headers={"HX-Request": "true"})

    assert answer.headers["HX-Redirect"] == reverse("customer", args=[kept.pk])
    page = client.get(reverse("customer", args=[kept.pk])).content.decode()
    assert reverse("merge-undo", args=[merge.pk]) not in page
    assert "undone" in page
    assert Pair.objects.get().verdict == Verdict.DIFFERENT
    other.refresh_from_db()
    assert other.merged_into is None


@pytest.mark.parametrize("typed", ["", "x", "0", "999999999"])
def test_joining_with_nobody_is_refused(client: Client, operations: User, typed: str) -> None:
    kept = make_customer()
    answer = client.post(reverse("customer-join", args=[kept.pk]), {"typed": typed})
    assert answer.status_code == 409


def test_an_agent_is_offered_no_join(client: Client, agent: User) -> None:
    customer = make_customer(owner=agent)
    page = client.get(reverse("customer", args=[customer.pk])).content.decode()
    assert reverse("customer-join", args=[customer.pk]) not in page
