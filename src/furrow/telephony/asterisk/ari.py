"""Asterisk's REST interface and its events: a small client that comes back by itself.

No published client has both reconnection and today's events, and what is needed is small.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import aiohttp

from .settings import APP, USER, AsteriskSettings

log = logging.getLogger(__name__)

Json = dict[str, Any]

# Half of all events tell us nothing; Asterisk leaves them out when asked.
_UNHEARD = ("ChannelVarset", "ChannelDialplan", "ChannelCallerId", "ChannelConnectedLine")
_LONGEST_WAIT_SECONDS = 2.0


class AriError(Exception):
    """Asterisk said no, or could not be reached (status 0)."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text[:200]}")
        self.status = status


class Ari:
    """REST calls, and one WebSocket of events which is opened again whenever it is lost.

    came_up is awaited at each (re)connection, before any event is handed on: what was missed
    in between is asked for there. heard gets every event, in order.
    """

    def __init__(
        self,
        settings: AsteriskSettings,
        *,
        came_up: Callable[[], Awaitable[None]],
        heard: Callable[[Json], None],
    ) -> None:
        self._settings = settings
        self._came_up = came_up
        self._heard = heard
        self._task: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        self.is_connected = asyncio.Event()

    async def open(self) -> None:
        """Start connecting; does not wait until it has."""
        # Asterisk's web server is a thread per connection: few of them, kept.
        self._session = aiohttp.ClientSession(
            headers={"Authorization": self._settings.authorization},
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # of an address, not a name
            connector=aiohttp.TCPConnector(limit=16, keepalive_timeout=10),
            timeout=aiohttp.ClientTimeout(total=10),
        )
        self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **params: object) -> Any:
        return await self.ask("GET", path, params)

    async def post(self, path: str, body: Json | None = None, /, **params: object) -> Any:
        return await self.ask("POST", path, params, body)

    async def put(self, path: str, body: Json | None = None, /, **params: object) -> Any:
        return await self.ask("PUT", path, params, body)

    async def delete(self, path: str, **params: object) -> Any:
        return await self.ask("DELETE", path, params)

    async def record(self, channel: str, file: str, options: str) -> None:
        """Record a channel with AMI's MixMonitor: ARI's own recordings mix both sides."""
        await self._manage(action="MixMonitor", channel=channel, file=file, options=options)

    async def mute_recording(self, channel: str, *, is_muted: bool) -> None:
        """Write silence instead of voices while muted; the clock of the recording runs on."""
        await self._manage(
            action="MixMonitorMute", channel=channel, direction="both", state=int(is_muted)
        )

    async def _manage(self, **params: object) -> None:
        """An AMI action over HTTP; the session is a cookie that the client keeps."""
        for attempt in (1, 2):
            text = await self._manage_once(params)
            if "Response: Success" in text:
                return
            if attempt == 1 and ("Permission denied" in text or "Authentication" in text):
                await self._manage_once(
                    {"action": "Login", "username": USER, "secret": self._settings.secret}
                )
                continue
            raise AriError(404 if "No such channel" in text else 500, text)

    async def _manage_once(self, params: Mapping[str, object]) -> str:
        assert self._session is not None  # noqa: S101 - open() came first
        try:
            async with self._session.get(
                f"{self._settings.http}/rawman", params=_plain(params)
            ) as answer:
                return await answer.text()
        except (aiohttp.ClientError, TimeoutError) as problem:
            raise AriError(0, str(problem)) from problem

    async def ask(
        self, method: str, path: str, params: Mapping[str, object], body: Json | None = None
    ) -> Any:
        """One REST call; returns what Asterisk answers, if anything. Raises AriError."""
        assert self._session is not None  # noqa: S101 - open() came first
        # What names its own id may be repeated; an idle connection may have been closed by then.
        is_repeatable = method != "POST" or {"channelId", "bridgeId"} & params.keys()
        for attempt in (1, 2):
            try:
                async with self._session.request(
                    method, f"{self._settings.http}/ari{path}", params=_plain(params), json=body
                ) as answer:
                    text = await answer.text()
                    if answer.status >= 300:
                        raise AriError(answer.status, text)
                    return json.loads(text) if text else None
            except aiohttp.ServerDisconnectedError as problem:
                if attempt == 2 or not is_repeatable:
                    raise AriError(0, str(problem)) from problem
            except (aiohttp.ClientError, TimeoutError) as problem:
                raise AriError(0, str(problem)) from problem
        raise AssertionError

    async def _listen(self) -> None:
        assert self._session is not None  # noqa: S101 - open() came first
        wait = 0.05
        while True:
            try:
                async with self._session.ws_connect(
                    f"{self._settings.http}/ari/events",
                    params={"app": APP, "subscribeAll": "false"},
                    heartbeat=5,
                    max_msg_size=0,
                ) as socket:
                    wait = 0.05
                    with suppress(AriError):
                        await self.put(
                            f"/applications/{APP}/eventFilter",
                            {"disallowed": [{"type": each} for each in _UNHEARD]},
                        )
                    await self._came_up()
                    self.is_connected.set()
                    async for message in socket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            self._hand_on(message.data)
            except (aiohttp.ClientError, OSError, TimeoutError, AriError) as problem:
                log.debug("Asterisk is away: %s", problem)
            self.is_connected.clear()
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    def _hand_on(self, text: str) -> None:
        try:
            self._heard(json.loads(text))
        except Exception:
            log.exception("an event of Asterisk's was not understood")


def _plain(params: Mapping[str, object]) -> dict[str, str]:
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in params.items()
        if value is not None
    }
