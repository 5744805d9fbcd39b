"""The collecting process: takes what the snippet tells and stores it before it says so.

Plain ASGI beside the web process, as the events server is. Hits that come while PostgreSQL writes
wait for the next COPY, so a busy second costs some dozens of transactions and not thousands.

An answer of 204 means stored: it is given after the commit. A kill loses at most what was not
answered yet, the hits of one or two COPYs (some hundredths of a second). Without PostgreSQL hits
wait MOST_PATIENCE_SECONDS, at most MOST_WAITING of them; then the answer is 503.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from ipaddress import IPv6Network
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import DatabaseError, connection
from django.utils import timezone
from psycopg.types.json import Jsonb

from furrow.common.realtime import listening_conninfo
from furrow.organisation.actions import system_user

from . import actions, demo
from .models import Hit as StoredHit
from .queries import OpenSite, open_sites
from .rules import MOST_BYTES, Hit, HitKind, is_from, read_hit

log = logging.getLogger("furrow.capture")

Connection = MutableMapping[str, Any]  # what ASGI calls a scope
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Row = tuple[Any, ...]

LINGER_SECONDS = 0.01  # a COPY waits so long for company
MOST_WAITING = 20_000  # hits in memory
MOST_PATIENCE_SECONDS = 5.0
DIGEST_SECONDS = 1.0
# A minute, from one address (FURROW_PROXIES says whose address counts): an office of some hundred
# readers stays below. And of one visitor: opening a page tells two hits or three.
MOST_FORMS = 30
MOST_HITS = 3_000
MOST_OF_VISITOR = 120
RETRY_SECONDS = 0.2
SCRIPT = "text/javascript; charset=utf-8"
_COPY = (
    f"COPY {StoredHit._meta.db_table}"
    " (at, site_id, kind, visitor, key, page, referrer, seconds, given) FROM STDIN"
)


class Full(Exception):
    """No more hits can wait."""


class Writer:
    """Hits on their way into PostgreSQL: acknowledged when committed, in the order they came."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Row, float, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._postgres: psycopg.AsyncConnection[Any] | None = None
        self.stored = 0

    async def store(self, row: Row) -> None:
        """Return once the row is committed. Raises Full, or TimeoutError after
        MOST_PATIENCE_SECONDS without PostgreSQL; then it may be stored or not."""
        if len(self._waiting) >= MOST_WAITING:
            raise Full
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((row, monotonic() + MOST_PATIENCE_SECONDS, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        """For ever. Cancelled, it writes what waits first."""
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(LINGER_SECONDS)
                await self._write_waiting()
        except asyncio.CancelledError:
            await self._write_waiting()
            raise
        finally:
            if self._postgres is not None:
                await self._postgres.close()

    async def _write_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        self._wake.clear()
        while batch:
            try:
                await self._copy([row for row, _until, _done in batch])
            except psycopg.OperationalError as problem:
                log.warning("PostgreSQL is away: %s", str(problem).strip().partition("\n")[0])
                await self._drop_connection()
                batch = _still_patient(batch)
                await asyncio.sleep(RETRY_SECONDS)
            except psycopg.Error:
                log.exception("hits refused")  # a bug; nobody is told they were stored
                for _row, _until, done in batch:
                    _fail(done)
                await self._drop_connection()
                return
            else:
                self.stored += len(batch)
                for _row, _until, done in batch:
                    if not done.done():  # who asked may have gone
                        done.set_result(None)
                return

    async def _copy(self, rows: list[Row]) -> None:
        """One transaction. After a lost connection it may be repeated: keys make it harmless."""
        if self._postgres is None:
            self._postgres = await psycopg.AsyncConnection.connect(
                listening_conninfo("furrow collect"), autocommit=True
            )
        async with self._postgres.cursor() as cursor, cursor.copy(_COPY) as copy:
            for row in rows:
                await copy.write_row(row)

    async def _drop_connection(self) -> None:
        if self._postgres is not None:
            await self._postgres.close()
            self._postgres = None


def _still_patient(
    batch: list[tuple[Row, float, asyncio.Future[None]]],
) -> list[tuple[Row, float, asyncio.Future[None]]]:
    kept = []
    for row, until, done in batch:
        if monotonic() < until:
            kept.append((row, until, done))
        else:
            _fail(done)
    return kept


def _fail(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_exception(TimeoutError())


class Patience:
    """How much is taken in a minute, of an address and of a visitor: the rest is refused with 429,
    and everything is forgotten with the minute."""

    def __init__(self) -> None:
        self._sent: Counter[tuple[str, str]] = Counter()
        self._minute = 0

    def takes(self, hit: Hit, address: str) -> bool:
        minute = int(monotonic() // 60)
        if minute != self._minute:
            self._sent.clear()
            self._minute = minute
        address = _network(address)
        return (
            self._counts("hits", address, MOST_HITS)
            and (hit.kind is not HitKind.FORM or self._counts("forms", address, MOST_FORMS))
            and (not hit.visitor or self._counts(hit.site, hit.visitor, MOST_OF_VISITOR))
        )

    def _counts(self, what: str, of: str, most: int) -> bool:
        self._sent[what, of] += 1
        return self._sent[what, of] <= most


def _network(address: str) -> str:
    """Who has one address of IPv6 has 2**64 of them."""
    if ":" not in address:
        return address
    try:
        return str(IPv6Network((address, 64), strict=False))
    except ValueError:
        return address


class Collector:
    """One process: its writer, and what it knows of the sites."""

    def __init__(self) -> None:
        self.writer = Writer()
        self.sites: dict[str, OpenSite] | None = None  # None = not known yet
        self.patience = Patience()

    async def live(self, receive: Receive, send: Send) -> None:
        """The server's life."""
        tasks: list[asyncio.Task[None]] = []
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                tasks = [asyncio.create_task(self.writer.run()), asyncio.create_task(self.digest())]
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def digest(self) -> None:
        """Once a second: learn of the sites, and make visits and leads of what was stored."""
        while True:
            try:
                # First: whatever is wrong with what waits, hits are taken.
                self.sites = await sync_to_async(_sites, thread_sensitive=False)()
                await sync_to_async(_look, thread_sensitive=False)()
            except (DatabaseError, psycopg.Error) as problem:
                log.warning("digest: %s", str(problem).strip().partition("\n")[0])
            except Exception:
                log.exception("digest")
            await asyncio.sleep(DIGEST_SECONDS)


def _sites() -> dict[str, OpenSite]:
    try:
        return open_sites()
    finally:
        connection.close()


def _look() -> None:
    try:
        by = system_user()
        while actions.digest_hits(at=timezone.now()) >= actions.TAKEN_AT_ONCE:
            pass
        actions.judge_waiting(by=by, at=timezone.now())
    finally:
        connection.close()  # back to the pool: this thread may not be used again


collector = Collector()


async def application(asked: Connection, receive: Receive, send: Send) -> None:
    """One ASGI connection."""
    if asked["type"] == "lifespan":
        await collector.live(receive, send)
        return
    if asked["type"] != "http":
        return
    # Whatever stands before it is where a proxy of the site has put us.
    name, is_get = asked["path"].rpartition("/")[2], asked["method"] in ("GET", "HEAD")
    if asked["method"] == "POST" and name == "hit":
        await _take(asked, receive, send)
    elif is_get and name == "furrow.js":
        await _answer(send, 200, _built("capture.js"), SCRIPT, "max-age=3600")
    elif is_get and name == "healthz":
        await _answer(send, 200, b"ok\n")
    elif is_get and asked["path"].startswith(demo.SHOP) and demo.KEY in (collector.sites or {}):
        if name in demo.FILES:
            await _answer(send, 200, _built(name), demo.FILES[name])
            return
        page = demo.page(asked["path"], language=_header(asked, b"accept-language"))
        await _answer(send, 200 if page else 404, page, "text/html; charset=utf-8")
    else:
        await _answer(send, 404)


async def _take(asked: Connection, receive: Receive, send: Send) -> None:
    origin = _header(asked, b"origin")
    try:
        hit = read_hit(json.loads(await _body(receive)))
    except (ValueError, RecursionError):
        await _answer(send, 400)
        return
    if collector.sites is None:
        await _answer(send, 503)
        return
    site = collector.sites.get(hit.site)
    if site is None or not is_from(origin, site.hosts):
        await _answer(send, 403)
        return
    if not collector.patience.takes(hit, _address(asked)):
        await _answer(send, 429)
        return
    try:
        await collector.writer.store(_row(hit, site))
    except (Full, TimeoutError):
        await _answer(send, 503)
    else:
        await _answer(send, 204)


def _row(hit: Hit, site: OpenSite) -> Row:
    return (
        timezone.now(), site.pk, str(hit.kind), hit.visitor, hit.key, hit.page, hit.referrer,
        hit.seconds, Jsonb(hit.given) if hit.given is not None else None,
    )  # fmt: skip


async def _body(receive: Receive) -> bytes:
    """Raises ValueError for more than MOST_BYTES, or half a request."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ValueError("gone")
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise ValueError("too much")
        if not message.get("more_body"):
            return body


def _address(asked: Connection) -> str:
    """Whose request it is: as the outermost of our proxies says, if there are some."""
    told = [one.strip() for one in _header(asked, b"x-forwarded-for").split(",")]
    proxies = settings.AXES_IPWARE_PROXY_COUNT
    if proxies and len(told) >= proxies:
        return told[-proxies]
    return str((asked.get("client") or [""])[0])


def _header(asked: Connection, name: bytes) -> str:
    found: bytes = next((value for key, value in asked["headers"] if key.lower() == name), b"")
    return found.decode("latin-1")


@cache
def _built(name: str) -> bytes:
    found = finders.find(f"dist/{name}")
    if not isinstance(found, str):
        raise RuntimeError("the front end is not built")
    return Path(found).read_bytes()


async def _answer(
    send: Send, status: int, body: bytes = b"", content_type: str = "text/plain", cached: str = ""
) -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"cache-control", (cached or "no-store").encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
