"""How soon a floor full of browsers hears of a change, and that none of them misses one.

    python bench/floor_push.py                            200 browsers, 50 messages a second, 60 s
    python bench/floor_push.py --browsers 1000 --seconds 10

A real `furrow events`, a real PostgreSQL, and as many event streams as browsers, each with a
session of its own over a plain socket. Every message is for the managers' floor, so every
browser should hear every one: the time from just before NOTIFY to its arrival at each browser.
The browsers and the publisher share the machine's cores with the server, so this is the
server's figure and theirs together.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from measuring import database, percentile, processor_seconds, running, session_of, tell_table

GRACE_SECONDS = 10  # for what is still under way after the last message
MESSAGE = re.compile(rb'data: \{"n":(\d+),"sent":(\d+)\}')


@dataclass
class Browser:
    """One stream: which messages came, and after how long."""

    port: int
    cookie: str
    waits_ms: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    resyncs: int = 0

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        request = f"GET /events/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {self.cookie}\r\n\r\n"
        self._writer.write(request.encode())
        status = await self._reader.readline()
        if b"200" not in status:
            raise SystemExit(f"furrow events answers {status!r}")
        await self._reader.readuntil(b": welcome\n\n")

    async def listen(self) -> None:
        """Until cancelled. Each message is one line, so a line is never cut."""
        while line := await self._reader.readline():
            now = time.monotonic_ns()
            if found := MESSAGE.match(line):
                self.numbers.append(int(found[1]))
                self.waits_ms.append((now - int(found[2])) / 1e6)
            elif line.startswith(b"event: resync"):
                self.resyncs += 1

    def close(self) -> None:
        self._writer.close()


async def publish_all(conninfo: str, *, count: int, rate: float) -> float:
    """`count` messages at `rate` a second, each a transaction; the rate reached."""
    import json

    import psycopg

    from furrow.common.realtime import CHANNEL

    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as postgres:
        began = time.monotonic()
        for n in range(count):
            await asyncio.sleep(began + n / rate - time.monotonic())
            data = {"n": n, "sent": time.monotonic_ns()}
            payload = {"kind": "floor", "topics": ["floor"], "data": data}
            await postgres.execute(
                "SELECT pg_notify(%s, %s)", [CHANNEL, json.dumps(payload, separators=(",", ":"))]
            )
        return count / (time.monotonic() - began)


async def measure(
    port: int, cookies: list[str], conninfo: str, *, rate: float, seconds: float
) -> tuple[list[Browser], int, float]:
    browsers = [Browser(port, cookie) for cookie in cookies]
    for browser in browsers:
        await browser.open()
    count = int(rate * seconds)
    async with asyncio.TaskGroup() as group:
        listening = [group.create_task(browser.listen()) for browser in browsers]
        reached = await publish_all(conninfo, count=count, rate=rate)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                while any(len(browser.numbers) < count for browser in browsers):
                    await asyncio.sleep(0.05)
        for task in listening:
            task.cancel()
    for browser in browsers:
        browser.close()
    return browsers, count, reached


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--browsers", type=int, default=200)
    parser.add_argument("--rate", type=float, default=50, help="messages a second")
    parser.add_argument("--seconds", type=float, default=60)
    chosen = parser.parse_args()
    with database("floor_push", keep=False):
        from furrow.common.realtime import listening_conninfo
        from furrow.organisation.actions import create_user, system_user
        from furrow.organisation.rules import Role

        manager = create_user(
            username="manager", display_name="Manager", role=Role.MANAGER, team=None,
            password=None, by=system_user(), at=datetime.now(UTC),
        )  # fmt: skip
        cookies = [session_of(manager) for _browser in range(chosen.browsers)]
        with running("events") as (port, pid):
            before = processor_seconds(pid)
            browsers, count, reached = asyncio.run(
                measure(
                    port, cookies, listening_conninfo("bench"),
                    rate=chosen.rate, seconds=chosen.seconds,
                )
            )  # fmt: skip
            used = processor_seconds(pid) - before
    waits = [wait for browser in browsers for wait in browser.waits_ms]
    lost = sum(count - len(set(browser.numbers)) for browser in browsers)
    twice = sum(len(browser.numbers) - len(set(browser.numbers)) for browser in browsers)
    resyncs = sum(browser.resyncs for browser in browsers)
    tell_table(
        "A floor full of browsers",
        ("", ""),
        [
            ("browsers", len(browsers)),
            ("messages a second", f"{reached:.0f}"),
            ("messages to arrive", f"{count * len(browsers):,}"),
            ("lost", lost),
            ("arrived twice, out of step, or as a call to reload", twice + resyncs),
            ("from NOTIFY to the browser, p50", f"{percentile(waits, 0.5):.1f} ms"),
            ("… p99", f"{percentile(waits, 0.99):.1f} ms"),
            ("… worst", f"{max(waits):.1f} ms"),
            ("processor used by `furrow events`", f"{100 * used / (count / reached):.0f} %"),
        ],
    )
    return 1 if lost or twice or resyncs else 0


if __name__ == "__main__":
    sys.exit(main())
