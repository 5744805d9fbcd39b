"""Callers on their lines: what the dialing loop does at the switch for somebody who calls us.

What is to be done is decided in the database (`actions.incoming`); here it is done at the switch,
so that nothing but a sound's end is waited for and a dialer that dies is followed by one that
goes on from where the database says.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from furrow.phones.rules import phone_name
from furrow.telephony.port import CannotDial, Inbound, KeyPressed, LegGone, Telephony

from .actions import Step, Todo, attend, callers_on, press_key, ring_in
from .rules import agent_leg, customer_leg

log = logging.getLogger("furrow.dialer")

# Names in the sound library.
QUEUE, CALL_BACK, CLOSED = "queue", "callback", "closed"
OPTED_OUT, WITHHELD = "opted-out", "withheld"
LAST_WORDS = {
    Step.PROMISE: CALL_BACK,
    Step.CLOSED: CLOSED,
    Step.OPTED_OUT: OPTED_OUT,
    Step.WITHHELD: WITHHELD,
}
SAY_SECONDS = 30.0  # at most, for any sound


class Reception:
    """Takes callers from their first ring to an agent, or to a promise."""

    def __init__(
        self,
        telephony: Telephony,
        ask: Callable[..., Awaitable[Any]],
        joined: Callable[[int, str], None],
    ) -> None:
        """
        ask     runs an action, in the order asked
        joined  is told of the call and the agent's leg before they hear each other
        """
        self._telephony = telephony
        self._ask = ask
        self._joined = joined
        self._busy: set[asyncio.Task[None]] = set()
        self._callers: set[int] = set()

    def knows(self, call_id: int) -> bool:
        """Whether this call is somebody's who called us."""
        return call_id in self._callers

    def forget(self, call_id: int) -> None:
        self._callers.discard(call_id)

    async def remember(self) -> None:
        """Name the lines of the callers that are on; only the database remembers those names."""
        for leg, call_id in await self._ask(callers_on):
            await self._name(leg, call_id)

    async def _name(self, leg: str, call_id: int) -> None:
        self._callers.add(call_id)
        await self._telephony.name(leg, customer_leg(call_id))

    async def rings(self, event: Inbound) -> None:
        """Somebody calls: from here to the agent's screen there is one transaction."""
        todo: Todo = await self._ask(
            ring_in, leg=event.leg, caller=event.caller, called=event.called, at=event.at
        )
        if todo.call_id is not None:
            await self._name(event.leg, todo.call_id)
        await self._do(todo)

    async def look(self) -> None:
        """What is due for those who wait: the next agent, a join, a promise."""
        for todo in await self._ask(attend, at=datetime.now(UTC)):
            await self._do(todo)

    async def pressed(self, event: KeyPressed, call_id: int) -> None:
        step: Step = await self._ask(press_key, call_id=call_id, key=event.key, at=event.at)
        await self._do(Todo(step, event.leg, call_id))

    async def _do(self, todo: Todo) -> None:
        leg = todo.leg if todo.call_id is None else customer_leg(todo.call_id)
        match todo.step:
            case Step.NOTHING:
                pass
            case Step.REFUSE:
                log.warning("somebody calls, and no hotline is set up")
                await self._telephony.hang_up(leg)
            case Step.WAIT:
                self._beside(self._wait(leg))
            case Step.JOIN:
                await self._join(leg, todo)
            case _:
                self._beside(self._say_and_leave(leg, LAST_WORDS[todo.step]))

    async def _wait(self, leg: str) -> None:
        """The announcement, then music, until somebody joins or the caller goes."""
        await self._telephony.answer(leg)
        async with asyncio.timeout(SAY_SECONDS):
            await self._telephony.play(leg, QUEUE)
        await self._telephony.hold(leg)

    async def _join(self, leg: str, todo: Todo) -> None:
        assert todo.call_id is not None  # noqa: S101
        seat = todo.seat or agent_leg(todo.call_id)
        self._joined(todo.call_id, seat)
        try:
            if todo.seat is None:
                await self._telephony.line_up(seat, phone_name(todo.agent))
            await self._telephony.hush(leg)
            await self._telephony.resume(leg)
            await self._telephony.answer(leg)
            await self._telephony.record(leg, leg)
            await self._telephony.connect(leg, seat)
        except CannotDial as problem:
            log.warning("%s cannot be rung: %s", todo.agent, problem)
            await self._telephony.hang_up(leg)
        except LegGone:  # one of the two has just gone; then the other goes too
            await self._telephony.hang_up(leg)
            if todo.seat is None:
                await self._telephony.hang_up(seat)

    async def _say_and_leave(self, leg: str, sound: str) -> None:
        await self._telephony.hush(leg)
        await self._telephony.resume(leg)
        await self._telephony.answer(leg)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SAY_SECONDS):
                await self._telephony.play(leg, sound)
        await self._telephony.hang_up(leg)

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it while others call; whoever goes meanwhile is no error."""
        task = asyncio.create_task(self._safely(work))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    @staticmethod
    async def _safely(work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (LegGone, TimeoutError):
            pass
        except Exception:
            log.exception("a caller hears nothing")
