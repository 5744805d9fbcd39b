"""The events server: what changes is told to the browsers that may know it, as it happens.

Plain ASGI rather than Django views: with 800 streams that needs a third of the processor. One
process holds one LISTEN connection; a lost one is opened again, and then every browser is told to
reload its live parts ("resync"), for what happened in between is unknown.

A stream ends within HEARTBEAT_SECONDS of its person being signed out or deactivated.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import psycopg
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.db import DatabaseError, connection
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from django.utils import timezone

from furrow.common.realtime import CHANNEL, Hub, Subscription, frame_of, listening_conninfo
from furrow.desk.floor import FloorWatch
from furrow.organisation.actions import touch_presence
from furrow.organisation.models import User
from furrow.organisation.rules import Act, Scope

log = logging.getLogger("furrow.events")

Connection = MutableMapping[str, Any]  # what ASGI calls a scope; ours are about rights
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATHS = {"/events", "/events/"}
HEARTBEAT_SECONDS = 15  # proxies and browsers give a silent line up
WALLBOARD_SECONDS = 1.0  # between looks at the floor, while somebody watches
LONGEST_WAIT_SECONDS = 5  # between attempts to reach a lost PostgreSQL

hub = Hub()


async def application(asked: Connection, receive: Receive, send: Send) -> None:
    """One ASGI connection: the server's life, a stream of events, or a health check."""
    if asked["type"] == "lifespan":
        await _live(receive, send)
    elif asked["type"] == "http" and asked["path"] == "/healthz":
        await _answer(send, 200, body=b"ok\n")
    elif asked["type"] == "http" and asked["path"] in PATHS:
        await _events(asked, receive, send)
    elif asked["type"] == "http":
        await _answer(send, 404)


# -- one listener for the whole process ------------------------------------------------------------


async def _live(receive: Receive, send: Send) -> None:
    tasks: list[asyncio.Task[None]] = []
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            tasks = [asyncio.create_task(listen()), asyncio.create_task(Wallboard(hub).run())]
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await send({"type": "lifespan.shutdown.complete"})
            return


async def listen() -> None:
    """Hand PostgreSQL's notifications to the hub, for ever; a lost connection is opened again."""
    wait = 0.1
    is_first = True
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                listening_conninfo("furrow events"), autocommit=True
            ) as postgres:
                await postgres.execute(f"LISTEN {CHANNEL}")
                if not is_first:
                    hub.broadcast("resync")
                log.info("listening")
                is_first, wait = False, 0.1
                async for notification in postgres.notifies():
                    try:
                        hub.deliver(notification.payload)
                    except (ValueError, KeyError, TypeError):
                        log.exception("not a notification of ours")
        except psycopg.OperationalError as problem:
            log.warning("PostgreSQL is away: %s", str(problem).strip())
            is_first = False
        await asyncio.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)


# -- the wallboard ---------------------------------------------------------------------------------


class Wallboard:
    """Tells whoever watches the floor what changed on it, once a second at most.

    One look at the tables per second and process, and only while somebody watches, whatever the
    number of watchers; each hears its own teams' seats that changed, and the figures over them.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        # Whoever began to watch is told everything once; those who left are forgotten.
        self._seen: WeakSet[Subscription] = WeakSet()
        self._last: dict[frozenset[int] | None, dict[int, list[Any]]] = {}
        self._said: dict[frozenset[int] | None, dict[str, Any]] = {}
        self._floor = FloorWatch()

    async def run(self) -> None:
        """For ever; PostgreSQL away is waited for in silence, the browsers keep what they show."""
        while True:
            await asyncio.sleep(WALLBOARD_SECONDS)
            if watchers := self._hub.listeners("floor"):
                try:
                    await self._tell(watchers)
                except (DatabaseError, psycopg.Error) as problem:
                    log.warning("wallboard: %s", str(problem).strip().partition("\n")[0])
                except Exception:
                    log.exception("wallboard")
            else:
                self._last.clear()
                self._said.clear()

    async def _tell(self, watchers: list[Subscription]) -> None:
        at = timezone.now()
        scopes: dict[frozenset[int] | None, list[Subscription]] = defaultdict(list)
        for watcher in watchers:
            scopes[_teams_of(watcher.topics)].append(watcher)
        looks = await sync_to_async(self._floor.look, thread_sensitive=False)(list(scopes), at)
        for scope, (seats, figures) in looks.items():
            before, said = self._last.get(scope, {}), self._said.get(scope, {})
            changed = [seat for pk, seat in seats.items() if before.get(pk) != seat]
            news = {name: value for name, value in figures.items() if said.get(name) != value}
            if changed:
                news["seats"] = changed
            frame = frame_of("floor", news) if news else ""
            for watcher in scopes[scope]:
                if watcher not in self._seen:
                    self._seen.add(watcher)
                    watcher.put(frame_of("floor", {**figures, "seats": list(seats.values())}))
                elif frame:
                    watcher.put(frame)
            self._last[scope], self._said[scope] = seats, figures


def _teams_of(topics: frozenset[str]) -> frozenset[int] | None:
    """The teams whose floor these topics are about; None = the company's."""
    if "floor" in topics:
        return None
    return frozenset(int(t.partition(":")[2]) for t in topics if t.startswith("floor:"))


