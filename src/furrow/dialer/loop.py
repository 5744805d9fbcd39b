"""The one process that dials. It takes waiting calls, opens lines, and stores what lines say.

One leader per database holds an advisory lock on the connection it listens on; others wait for
it. What happens on a line becomes an action, in the order it happened, in one thread of its own,
for Django's ORM blocks. While PostgreSQL is away, what the lines say waits here.

The intent to dial is stored before anything rings. So after any crash the truth is found by
comparing the calls in progress with the legs the switch still has (`_reconcile`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import ParamSpec, TypeVar

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, close_old_connections

from furrow.calls.actions import move_call
from furrow.calls.rules import CallState, Outcome
from furrow.common.realtime import DIALER_CHANNEL, listening_conninfo
from furrow.telephony.clock import RealClock
from furrow.telephony.port import (
    Answered,
    CannotDial,
    Ended,
    Event,
    LegGone,
    Ringing,
    SwitchRestarted,
    Telephony,
)
from furrow.telephony.simulated import CarrierSettings, SimulatedTelephony

from .actions import beat, end_forbidden, end_interrupted, end_overdue, take_queued
from .queries import Dial, calls_on_a_line, hang_ups_asked
from .rules import BEAT_EVERY, RING_SECONDS, agent_leg, call_of, customer_leg

log = logging.getLogger("furrow.dialer")

P = ParamSpec("P")
R = TypeVar("R")

LEADER_LOCK = 0x4675_7272_6F77  # "Furrow"; advisory locks are per database
TICK_SECONDS = 1.0  # how late a lost notification may make us
RECONCILE_SECONDS = 5.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 5.0  # between attempts to reach PostgreSQL
LAST_WORDS_SECONDS = 2.0  # after the last hang-up, for the lines' last words
AWAY = (psycopg.OperationalError, OperationalError, InterfaceError)


@dataclass(frozen=True)
class Carrier:
    """A way to the phone network. `outlives_us`: its lines stay up while no dialer runs."""

    open: Callable[[], Telephony]
    outlives_us: bool


def _simulated() -> Telephony:
    try:
        given = json.loads(settings.SIMULATED_CARRIER)
        speed = float(given.pop("speed", 1.0))
        return SimulatedTelephony(CarrierSettings.from_mapping(given), RealClock(speed))
    except (ValueError, TypeError, AttributeError) as error:
        raise ImproperlyConfigured(f"FURROW_SIMULATED_CARRIER: {error}") from error


CARRIERS = {"simulated": Carrier(_simulated, outlives_us=False)}


def chosen_carrier() -> Carrier:
    """The carrier that FURROW_TELEPHONY names. Raises ImproperlyConfigured."""
    try:
        return CARRIERS[settings.TELEPHONY]
    except KeyError:
        raise ImproperlyConfigured(
            f"FURROW_TELEPHONY must be one of {', '.join(CARRIERS)}, not {settings.TELEPHONY!r}."
        ) from None


class Dialer:
    """The loop. `run` it once; `stop` it from a signal handler of the same event loop."""

    def __init__(self, carrier: Carrier, *, drain_seconds: float = 5.0) -> None:
        """drain_seconds: how long calls may go on after `stop` before they are hung up."""
        self._carrier = carrier
        self._telephony = carrier.open()
        self._drain_seconds = drain_seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dialer-db")
        self._stopping = asyncio.Event()
        self._started_at = _now()
        self._beaten_at: datetime | None = None
        self._reconciled_at: datetime | None = None
        self._missing: frozenset[int] = frozenset()
        self._heard: asyncio.Queue[Event | None] = asyncio.Queue()
        self._unstored = 0  # heard, and not yet in the database

    def stop(self) -> None:
        """Take no more calls, let those that are on end, then leave `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Dial until stopped. Survives the loss of PostgreSQL; a bug ends the process, and its
        supervisor starts it anew."""
        lines = asyncio.create_task(self._hear())
        main = asyncio.create_task(self._lead_for_ever())
        try:
            await asyncio.wait({lines, main}, return_when=asyncio.FIRST_COMPLETED)
            main.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await main
        finally:
            await self._telephony.close()
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                async with asyncio.timeout(LAST_WORDS_SECONDS):
                    await lines
            self._thread.shutdown(wait=False)

    # -- leading ---------------------------------------------------------------------------------

    async def _lead_for_ever(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._stopping.is_set():
            try:
                async with await psycopg.AsyncConnection.connect(
                    listening_conninfo("furrow dialer"), autocommit=True
                ) as line:
                    await line.execute(f"LISTEN {DIALER_CHANNEL}")
                    wait = FIRST_WAIT_SECONDS
                    if await self._become_leader(line):
                        log.info("leading")
                        await self._lead(line)
            except AWAY as problem:
                log.warning("PostgreSQL is away: %s", str(problem).strip().partition("\n")[0])
                await self._pause(wait)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _become_leader(self, line: psycopg.AsyncConnection) -> bool:
        """Wait for the lock. False if stopped before."""
        waited = False
        while not self._stopping.is_set():
            cursor = await line.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK])
            row = await cursor.fetchone()
            if row and row[0]:
                return True
            if not waited:
                log.info("another dialer leads; waiting")
                waited = True
            await self._pause(TICK_SECONDS)
        return False

    async def _lead(self, line: psycopg.AsyncConnection) -> None:
        """Tick at every notification, and at least every second; after `stop`, drain."""
        while not self._stopping.is_set():
            await self._tick()
            async for _ in line.notifies(timeout=TICK_SECONDS, stop_after=1):
                pass
        await self._drain(line)

    async def _tick(self, *, may_dial: bool = True) -> None:
        at = _now()
        if self._beaten_at is None or at - self._beaten_at >= BEAT_EVERY:
            await self._do(beat, started_at=self._started_at, at=at)
            self._beaten_at = at
        last = self._reconciled_at
        if last is None or (at - last).total_seconds() >= RECONCILE_SECONDS:
            await self._reconcile(is_first=last is None)
            self._reconciled_at = at
        for call_id in await self._do(hang_ups_asked):
            await self._telephony.hang_up(customer_leg(call_id))
        if may_dial and not self._stopping.is_set():
            await self._do(end_overdue, at=at)
            await self._do(end_forbidden, at=at)
            for dial in await self._do(take_queued, at=at):
                await self._dial(dial)

    async def _drain(self, line: psycopg.AsyncConnection) -> None:
        """Let calls end by themselves for a while. Those of a carrier that dies with us are then
        hung up; those of a switch go on, and the next dialer finds them."""
        give_up_at = asyncio.get_running_loop().time() + self._drain_seconds
        while await self._do(calls_on_a_line):
            if asyncio.get_running_loop().time() >= give_up_at:
                if not self._carrier.outlives_us:
                    await self._hang_up_everything()
                return
            await self._tick(may_dial=False)
            async for _ in line.notifies(timeout=0.2, stop_after=1):
                pass

    async def _hang_up_everything(self) -> None:
        for leg in await self._telephony.legs():
            await self._telephony.hang_up(leg)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                while await self._do(calls_on_a_line):
                    await asyncio.sleep(0.05)

    # -- calls to lines --------------------------------------------------------------------------

    async def _dial(self, dial: Dial) -> None:
        try:
            await self._telephony.line_up(agent_leg(dial.call_id), dial.agent)
            await self._telephony.dial(
                customer_leg(dial.call_id),
                dial.e164,
                caller_id=settings.CALLER_ID,
                timeout_seconds=RING_SECONDS,
            )
        except CannotDial as problem:
            log.warning("call %d cannot be dialled: %s", dial.call_id, problem)
            await self._telephony.hang_up(agent_leg(dial.call_id))
            await self._do(
                move_call, call_id=dial.call_id, to=CallState.ENDED, at=_now(),
                outcome=Outcome.CARRIER_FAULT, cause=str(problem)[:60],
            )  # fmt: skip

    async def _reconcile(self, *, is_first: bool) -> None:
        """Compare the switch's legs with our calls in progress, and end what only one side knows.

        A call whose leg is missing may have its last word on its way, so it is ended only when
        missing twice, and nothing heard waits to be stored. At the start the first time is enough.
        """
        legs = await self._telephony.legs()
        calls = await self._do(calls_on_a_line)
        missing = frozenset(call for call in calls if customer_leg(call) not in legs)
        lost = missing if is_first else missing & self._missing
        if self._unstored:
            lost = frozenset()
        for call_id in lost:
            log.warning("call %d has lost its line", call_id)
            await self._do(
                end_interrupted, call_id=call_id, at=_now(), cause="the line was lost in a restart"
            )
        self._missing = missing
        for leg in legs:
            if (ours := call_of(leg)) is not None and ours[0] not in calls:
                await self._telephony.hang_up(leg)

    # -- lines to calls --------------------------------------------------------------------------

    async def _hear(self) -> None:
        """Act on what lines say at once, whatever PostgreSQL does; store it behind, in order."""
        storing = asyncio.create_task(self._store_events())
        async for event in self._telephony.events():
            await self._react(event)
            self._unstored += 1
            self._heard.put_nowait(event)
        self._heard.put_nowait(None)
        await storing

    async def _react(self, event: Event) -> None:
        if isinstance(event, SwitchRestarted):
            self._reconciled_at = None
        elif (ours := call_of(event.leg)) is not None:
            call_id, is_agent = ours
            match event:
                case Answered() if not is_agent:
                    with contextlib.suppress(LegGone):
                        await self._telephony.connect(event.leg, agent_leg(call_id))
                case Ended():
                    other = customer_leg(call_id) if is_agent else agent_leg(call_id)
                    await self._telephony.hang_up(other)

    async def _store_events(self) -> None:
        while (event := await self._heard.get()) is not None:
            wait = FIRST_WAIT_SECONDS
            while True:
                try:
                    await self._store(event)
                    break
                except AWAY:
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, LONGEST_WAIT_SECONDS)
                except Exception:
                    # One call's trouble must not cut everybody's: `_reconcile` ends this call.
                    log.exception("cannot store %s", type(event).__name__)
                    break
            self._unstored -= 1

    async def _store(self, event: Event) -> None:
        ours = None if isinstance(event, SwitchRestarted) else call_of(event.leg)
        if ours is None or ours[1]:
            return
        match event:
            case Ringing():
                await self._do(move_call, call_id=ours[0], to=CallState.RINGING, at=event.at)
            case Answered():
                await self._do(move_call, call_id=ours[0], to=CallState.TALKING, at=event.at)
            case Ended():
                await self._do(
                    move_call, call_id=ours[0], to=CallState.ENDED, at=event.at,
                    outcome=Outcome(event.outcome), cause=event.cause,
                )  # fmt: skip

    # -- small things ----------------------------------------------------------------------------

    async def _do(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run blocking code in the database's thread, one after the other."""
        work = partial(_with_fresh_connection, partial(function, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than until `stop`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _with_fresh_connection(work: Callable[[], R]) -> R:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()  # back to the pool, or away if PostgreSQL dropped it


def _now() -> datetime:
    return datetime.now(UTC)
