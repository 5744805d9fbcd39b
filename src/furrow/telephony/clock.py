"""Two clocks for the simulated carrier: the real one, and one that tests wind by hand."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Alarm(Protocol):
    def cancel(self) -> None:
        """Let it not go off. An alarm that went off is no error."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """The aware present."""
        ...

    def call_in(self, seconds: float, callback: Callable[[], None]) -> Alarm:
        """Call once, `seconds` from now; never inside this call."""
        ...


class RealClock:
    """Time as it passes, or `speed` times as fast. Instants stay true, waits become shorter."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed

    def now(self) -> datetime:
        return datetime.now(UTC)

    def call_in(self, seconds: float, callback: Callable[[], None]) -> Alarm:
        return asyncio.get_running_loop().call_later(seconds / self._speed, callback)


class _VirtualAlarm:
    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class VirtualClock:
    """Time that passes only in `advance`: thousands of calls in the blink of an eye."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, tzinfo=UTC)) -> None:
        self._now = start
        self._order = itertools.count()
        self._alarms: list[tuple[datetime, int, _VirtualAlarm]] = []

    def now(self) -> datetime:
        return self._now

    def call_in(self, seconds: float, callback: Callable[[], None]) -> Alarm:
        alarm = _VirtualAlarm(callback)
        at = self._now + timedelta(seconds=seconds)
        heapq.heappush(self._alarms, (at, next(self._order), alarm))
        return alarm

    def next_at(self) -> datetime | None:
        """When something happens next; None when nothing is left to happen."""
        while self._alarms and self._alarms[0][2].callback is None:
            heapq.heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass; whatever falls due happens at its own moment, in order."""
        self.advance_to(self._now + timedelta(seconds=seconds))

    def advance_to(self, until: datetime) -> None:
        """As `advance`, up to an instant. An instant in the past changes nothing."""
        while (at := self.next_at()) is not None and at <= until:
            alarm = heapq.heappop(self._alarms)[2]
            self._now = at
            callback, alarm.callback = alarm.callback, None
            if callback is not None:
                callback()
        self._now = max(self._now, until)
