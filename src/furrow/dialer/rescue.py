"""Customers whose agent's line was lost in mid-talk: a closed tab, a dead browser or network.

They hear music at once. A page that is only reloaded is back within `COMES_BACK_SECONDS`, and the
talk goes on; else a colleague with a standing line takes it, and where nobody is free the customer
hears that we call back. With the moment the switch needs to notice, all of it takes five seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from furrow.phones.rules import phone_name
from furrow.telephony.port import AgentLineUp, CannotDial, Ended, LegGone, Telephony

from .actions import Again, Lost, hand_on, lose_agent, ring_again
from .rules import customer_leg, seat_of

log = logging.getLogger("furrow.dialer")

COMES_BACK_SECONDS = 3.0  # how long a lost agent's own line is tried
TRY_AGAIN_SECONDS = 0.3
SAY_SECONDS = 30.0
CALL_BACK = "callback"  # in the sound library


@dataclass
class _Raising:
    """An agent's new line on its way; True when it stands, False when it cannot be raised."""

    leg: str
    stands: asyncio.Future[bool]


class Rescue:
    """One for the loop; each lost line is one task."""

    def __init__(
        self,
        telephony: Telephony,
        ask: Callable[..., Awaitable[Any]],
        join: Callable[[int, str], Awaitable[bool]],
        stands: Callable[[str], bool],
    ) -> None:
        """
        ask     runs an action
        join    lets the call go on by that leg, as it was; False when the call is over
        stands  whether an agent's line is up already
        """
        self._telephony = telephony
        self._ask = ask
        self._join = join
        self._stands = stands
        self._raising: dict[str, _Raising] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def lost(self, leg: str, call_id: int | None) -> None:
        """An agent's line fell: `call_id` is the talk that stood on it, None = there was none."""
        task = asyncio.create_task(self._safely(leg, call_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def heard(self, event: AgentLineUp | Ended) -> None:
        """A line came up, or cannot."""
        raising = self._raising.pop(event.leg, None)
        if raising is not None and not raising.stands.done():
            raising.stands.set_result(isinstance(event, AgentLineUp))

    async def _safely(self, leg: str, call_id: int | None) -> None:
        try:
            await self._rescue(leg, call_id)
        except LegGone:
            pass  # the customer has gone meanwhile
        except Exception:  # whatever fails, nobody is left alone on a line
            log.exception("nobody takes over from %s", leg)
            if call_id is not None:
                await self._telephony.hang_up(customer_leg(call_id))

    async def _rescue(self, leg: str, call_id: int | None) -> None:
        if call_id is not None:
            await self._telephony.hold(customer_leg(call_id))
        own: str | None = await self._raise_again(leg, call_id)
        if own is None:
            lost: Lost | None = await self._ask(
                lose_agent, leg=leg, call_id=call_id, at=datetime.now(UTC)
            )
            if lost is not None:
                log.warning("the line of %s is lost", lost.agent)
            if call_id is None:
                return
            own = await self._ask(hand_on, call_id=call_id, at=datetime.now(UTC))
        if call_id is None:
            return
        customer = customer_leg(call_id)
        if own is None:
            await self._say_sorry(customer)
        elif not await self._join(call_id, own) and seat_of(own) is None:
            # The customer was quicker.
            await self._telephony.hang_up(own)

    async def _raise_again(self, leg: str, call_id: int | None) -> str | None:
        """The agent's own line, standing again; None when it does not come back in time."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + COMES_BACK_SECONDS
        while (left := give_up_at - loop.time()) > 0:
            again: Again | None = await self._ask(
                ring_again, leg=leg, call_id=call_id, at=datetime.now(UTC)
            )
            if again is None:
                return None
            raising = _Raising(again.leg, loop.create_future())
            self._raising[again.leg] = raising
            try:
                if self._stands(again.leg):  # the loop was quicker
                    return again.leg
                await self._telephony.line_up(again.leg, phone_name(again.agent))
                async with asyncio.timeout(left):
                    if await raising.stands:
                        return again.leg
            except CannotDial:
                pass
            except TimeoutError:
                await self._telephony.hang_up(again.leg)
            finally:
                self._raising.pop(again.leg, None)
            leg = again.leg
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        return None

    async def _say_sorry(self, customer: str) -> None:
        await self._telephony.resume(customer)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SAY_SECONDS):
                await self._telephony.play(customer, CALL_BACK)
        await self._telephony.hang_up(customer)
