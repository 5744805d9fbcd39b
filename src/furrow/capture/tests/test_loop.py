"""The collecting process: acknowledged is stored, whatever is told and whoever dies."""

import asyncio
import json
from typing import Any

import pytest
from django.db import connection

from furrow.capture import loop
from furrow.capture.models import Hit, Site
from furrow.capture.queries import open_sites

from .make import make_site

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site() -> Site:
    return make_site()


async def ask(
    method: str, path: str, body: bytes = b"", origin: str = "https://shop.test"
) -> tuple[int, bytes]:
    """What the process answers."""
    said = [{"type": "http.request", "body": body, "more_body": False}]
    answers: list[Any] = []

    async def receive() -> Any:
        return said.pop()

    async def send(message: Any) -> None:
        answers.append(message)

    asked = {
        "type": "http", "method": method, "path": path, "client": ("192.0.2.1", 1),
        "headers": [(b"origin", origin.encode())],
    }  # fmt: skip
    await loop.application(asked, receive, send)
    return answers[0]["status"], answers[1]["body"]


def hit(site: Site, **more: Any) -> bytes:
    said = {"s": site.key, "k": "view", "v": "a" * 24, "i": "b" * 24, "p": "/x"}
    return json.dumps({**said, **more}).encode()


def during(monkeypatch: pytest.MonkeyPatch, work: Any, site: Site) -> Any:
    """Run `work()` with a fresh collector whose writer works."""
    collector = loop.Collector()
    collector.sites = open_sites()
    monkeypatch.setattr(loop, "collector", collector)

    async def run() -> Any:
        writing = asyncio.create_task(collector.writer.run())
        try:
            return await work(collector)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    return asyncio.run(run())


