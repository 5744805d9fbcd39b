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
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils.timezone import localtime

from furrow.calls.actions import move_call
from furrow.calls.rules import CallState, Outcome
from furrow.campaigns.models import Campaign
from furrow.common.realtime import DIALER_CHANNEL, listening_conninfo
from furrow.learning.queries import lists_at_their_best
from furrow.phones.actions import note_told
from furrow.phones.queries import DueAccount, due_accounts
from furrow.phones.rules import phone_name
from furrow.recordings.actions import store_recording
from furrow.telephony.asterisk.adapter import AsteriskTelephony
from furrow.telephony.asterisk.settings import AsteriskSettings
from furrow.telephony.clock import RealClock
from furrow.telephony.outcomes import LineOutcome
from furrow.telephony.port import (
    AgentLineUp,
    Answered,
    CannotDial,
    CannotReach,
    Ended,
    EndedBy,
    Event,
    Inbound,
    KeyPressed,
    LegGone,
    MachineHeard,
    RecordingDone,
    Ringing,
    Supervision,
    SwitchRestarted,
    Telephony,
)
from furrow.telephony.simulated import CarrierSettings, SimulatedTelephony

from .actions import (
    Denied,
    beat,
    begin_reign,
    call_on,
    check_lines,
    close_left,
    connect_waiting,
    dial_lease,
    end_call,
    end_forbidden,
    end_interrupted,
    end_overdue,
    end_party,
    expire_parties,
    give_party_up,
    keep_promises,
    let_parties_go,
    note_fetched,
    note_line,
    note_party_lost,
    note_party_up,
    note_placed,
    note_talk,
    raise_line,
    store_answer,
    take_queued,
    take_talks,
    take_wanted,
    tidy,
)
from .driver import Driver
from .queries import (
    Dial,
    DueParty,
    DueTalk,
    calls_on_a_line,
    dialled_campaigns,
    handed_out,
    hang_ups_asked,
    joined,
    leases_due,
    lines_on,
    lines_wanted,
    overspent,
    parties_due,
    party_legs,
    seats,
    standing_line,
)
from .reception import Reception
from .rescue import Rescue
from .rules import (
    ASK_HOURS_AGAIN,
    BEAT_EVERY,
    CLOSES,
    PATIENCE,
    RAISE_AGAIN,
    REFUSALS_TO_CLOSE,
    RING_SECONDS,
    Place,
    agent_leg,
    call_of,
    customer_leg,
    party_leg,
    party_of,
    seat_of,
)

log = logging.getLogger("furrow.dialer")

P = ParamSpec("P")
R = TypeVar("R")

LEADER_LOCK = 0x4675_7272_6F77  # "Furrow"; advisory locks are per database
TICK_SECONDS = 0.5  # how late a lost notification may make us, and how often is paced
TIDY_SECONDS = 1.0  # between rounds over expired leases, and customers put off until now
COUNT_SECONDS = 5.0  # between counts of what was abandoned over the law's window
LOOK_AGAIN_SECONDS = 0.1  # for a free agent, while somebody who answered waits
APOLOGY_SECONDS = 20.0  # at most, for the message to somebody we have no agent for
APOLOGY = "abandoned"  # who called, and how to be called no more
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


def _asterisk() -> Telephony:
    try:
        switch = AsteriskSettings.from_environment(os.environ, settings.ASTERISK_FOLDER)
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from error
    return AsteriskTelephony(switch)


CARRIERS = {
    "simulated": Carrier(_simulated, outlives_us=False),
    "asterisk": Carrier(_asterisk, outlives_us=True),
}


def chosen_carrier() -> Carrier:
    """The carrier that FURROW_TELEPHONY names. Raises ImproperlyConfigured."""
    try:
        return CARRIERS[settings.TELEPHONY]
    except KeyError:
        raise ImproperlyConfigured(
            f"FURROW_TELEPHONY must be one of {', '.join(CARRIERS)}, not {settings.TELEPHONY!r}."
        ) from None


