from datetime import UTC, datetime, timedelta

import pytest

from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.calls.tests.make import make_call, make_campaign
from furrow.campaigns.rules import CampaignState
from furrow.compliance.actions import note_refusal, suppress_number
from furrow.compliance.rules import SuppressionKind
from furrow.customers.tests.make import make_customer, number_of
from furrow.dialer.actions import (
    ask_hang_up,
    beat,
    close_orphans,
    end_forbidden,
    end_overdue,
    start_call,
    take_queued,
)
from furrow.dialer.actions import calls as actions
from furrow.dialer.queries import hang_ups_asked, last_beat_at
from furrow.dialer.rules import LONGEST_QUEUED, SILENCE, CannotCall
from furrow.followups.rules import Reason
from furrow.followups.tests.make import make_followup
from furrow.organisation.models import Presence
from furrow.organisation.rules import PresenceState
from furrow.organisation.tests.make import make_agent
from furrow.permits.models import Denial, Permit
from furrow.permits.rules import NotPermitted, Purpose
from furrow.pipeline.rules import Stage
from furrow.pipeline.tests.make import make_standing

pytestmark = pytest.mark.django_db
OPEN = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # Monday noon in Shanghai
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _postgres_has_run_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "_postgres_started_at", lambda: OPEN - timedelta(days=1))


def test_the_gate_says_yes_and_the_call_waits_for_the_dialer() -> None:
    agent = make_agent()
    number = number_of(make_customer(owner=agent))

    call = start_call(number=number, agent=agent, by=agent, at=OPEN)

    assert (call.state, call.number, call.agent) == (CallState.QUEUED, number, agent)
    assert Permit.objects.get().spent_at == OPEN
    assert Presence.objects.get(user=agent).state == PresenceState.CALLING


@pytest.mark.parametrize("claimed", [Purpose.CALLBACK, Purpose.SERVICE])
def test_a_word_alone_does_not_break_the_silence_after_a_refusal(claimed: Purpose) -> None:
    agent = make_agent()
    number = number_of(make_customer(owner=agent))
    note_refusal(e164=number.e164, origin="call:1", by=agent, at=OPEN - timedelta(days=1))
    make_followup(agent=agent, customer=number.customer, due_at=OPEN, reason=Reason.RETRY)

    with pytest.raises(NotPermitted) as refusal:
        start_call(number=number, agent=agent, purpose=claimed, by=agent, at=OPEN)

    assert refusal.value.rule == "E1"


def test_a_promised_call_back_is_made_at_its_minute_and_not_before() -> None:
    agent = make_agent()
    number = number_of(make_customer(owner=agent))
    note_refusal(e164=number.e164, origin="call:1", by=agent, at=OPEN - timedelta(days=1))
    promise = make_followup(
        agent=agent, customer=number.customer, due_at=OPEN + timedelta(hours=2),
        reason=Reason.PROMISE,
    )  # fmt: skip

    with pytest.raises(NotPermitted):
        start_call(number=number, agent=agent, purpose=Purpose.CALLBACK, by=agent, at=OPEN)
    with pytest.raises(NotPermitted):  # a promise that nobody gave in a call
        start_call(
            number=number, agent=agent, purpose=Purpose.CALLBACK, by=agent, at=promise.due_at
        )
    promise.after_call = make_call(  # a colleague gave it
        customer=number.customer, state=CallState.ENDED, at=OPEN - timedelta(days=2)
    )
    Permit.objects.update(closed_at=OPEN - timedelta(days=2))
    promise.save()
    call = start_call(
        number=number, agent=agent, purpose=Purpose.CALLBACK, by=agent, at=promise.due_at
    )

    assert call.permit.purpose == Purpose.CALLBACK  # type: ignore[union-attr]


def test_whoever_bought_is_served_after_a_refusal_too() -> None:
    agent = make_agent()
    number = number_of(make_customer(owner=agent))
    note_refusal(e164=number.e164, origin="call:1", by=agent, at=OPEN - timedelta(days=1))
    make_standing(customer=number.customer, stage=Stage.RETENTION)

    call = start_call(number=number, agent=agent, purpose=Purpose.SERVICE, by=agent, at=OPEN)

    assert call.permit.purpose == Purpose.SERVICE  # type: ignore[union-attr]


def test_a_call_that_waits_is_not_dialled_once_its_number_must_not_be_called() -> None:
    forbidden, allowed = make_call(at=OPEN), make_call(at=OPEN)
    suppress_number(
        e164=forbidden.number.e164, kind=SuppressionKind.OPTED_OUT, origin="person",
        by=forbidden.talker, at=OPEN,
    )  # fmt: skip

    assert end_forbidden(at=OPEN + SECOND) == 1

    forbidden.refresh_from_db()
    assert (forbidden.state, forbidden.outcome) == (CallState.ENDED, Outcome.CANCELLED)
    assert [dial.call_id for dial in take_queued(at=OPEN + SECOND)] == [allowed.pk]


