"""How many hits a second the collecting process stores, and what a kill loses.

    python bench/capture.py --rate 2000 --seconds 30

A durable PostgreSQL, the collecting process, and this program share the machine. Hits are sent at
the given rate whatever the answers do (an open loop), over kept connections; each answer of 204 is
counted against the rows. Then the process is killed in mid-flood, and the same is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter

from measuring import percentile, set_up_django, tell, tell_table

from furrow.config.postgres import Cluster

CONNECTIONS = 50
PAGES = ("/", "/ai-course/", "/call/", "/about/")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=2000, help="hits a second")
    parser.add_argument("--seconds", type=int, default=30)
    chosen = parser.parse_args()
    with Cluster("laptop-bench").in_use() as cluster:  # durable: fsync at every commit
        if "capture" in cluster.databases():
            cluster.drop_database("capture")
        cluster.create_database("capture")
        os.environ["DATABASE_URL"] = cluster.url("capture")
        set_up_django()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        try:
            measure(chosen.rate, chosen.seconds)
        finally:
            from django.db import connection

            connection.close()
            cluster.drop_database("capture")
    return 0


def measure(rate: int, seconds: int) -> None:
    from django.db import connection

    from furrow.capture.tests.make import make_site

    site = make_site(hosts="shop.test")
    rows = []
    with connection.cursor() as cursor:

        def stored() -> int:
            """Views there are, digested or waiting; each hit here opens a page of its own."""
            cursor.execute(
                "SELECT (SELECT count(*) FROM capture_view) + (SELECT count(*) FROM capture_hit)"
            )
            return int((cursor.fetchone() or [0])[0])

        for killed in (False, True):
            before = stored()
            port = free_port()
            process = serve(port)
            flood = Flood(site.key, port)
            cpu = os.times()
            took = asyncio.run(
                flood.run(rate, seconds if not killed else 6, lambda p=process: p, killed)
            )
            used = os.times()
            if not killed:
                began = time.perf_counter()
                while waiting(cursor):
                    time.sleep(0.05)
                drained = time.perf_counter() - began
            stop(process)
            new = stored() - before
            known = flood.answers[204]
            rows.append([
                "killed in mid-flood" if killed else "steady", f"{flood.sent:,}",
                f"{flood.sent / took:,.0f}", f"{known:,}",
                f"{sum(n for code, n in flood.answers.items() if code != 204):,}",
                f"{max(known - new, 0):,}", f"{max(new - known, 0):,}",
                " / ".join(f"{1000 * percentile(flood.waits, p):.0f}" for p in (0.5, 0.95, 0.99)),
            ])  # fmt: skip
            if not killed:
                tell(
                    f"digested {drained:.1f} s after the last hit; this program itself used "
                    f"{used.user + used.system - cpu.user - cpu.system:.0f} s of processor"
                )
        assert all(row[5] == "0" for row in rows), "an acknowledged hit was lost"
    tell_table(
        f"Hits from web sites: {rate:,} a second wanted",
        ["", "sent", "a second", "acknowledged", "refused", "acknowledged and lost",
         "stored, not acknowledged", "ms p50 / p95 / p99"],
        rows,
    )  # fmt: skip
    snippet = len(open_snippet())
    tell(f"the snippet is {snippet:,} bytes")


def waiting(cursor) -> int:  # type: ignore[no-untyped-def]
    cursor.execute("SELECT count(*) FROM capture_hit")
    return int(cursor.fetchone()[0])


def open_snippet() -> bytes:
    from furrow.capture import loop

    return loop._snippet()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "furrow.config.cli", "collect", "--port", str(port)],
        process_group=0,
        env={**os.environ, "FURROW_PROXIES": "1"},  # each visitor has an address
    )
    for _try in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                break
        except OSError:
            time.sleep(0.1)
    time.sleep(2)  # it learns of the sites
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait(30)


class Flood:
    """Hits at a rate, over CONNECTIONS kept open, pipelined; answers counted."""

    def __init__(self, site: str, port: int) -> None:
        self.site, self.port = site, port
        self.sent = 0
        self.answers: Counter[int] = Counter()
        self.waits: list[float] = []

    async def run(self, rate, seconds, process, killed) -> float:  # type: ignore[no-untyped-def]
        """Seconds it took. A kill comes after two thirds."""
        links = [await Link.open(self) for _ in range(CONNECTIONS)]
        began = time.perf_counter()
        kill_at = seconds * 2 / 3 if killed else None
        while (now := time.perf_counter() - began) < seconds:
            if kill_at is not None and now > kill_at:
                os.killpg(process().pid, signal.SIGKILL)
                break
            while self.sent < now * rate:
                links[self.sent % CONNECTIONS].send(self._hit())
                self.sent += 1
            await asyncio.sleep(0.002)
        took = time.perf_counter() - began
        patience = time.perf_counter() + (2 if killed else 20)
        while sum(self.answers.values()) < self.sent and time.perf_counter() < patience:
            await asyncio.sleep(0.01)
        for link in links:
            link.close()
        return took

    def _hit(self) -> bytes:
        # A tenth of the hits come from a browser nobody saw before.
        visitor = self.sent // 10 if self.sent % 10 else self.sent
        body = json.dumps({
            "s": self.site, "k": "view", "v": f"{visitor:024x}",
            "i": f"{self.port:08x}{self.sent:016x}", "p": PAGES[self.sent % 4], "r": "",
        }).encode()  # fmt: skip
        return (
            b"POST /f/hit HTTP/1.1\r\nHost: shop.test\r\nOrigin: https://shop.test\r\n"
            b"X-Forwarded-For: 10.%d.%d.%d\r\nContent-Type: text/plain\r\n"
            b"Content-Length: %d\r\n\r\n"
            % (visitor >> 16 & 255, visitor >> 8 & 255, visitor & 255, len(body))
            + body
        )


class Link(asyncio.Protocol):
    """One connection; its answers come in the order of its questions."""

    def __init__(self, flood: Flood) -> None:
        self._flood = flood
        self._asked: list[float] = []
        self._next = 0
        self._transport: asyncio.Transport | None = None
        self._rest = b""

    @classmethod
    async def open(cls, flood: Flood) -> Link:
        loop = asyncio.get_running_loop()
        _transport, link = await loop.create_connection(lambda: cls(flood), "127.0.0.1", flood.port)
        return link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, hit: bytes) -> None:
        assert self._transport is not None
        self._asked.append(time.perf_counter())
        self._transport.write(hit)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end]
            self._rest = self._rest[end + 4 :]
            self._flood.answers[int(head[9:12])] += 1
            self._flood.waits.append(time.perf_counter() - self._asked[self._next])
            self._next += 1

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


if __name__ == "__main__":
    sys.exit(main())
