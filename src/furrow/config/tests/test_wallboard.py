"""The wallboard's news: everything once, then only what changed, to each its own teams'."""

import asyncio
import json
from datetime import datetime
from typing import Any

from furrow.common.realtime import Hub
from furrow.config.events import Wallboard

Look = tuple[dict[int, list[Any]], dict[str, Any]]


class Looks:
    """What the floor would show, one look after the other."""

    def __init__(self, *looks: Look) -> None:
        self._looks = list(looks)

    def look(self, scopes: list[Any], at: datetime) -> dict[Any, Look]:
        seats, figures = self._looks.pop(0)
        return {
            scope: (
                {pk: seat for pk, seat in seats.items() if scope is None or seat[1] in scope},
                figures,
            )
            for scope in scopes
        }


def told(text: str) -> dict[str, Any]:
    assert text.startswith("event: floor\ndata: ")
    body: dict[str, Any] = json.loads(text.partition("data: ")[2])
    return body


def test_a_watcher_hears_everything_once_and_then_what_changed() -> None:
    async def run() -> None:
        hub = Hub()
        wallboard = Wallboard(hub)
        seats = {1: [1, 3, "ready"], 2: [2, 4, "ready"]}
        changed = {1: [1, 3, "talking"], 2: [2, 4, "ready"]}
        wallboard._floor = Looks(  # type: ignore[assignment]
            (seats, {"figures": {"talking": 0}, "budgets": []}),
            (changed, {"figures": {"talking": 1}, "budgets": []}),
            (changed, {"figures": {"talking": 1}, "budgets": []}),
        )
        company = hub.subscribe(frozenset({"all", "floor"}))
        team = hub.subscribe(frozenset({"all", "floor:4"}))
        hub.subscribe(frozenset({"all"}))

        await wallboard._tell(hub.listeners("floor"))
        assert len(told(await company.take(timeout_seconds=1))["seats"]) == 2
        assert told(await team.take(timeout_seconds=1))["seats"] == [[2, 4, "ready"]]

        await wallboard._tell(hub.listeners("floor"))
        news = told(await company.take(timeout_seconds=1))
        assert news == {"figures": {"talking": 1}, "seats": [[1, 3, "talking"]]}
        assert "seats" not in told(await team.take(timeout_seconds=1))

        await wallboard._tell(hub.listeners("floor"))
        assert await company.take(timeout_seconds=0.01) == ""

    asyncio.run(run())
