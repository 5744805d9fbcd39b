from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from furrow.audit.models import Event
from furrow.calls.actions import move_call, place_call, wrap_up_call
from furrow.calls.models import Call
from furrow.calls.rules import MOVES, CallState, CannotWrapUp, Outcome
from furrow.calls.tests.make import make_call, make_campaign, make_disposition, make_permit
from furrow.compliance.models import Suppression
from furrow.customers.actions import merge_customers
from furrow.customers.models import Customer
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import PresenceState, Role
from furrow.organisation.tests.make import NOON, make_agent, make_user
from furrow.permits.models import Permit
from furrow.permits.rules import PermitVoid
from furrow.pipeline.rules import BadScore
from furrow.webhooks.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=3)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []

    def publish(kind: str, *, topics: list[str], **data: Any) -> None:
        told.append({"kind": kind, "topics": set(topics), **data})

    monkeypatch.setattr("furrow.calls.actions.publish", publish)
    return told


def seat(agent: User, state: PresenceState) -> None:
    Presence.objects.filter(user=agent).update(state=state)


def presence_of(agent: User) -> str:
    return Presence.objects.get(user=agent).state


def test_a_permit_allows_one_call() -> None:
    permit = make_permit()
    call = place_call(permit=permit, campaign=None, by=permit.holder, at=NOON)

    assert call.state == CallState.QUEUED
    assert call.team_id == permit.holder.team_id
    assert Permit.objects.get(pk=permit.pk).spent_at == NOON
    with pytest.raises(PermitVoid):
        place_call(permit=permit, campaign=None, by=permit.holder, at=NOON)


def test_a_call_without_a_permit_cannot_be_stored() -> None:
    call = make_call()
    with pytest.raises(IntegrityError), transaction.atomic():
        Call.objects.filter(pk=call.pk).update(permit=None)


def test_calls_to_a_customer_are_counted() -> None:
    customer = make_customer(owner=make_agent())
    assert customer.owner is not None
    first = make_call(agent=customer.owner, customer=customer, state=CallState.ENDED)
    second = make_call(agent=customer.owner, customer=customer, at=LATER)

    assert (first.attempt, second.attempt) == (1, 2)


@pytest.mark.parametrize("now", CallState)
@pytest.mark.parametrize("to", [state for state in CallState if state is not CallState.QUEUED])
def test_a_call_moves_only_as_the_table_says(now: CallState, to: CallState) -> None:
    call = make_call(state=now)
    moved = move_call(
        call_id=call.pk, to=to, at=LATER, outcome="busy" if to is CallState.ENDED else ""
    )

    assert moved is (to in MOVES[now])
    assert Call.objects.get(pk=call.pk).state == (to if moved else now)


def test_a_call_cannot_end_without_an_outcome() -> None:
    call = make_call(state=CallState.RINGING)
    with pytest.raises(IntegrityError), transaction.atomic():
        move_call(call_id=call.pk, to=CallState.ENDED, at=LATER)


def test_each_step_is_stamped_audited_and_told(published: list[dict[str, Any]]) -> None:
    call = make_call(state=CallState.ENDED, talk_seconds=95)

    assert call.dialed_at == NOON + timedelta(seconds=2)
    assert call.talk_seconds == 95
    assert [event.what for event in Event.objects.about(call)][::-1] == [
        "call.placed", "call.dialing", "call.ringing", "call.talking", "call.ended",
    ]  # fmt: skip
    assert [each["state"] for each in published] == [
        "queued", "dialing", "ringing", "talking", "ended",
    ]  # fmt: skip
    last = published[-1]
    assert last["topics"] == {f"user:{call.agent_id}", f"floor:{call.team_id}", "floor"}
    assert last["outcome"] == "answered"
    assert call.number.e164[-8:] not in str(published)


def test_ending_frees_the_customer_and_the_agent() -> None:
    call = make_call(state=CallState.RINGING)
    seat(call.talker, PresenceState.CALLING)

    move_call(call_id=call.pk, to=CallState.ENDED, at=LATER, outcome=Outcome.BUSY)

    assert Permit.objects.get(pk=call.permit_id).closed_at == LATER  # type: ignore[misc]
    assert presence_of(call.talker) == PresenceState.WRAPUP
    assert Customer.objects.get(pk=call.customer_id).last_touch_at == LATER


@pytest.mark.parametrize("state", [PresenceState.AWAY, PresenceState.OFFLINE])
def test_an_agent_who_went_away_stays_away(state: PresenceState) -> None:
    call = make_call(state=CallState.TALKING)
    seat(call.talker, state)

    move_call(call_id=call.pk, to=CallState.ENDED, at=LATER, outcome=Outcome.ANSWERED)

    assert presence_of(call.talker) == state


def test_a_call_that_was_never_dialled_touches_nobody() -> None:
    call = make_call()
    move_call(call_id=call.pk, to=CallState.ENDED, at=LATER, outcome=Outcome.CANCELLED)

    assert Customer.objects.get(pk=call.customer_id).last_touch_at is None


def test_talking_shows_the_agent_talking() -> None:
    call = make_call(state=CallState.RINGING)
    seat(call.talker, PresenceState.CALLING)

    move_call(call_id=call.pk, to=CallState.TALKING, at=LATER)

    assert presence_of(call.talker) == PresenceState.TALKING


