"""The event stream as browsers meet it: a real server, many clients, a lost PostgreSQL."""

import asyncio
import contextlib
import json
import socket
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import psycopg
import pytest

from tests.robustness.house import House, free_port

pytestmark = pytest.mark.slow
CLIENTS = 200
MESSAGES = 50
PER_SECOND = 10  # to every browser: more than a floor shows of itself
P99_MS = 200.0


class Line:
    """One browser's stream: frames as (kind, data, when heard)."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, float]] = []
        self.opened = asyncio.Event()
        self.ended = asyncio.Event()

    async def listen(self, client: httpx2.AsyncClient, url: str, session: str) -> None:
        headers = {"Cookie": f"sessionid={session}", "Accept": "text/event-stream"}
        async with client.stream("GET", url, headers=headers) as answer:
            assert answer.status_code == 200
            kind = ""
            async for line in answer.aiter_lines():
                self.opened.set()
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    self.heard.append((kind, line.removeprefix("data: "), time.monotonic()))
        self.ended.set()

    async def hears(self, kind: str) -> None:
        async with asyncio.timeout(20):
            while all(frame[0] != kind for frame in self.heard):
                await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(url: str, sessions: list[str]) -> AsyncIterator[list[Line]]:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx2.AsyncClient(limits=limits, timeout=60) as client:
        lines = [Line() for _ in sessions]
        tasks = [
            asyncio.create_task(line.listen(client, url, session))
            for line, session in zip(lines, sessions, strict=True)
        ]
        async with asyncio.timeout(60):
            await asyncio.gather(*(line.opened.wait() for line in lines))
        yield lines
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(scope="module")
def address(built: House) -> str:
    """A running events server, the same for all tests here."""
    house = built
    port = free_port()
    house.start("events", f"--port={port}")

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    house.until(answers, seconds=30)
    house.until(lambda: listeners(house), seconds=30)
    return f"http://127.0.0.1:{port}/events/"


def listeners(house: House) -> object:
    return house.ask(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'furrow events'"
        " AND query LIKE 'LISTEN%%' AND datname = current_database()"
    )


async def publish(house: House, kind: str, *, topic: str, count: int = 1, **data: object) -> None:
    """NOTIFY as `common.realtime.publish` does."""
    url = house.cluster.url(house.database)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as postgres:
        for _ in range(count):
            body = {"kind": kind, "topics": [topic], "data": {"at": time.monotonic(), **data}}
            await postgres.execute("SELECT pg_notify('furrow_events', %s)", [json.dumps(body)])
            await asyncio.sleep(1 / PER_SECOND)


def test_two_hundred_browsers_hear_within_a_fifth_of_a_second(house: House, address: str) -> None:
    session = house.hand("person", "manager")["session"]

    async def scenario() -> list[float]:
        async with listening(address, [session] * CLIENTS) as lines:
            await publish(house, "probe", topic="floor", count=MESSAGES)
            async with asyncio.timeout(20):
                while any(len(probes(line)) < MESSAGES for line in lines):
                    await asyncio.sleep(0.02)
            return [
                (heard_at - json.loads(data)["at"]) * 1000
                for line in lines
                for data, heard_at in probes(line)
            ]

    def probes(line: Line) -> list[tuple[str, float]]:
        """Ours alone: the house has other news too."""
        return [(data, heard_at) for kind, data, heard_at in line.heard if kind == "probe"]

    for _ in range(3):  # a shared machine may be busy with something else for a moment
        delays = asyncio.run(scenario())
        p50, p99 = statistics.median(delays), statistics.quantiles(delays, n=100)[98]
        print(f"\n{CLIENTS} clients, {len(delays)} frames: p50 {p50:.0f} ms, p99 {p99:.0f} ms")  # noqa: T201
        assert len(delays) == CLIENTS * MESSAGES
        if p99 < P99_MS:
            return
    pytest.fail(f"three times in a row, p99 was above {P99_MS:.0f} ms")


def test_an_agent_hears_of_his_own_and_not_of_others(house: House, address: str) -> None:
    wang, li = house.hand("person"), house.hand("person")

    async def scenario() -> None:
        async with listening(address, [wang["session"], li["session"]]) as (first, second):
            await publish(house, "call", topic=f"user:{wang['user']}", call=7)
            await publish(house, "end", topic="all")
            await asyncio.gather(first.hears("end"), second.hears("end"))
            assert [kind for kind, _, _ in first.heard] == ["call", "end"]
            assert [kind for kind, _, _ in second.heard] == ["end"]

    asyncio.run(scenario())


def test_after_a_lost_listener_every_browser_is_told_to_reload(house: House, address: str) -> None:
    session = house.hand("person")["session"]

    async def scenario() -> float:
        async with listening(address, [session] * 5) as lines:
            began = time.monotonic()
            house.do("SELECT pg_terminate_backend(%s)", listeners(house))
            await publish(house, "missed", topic="all")
            await asyncio.gather(*(line.hears("resync") for line in lines))
            took = time.monotonic() - began
            await publish(house, "after", topic="all")
            await asyncio.gather(*(line.hears("after") for line in lines))
            return took

    print(f"\nlistener lost, all told to reload after {asyncio.run(scenario()):.2f} s")  # noqa: T201


def test_postgresql_restarted_is_survived_by_every_stream(house: House, address: str) -> None:
    session = house.hand("person")["session"]

    async def scenario() -> None:
        async with listening(address, [session] * 5) as lines:
            await asyncio.to_thread(house.cluster.stop)
            await asyncio.to_thread(house.cluster.start)
            await asyncio.gather(*(line.hears("resync") for line in lines))
            await publish(house, "after", topic="all")
            await asyncio.gather(*(line.hears("after") for line in lines))

    asyncio.run(scenario())


def test_a_slow_browser_is_told_to_reload_and_holds_up_nobody(house: House, address: str) -> None:
    session = house.hand("person", "manager")["session"]
    port = int(address.rsplit(":", 1)[1].split("/")[0])

    async def scenario() -> bytes:
        reader, writer = await slow_browser(port, session)
        async with listening(address, [session]) as (quick,):
            url = house.cluster.url(house.database)
            body = {"kind": "call", "topics": ["floor"], "data": {"fill": "x" * 6000}}
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as postgres:
                for _ in range(1500):  # 9 MB: more than every buffer on the way holds
                    await postgres.execute(
                        "SELECT pg_notify('furrow_events', %s)", [json.dumps(body)]
                    )
            await publish(house, "end", topic="floor")
            await quick.hears("end")  # nobody waits for the slow one
        heard = b""
        async with asyncio.timeout(30):
            while b"event: resync" not in heard:
                heard = heard[-20:] + await reader.read(65536)
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return heard

    assert b"event: resync" in asyncio.run(scenario())


async def slow_browser(
    port: int, session: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Asks for the stream, and reads nothing. A 503 is asked again, as the page does."""
    request = f"GET /events/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: sessionid={session}\r\n\r\n"
    for _ in range(10):
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=plug, limit=1024)
        writer.write(request.encode())
        await writer.drain()
        answer = await reader.readline()
        if b"200" in answer:
            return reader, writer
        writer.transport.abort()
        assert b"503" in answer
        await asyncio.sleep(0.5)
    pytest.fail("the events server stays unavailable")


def test_signing_out_somewhere_else_is_refused_here(house: House, address: str) -> None:
    who = house.hand("person")
    house.do("DELETE FROM django_session WHERE session_key = %s", who["session"])

    answer = httpx2.get(address, headers={"Cookie": f"sessionid={who['session']}"}, timeout=60)

    assert answer.status_code == 401


def test_the_page_on_the_other_port_may_listen_and_a_stranger_may_not(address: str) -> None:
    ours = httpx2.get(address, headers={"Origin": "http://127.0.0.1:8000"}, timeout=60)
    strange = httpx2.get(address, headers={"Origin": "http://example.test"}, timeout=60)

    assert ours.headers["Access-Control-Allow-Origin"] == "http://127.0.0.1:8000"
    assert ours.headers["Access-Control-Allow-Credentials"] == "true"
    assert strange.status_code == 403
    assert "Access-Control-Allow-Origin" not in strange.headers