@dataclass
class _Live:
    """A call on a line, between its dial and its end."""

    campaign_id: int | None
    seat: str | None  # the agent's leg it was, or is to be, joined with
    is_taken_when_answered: bool
    is_answered: bool = False
    is_dropped: bool = False  # told as abandoned
    is_muted: bool = False  # nobody hears the agent's leg
    is_coming: bool = False  # the talk goes on by the agent's leg as soon as that stands
    is_over: bool = False
    is_inbound: bool = False  # they called us; see reception.py
    is_talking: bool = False  # somebody at the other end hears the agent


class Dialer:
    """The loop. `run` it once; `stop` it from a signal handler of the same event loop."""

    def __init__(
        self, carrier: Carrier, *, drain_seconds: float = 5.0, patience: timedelta = PATIENCE
    ) -> None:
        """
        drain_seconds  how long calls may go on after `stop` before they are hung up
        patience       how long who answered may wait for an agent; only tests know another
        """
        self._carrier = carrier
        self._telephony = carrier.open()
        self._drain_seconds = drain_seconds
        self._patience = patience
        # What is heard is stored, and who answered is given an agent, while others are dialled.
        self._dialing = ThreadPoolExecutor(1, thread_name_prefix="dialer-dialing")
        self._hearing = ThreadPoolExecutor(1, thread_name_prefix="dialer-hearing")
        self._driver = Driver()
        self._reception = Reception(self._telephony, self._store_now, self._joins)
        self._rescue = Rescue(
            self._telephony, self._store_now, self._rejoins, lambda leg: leg in self._standing
        )
        self._favoured: tuple[datetime | None, tuple[int, ...]] = (None, ())
        self._reign = 0
        self._lives: dict[int, _Live] = {}
        self._taking: set[asyncio.Task[None]] = set()
        self._tidied_at = self._counted_at = 0.0
        self._overspent: frozenset[int] = frozenset()
        self._standing: set[str] = set()  # agents' lines
        self._refused: Counter[int] = Counter()  # one after the other, for the hours
        self._stopping = asyncio.Event()
        self._started_at = _now()
        self._reconciled_at: datetime | None = None
        self._missing: frozenset[int] = frozenset()
        self._heard: asyncio.Queue[Event | None] = asyncio.Queue()
        self._unstored = 0  # heard, and not yet in the database

    def stop(self) -> None:
        """Take no more calls, let those that are on end, then leave `run`."""
        self._stopping.set()

    def let_switch_fall(self) -> None:
        """A drill: every line is cut, as when the switch goes down. Only a simulated one obeys."""
        if isinstance(self._telephony, SimulatedTelephony):
            self._telephony.restart()

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
            self._dialing.shutdown(wait=False)
            self._hearing.shutdown(wait=False)

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
        """Tick at every notification, and at least twice a second; after `stop`, drain."""
        self._reign = await self._do(begin_reign, at=_now())
        await self._do(beat, started_at=self._started_at, at=_now())
        beating = asyncio.create_task(self._beat_on())
        try:
            while not self._stopping.is_set():
                await self._tick()
                async for _ in line.notifies(timeout=TICK_SECONDS, stop_after=1):
                    pass
            await self._drain(line)
        finally:
            beating.cancel()

    async def _beat_on(self) -> None:
        """Signs of life beside the ticks: one that waits for the switch is not dead."""
        while True:
            await asyncio.sleep(BEAT_EVERY.total_seconds())
            with contextlib.suppress(*AWAY):
                await self._store_now(beat, started_at=self._started_at, at=_now())

    async def _tick(self, *, may_dial: bool = True) -> None:
        at = _now()
        last = self._reconciled_at
        if last is None or (at - last).total_seconds() >= RECONCILE_SECONDS:
            with contextlib.suppress(CannotReach):  # who does not know ends nothing
                await self._reception.remember()
                await self._reconcile(is_first=last is None)
                self._reconciled_at = at
        if may_dial:
            await self._reception.look()
        for call_id in await self._do(hang_ups_asked):
            await self._telephony.hang_up(customer_leg(call_id))
        await self._handle_talks(at)
        for account in await self._do(due_accounts, at=at):
            await self._tell_of(account)
        await self._raise_lines(at)
        if may_dial and not self._stopping.is_set():
            await self._do(end_overdue, at=at)
            await self._do(end_forbidden, at=at)
            for dial in await self._do(take_queued, at=at):
                await self._dial(dial)
            await self._dial_campaigns(at)

    async def _tell_of(self, account: DueAccount) -> None:
        """Give a phone its password, or take it away. A switch that is away hears later."""
        try:
            if account.password:
                await self._telephony.give_account(account.name, account.password)
            else:
                await self._telephony.take_account(account.name)
        except CannotReach:
            return
        await self._do(note_told, account=account, at=_now())
        if account.password:
            await self._renew_line(account.agent_id, account.name)

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
        with contextlib.suppress(CannotReach):
            for leg in await self._telephony.legs():
                await self._telephony.hang_up(leg)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                while await self._do(calls_on_a_line):
                    await asyncio.sleep(0.05)

    # -- campaigns that dial by themselves -------------------------------------------------------

    async def _best_lists(self, at: datetime) -> tuple[int, ...]:
        """The lists at their best hour (D5), asked once a minute."""
        asked_at, lists = self._favoured
        if asked_at is None or at - asked_at >= ASK_HOURS_AGAIN:
            lists = await self._do(lists_at_their_best, at=at, local=localtime(at))
            self._favoured = (at, lists)
        return lists

    async def _dial_campaigns(self, at: datetime) -> None:
        """One round: keep promises, take whom the driver wants, dial the leases that are due."""
        now = asyncio.get_running_loop().time()
        if now - self._tidied_at >= TIDY_SECONDS:
            self._tidied_at = now
            await self._do(tidy, at=at)
            await self._do(close_left, at=at)
        there = await self._do(seats, at=at)
        if there:
            campaigns = {c.pk: c for c in await self._do(dialled_campaigns)}
            await self._count(campaigns, at, now)
            kept = await self._do(keep_promises, seats=there, reign=self._reign, at=at)
            wanted = self._driver.plan(
                seats=[seat for seat in there if seat.agent_id not in kept],
                campaigns=campaigns,
                is_overspent=self._overspent.__contains__,
                favoured=await self._best_lists(at),
                at=now,
            )
            for one in wanted:
                if not await self._do(
                    take_wanted, wanted=one, campaign=campaigns[one.campaign_id], seats=there,
                    reign=self._reign, at=at,
                ):  # fmt: skip
                    self._driver.dry(one.campaign_id, now)
        for lease_id in await self._do(leases_due, at=at):
            await self._dial_lease(lease_id)

    async def _dial_lease(self, lease_id: int) -> None:
        got = await self._do(dial_lease, lease_id=lease_id, reign=self._reign, at=_now())
        now = asyncio.get_running_loop().time()
        match got:
            case Dial(campaign_id=int() as campaign_id):
                self._refused[campaign_id] = 0
                if got.is_taken_when_answered:
                    self._driver.dialed(campaign_id, got.call_id, now)
                await self._dial(got)
            case Denied(campaign_id=campaign_id, check=check) if check in CLOSES:
                self._refused[campaign_id] += 1
                if self._refused[campaign_id] >= REFUSALS_TO_CLOSE:
                    self._driver.closed(campaign_id, now)

    async def _count(self, campaigns: Mapping[int, Campaign], at: datetime, now: float) -> None:
        if now - self._counted_at >= COUNT_SECONDS:
            self._counted_at = now
            self._overspent = await self._do(overspent, list(campaigns.values()), at=at)

    async def _raise_lines(self, at: datetime) -> None:
        """Ring the agents whose own line does not stand."""
        for line in await self._do(lines_wanted, at=at):
            asked_at = line.asked_at
            if not line.is_up and (asked_at is None or at - asked_at >= RAISE_AGAIN):
                await self._raise_line(line.agent_id, phone_name(line.username))

    async def _raise_line(self, agent_id: int, phone: str) -> str:
        leg = await self._do(raise_line, agent_id=agent_id, at=_now())
        try:
            await self._telephony.line_up(leg, phone)
        except CannotDial as problem:
            log.warning("%s: %s", leg, problem)
        return leg

    async def _renew_line(self, agent_id: int, phone: str) -> None:
        """A new phone window: the line to the old one is dead, though it may not know it yet. Who
        talks by it goes on by the new one."""
        old = await self._do(standing_line, agent_id=agent_id)
        if old is None:
            return
        new = await self._raise_line(agent_id, phone)
        for live in self._lives.values():
            if live.seat == old:
                live.seat = new  # first, or the old one's end would be the call's
                live.is_coming = live.is_talking  # else whoever answers is joined with it
        if new in self._standing:
            self._begin_joining(new)
        await self._telephony.hang_up(old)

    # -- calls to lines --------------------------------------------------------------------------

    def _joins(self, call_id: int, seat: str) -> None:
        """A caller is about to talk to whoever sits at that leg."""
        self._lives[call_id] = _Live(
            campaign_id=None, seat=seat, is_taken_when_answered=False, is_inbound=True,
            is_talking=True,
        )  # fmt: skip

    async def _rejoins(self, call_id: int, seat: str) -> bool:
        """Another line of an agent talks in a call whose line was lost: no more is heard by it
        than was, and who waits with music waits on. False if the call is over."""
        if (live := self._lives.get(call_id)) is None:
            return False
        live.seat, live.is_coming = seat, False
        joins = await self._store_now(joined, call_id=call_id)
        live.is_muted = joins.is_muted
        if joins.is_muted:
            await self._telephony.mute(seat)
        if not joins.is_held:
            await self._telephony.resume(customer_leg(call_id))
            await self._telephony.connect(customer_leg(call_id), seat)
        for one in joins.beside:
            with contextlib.suppress(LegGone):  # their end is on its way
                if one.is_supervisor:
                    await self._telephony.supervise(seat, one.leg, Supervision(one.place))
                else:
                    await self._telephony.connect(seat, one.leg)
        return True

    def _begin_joining(self, seat: str) -> None:
        """An agent's new line stands: their talk goes on by it."""
        for call_id, live in self._lives.items():
            if live.seat == seat and live.is_coming:
                self._beside(self._join(call_id, seat))

    async def _join(self, call_id: int, seat: str) -> None:
        try:
            await self._rejoins(call_id, seat)
        except LegGone:
            pass  # its end is on its way
        except AWAY:  # how they were joined is known there
            await asyncio.sleep(FIRST_WAIT_SECONDS)
            if (live := self._lives.get(call_id)) is not None and live.seat == seat:
                self._beside(self._join(call_id, seat))
        except Exception:  # nobody is left alone on a line
            log.exception("call %d cannot go on by %s", call_id, seat)
            await self._telephony.hang_up(customer_leg(call_id))

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside everything else."""
        task = asyncio.create_task(work)
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _dial(self, dial: Dial) -> None:
        needs_line = dial.seat is None and not dial.is_taken_when_answered
        self._lives[dial.call_id] = _Live(
            campaign_id=dial.campaign_id,
            seat=agent_leg(dial.call_id) if needs_line else dial.seat,
            is_taken_when_answered=dial.is_taken_when_answered,
        )
        try:
            if needs_line:
                await self._telephony.line_up(agent_leg(dial.call_id), phone_name(dial.agent))
            await self._telephony.dial(
                customer_leg(dial.call_id),
                dial.e164,
                caller_id=dial.caller_id or settings.CALLER_ID,
                timeout_seconds=dial.ring_seconds,
            )
        except CannotDial as problem:
            log.warning("call %d cannot be dialled: %s", dial.call_id, problem)
            self._forget(dial.call_id)
            await self._telephony.hang_up(agent_leg(dial.call_id))
            await self._do(
                end_call, call_id=dial.call_id, at=_now(), outcome=Outcome.CARRIER_FAULT,
                cause=str(problem)[:60],
            )  # fmt: skip

    # -- what people want of the lines of a call -------------------------------------------------

    def _seat_of(self, call_id: int) -> str:
        """The leg of the agent who talks in a call."""
        live = self._lives.get(call_id)
        return (live.seat if live else None) or agent_leg(call_id)

    async def _handle_talks(self, at: datetime) -> None:
        for due in await self._do(take_talks):
            try:
                await self._handle(due)
                await self._do(note_talk, due=due, at=at)
            except LegGone:
                pass  # its end is on its way
            except CannotReach:
                return  # the switch is away, and hears it later
            except AWAY:
                raise
            except Exception:  # one call's trouble must not cut everybody's
                log.exception("the lines of call %d cannot be handled", due.call_id)
        await self._do(expire_parties, at=at)
        for party in await self._do(parties_due):
            try:
                await self._move(party)
            except CannotReach:
                return  # the switch is away, and hears it later
            except AWAY:
                raise
            except Exception:
                log.exception("party %d of call %d cannot be moved", party.party_id, party.call_id)
                await self._do(give_party_up, party_id=party.party_id, why="failed")

    async def _move(self, party: DueParty) -> None:
        if party.wanted is Place.GONE:
            await self._let_go(party)
        elif party.leg and party.is_up:
            await self._place(party)
        else:
            await self._fetch(party)

    async def _handle(self, due: DueTalk) -> None:
        customer, seat = customer_leg(due.call_id), self._seat_of(due.call_id)
        if due.mute is not None:
            if (live := self._lives.get(due.call_id)) is not None:
                live.is_muted = due.mute
            await (self._telephony.mute(seat) if due.mute else self._telephony.unmute(seat))
        if due.hold is not None:
            hold = self._telephony.hold if due.hold else self._telephony.resume
            await hold(customer)
            if not due.hold:  # the agent's line may be another by now
                await self._telephony.connect(customer, seat)
        if due.tones:
            await self._telephony.dtmf(customer, due.tones)

    async def _fetch(self, party: DueParty) -> None:
        """Somebody comes by their own standing line, or one is rung; ringing twice rings once."""
        leg = party.leg or party.standing or party_leg(party.call_id, party.party_id)
        up_at = _now() if leg == party.standing else None
        await self._do(note_fetched, party_id=party.party_id, leg=leg, up_at=up_at)
        try:
            if up_at is not None:
                await self._place(replace(party, leg=leg))
            elif party.e164:
                await self._telephony.dial(
                    leg, party.e164, caller_id=settings.CALLER_ID, timeout_seconds=RING_SECONDS
                )
            else:
                await self._telephony.line_up(leg, phone_name(party.username))
        except CannotDial as problem:
            log.warning("%s: %s", leg, problem)
            await self._do(note_party_lost, leg=leg, why=LineOutcome.CARRIER_FAULT)

    async def _place(self, party: DueParty) -> None:
        """Put somebody where they are wanted. Whose line is gone meanwhile is told of soon."""
        customer, seat = customer_leg(party.call_id), self._seat_of(party.call_id)
        telephony = self._telephony
        try:
            if party.is_supervisor:
                await telephony.supervise(seat, party.leg, Supervision(party.wanted))
            elif party.wanted is Place.TAKE_OVER:
                await telephony.separate(seat)
                await telephony.resume(customer)
                await telephony.connect(customer, party.leg)
            else:
                await telephony.connect(seat, party.leg)
        except LegGone:
            return
        live = self._lives.get(party.call_id) if party.wanted is Place.TAKE_OVER else None
        if live is not None:
            live.seat = party.leg  # first, or the old one's end would be the call's
        try:
            await self._do(note_placed, party_id=party.party_id, place=party.wanted, at=_now())
        except Exception:
            if live is not None:  # the call stays whose it was
                live.seat = seat
                with contextlib.suppress(LegGone):
                    await telephony.separate(party.leg)
                    await telephony.connect(customer, seat)
            raise
        if live is not None:
            await self._free(seat, is_muted=live.is_muted)
            live.is_muted = False
        if party.wanted is Place.TAKE_OVER and party.e164:
            with contextlib.suppress(LegGone):  # who is not ours any more is recorded no more
                await telephony.pause_recording(customer)

    async def _free(self, seat: str, *, is_muted: bool) -> None:
        """An agent's leg is done with a call: one rung for it goes, a standing one stands on."""
        if seat_of(seat) is None:
            await self._telephony.hang_up(seat)
        elif is_muted:
            with contextlib.suppress(LegGone):
                await self._telephony.unmute(seat)

    async def _let_go(self, party: DueParty) -> None:
        """Somebody leaves; agent and customer talk on as before."""
        customer, seat = customer_leg(party.call_id), self._seat_of(party.call_id)
        if party.leg and seat_of(party.leg) is None:
            await self._telephony.hang_up(party.leg)
        elif party.leg:
            with contextlib.suppress(LegGone):
                await self._telephony.separate(party.leg)
        if not (party.is_over or party.is_supervisor or party.place == Place.TAKE_OVER):
            with contextlib.suppress(LegGone):
                await self._telephony.resume(customer)
                await self._telephony.connect(customer, seat)
        await self._do(end_party, party_id=party.party_id, at=_now())

    async def _reconcile(self, *, is_first: bool) -> None:
        """Compare the switch's legs with our calls in progress, and end what only one side knows.

        A call whose leg is missing may have its last word on its way, so it is ended only when
        missing twice, and nothing heard waits to be stored. At the start the first time is enough.
        """
        legs = await self._telephony.legs()
        calls = await self._do(calls_on_a_line)
        if is_first:
            await self._remember()
        missing = frozenset(call for call in calls if customer_leg(call) not in legs)
        lost = missing if is_first else missing & self._missing
        if self._unstored:
            lost = frozenset()
        journal = await self._telephony.ended([customer_leg(call_id) for call_id in lost])
        told = {ended.leg: ended for ended in journal}
        for call_id in lost:
            if (ended := told.get(customer_leg(call_id))) is not None:
                outcome = Outcome(ended.outcome)
                if ended.answered_at is not None:  # nobody may have heard that either
                    await self._do(store_answer, call_id=call_id, at=ended.answered_at)
                await self._do(
                    end_call, call_id=call_id, at=ended.at, outcome=outcome, cause=ended.cause
                )
                continue
            log.warning("call %d has lost its line", call_id)
            await self._do(
                end_interrupted, call_id=call_id, at=_now(), cause="the line was lost in a restart"
            )
        self._missing = missing
        standing = await self._do(check_lines, legs=legs, at=_now())
        parties, calls = await self._do(party_legs), calls | await self._do(handed_out)
        for leg in legs:
            ours = call_of(leg)
            is_lost = (ours is not None and ours[0] not in calls) or (
                seat_of(leg) is not None and leg not in standing
            )  # fmt: skip
            if is_lost or (party_of(leg) is not None and leg not in parties):
                await self._telephony.hang_up(leg)
        for leg in parties - legs if not self._unstored else ():
            await self._party_lost(leg, why=Outcome.INTERRUPTED)

    async def _remember(self) -> None:
        """What an earlier dialer knew of the calls that are on."""
        for line in await self._do(lines_on):
            if line.call_id in self._lives:
                continue
            live = self._lives[line.call_id] = _Live(
                campaign_id=line.campaign_id,
                seat=line.seat
                or (None if line.is_taken_when_answered else agent_leg(line.call_id)),
                is_taken_when_answered=line.is_taken_when_answered,
                is_muted=line.is_muted,
                is_inbound=line.is_inbound,
                is_talking=line.is_talking,
            )
            if line.is_waiting:
                self._begin_taking(line.call_id, live, since=_now())

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
        if isinstance(event, AgentLineUp | Ended):
            self._rescue.heard(event)
        if isinstance(event, AgentLineUp):
            self._standing.add(event.leg)
            self._begin_joining(event.leg)
        if isinstance(event, SwitchRestarted):
            self._reconciled_at = None
        elif (ours := call_of(event.leg)) is not None:
            await self._react_to_call(event, *ours)
        elif isinstance(event, Ended) and seat_of(event.leg) is not None:
            on_it = [pk for pk, live in self._lives.items() if live.seat == event.leg]
            for call_id in on_it:
                await self._lose_line(event, call_id)
            if not on_it and event.leg in self._standing and event.by is EndedBy.FAR:
                self._rescue.lost(event.leg, None)
            self._standing.discard(event.leg)

    async def _react_to_call(self, event: Event, call_id: int, is_agent: bool) -> None:
        live = self._lives.get(call_id)
        match event:
            case Answered() if not is_agent and self._reception.knows(call_id):
                pass  # a caller, whom we answered
            case Answered(leg=leg, at=at) if not is_agent:
                is_anybodys = live is not None and live.is_taken_when_answered
                if live is not None and is_anybodys:  # at once, beside everything else
                    self._begin_taking(call_id, live, since=at)
                with contextlib.suppress(LegGone):
                    await self._telephony.record(leg, leg)
                if not is_anybodys:
                    if live is not None:
                        live.is_talking = True
                    seat = live.seat if live and live.seat else agent_leg(call_id)
                    try:
                        await self._telephony.connect(leg, seat)
                    except LegGone:  # nobody shall talk to nobody
                        await self._telephony.hang_up(leg)
            case MachineHeard(leg=leg) if live is not None and live.is_taken_when_answered:
                await self._telephony.hang_up(leg)
            case Ended(leg=leg) if is_agent:
                if live is None or live.seat == leg:  # not if somebody took the call over
                    await self._lose_line(event, call_id)
            case Ended(outcome=outcome):
                self._forget(call_id, outcome=outcome)
                self._reception.forget(call_id)
                seat = (live.seat if live else None) or agent_leg(call_id)
                await self._free(seat, is_muted=live is not None and live.is_muted)

    async def _lose_line(self, event: Ended, call_id: int) -> None:
        """The agent's line of a call is gone: nobody shall talk to nobody. Who talks is handed on;
        whose phone only rings, or the switch fell with, is let go."""
        live = self._lives.get(call_id)
        if live is not None and live.is_talking and event.by is EndedBy.FAR:
            self._rescue.lost(event.leg, call_id)
        else:
            await self._telephony.hang_up(customer_leg(call_id))

    # -- who answered, and who talks -------------------------------------------------------------

    def _begin_taking(self, call_id: int, live: _Live, *, since: datetime) -> None:
        """Somebody answered a call nobody was named for: find an agent, beside everything else."""
        if live.is_answered:
            return
        live.is_answered = True
        if live.campaign_id is not None:
            now = asyncio.get_running_loop().time()
            self._driver.answered(live.campaign_id, call_id, now)
        self._beside(self._take(call_id, live, since=since))

    async def _take(self, call_id: int, live: _Live, *, since: datetime) -> None:
        """Give the call answered at `since` to an agent within the patience, or say sorry."""
        loop = asyncio.get_running_loop()
        waited = max(_now() - since, timedelta(0))  # the switch's clock may be ahead of ours
        give_up_at = loop.time() + (self._patience - waited).total_seconds()
        leg = customer_leg(call_id)
        while not live.is_over and loop.time() < give_up_at:
            try:
                await self._store_now(move_call, call_id=call_id, to=CallState.WAITING, at=_now())
                found = await self._store_now(connect_waiting, call_id=call_id, at=_now())
            except AWAY:
                found = None
            except Exception:
                log.exception("call %d finds no agent", call_id)
                found = None
            if found is not None:
                live.seat, live.is_talking = found.seat, True
                if live.campaign_id is not None:
                    self._driver.connected(live.campaign_id, call_id, found.agent_id, loop.time())
                try:
                    await self._telephony.connect(leg, found.seat)
                except LegGone:  # one of the two has just gone; then the other goes too
                    await self._telephony.hang_up(leg)
                return
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        if live.is_over:
            return
        self._note_abandoned(call_id, live)
        try:
            async with asyncio.timeout(APOLOGY_SECONDS):
                await self._telephony.play(leg, APOLOGY)
        except (LegGone, TimeoutError):
            pass
        except Exception:  # whatever the switch lacks, nobody is left alone on a line
            log.exception("call %d heard no apology", call_id)
        await self._telephony.hang_up(leg)

    def _note_abandoned(self, call_id: int, live: _Live) -> None:
        if not live.is_dropped and live.campaign_id is not None:
            live.is_dropped = True
            now = asyncio.get_running_loop().time()
            self._driver.abandoned(live.campaign_id, call_id, now)

    def _forget(self, call_id: int, *, outcome: LineOutcome = LineOutcome.CARRIER_FAULT) -> None:
        live = self._lives.pop(call_id, None)
        if live is None:
            return
        live.is_over = True
        if not live.is_taken_when_answered or live.campaign_id is None:
            return
        now = asyncio.get_running_loop().time()
        if live.is_answered and live.seat is None:
            if outcome is not LineOutcome.MACHINE:
                self._note_abandoned(call_id, live)
        elif not live.is_answered:
            tell = self._driver.machine if outcome is LineOutcome.MACHINE else self._driver.failed
            tell(live.campaign_id, call_id, now)

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
        if isinstance(event, SwitchRestarted):
            return
        if isinstance(event, Inbound):
            await self._reception.rings(event)
            return
        if (seat := seat_of(event.leg)) is not None:
            await self._store_seat(event, *seat)
            return
        if (party_id := party_of(event.leg)) is not None:
            await self._store_party(event, party_id)
            return
        ours = call_of(event.leg)
        if ours is None and isinstance(event, Ended):  # a caller who left before being named
            called = await self._store_now(call_on, leg=event.leg)
            ours = (called, False) if called is not None else None
        if ours is None or ours[1]:
            return
        do, call_id = self._store_now, ours[0]
        match event:
            case Ringing():
                await do(move_call, call_id=call_id, to=CallState.RINGING, at=event.at)
            case Answered():
                await do(store_answer, call_id=call_id, at=event.at)
            case KeyPressed():
                await self._reception.pressed(event, call_id)
            case RecordingDone(file=Path() as file, seconds=seconds):
                await do(store_recording, call_id=call_id, file=file, seconds=seconds, at=event.at)
            case Ended():
                outcome = Outcome(event.outcome)
                await do(end_call, call_id=call_id, at=event.at, outcome=outcome, cause=event.cause)
                await do(let_parties_go, call_id=call_id)

    async def _store_party(self, event: Event, party_id: int) -> None:
        match event:
            case Answered(at=at):
                await self._store_now(note_party_up, party_id=party_id, at=at)
            case Ended(leg=leg, outcome=outcome):
                await self._party_lost(leg, why=outcome)

    async def _party_lost(self, leg: str, *, why: str) -> None:
        alone = await self._store_now(note_party_lost, leg=leg, why=why)
        if alone is not None:  # nobody shall talk to nobody
            await self._telephony.hang_up(customer_leg(alone))

    async def _store_seat(self, event: Event, agent_id: int, nth: int) -> None:
        match event:
            case AgentLineUp():
                is_up = True
            case Ended(leg=leg):
                is_up = False
                await self._party_lost(leg, why="line_lost")
            case _:
                return
        do = self._store_now
        await do(note_line, agent_id=agent_id, nth=nth, is_up=is_up, at=event.at)

    # -- small things ----------------------------------------------------------------------------

    async def _do(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run blocking code of the dialling half in its thread, one after the other."""
        work = partial(_with_fresh_connection, partial(function, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._dialing, work)

    async def _store_now(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same, for the hearing half: it never waits for somebody being dialled."""
        work = partial(_with_fresh_connection, partial(function, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._hearing, work)

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