def test_what_is_acknowledged_is_stored(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    async def work(_collector: loop.Collector) -> list[int]:
        answers = await asyncio.gather(
            *(ask("POST", "/f/hit", hit(site, v=f"{n:024x}")) for n in range(300))
        )
        return [status for status, _body in answers]

    statuses = during(monkeypatch, work, site)
    assert statuses == [204] * 300
    assert Hit.objects.count() == 300


def test_a_hit_is_not_acknowledged_before_its_commit(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    """While somebody holds the table, nobody is told that anything was stored."""

    async def work(collector: loop.Collector) -> tuple[bool, int]:
        copying = asyncio.Event()
        go_on = asyncio.Event()
        copy = collector.writer._copy

        async def slowly(rows: list[Any]) -> None:
            copying.set()
            await go_on.wait()
            await copy(rows)

        monkeypatch.setattr(collector.writer, "_copy", slowly)
        asking = asyncio.create_task(ask("POST", "/hit", hit(site)))
        await copying.wait()
        was_answered = asking.done()
        go_on.set()
        return was_answered, (await asking)[0]

    assert during(monkeypatch, work, site) == (False, 204)


def test_a_lost_connection_is_opened_anew_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    async def work(collector: loop.Collector) -> list[int]:
        first = await ask("POST", "/hit", hit(site))
        assert collector.writer._postgres is not None
        await collector.writer._postgres.close()
        second = await ask("POST", "/hit", hit(site, i="c" * 24))
        return [first[0], second[0]]

    assert during(monkeypatch, work, site) == [204, 204]
    assert Hit.objects.count() == 2


def test_without_postgresql_a_hit_is_refused_and_never_dropped_in_silence(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    monkeypatch.setattr(loop, "MOST_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(loop, "listening_conninfo", lambda name: "host=/nowhere dbname=none")

    async def work(_collector: loop.Collector) -> int:
        return (await ask("POST", "/hit", hit(site)))[0]

    assert during(monkeypatch, work, site) == 503


def test_only_so_many_hits_wait(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    monkeypatch.setattr(loop, "MOST_WAITING", 0)

    async def work(_collector: loop.Collector) -> int:
        return (await ask("POST", "/hit", hit(site)))[0]

    assert during(monkeypatch, work, site) == 503


@pytest.mark.parametrize(
    ("method", "path", "body", "origin", "status"),
    [
        ("POST", "/hit", b"{", "https://shop.test", 400),
        ("POST", "/hit", b"[" * 7000, "https://shop.test", 400),
        ("POST", "/hit", b"x" * 9000, "https://shop.test", 400),
        ("POST", "/hit", None, "https://evil.test", 403),
        ("POST", "/hit", None, "", 403),
        ("GET", "/hit", b"", "", 404),
        ("POST", "/elsewhere", b"", "", 404),
        ("GET", "/demo-shop/", b"", "", 404),  # no such site here
        ("GET", "/f/healthz", b"", "", 200),
    ],
)
def test_anything_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, site: Site, method: str, path: str, body: bytes | None,
    origin: str, status: int,
) -> None:  # fmt: skip
    async def work(_collector: loop.Collector) -> int:
        return (await ask(method, path, hit(site) if body is None else body, origin))[0]

    assert during(monkeypatch, work, site) == status
    assert not Hit.objects.exists()


def test_one_address_sends_only_so_many_forms_a_minute(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    monkeypatch.setattr(loop, "MOST_FORMS", 2)
    monkeypatch.setattr(loop, "monotonic", lambda: 1.0)
    form = {"k": "form", "v": "", "f": {"phone": "13800138000"}, "y": True, "w": "I agree"}

    async def work(_collector: loop.Collector) -> list[int]:
        bodies = [hit(site, **form, i=f"{n:024x}") for n in range(3)]
        return [(await ask("POST", "/hit", body))[0] for body in bodies]

    assert during(monkeypatch, work, site) == [204, 204, 429]


def test_one_address_and_one_visitor_tell_only_so_much_a_minute(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    minute = [1.0]
    monkeypatch.setattr(loop, "MOST_HITS", 3)
    monkeypatch.setattr(loop, "MOST_OF_VISITOR", 2)
    monkeypatch.setattr(loop, "monotonic", lambda: minute[0])

    async def say(visitor: str, n: int, **more: Any) -> int:
        body = hit(site, v=visitor * 24, i=f"{n:024x}", **more)
        return (await ask("POST", "/hit", body))[0]

    async def work(_collector: loop.Collector) -> list[int]:
        told = [await say("a", 1), await say("a", 2), await say("a", 3, k="forget")]
        told.append(await say("b", 4))
        minute[0] = 61.0
        return [*told, await say("b", 5)]

    assert during(monkeypatch, work, site) == [204, 204, 429, 429, 204]


def test_a_whole_network_of_ipv6_is_one_address() -> None:
    assert loop._network("2001:db8::1") == loop._network("2001:db8::ffff:2")
    assert loop._network("2001:db8::1") != loop._network("2001:db8:0:1::1")
    assert loop._network("192.0.2.1") == "192.0.2.1"
    assert loop._network("no: address") == "no: address"


def test_the_snippet_is_small_and_served(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    async def work(_collector: loop.Collector) -> tuple[int, bytes]:
        return await ask("GET", "/f/furrow.js")

    status, snippet = during(monkeypatch, work, site)
    assert status == 200
    assert len(snippet) <= 3000


def test_one_look_makes_visits_of_what_was_stored(site: Site) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO capture_hit (at, site_id, kind, visitor, key, page, referrer, seconds)"
            " VALUES (now(), %s, 'view', %s, %s, '/', '', 0)",
            [site.pk, "a" * 24, "b" * 24],
        )
    loop._look()
    assert not Hit.objects.exists()


def test_sites_are_known_although_nothing_can_be_made_of_what_waits(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    looked = asyncio.Event()

    def look() -> None:
        raise ValueError("a bug")

    async def nap(_seconds: float) -> None:
        looked.set()
        await asyncio.get_running_loop().create_future()

    async def work() -> loop.Collector:
        collector = loop.Collector()
        task = asyncio.create_task(collector.digest())
        await looked.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return collector

    monkeypatch.setattr(loop, "_look", look)
    monkeypatch.setattr(asyncio, "sleep", nap)
    assert set(asyncio.run(work()).sites or {}) == {site.key}
