"""What one process changes, other screens see: PostgreSQL NOTIFY out, server-sent events in.

`publish` is called by actions inside their transaction: PostgreSQL delivers it at commit, or
never. Each events process holds one LISTEN connection and a `Hub` that hands messages to the
browsers subscribed to a topic. Payloads carry ids and short facts, never a phone number.
"""

import asyncio
import json
from collections import defaultdict
from typing import Any

from django.db import connection
from psycopg.conninfo import make_conninfo

CHANNEL = "furrow_events"
DIALER_CHANNEL = "furrow_dialer"
_MOST_BYTES = 7800  # PostgreSQL refuses payloads of 8000 bytes


def publish(kind: str, *, topics: list[str], **data: Any) -> None:
    """Tell the browsers subscribed to any of `topics` ("user:7", "floor:3", "all") that
    something of this `kind` happened. Delivered when the transaction commits; lost on rollback.

    Raises ValueError when the message is too long for a notification.
    """
    payload = json.dumps({"kind": kind, "topics": topics, "data": data}, separators=(",", ":"))
    notify(CHANNEL, payload)


def notify(channel: str, payload: str = "") -> None:
    """PostgreSQL NOTIFY inside the current transaction."""
    if len(payload.encode()) > _MOST_BYTES:
        raise ValueError(f"notification of {len(payload)} characters; send ids instead")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [channel, payload])


def listening_conninfo(application_name: str) -> str:
    """Where a process listens: Django's database, over a connection of its own.

    application_name  what PostgreSQL calls it, for whoever looks at pg_stat_activity
    """
    database = connection.settings_dict  # during tests it names their own database
    options = {k: v for k, v in database["OPTIONS"].items() if k != "pool"}
    return make_conninfo(
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
        host=database["HOST"],
        port=database["PORT"] or None,
        application_name=application_name,
        connect_timeout="5",
        keepalives_idle="10",
        **options,
    )


class Subscription:
    """One browser's waiting messages: bounded, and joined when the browser is slow."""

    def __init__(self, topics: frozenset[str], most: int = 256) -> None:
        self.topics = topics
        self._most = most
        self._frames: list[str] = []
        self._wake = asyncio.Event()
        self.overflowed = False

    def put(self, frame: str) -> None:
        if len(self._frames) >= self._most:
            # Too slow: drop everything and tell the browser to reload its live parts.
            self._frames.clear()
            self.overflowed = True
        self._frames.append(frame)
        self._wake.set()

    async def take(self, *, timeout_seconds: float) -> str:
        """All waiting frames as one text; "" when nothing came in time."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._wake.wait()
        except TimeoutError:
            return ""
        frames, self._frames = self._frames, []
        self._wake.clear()
        if self.overflowed:
            self.overflowed = False
            return frame_of("resync", {})
        return "".join(frames)


class Hub:
    """Who in this process listens to which topic. Lives on one event loop; not thread-safe."""

    def __init__(self) -> None:
        self._by_topic: dict[str, set[Subscription]] = defaultdict(set)

    def subscribe(self, topics: frozenset[str]) -> Subscription:
        subscription = Subscription(topics)
        for topic in topics:
            self._by_topic[topic].add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        for topic in subscription.topics:
            listeners = self._by_topic[topic]
            listeners.discard(subscription)
            if not listeners:
                del self._by_topic[topic]

    def deliver(self, payload: str) -> int:
        """Hand one NOTIFY payload on; returns to how many browsers."""
        message = json.loads(payload)
        frame = frame_of(message["kind"], message["data"])
        reached: set[Subscription] = set()
        for topic in message["topics"]:
            reached |= self._by_topic.get(topic, set())
        for subscription in reached:
            subscription.put(frame)
        return len(reached)

    def listeners(self, prefix: str) -> list[Subscription]:
        """Whoever listens to a topic that is `prefix`, or begins with it and a colon."""
        found = {
            subscription
            for topic, group in self._by_topic.items()
            if topic == prefix or topic.startswith(f"{prefix}:")
            for subscription in group
        }
        return list(found)

    def broadcast(self, kind: str) -> None:
        """To everybody in this process; used after the LISTEN connection was lost."""
        for subscription in {s for group in self._by_topic.values() for s in group}:
            subscription.put(frame_of(kind, {}))

    def __len__(self) -> int:
        return len({s for group in self._by_topic.values() for s in group})


def frame_of(kind: str, data: Any) -> str:
    """One server-sent event."""
    return f"event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