# -- one stream ------------------------------------------------------------------------------------


async def _events(asked: Connection, receive: Receive, send: Send) -> None:
    headers = {key.lower(): value.decode("latin-1") for key, value in asked["headers"]}
    host, origin = headers.get(b"host", ""), headers.get(b"origin", "")
    if asked["method"] != "GET":
        await _answer(send, 405)
    elif not is_our_page(host, origin):
        await _answer(send, 403)
    else:
        cookies = headers.get(b"cookie", "")
        try:
            topics = await topics_for(cookies)
        except DatabaseError:
            await _answer(send, 503, origin=origin)
            return
        if topics is None:
            await _answer(send, 401, origin=origin)
            return
        await send(_start(200, origin, b"text/event-stream"))
        await _stream(topics, cookies, receive, send)


async def _stream(topics: frozenset[str], cookies: str, receive: Receive, send: Send) -> None:
    subscription = hub.subscribe(topics)
    streaming = asyncio.current_task()
    assert streaming is not None  # noqa: S101
    leaving = asyncio.create_task(_cancel_when_gone(receive, streaming))
    try:
        await send(_body(": welcome\n\n"))
        checked_at = monotonic()
        while True:
            frames = await subscription.take(timeout_seconds=HEARTBEAT_SECONDS)
            # By the clock: a stream that is never silent is checked as often as a silent one.
            if monotonic() - checked_at >= HEARTBEAT_SECONDS:
                if not await _still_hears(topics, cookies):
                    break  # signed out, or given another role: the browser asks anew
                checked_at = monotonic()
            await send(_body(frames or ": still here\n\n"))
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except asyncio.CancelledError:
        if not leaving.done():
            raise  # the server is stopping
    finally:
        leaving.cancel()
        hub.unsubscribe(subscription)


async def _still_hears(topics: frozenset[str], cookies: str) -> bool:
    try:
        return await topics_for(cookies) == topics
    except DatabaseError:
        return True  # nobody can tell now; asked again at the next heartbeat


async def _cancel_when_gone(receive: Receive, streaming: asyncio.Task[Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    streaming.cancel()


def is_our_page(host: str, origin: str) -> bool:
    """Whether a page of ours asks: a known host, and the page's host, if told, the same one."""
    name, _port = split_domain_port(host)
    if not name or not validate_host(name, settings.ALLOWED_HOSTS):
        return False
    return not origin or split_domain_port(urlsplit(origin).netloc)[0] == name


async def topics_for(cookies: str) -> frozenset[str] | None:
    """The topics of the person whose session these cookies carry; None if there is none.

    Asking is that person's sign of life: whoever has a desk is seen to be there.
    """
    return await sync_to_async(_topics_for, thread_sensitive=False)(cookies)


def _topics_for(cookies: str) -> frozenset[str] | None:
    try:
        morsel = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    if morsel is None:
        return None
    request = HttpRequest()
    request.session = importlib.import_module(settings.SESSION_ENGINE).SessionStore(morsel.value)
    try:
        user = get_user(request)
        if not isinstance(user, User) or not user.is_active:
            return None
        if user.can(Act.USE_DESK):
            touch_presence(user_id=user.pk, at=timezone.now())
        return topics_of(user)
    finally:
        connection.close()  # back to the pool: this thread may not be used again


def topics_of(user: User) -> frozenset[str]:
    """What this person may hear: everybody's news, their own, and the floors they may watch."""
    topics = {"all", f"user:{user.pk}"}
    match user.scope(Act.WATCH_FLOOR):
        case Scope.ALL:
            topics.add("floor")
        case Scope.SUBTREE | Scope.TEAM:
            topics |= {f"floor:{team}" for team in user.teams(Act.WATCH_FLOOR)}
    return frozenset(topics)


# -- ASGI's envelopes ------------------------------------------------------------------------------


def _start(status: int, origin: str, content_type: bytes) -> MutableMapping[str, Any]:
    headers = [
        (b"content-type", content_type),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"vary", b"Origin, Cookie"),
    ]
    if origin:
        headers += [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-credentials", b"true"),
        ]
    return {"type": "http.response.start", "status": status, "headers": headers}


def _body(text: str) -> MutableMapping[str, Any]:
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}


async def _answer(send: Send, status: int, *, body: bytes = b"", origin: str = "") -> None:
    await send(_start(status, origin, b"text/plain"))
    await send({"type": "http.response.body", "body": body})