def test_who_owes_a_result_makes_no_further_call() -> None:
    agent = make_agent()
    make_call(agent=agent, state=CallState.ENDED, at=OPEN - timedelta(minutes=2))
    number = number_of(make_customer(owner=agent))

    with pytest.raises(CannotCall, match="result") as refusal:
        start_call(number=number, agent=agent, by=agent, at=OPEN)

    assert refusal.value.rule == "E3"
    assert not Permit.objects.filter(closed_at=None).exists()


def test_the_gate_says_no_and_the_denial_is_kept() -> None:
    agent = make_agent()
    number = number_of(make_customer(owner=agent))
    suppress_number(
        e164=number.e164, kind=SuppressionKind.OPTED_OUT, origin="person", by=agent, at=OPEN
    )

    with pytest.raises(NotPermitted) as refusal:
        start_call(number=number, agent=agent, by=agent, at=OPEN)

    assert refusal.value.rule == "C4"
    assert Denial.objects.get().rule == "C4"
    assert not Call.objects.exists()


def test_a_paused_campaign_calls_nobody() -> None:
    agent = make_agent()
    number = number_of(make_customer(owner=agent))
    campaign = make_campaign(agent=agent, state=CampaignState.PAUSED)

    with pytest.raises(NotPermitted, match=campaign.name):
        start_call(number=number, agent=agent, campaign=campaign, by=agent, at=OPEN)

    assert Denial.objects.get().campaign_ref == campaign.pk


def test_an_agent_has_one_line() -> None:
    agent = make_agent()
    start_call(number=number_of(make_customer(owner=agent)), agent=agent, by=agent, at=OPEN)

    with pytest.raises(NotPermitted):
        start_call(number=number_of(make_customer(owner=agent)), agent=agent, by=agent, at=OPEN)


def test_hanging_up_a_waiting_call_ends_it_at_once() -> None:
    call = make_call(at=OPEN)

    ask_hang_up(call=call, by=call.talker, at=OPEN + SECOND)

    call.refresh_from_db()
    assert (call.state, call.outcome) == (CallState.ENDED, Outcome.CANCELLED)
    assert not take_queued(at=OPEN + SECOND)


def test_hanging_up_a_dialled_call_asks_the_dialer_once() -> None:
    call = make_call(at=OPEN, state=CallState.RINGING)

    ask_hang_up(call=call, by=call.talker, at=OPEN + SECOND)
    ask_hang_up(call=call, by=call.talker, at=OPEN + 2 * SECOND)

    call.refresh_from_db()
    assert (call.state, call.hangup_asked_at) == (CallState.RINGING, OPEN + SECOND)
    assert hang_ups_asked() == [call.pk]


def test_taking_stores_the_intent_before_anything_rings() -> None:
    first, second = make_call(at=OPEN), make_call(at=OPEN + SECOND)

    taken = take_queued(at=OPEN + 2 * SECOND)

    assert [dial.call_id for dial in taken] == [first.pk, second.pk]
    assert taken[0].e164 == first.number.e164
    assert set(Call.objects.values_list("state", flat=True)) == {CallState.DIALING}
    assert take_queued(at=OPEN + 2 * SECOND) == []


def test_a_call_that_waited_too_long_is_not_dialled_any_more() -> None:
    call = make_call(at=OPEN)

    assert take_queued(at=OPEN + LONGEST_QUEUED) == []
    assert end_overdue(at=OPEN + LONGEST_QUEUED) == 1
    call.refresh_from_db()
    assert call.outcome == Outcome.INTERRUPTED


def test_while_the_dialer_beats_nothing_is_an_orphan() -> None:
    make_call(at=OPEN, state=CallState.TALKING)
    beat(started_at=OPEN, at=OPEN)

    assert last_beat_at() == OPEN
    assert close_orphans(at=OPEN + SILENCE) == 0


def test_the_calls_of_a_silent_dialer_are_closed() -> None:
    talking = make_call(at=OPEN, state=CallState.TALKING)
    just_queued = make_call(at=OPEN + SILENCE)
    beat(started_at=OPEN, at=OPEN)
    Presence.objects.filter(user=talking.agent).update(state=PresenceState.TALKING)
    later = OPEN + SILENCE + SECOND

    assert close_orphans(at=later) == 1
    assert close_orphans(at=later) == 0

    talking.refresh_from_db()
    assert (talking.state, talking.outcome) == (CallState.ENDED, Outcome.INTERRUPTED)
    assert Presence.objects.get(user=talking.agent).state == PresenceState.WRAPUP
    just_queued.refresh_from_db()
    assert just_queued.state == CallState.QUEUED  # a dialer that starts now may still take it


def test_a_postgres_that_just_started_says_nothing_of_the_dialer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_call(at=OPEN, state=CallState.TALKING)
    monkeypatch.setattr(actions, "_postgres_started_at", lambda: OPEN + SILENCE)

    assert close_orphans(at=OPEN + SILENCE + SECOND) == 0


def test_postgres_tells_when_it_started() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_postmaster_start_time() <= now()")
        assert cursor.fetchone() == (True,)
