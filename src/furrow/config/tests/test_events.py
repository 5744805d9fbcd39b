"""The events server, spoken to as an ASGI server speaks to it, with a real LISTEN connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from furrow.common.realtime import CHANNEL, notify, publish
from furrow.config import events
from furrow.config.events import is_our_page, topics_of
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_team, make_user

NAME = settings.SESSION_COOKIE_NAME


async def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Where the database may be used; the thread's connection is not left behind."""

    def work() -> Any:
        try:
            return function(*args, **kwargs)
        finally:
            connection.close()

    return await asyncio.to_thread(work)


class Browser:
    """One open request: what it was sent so far."""

    def __init__(self, *, cookie: str = "", path: str = "/events", origin: str = "") -> None:
        headers = [(b"host", b"localhost:8001"), (b"cookie", cookie.encode())]
        if origin:
            headers.append((b"origin", origin.encode()))
        self._asked = {"type": "http", "method": "GET", "path": path, "headers": headers}
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.text = ""
        self._arrived = asyncio.Event()
        self._closed = asyncio.Event()

    async def _receive(self) -> MutableMapping[str, Any]:
        await self._closed.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
        self.text += message.get("body", b"").decode()
        self._arrived.set()

    async def ask(self) -> None:
        """Ask, and wait until the server ends the answer."""
        await events.application(self._asked, self._receive, self._send)

    @asynccontextmanager
    async def open(self) -> Any:
        asking = asyncio.create_task(self.ask())
        await self.hears("welcome")
        yield self
        self._closed.set()
        async with asyncio.timeout(5):
            await asking

    async def hears(self, text: str) -> None:
        async with asyncio.timeout(10):
            while text not in self.text:
                self._arrived.clear()
                await self._arrived.wait()


@asynccontextmanager
async def listening() -> Any:
    task = asyncio.create_task(events.listen())
    async with asyncio.timeout(10):
        while not await in_thread(_listeners):
            await asyncio.sleep(0.02)
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _listeners() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"
            " AND state = 'idle' AND datname = current_database()"
        )
        return [pid for (pid,) in cursor.fetchall()]


def signed_in(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"{NAME}={client.cookies[NAME].value}"


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


@pytest.mark.django_db(transaction=True)
def test_a_browser_hears_what_is_meant_for_its_person() -> None:
    user, other = make_user(), make_user()
    cookie = signed_in(user)

    async def scenario() -> None:
        async with listening(), Browser(cookie=cookie).open() as browser:
            assert browser.status == 200
            await in_thread(publish, "secret", topics=[f"user:{other.pk}"])
            await in_thread(publish, "call", topics=[f"user:{user.pk}"], call_id=7)
            await browser.hears('event: call\ndata: {"call_id":7}\n\n')
            assert "secret" not in browser.text
        assert len(events.hub) == 0

    run(scenario)


@pytest.mark.django_db(transaction=True)
def test_a_lost_postgresql_connection_heals_and_says_so() -> None:
    cookie = signed_in(make_user())

    async def scenario() -> None:
        async with listening(), Browser(cookie=cookie).open() as browser:
            await in_thread(_cut)
            await browser.hears("event: resync")
            await in_thread(publish, "call", topics=["all"])
            await browser.hears("event: call")

    def _cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", _listeners())

    run(scenario)


@pytest.mark.django_db(transaction=True)
def test_a_stream_ends_when_its_person_is_deactivated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    user = make_user()
    cookie = signed_in(user)

    async def scenario() -> None:
        browser = Browser(cookie=cookie)
        asking = asyncio.create_task(browser.ask())
        await browser.hears("still here")
        await in_thread(User.objects.filter(pk=user.pk).update, is_active=False)
        async with asyncio.timeout(5):
            await asking

    run(scenario)


@pytest.mark.django_db(transaction=True)
def test_a_stream_that_is_never_silent_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.3)
    user = make_user()
    cookie = signed_in(user)

    async def scenario() -> None:
        browser = Browser(cookie=cookie)
        asking = asyncio.create_task(browser.ask())
        await browser.hears("welcome")
        await in_thread(User.objects.filter(pk=user.pk).update, is_active=False)
        async with asyncio.timeout(5):
            while not asking.done():
                events.hub.broadcast("call")
                await asyncio.sleep(0.05)

    run(scenario)


@pytest.mark.django_db(transaction=True)
def test_whoever_listens_and_has_a_desk_is_seen_to_be_there() -> None:
    agent, manager = make_user(), make_user(role=Role.MANAGER)
    before = Presence.objects.get(user=agent).seen_at

    async def scenario() -> None:
        for user in (agent, manager):
            async with Browser(cookie=await in_thread(signed_in, user)).open():
                pass

    run(scenario)

    assert Presence.objects.get(user=agent).seen_at > before
    assert Presence.objects.get(user=manager).seen_at == before


@pytest.mark.django_db(transaction=True)
def test_a_notification_of_somebody_elses_is_no_harm() -> None:
    cookie = signed_in(make_user())

    async def scenario() -> None:
        async with listening(), Browser(cookie=cookie).open() as browser:
            await in_thread(notify, CHANNEL, "hello")
            await in_thread(publish, "call", topics=["all"])
            await browser.hears("event: call")
            assert "resync" not in browser.text

    run(scenario)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("cookie", "path", "origin", "status"),
    [
        ("", "/events", "", 401),
        (f"{NAME}=made-up", "/events/", "", 401),
        ("", "/events", "http://elsewhere.example", 403),
        ("", "/desk", "", 404),
        ("", "/healthz", "", 200),
    ],
)
def test_strangers_are_refused(cookie: str, path: str, origin: str, status: int) -> None:
    async def scenario() -> None:
        browser = Browser(cookie=cookie, path=path, origin=origin)
        await browser.ask()
        assert browser.status == status

    run(scenario)


@pytest.mark.parametrize(
    ("host", "origin", "is_ours"),
    [
        ("localhost:8001", "", True),
        ("localhost:8001", "http://localhost:8000", True),
        ("localhost:8001", "http://localhost.evil.example", False),
        ("localhost:8001", "null", False),
        ("evil.example", "", False),
        ("", "", False),
    ],
)
def test_only_our_pages_may_listen(host: str, origin: str, is_ours: bool) -> None:
    assert is_our_page(host, origin) is is_ours


@pytest.mark.django_db
def test_who_hears_which_floor() -> None:
    mine = make_team()

    def floors(role: Role) -> set[str]:
        user = make_user(role=role, team=mine)
        return {topic for topic in topics_of(user) if topic.startswith("floor")}

    assert floors(Role.AGENT) == set()
    assert floors(Role.LEADER) == {f"floor:{mine.pk}"}
    assert floors(Role.MANAGER) == {"floor"}  # whatever is told to a team's floor is told there too