def test_an_empty_number_is_never_called_again() -> None:
    call = make_call(state=CallState.ENDED, outcome=Outcome.EMPTY_NUMBER)

    suppression = Suppression.objects.standing(LATER).get(e164=call.number.e164)
    assert (suppression.kind, suppression.origin) == ("invalid", f"call:{call.pk}")


@pytest.mark.parametrize(
    "outcome", [o for o in Outcome if o not in {Outcome.EMPTY_NUMBER, Outcome.ANSWERED}]
)
def test_no_other_word_of_the_line_suppresses(outcome: Outcome) -> None:
    make_call(state=CallState.ENDED, outcome=outcome)

    assert not Suppression.objects.exists()


def test_a_second_end_changes_nothing() -> None:
    call = make_call(state=CallState.ENDED)
    events = Event.objects.count()

    assert not move_call(
        call_id=call.pk, to=CallState.ENDED, at=LATER + timedelta(hours=1), outcome=Outcome.BUSY
    )
    assert Event.objects.count() == events
    assert Call.objects.get(pk=call.pk).outcome == Outcome.ANSWERED


def test_other_systems_hear_of_the_end_and_the_result_but_no_number() -> None:
    Endpoint.objects.create(url="https://example.test/", secret="s", created_at=NOON)
    call = make_call(state=CallState.ENDED)
    wrap_up_call(
        call=call, disposition=make_disposition(), cp=4, remark="", by=call.talker, at=LATER
    )

    told = {delivery.event: delivery.payload for delivery in Delivery.objects.order_by("pk")}
    assert told["call.ended"]["outcome"] == "answered"
    assert told["call.wrapped_up"]["cp"] == 4
    assert call.number.e164[-8:] not in str(told)


def test_a_result_is_stored_once_and_frees_the_agent() -> None:
    call = make_call(state=CallState.ENDED)
    seat(call.talker, PresenceState.WRAPUP)
    result = make_disposition()

    call = wrap_up_call(
        call=call, disposition=result, cp=3, remark="Likes tea", by=call.talker, at=LATER
    )

    assert (call.disposition, call.cp, call.wrapped_at) == (result, 3, LATER)
    assert presence_of(call.talker) == PresenceState.READY
    with pytest.raises(CannotWrapUp):
        wrap_up_call(call=call, disposition=result, cp=3, remark="", by=call.talker, at=LATER)


def test_a_result_locks_the_customer_before_the_call() -> None:
    """As a merge does, which locks the calls afterwards: the other order would deadlock."""
    call = make_call(state=CallState.ENDED)
    with CaptureQueriesContext(connection) as queries:
        wrap_up_call(
            call=call, disposition=make_disposition(), cp=3, remark="", by=call.talker, at=LATER
        )

    locks = [query["sql"] for query in queries if " FOR " in query["sql"]]
    assert '"customers_customer"' in locks[0]
    assert "FOR NO KEY UPDATE" in locks[0]
    assert '"calls_call"' in locks[1]


def test_a_call_that_is_on_has_no_result_yet() -> None:
    call = make_call(state=CallState.TALKING)
    with pytest.raises(CannotWrapUp):
        wrap_up_call(
            call=call, disposition=make_disposition(), cp=None, remark="", by=call.talker, at=LATER
        )


def test_the_result_is_one_of_the_campaigns() -> None:
    agent = make_agent()
    campaign = make_campaign(agent=agent)
    call = make_call(agent=agent, campaign=campaign, state=CallState.ENDED)
    with pytest.raises(CannotWrapUp, match=campaign.name):
        wrap_up_call(
            call=call, disposition=make_disposition(), cp=None, remark="", by=agent, at=LATER
        )


def test_cp_is_0_to_5() -> None:
    call = make_call(state=CallState.ENDED)
    with pytest.raises(BadScore):
        wrap_up_call(
            call=call, disposition=make_disposition(), cp=6, remark="", by=call.talker, at=LATER
        )


def test_one_call_in_progress_per_agent() -> None:
    agent = make_agent()
    call = make_call(agent=agent)
    Permit.objects.filter(pk=call.permit_id).update(closed_at=NOON)  # type: ignore[misc]
    with pytest.raises(IntegrityError), transaction.atomic():
        make_call(agent=agent)


def test_calls_follow_a_merge() -> None:
    call = make_call(state=CallState.ENDED)
    kept = make_customer(name="李娜")

    merge_customers(
        duplicate=call.customer, into=kept, by=make_user(role=Role.OPERATIONS), at=LATER
    )

    assert Call.objects.get(pk=call.pk).customer_id == kept.pk


@pytest.mark.django_db(transaction=True)
def test_ending_a_call_and_asking_for_the_next_do_not_block_each_other() -> None:
    """The end waits for whoever holds the customer, before it touches the call."""
    import psycopg
    from django.db import OperationalError

    call = make_call(state=CallState.TALKING)
    params = connection.get_connection_params()
    with psycopg.connect(
        dbname=params["dbname"], user=params["user"], password=params["password"],
        host=params["host"],
    ) as other:  # fmt: skip
        other.execute(
            "SELECT 1 FROM customers_customer WHERE id = %s FOR NO KEY UPDATE", [call.customer_id]
        )
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        with pytest.raises(OperationalError), transaction.atomic():
            move_call(call_id=call.pk, to=CallState.ENDED, at=LATER, outcome=Outcome.ANSWERED)
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
        other.execute("SELECT 1 FROM calls_call WHERE id = %s FOR UPDATE NOWAIT", [call.pk])
