"""The loop against the simulated carrier, ten to a hundred times as fast as life."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from furrow.calls.actions import move_call
from furrow.calls.models import Call
from furrow.calls.rules import CallState, Outcome
from furrow.calls.tests.make import make_call
from furrow.campaigns.rules import DialMode
from furrow.customers.tests.make import make_customer
from furrow.dialer.actions import ask_hang_up, open_session
from furrow.dialer.loop import Carrier, Dialer, chosen_carrier
from furrow.dialer.models import Lease, Line
from furrow.dialer.queries import last_beat_at
from furrow.dialer.rules import customer_leg
from furrow.dialer.tests.make import make_dialled_campaign, make_pooled
from furrow.followups.models import FollowUp
from furrow.followups.rules import Reason
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import PresenceState
from furrow.organisation.tests.make import make_agent
from furrow.phones.rules import phone_name
from furrow.telephony.clock import RealClock
from furrow.telephony.simulated import CarrierSettings, LogNormal, SimulatedTelephony

pytestmark = pytest.mark.django_db(transaction=True)
TALKS, RINGS_OUT, BUSY, EMPTY, STAYS = "0001", "0002", "0003", "0004", "0008"
# No draw is an extreme one: an ordinary ring exceeds the dialer's patience once in sixty calls.
SHORT_TALKS = CarrierSettings(
    ring=LogNormal(11.0, 0.1), talk=((1.0, LogNormal(20.0, 0.1)),), longest_talk_seconds=100_000.0
)


class Bench:
    """One dialer in a thread with an event loop of its own, and its switch."""

    def __init__(
        self,
        speed: float,
        *,
        drain_seconds: float,
        outlives_us: bool,
        patience: timedelta = timedelta(seconds=20),  # a busy machine is no defect
        callees_patience: LogNormal = SHORT_TALKS.patience,
    ) -> None:
        world = replace(SHORT_TALKS, patience=callees_patience)
        self.switch = SimulatedTelephony(world, RealClock(speed))
        self._carrier = Carrier(lambda: self.switch, outlives_us=outlives_us)
        self._drain_seconds = drain_seconds
        self._patience = patience
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.failure: BaseException | None = None

    async def _run(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.dialer = Dialer(
            self._carrier, drain_seconds=self._drain_seconds, patience=self._patience
        )
        self._ready.set()
        try:
            await self.dialer.run()
        except BaseException as failure:
            self.failure = failure
            raise

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(30)

    def stop(self) -> None:
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.dialer.stop)
        self._thread.join(30)
        assert not self._thread.is_alive(), "the dialer does not stop"

    def do(self, command: Callable[[], object]) -> None:
        self.loop.call_soon_threadsafe(command)

    def legs(self) -> frozenset[str]:
        return asyncio.run_coroutine_threadsafe(self.switch.legs(), self.loop).result(5)


@contextmanager
def dialing(
    speed: float = 60,
    *,
    drain_seconds: float = 0.0,
    outlives_us: bool = False,
    patience: timedelta = timedelta(seconds=20),
    callees_patience: LogNormal = SHORT_TALKS.patience,
) -> Iterator[Bench]:
    bench = Bench(
        speed, drain_seconds=drain_seconds, outlives_us=outlives_us, patience=patience,
        callees_patience=callees_patience,
    )  # fmt: skip
    bench.start()
    try:
        yield bench
    finally:
        bench.stop()
    assert bench.failure is None


def until(condition: Callable[[], object], *, seconds: float = 30) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.02)


def queue_call(ending: str, *, agent: User | None = None) -> Call:
    agent = agent or make_agent()
    customer = make_customer(owner=agent, numbers=[f"+86154{agent.pk % 10000:04d}{ending}"])
    Presence.objects.filter(user=agent).update(state=PresenceState.CALLING)
    return make_call(agent=agent, customer=customer, at=datetime.now(UTC))


def state_of(call: Call) -> str:
    return Call.objects.get(pk=call.pk).state


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        (TALKS, Outcome.ANSWERED),
        (RINGS_OUT, Outcome.NO_ANSWER),
        (BUSY, Outcome.BUSY),
        (EMPTY, Outcome.EMPTY_NUMBER),
    ],
)
def test_a_call_is_dialled_and_what_the_line_says_is_stored(ending: str, outcome: Outcome) -> None:
    with dialing():
        call = queue_call(ending)
        until(lambda: state_of(call) == CallState.ENDED)

    call.refresh_from_db()
    assert call.outcome == outcome
    assert call.dialed_at is not None
    assert (call.answered_at is not None) == (outcome == Outcome.ANSWERED)
    assert Presence.objects.get(user=call.agent).state == PresenceState.WRAPUP


def test_a_customer_who_hears_the_agent_talks_longer_than_one_who_hears_silence() -> None:
    """The two legs are connected: patience with silence is six seconds, a talk lasts twenty."""
    with dialing():
        call = queue_call(TALKS)
        until(lambda: state_of(call) == CallState.ENDED)

    call.refresh_from_db()
    assert call.answered_at is not None
    assert call.ended_at is not None
    assert (call.ended_at - call.answered_at).total_seconds() * 60 > 14


def test_notification_beats_the_tick() -> None:
    """Calls that are placed while the loop sleeps are dialled at once, not a second later."""
    with dialing(speed=1) as bench:
        until(lambda: last_beat_at() is not None)
        waits = []
        for _ in range(3):
            call = queue_call(STAYS)
            began = time.monotonic()
            from furrow.common.realtime import DIALER_CHANNEL, notify

            notify(DIALER_CHANNEL)
            until(lambda: state_of(call) != CallState.QUEUED)  # noqa: B023
            waits.append(time.monotonic() - began)
        assert sorted(waits)[1] < 0.5
        assert len(bench.legs()) == 6


def test_hang_up_is_asked_for_and_done() -> None:
    with dialing():
        call = queue_call(STAYS)
        until(lambda: state_of(call) == CallState.TALKING)
        ask_hang_up(call=call, by=call.talker, at=datetime.now(UTC))
        until(lambda: state_of(call) == CallState.ENDED, seconds=4)

    call.refresh_from_db()
    assert call.outcome == Outcome.ANSWERED


def test_an_agent_whose_line_falls_is_rung_again_and_the_talk_goes_on() -> None:
    with dialing() as bench:
        call = queue_call(STAYS)
        until(lambda: state_of(call) == CallState.TALKING)
        both = {customer_leg(call.pk), f"call-{call.pk}-agent-2"}
        bench.do(lambda: bench.switch.far_hang_up(f"call-{call.pk}-agent"))
        until(lambda: bench.legs() == both)
        bench.do(lambda: bench.switch.far_hang_up(f"call-{call.pk}-agent-2"))
        until(lambda: bench.legs() == {customer_leg(call.pk), f"call-{call.pk}-agent-3"})
        assert state_of(call) == CallState.TALKING


def test_an_agent_who_is_gone_leaves_no_customer_alone_on_the_line() -> None:
    with dialing() as bench:
        call = queue_call(STAYS)
        until(lambda: state_of(call) == CallState.TALKING)
        phone = phone_name(call.talker.username)
        bench.do(lambda: bench.switch.leave(phone))
        until(lambda: state_of(call) == CallState.ENDED)
        until(lambda: not bench.legs())

    assert Presence.objects.get(user=call.agent).state == PresenceState.AWAY
    called_back = FollowUp.objects.get()
    assert called_back.assigned_to == call.agent
    assert called_back.reason == Reason.CALLED_US


def test_a_colleague_whose_line_stands_takes_over_from_an_agent_who_is_gone() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    colleague = campaign.agents.get()
    gone = make_agent(team=colleague.team)
    with dialing() as bench:
        call = queue_call(STAYS, agent=gone)
        until(lambda: state_of(call) == CallState.TALKING)
        open_session(agent=colleague, at=datetime.now(UTC))
        Presence.objects.filter(user=colleague).update(seen_at=datetime.now(UTC))
        until(lambda: Line.objects.filter(agent=colleague, up_at__isnull=False).exists())
        bench.do(lambda: bench.switch.leave(phone_name(gone.username)))
        until(lambda: Call.objects.get(pk=call.pk).agent == colleague)
        line = Line.objects.get(agent=colleague).leg
        until(lambda: bench.legs() == {customer_leg(call.pk), line})

    call.refresh_from_db()
    assert call.customer.owner == gone
    assert Presence.objects.get(user=gone).state == PresenceState.AWAY


def test_whom_the_dialer_shows_goes_back_when_the_agents_line_is_gone() -> None:
    campaign = make_dialled_campaign(mode=DialMode.PREVIEW)
    campaign.preview_seconds = 0  # until the agent says so
    campaign.save()
    agent = campaign.agents.get()
    make_pooled(campaign=campaign, agent=agent)
    with dialing() as bench:
        open_session(agent=agent, at=datetime.now(UTC))
        Presence.objects.filter(user=agent).update(seen_at=datetime.now(UTC))
        until(lambda: Lease.objects.held().exists())
        bench.do(lambda: bench.switch.leave(phone_name(agent.username)))
        until(lambda: not Lease.objects.held().exists())
        until(lambda: Presence.objects.get(user=agent).state == PresenceState.AWAY)

    assert Lease.objects.get().why == "agent lost"


def test_at_the_start_calls_without_a_line_are_ended_and_waiting_ones_dialled() -> None:
    lost = make_call(state=CallState.TALKING, at=datetime.now(UTC))
    waiting = queue_call(STAYS)

    with dialing() as bench:
        until(lambda: state_of(lost) == CallState.ENDED)
        until(lambda: state_of(waiting) == CallState.TALKING)
        assert customer_leg(waiting.pk) in bench.legs()

    lost.refresh_from_db()
    assert lost.outcome == Outcome.INTERRUPTED


def test_a_line_whose_call_was_closed_by_the_watchdog_is_cut() -> None:
    with dialing() as bench:
        call = queue_call(STAYS)
        until(lambda: state_of(call) == CallState.TALKING)
        move_call(
            call_id=call.pk, to=CallState.ENDED, at=datetime.now(UTC), outcome=Outcome.INTERRUPTED
        )
        until(lambda: not bench.legs())


def test_a_switch_that_restarts_ends_its_calls() -> None:
    with dialing() as bench:
        call = queue_call(STAYS)
        until(lambda: state_of(call) == CallState.TALKING)
        bench.do(bench.switch.restart)
        until(lambda: state_of(call) == CallState.ENDED)

    assert Call.objects.get(pk=call.pk).outcome == Outcome.ANSWERED


def test_a_second_dialer_waits_until_the_first_is_gone() -> None:
    with dialing() as first:
        until(lambda: last_beat_at() is not None)
        with dialing() as second:
            call = queue_call(STAYS)
            until(lambda: state_of(call) == CallState.TALKING)
            assert first.legs()
            assert not second.legs()
            first.stop()
            other = queue_call(STAYS)
            until(lambda: state_of(other) == CallState.TALKING)
            assert customer_leg(other.pk) in second.legs()


def test_a_lost_connection_is_opened_again_and_no_word_of_a_line_is_lost() -> None:
    with dialing() as bench:
        call = queue_call(STAYS)
        until(lambda: state_of(call) == CallState.TALKING)
        assert cut_connections() >= 1
        bench.do(lambda: bench.switch.far_hang_up(customer_leg(call.pk)))
        until(lambda: state_of(call) == CallState.ENDED)
        assert Call.objects.get(pk=call.pk).outcome == Outcome.ANSWERED
        again = queue_call(BUSY)
        until(lambda: state_of(again) == CallState.ENDED)


def cut_connections() -> int:
    """What a restarted PostgreSQL does to the dialer."""
    params = connection.get_connection_params()
    with psycopg.connect(
        dbname="postgres", user=params["user"], password=params["password"], host=params["host"]
    ) as other:
        rows = other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'furrow dialer'"
        ).fetchall()
    return len(rows)


def test_stopping_lets_calls_end_by_themselves_and_takes_no_new_ones() -> None:
    bench = Bench(60, drain_seconds=10, outlives_us=False)
    bench.start()
    call = queue_call(TALKS)
    until(lambda: state_of(call) in {CallState.RINGING, CallState.TALKING})
    bench.do(lambda: bench.dialer.stop())
    late = queue_call(BUSY)
    bench.stop()

    assert Call.objects.get(pk=call.pk).outcome == Outcome.ANSWERED
    assert state_of(late) == CallState.QUEUED


def test_stopping_hangs_up_what_would_die_with_us() -> None:
    with dialing(drain_seconds=0.2):
        call = queue_call(STAYS)
        until(lambda: state_of(call) == CallState.TALKING)

    assert Call.objects.get(pk=call.pk).outcome == Outcome.ANSWERED


def test_stopping_leaves_the_calls_of_a_switch_that_outlives_us() -> None:
    with dialing(drain_seconds=0.2, outlives_us=True):
        call = queue_call(STAYS)
        until(lambda: state_of(call) == CallState.TALKING)

    assert state_of(call) == CallState.TALKING


def test_the_carrier_is_chosen_by_the_settings(settings: object) -> None:
    settings.SIMULATED_CARRIER = '{"seed": 7, "speed": 10}'  # type: ignore[attr-defined]
    assert isinstance(chosen_carrier().open(), SimulatedTelephony)

    settings.SIMULATED_CARRIER = '{"sed": 7}'  # type: ignore[attr-defined]
    with pytest.raises(ImproperlyConfigured, match="sed"):
        chosen_carrier().open()

    settings.TELEPHONY = "pigeon"  # type: ignore[attr-defined]
    with pytest.raises(ImproperlyConfigured, match="pigeon"):
        chosen_carrier()
