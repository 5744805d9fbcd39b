"""`AsteriskTelephony`: the port's commands as ARI calls, ARI's events as the port's facts."""

import asyncio
import contextlib
import logging
import re
import secrets
import wave
from collections.abc import AsyncIterator, Collection, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from furrow.telephony.outcomes import LineOutcome, classify_unanswered
from furrow.telephony.port import (
    AgentLineDown,
    AgentLineUp,
    Answered,
    CannotDial,
    CannotReach,
    EarlyMedia,
    Ended,
    EndedBy,
    Event,
    Inbound,
    KeyPressed,
    LegGone,
    MachineHeard,
    RecordingDone,
    Ringing,
    Supervision,
    SwitchRestarted,
    check_dial,
    check_leg,
)

from . import journal
from .ari import Ari, AriError, Json
from .settings import APP, AsteriskSettings, Trunk

log = logging.getLogger(__name__)

_REMEMBERED_LEGS = 20_000
_SAMPLES_PER_SECOND = 8000
_LOOK_AGAIN_SECONDS = 2.0
_JOURNAL_BYTES = 16 << 20  # some forty thousand calls
_DTMF = re.compile(r"[0-9A-D*#]+")
# A crashed browser's endpoint is gone at once, its leg only a minute later; a WebSocket that was
# lost for a moment comes back, and the voice went on meanwhile.
AGENT_GRACE_SECONDS = 1.5
# A phone window signs in a moment after it was given its password.
PHONE_COMES_SECONDS = 8.0
_LOOK_FOR_PHONE_SECONDS = 0.2
# Where nobody real is called, an agent without a phone tries everything, and hears nothing.
_SILENT_PHONE = "Local/s@silence/n"
# Who greets longer than this without a pause is a machine. People's greetings in Mandarin are
# 0.3 to 1.5 s; the shortest machine that says a whole sentence takes 3 s.
GREETING_SECONDS = 2.6
GREETING_BEGINS_WITHIN_SECONDS = 3.0
SETTLED_SECONDS = 15.0  # a recording not written to for so long has ended; buffers hold some 4 s
_TALK_DETECT = "700,256"  # ms of silence that end a talk, loudness that begins one


@dataclass
class _Leg:
    """What we know of one channel."""

    name: str  # ours
    channel: str  # Asterisk's; the same unless somebody called us
    agent: str = ""
    trunk: Trunk | None = None
    inbound: bool = False
    rang: bool = False
    in_app: bool = False  # answered, or waiting with us: it can be put into a bridge
    answered: bool = False
    answered_at: datetime | None = None
    is_talking: bool = False
    is_machine: bool = False
    refused_by_far: bool = False  # the network sent a final answer
    hung_up_by_us: bool = False
    technical_name: str = ""  # "PJSIP/…-0000001", what AMI calls it
    bridge: str = ""
    held_from: str | None = None
    waits_for: set[str] = field(default_factory=set)  # connected before it could be
    recordings: dict[str, datetime] = field(default_factory=dict)
    sounds: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    snoop: str = ""
    listening_bridge: str = ""
    leaving: asyncio.TimerHandle | None = None
    greeting: asyncio.TimerHandle | None = None


class AsteriskTelephony:
    """One Asterisk 22 behind the port. One per event loop; see `port.Telephony` for commands."""

    def __init__(self, settings: AsteriskSettings) -> None:
        self._settings = settings
        self._legs: dict[str, _Leg] = {}
        self._by_channel: dict[str, _Leg] = {}
        self._ended: dict[str, None] = {}
        self._named: dict[str, str] = {}  # a caller's leg -> our name for it
        self._agents: set[str] = set()
        self._swept: set[str] = set()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._booted_at: str | None = None
        self._last_at = datetime.min.replace(tzinfo=UTC)
        self._ari = Ari(settings, came_up=self._came_up, heard=self._heard)
        self._is_open = self._is_closed = False
        self._opening = asyncio.Lock()

    # -- the commands of the port ------------------------------------------------------------

    async def dial(self, leg: str, number: str, *, caller_id: str, timeout_seconds: float) -> None:
        check_dial(leg, number)
        await self._open()
        if self._is_used(leg):
            return
        trunk = self._trunk()
        line = self._remember(_Leg(leg, journal.channel_of(leg), trunk=trunk))
        called = trunk.prefix + number.removeprefix("+") if trunk.prefix else number
        await self._originate(
            line,
            endpoint=f"PJSIP/{called}@{trunk.name}",
            callerId=caller_id,
            timeout=max(1, round(timeout_seconds)),
            variables={"TALK_DETECT(set)": _TALK_DETECT},
        )

    async def line_up(self, leg: str, agent: str) -> None:
        check_leg(leg)
        await self._open()
        if self._is_used(leg):
            return
        line = self._remember(_Leg(leg, journal.channel_of(leg), agent=agent))
        await self._watch_endpoint(agent)
        self._do(self._ring_phone(line))

    async def _ring_phone(self, line: _Leg) -> None:
        phone = await self._phone_of(line)
        if line.hung_up_by_us and line.name in self._legs:  # meanwhile
            self._end(line, LineOutcome.CANCELLED, EndedBy.US, "hung up before it rang")
        elif line.name in self._legs:
            await self._originate(
                line,
                endpoint=phone,
                callerId="Furrow <0>",
                timeout=20,
                variables={"PJSIP_HEADER(add,X-Furrow-Leg)": line.name},
            )

    async def _phone_of(self, line: _Leg) -> str:
        """The agent's phone, as soon as it is there; in the end as if it were."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + PHONE_COMES_SECONDS
        is_known = True
        while is_known and loop.time() < give_up_at and not line.hung_up_by_us:
            try:
                told = await self._ari.get(f"/endpoints/PJSIP/{line.agent}")
            except AriError as problem:
                is_known = problem.status != 404
            else:
                if told["state"] != "offline":
                    return f"PJSIP/{line.agent}"
            if is_known:
                await asyncio.sleep(_LOOK_FOR_PHONE_SECONDS)
        return _SILENT_PHONE if self._settings.is_made_up else f"PJSIP/{line.agent}"

    async def answer(self, leg: str) -> None:
        line = self._living(leg)
        if line.inbound and not line.answered:
            await self._on(line, "POST", "answer")
            self._pick_up(line)

    async def name(self, leg: str, to: str) -> None:
        check_leg(to)
        self._named[leg] = to
        if len(self._named) > _REMEMBERED_LEGS:
            del self._named[next(iter(self._named))]
        if (line := self._legs.pop(leg, None)) is not None:
            line.name, self._legs[to] = to, line
            if Path(self._raw(to)).exists():  # it was being recorded, and still is
                line.recordings.setdefault(to, self._now())

    async def hang_up(self, leg: str) -> None:
        await self._open()
        line = self._legs.get(leg)
        if line is None:
            return
        line.hung_up_by_us = True
        reason = {"reason_code": 21} if line.inbound and not line.answered else {}
        with contextlib.suppress(LegGone):
            await self._on(line, "DELETE", "", **reason)

    async def connect(self, leg: str, other: str) -> None:
        first, second = self._living(leg), self._living(other)
        if not (first.in_app and second.in_app):
            first.waits_for.add(other)
            second.waits_for.add(leg)
            return
        if first.bridge and first.bridge == second.bridge:
            return
        # The larger conversation stays where it is; nobody in it hears a gap.
        stays, comes = first, second
        if len(self._room(second)) > len(self._room(first)):
            stays, comes = second, first
        moving = self._room(comes)
        bridge = stays.bridge or await self._make_bridge(stays)
        for each in ([] if stays.bridge else [stays]) + moving:
            await self._add(each, bridge)

    async def separate(self, leg: str) -> None:
        line = self._living(leg)
        line.held_from = None
        await self._stop_listening(line)
        await self._leave(line)

    async def transfer(self, leg: str, to: str) -> None:
        leaving, coming = self._living(leg), self._living(to)
        bridge = leaving.bridge
        if not bridge or leaving is coming:
            return
        if coming.bridge != bridge:
            await self._add(coming, bridge)
        await self._leave(leaving)

    async def hold(self, leg: str) -> None:
        line = self._living(leg)
        if line.held_from is not None:
            return
        line.held_from = line.bridge
        if line.bridge:
            await self._leave(line)
        await self._on(line, "POST", "moh")

    async def resume(self, leg: str) -> None:
        line = self._living(leg)
        if line.held_from is None:
            return
        bridge, line.held_from = line.held_from, None
        await self._on(line, "DELETE", "moh")
        if bridge:
            await self._add(line, bridge)

    async def mute(self, leg: str) -> None:
        await self._on(self._living(leg), "POST", "mute", direction="in")

    async def unmute(self, leg: str) -> None:
        await self._on(self._living(leg), "DELETE", "mute", direction="in")

    async def dtmf(self, leg: str, digits: str) -> None:
        line = self._living(leg)
        if not _DTMF.fullmatch(digits):
            raise ValueError("Tones are 0-9, A-D, * and #.")
        await self._on(line, "POST", "dtmf", dtmf=digits)

    async def play(self, leg: str, sound: str) -> None:
        line = self._living(leg)
        name = f"play-{secrets.token_hex(8)}"
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.sounds[name] = heard
        try:
            media = f"sound:{self._settings.sounds / sound}"
            await self._on(line, "POST", f"play/{name}", media=media)
            await heard
        finally:
            line.sounds.pop(name, None)

    async def hush(self, leg: str) -> None:
        for name, heard in list(self._living(leg).sounds.items()):
            with contextlib.suppress(AriError):
                await self._ari.delete(f"/playbacks/{name}")
            if not heard.done():
                heard.set_result(None)

    async def record(self, leg: str, name: str) -> None:
        line = self._living(leg)
        if name in line.recordings:
            return
        line.recordings[name] = self._now()
        # D: left what the leg says, right what it hears. Raw samples need no header, so a file
        # that a crash cut off is whole up to there.
        await self._by_name(line, self._ari.record(line.technical_name, self._raw(name), "D"))

    async def pause_recording(self, leg: str) -> None:
        line = self._living(leg)
        await self._by_name(line, self._ari.mute_recording(line.technical_name, is_muted=True))

    async def resume_recording(self, leg: str) -> None:
        line = self._living(leg)
        await self._by_name(line, self._ari.mute_recording(line.technical_name, is_muted=False))

    async def supervise(self, agent_leg: str, supervisor_leg: str, mode: Supervision) -> None:
        agent, supervisor = self._living(agent_leg), self._living(supervisor_leg)
        await self._stop_listening(supervisor)
        match mode:
            case Supervision.LISTEN | Supervision.WHISPER:
                await self._leave(supervisor)
                await self._listen(agent, supervisor, mode)
            case Supervision.JOIN:
                await self.connect(agent.name, supervisor.name)
            case Supervision.TAKE_OVER:
                await self.transfer(agent.name, supervisor.name)

    async def give_account(self, agent: str, password: str) -> None:
        """Let the agent's browser register by this password, and by none it had before.

        It asks for one whenever its window opens: the talk of an earlier window is lost with it.
        """
        await self._open()
        for line in list(self._legs.values()):
            if line.agent == agent and line.answered:
                await self._agent_left(line.name)
        media = {
            "webrtc": "yes",
            "dtls_auto_generate_cert": "yes",
            "disallow": "all",
            "allow": "alaw,opus,ulaw",
            "context": "from-agent",
            "direct_media": "no",
            "rtp_timeout": "60",
            "rtp_keepalive": "5",
            "media_address": self._settings.media_address,
            "bind_rtp_to_media_address": "yes",
            "auth": agent,
            "aors": agent,
        }
        account = {"auth_type": "digest", "username": agent, "password": password}
        where = {"max_contacts": "1", "remove_existing": "yes", "qualify_frequency": "15"}
        # The account last: an endpoint without its password would be open for a moment.
        for kind, fields in (("auth", account), ("aor", where), ("endpoint", media)):
            await self._configure(
                kind, agent, {"fields": [{"attribute": k, "value": v} for k, v in fields.items()]}
            )

    async def take_account(self, agent: str) -> None:
        """Let the agent's browser register no more. An account that is not there is success."""
        await self._open()
        for kind in ("endpoint", "aor", "auth"):
            await self._configure(kind, agent, None)

    async def _configure(self, kind: str, agent: str, body: Json | None) -> None:
        path = f"/asterisk/config/dynamic/res_pjsip/{kind}/{agent}"
        try:
            await (self._ari.delete(path) if body is None else self._ari.put(path, body))
        except AriError as problem:
            if body is None and problem.status == 404:
                return
            raise CannotReach(str(problem)) from problem

    async def legs(self) -> frozenset[str]:
        await self._open()
        if not self._ari.is_connected.is_set() and not self._is_closed:
            raise CannotReach("the switch is away")
        self._sweep_recordings()
        return frozenset(self._legs)

    async def ended(self, legs: Collection[str]) -> list[Ended]:
        if not legs:
            return []
        told = await asyncio.to_thread(self._in_journal, frozenset(legs))
        return list(told.values())

    async def events(self) -> AsyncIterator[Event]:
        await self._open()
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        await self._ari.close()
        for task in self._tasks:
            task.cancel()
        self._events.put_nowait(None)

    # -- commands, in Asterisk's words --------------------------------------------------------

    async def _open(self) -> None:
        if self._is_closed:
            return
        async with self._opening:
            if not self._is_open:
                await self._ari.open()
                self._is_open = True
        if self._ari.is_connected.is_set():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await self._ari.is_connected.wait()

    def _trunk(self) -> Trunk:
        if not self._settings.trunks:
            raise CannotDial("No trunk is set up, so nobody can be dialled.")
        return self._settings.trunks[0]

    async def _originate(self, line: _Leg, *, variables: dict[str, str], **params: object) -> None:
        try:
            fixed = {"app": APP, "appArgs": "ours", "channelId": line.channel, "formats": "alaw"}
            await self._ari.post("/channels", {"variables": variables}, **fixed, **params)
        except AriError as problem:
            if problem.status == 409:  # a repeat: it rings, or has rung
                return
            if not problem.status:
                self._do(self._make_sure(line))
            elif line.name in self._legs:
                # Asterisk knows that the trunk is dead, or the agent's browser away.
                self._end(line, LineOutcome.CARRIER_FAULT, EndedBy.FAR, "unreachable")

    async def _make_sure(self, line: _Leg) -> None:
        """Whether a leg that nobody confirmed is there: the order may have arrived all the same."""
        while line.name in self._legs:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            try:
                await self._ari.get(f"/channels/{line.channel}")
            except AriError as problem:
                if problem.status == 404:
                    self._end(line, LineOutcome.CARRIER_FAULT, EndedBy.SWITCH, "unreachable")
            else:
                return

    async def _make_bridge(self, line: _Leg) -> str:
        name = f"talk-{line.name}-{secrets.token_hex(3)}"
        try:
            await self._ari.post(f"/bridges/{name}", type="mixing,dtmf_events")
        except AriError as problem:
            raise LegGone(line.name) from problem
        return name

    async def _add(self, line: _Leg, bridge: str) -> None:
        """Put a leg into a bridge; it leaves the one it was in."""
        former = line.bridge
        try:
            await self._ari.post(f"/bridges/{bridge}/addChannel", channel=line.channel)
        except AriError as problem:
            if problem.status != 404:
                raise LegGone(line.name) from problem
            try:  # the bridge died with its conversation
                await self._ari.post(f"/bridges/{bridge}", type="mixing,dtmf_events")
                await self._ari.post(f"/bridges/{bridge}/addChannel", channel=line.channel)
            except AriError as again:
                raise LegGone(line.name) from again
        line.bridge = bridge
        await self._forget_if_empty(former)

    async def _leave(self, line: _Leg) -> None:
        bridge, line.bridge = line.bridge, ""
        if not bridge:
            return
        with contextlib.suppress(AriError):
            await self._ari.post(f"/bridges/{bridge}/removeChannel", channel=line.channel)
        await self._forget_if_empty(bridge)

    async def _forget_if_empty(self, bridge: str) -> None:
        if not bridge or any(
            bridge in (each.bridge, each.held_from) for each in self._legs.values()
        ):
            return
        with contextlib.suppress(AriError):
            await self._ari.delete(f"/bridges/{bridge}")

    def _room(self, line: _Leg) -> list[_Leg]:
        if not line.bridge:
            return [line]
        return [each for each in self._legs.values() if each.bridge == line.bridge]

    async def _listen(self, agent: _Leg, supervisor: _Leg, mode: Supervision) -> None:
        """A second pair of ears on the agent's leg, bridged with the supervisor's."""
        snoop = f"snoop-{secrets.token_hex(8)}"
        whisper = "out" if mode is Supervision.WHISPER else "none"
        await self._on(
            agent, "POST", f"snoop/{snoop}", spy="both", whisper=whisper, app=APP, appArgs="snoop"
        )
        bridge = f"ears-{secrets.token_hex(8)}"
        await self._ari.post(f"/bridges/{bridge}", type="mixing")
        supervisor.snoop, supervisor.listening_bridge = snoop, bridge
        await self._ari.post(f"/bridges/{bridge}/addChannel", channel=supervisor.channel)
        for _ in range(100):  # until the snoop itself has come to us
            try:
                await self._ari.post(f"/bridges/{bridge}/addChannel", channel=snoop)
            except AriError as problem:
                if problem.status not in (409, 422):
                    raise LegGone(agent.name) from problem
                await asyncio.sleep(0.005)
            else:
                return
        raise LegGone(agent.name)

    async def _stop_listening(self, supervisor: _Leg) -> None:
        if not supervisor.snoop:
            return
        snoop, bridge = supervisor.snoop, supervisor.listening_bridge
        supervisor.snoop = supervisor.listening_bridge = ""
        for path in (f"/channels/{snoop}", f"/bridges/{bridge}"):
            with contextlib.suppress(AriError):
                await self._ari.delete(path)

    async def _on(self, line: _Leg, method: str, what: str, **params: object) -> Any:
        """An ARI call about one leg's channel. Raises LegGone when Asterisk has it no more."""
        path = f"/channels/{line.channel}" + (f"/{what}" if what else "")
        return await self._by_name(line, self._ari.ask(method, path, params))

    @staticmethod
    async def _by_name(line: _Leg, asking: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await asking
        except AriError as problem:
            if problem.status not in (404, 409, 412, 422):
                # The switch is away or at fault. What becomes of the leg is told when it is back.
                log.error("Asterisk refused a command: %s", problem)
            raise LegGone(line.name) from problem

    async def _watch_endpoint(self, agent: str) -> None:
        if agent in self._agents:
            return
        self._agents.add(agent)
        with contextlib.suppress(AriError):
            await self._ari.post(
                f"/applications/{APP}/subscription", eventSource=f"endpoint:PJSIP/{agent}"
            )

    # -- Asterisk's events, as facts ----------------------------------------------------------

    async def _came_up(self) -> None:
        """At each connection: which switch is this, and what did we miss?"""
        info = await self._ari.get("/asterisk/info")
        booted_at = info["status"]["startup_time"]
        is_another = self._booted_at is not None and booted_at != self._booted_at
        self._booted_at = booted_at
        channels = {each["id"]: each for each in await self._ari.get("/channels")}
        gone = [line for line in self._legs.values() if line.channel not in channels]
        names = frozenset() if is_another else frozenset(line.name for line in gone)
        told = await asyncio.to_thread(self._in_journal, names) if names else {}
        for line in gone:
            self._end_missed(line, told.get(line.name))
        for channel in channels.values():
            if (known := self._by_channel.get(channel["id"])) is not None:
                self._catch_up(known, channel)
            else:
                self._adopt(channel)
        for bridge in await self._ari.get("/bridges"):
            for channel_id in bridge["channels"]:
                if channel_id in self._by_channel and bridge["id"].startswith("talk-"):
                    self._by_channel[channel_id].bridge = bridge["id"]
        if is_another:
            self._emit(SwitchRestarted(self._now()))
        for agent in list(self._agents):
            self._agents.discard(agent)
            await self._watch_endpoint(agent)

    def _end_missed(self, line: _Leg, told: Ended | None) -> None:
        """A leg that ended while nobody listened: the journal knows how, a crash does not."""
        if told is not None:
            outcome = self._answered_outcome(line) if line.answered else told.outcome
            self._end(line, outcome, told.by, told.cause)
            return
        outcome = self._answered_outcome(line) if line.answered else LineOutcome.INTERRUPTED
        self._end(line, outcome, EndedBy.SWITCH, "switch restarted")

    def _in_journal(self, legs: Collection[str]) -> dict[str, Ended]:
        """The ends of these legs, as far as the last megabytes of the journal tell."""
        file = self._settings.journal
        try:
            told = file.stat()
            place = journal.Place(told.st_ino, max(0, told.st_size - _JOURNAL_BYTES))
            entries, _ = journal.read(file, place, most_bytes=_JOURNAL_BYTES)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            log.exception("Asterisk's journal cannot be read")
            return {}
        answered = {each.leg: each.at for each in entries if each.what == "ANSWER"}
        return {
            name: _as_told(each, name, answered_at=answered.get(each.leg))
            for each in entries
            if each.what == "HANGUP" and (name := self._named.get(each.leg, each.leg)) in legs
        }

    def _catch_up(self, line: _Leg, channel: Json) -> None:
        """A leg of ours that was answered while nobody listened: it may not end as if it never
        had been."""
        line.technical_name = channel["name"]
        if channel["state"] == "Up" and not line.inbound:
            line.in_app = True
            self._pick_up(line)

    def _adopt(self, channel: Json) -> None:
        """A leg that stands in the switch since before we did."""
        if channel["id"].startswith("snoop-"):
            return
        name = journal.leg_of(channel["id"])
        name = self._named.get(name, name)
        endpoint = re.sub(r"^PJSIP/(.*)-[0-9a-f]+$", r"\1", channel["name"])
        is_trunk = any(endpoint == trunk.name for trunk in self._settings.trunks)
        is_ours = channel["id"].endswith("_")
        line = self._remember(
            _Leg(
                name,
                channel["id"],
                agent="" if is_trunk or not is_ours else endpoint,
                trunk=self._trunk() if is_trunk and is_ours else None,
                inbound=not is_ours,
                technical_name=channel["name"],
            )
        )
        line.answered = line.in_app = channel["state"] == "Up"
        line.rang = channel["state"] in ("Up", "Ringing")
        if line.inbound and not line.answered:  # it came while nobody listened
            line.in_app = True
            self._tell_of(line, channel, called=channel["dialplan"]["exten"])
        if line.agent:
            self._agents.add(line.agent)
        elif Path(self._raw(name)).exists():  # it was being recorded, and still is
            line.recordings[name] = self._now()

    def _heard(self, event: Json) -> None:
        handle = getattr(self, f"_on_{event['type']}", None)
        if handle is not None:
            handle(event)

    def _on_StasisStart(self, event: Json) -> None:
        channel, args = event["channel"], event.get("args", [])
        line = self._by_channel.get(channel["id"])
        if args[:1] == ["inbound"] and line is None:
            self._ring_in(channel, called=args[1])
        elif line is not None and not line.in_app:
            line.technical_name = channel["name"]
            line.in_app = True
            self._pick_up(line)

    def _ring_in(self, channel: Json, *, called: str) -> None:
        name = journal.leg_of(channel["id"])
        line = self._remember(_Leg(name, channel["id"], inbound=True, in_app=True))
        line.technical_name = channel["name"]
        self._tell_of(line, channel, called=called)
        self._do(self._keep_hearing_of(channel["id"]))

    def _tell_of(self, line: _Leg, channel: Json, *, called: str) -> None:
        """Somebody calls: we are told, and they hear it ring."""
        caller = re.sub(r"[^+0-9]", "", channel["caller"]["number"])
        self._emit(Inbound(line.name, self._now(), caller=caller, called=called))
        self._do(self._let_it_ring(line))

    async def _let_it_ring(self, line: _Leg) -> None:
        with contextlib.suppress(LegGone, AriError):
            await self._on(line, "POST", "ring")

    async def _keep_hearing_of(self, channel: str) -> None:
        """A channel that came through the dialplan is forgotten at its end unless subscribed."""
        with contextlib.suppress(AriError):
            await self._ari.post(
                f"/applications/{APP}/subscription", eventSource=f"channel:{channel}"
            )

    def _on_Dial(self, event: Json) -> None:
        line = self._by_channel.get(event["peer"]["id"])
        if line is None or line.answered:
            return
        line.technical_name = event["peer"]["name"]
        match event["dialstatus"]:
            case "RINGING" if not line.rang:
                line.rang = True
                self._emit(Ringing(line.name, self._now()))
            case "PROGRESS":
                line.rang = True
                self._emit(EarlyMedia(line.name, self._now()))

    def _pick_up(self, line: _Leg) -> None:
        if line.answered or line.name not in self._legs:
            return
        line.answered, line.answered_at = True, self._now()
        self._emit(Answered(line.name, line.answered_at))
        self._time_a_greeting(line)
        if line.agent:
            self._emit(AgentLineUp(line.name, self._now(), agent=line.agent))
        for other in sorted(line.waits_for):
            if other in self._legs and self._legs[other].in_app:
                self._do(self._connect_waiting(line.name, other))
        line.waits_for.clear()

    async def _connect_waiting(self, leg: str, other: str) -> None:
        with contextlib.suppress(LegGone, AriError):
            await self.connect(leg, other)

    def _on_ChannelTalkingStarted(self, event: Json) -> None:
        if (line := self._by_channel.get(event["channel"]["id"])) is not None:
            line.is_talking = True
            self._time_a_greeting(line)

    def _on_ChannelTalkingFinished(self, event: Json) -> None:
        if (line := self._by_channel.get(event["channel"]["id"])) is not None:
            line.is_talking = False
            if line.greeting is not None:
                line.greeting.cancel()
                line.greeting = None

    def _time_a_greeting(self, line: _Leg) -> None:
        """Only a talk that begins at once is a greeting; a later one is a conversation."""
        if not (line.is_talking and line.answered_at) or line.agent or line.inbound:
            return
        waited = (self._now() - line.answered_at).total_seconds()
        if line.greeting is None and waited < GREETING_BEGINS_WITHIN_SECONDS:
            loop = asyncio.get_running_loop()
            line.greeting = loop.call_later(GREETING_SECONDS, self._machine_heard, line)

    def _machine_heard(self, line: _Leg) -> None:
        line.greeting = None
        if line.name in self._legs and not line.is_machine:
            line.is_machine = True
            self._emit(MachineHeard(line.name, self._now()))

    def _on_ChannelHangupRequest(self, event: Json) -> None:
        # The network's final answer announces itself so; our own time-out does not.
        line = self._by_channel.get(event["channel"]["id"])
        if line is not None:
            line.refused_by_far = True

    def _on_ChannelDestroyed(self, event: Json) -> None:
        line = self._by_channel.get(event["channel"]["id"])
        if line is None:
            return
        sip, q850 = event.get("tech_cause"), event.get("cause")
        by_far = line.refused_by_far and not line.hung_up_by_us
        cause = f"sip {sip}" if sip else f"q850 {q850}"
        if line.answered:
            by = EndedBy.US if line.hung_up_by_us else EndedBy.FAR
            self._end(line, self._answered_outcome(line), by, cause)
        elif line.inbound:
            outcome = LineOutcome.REFUSED if line.hung_up_by_us else LineOutcome.NO_ANSWER
            self._end(line, outcome, EndedBy.US if line.hung_up_by_us else EndedBy.FAR, cause)
        else:
            outcome = classify_unanswered(
                cancelled=line.hung_up_by_us,
                ended_by_far=by_far,
                rang=line.rang,
                sip=int(sip) if sip else None,
                q850=q850,
                overrides=line.trunk.overrides if line.trunk else {},
            )
            by = EndedBy.FAR if by_far else EndedBy.TIMEOUT
            by = EndedBy.US if line.hung_up_by_us else by
            self._end(line, outcome, by, "ring time-out" if by is EndedBy.TIMEOUT else cause)

    def _on_ChannelDtmfReceived(self, event: Json) -> None:
        line = self._by_channel.get(event["channel"]["id"])
        if line is not None:
            self._emit(KeyPressed(line.name, self._now(), key=event["digit"]))

    def _on_PlaybackFinished(self, event: Json) -> None:
        name, is_whole = event["playback"]["id"], event["playback"]["state"] == "done"
        line = next((each for each in self._legs.values() if name in each.sounds), None)
        if line is None or (heard := line.sounds[name]).done():
            return
        if is_whole:
            heard.set_result(None)
            return
        # Cut off by the leg's end, which is told in a moment; or there is no such sound, and a
        # missing sound is no reason to lose a call.
        asyncio.get_running_loop().call_later(0.5, _give_up_on, heard, event["playback"])

    def _on_EndpointStateChange(self, event: Json) -> None:
        agent, state = event["endpoint"]["resource"], event["endpoint"]["state"]
        loop = asyncio.get_running_loop()
        for line in self._legs.values():
            if line.agent != agent or not line.answered:
                continue
            if state == "offline" and line.leaving is None:
                line.leaving = loop.call_later(AGENT_GRACE_SECONDS, self._agent_gone, line.name)
            elif state == "online" and line.leaving is not None:
                line.leaving.cancel()
                line.leaving = None

    def _agent_gone(self, leg: str) -> None:
        self._do(self._agent_left(leg))

    async def _agent_left(self, leg: str) -> None:
        if (line := self._legs.get(leg)) is not None:
            with contextlib.suppress(LegGone, AriError):
                await self._on(line, "DELETE", "")

    def _on_ApplicationReplaced(self, event: Json) -> None:
        log.error("another process has taken over this Asterisk: only one dialer may lead")

    # -- small things -------------------------------------------------------------------------

    def _end(self, line: _Leg, outcome: LineOutcome, by: EndedBy, cause: str) -> None:
        """The one way out of life: told once, whoever tells it first."""
        if self._legs.pop(line.name, None) is None:
            return
        self._by_channel.pop(line.channel, None)
        self._ended[line.name] = None
        if len(self._ended) > _REMEMBERED_LEGS:
            del self._ended[next(iter(self._ended))]
        for timer in (line.leaving, line.greeting):
            if timer is not None:
                timer.cancel()
        now = self._now()
        if line.agent and line.answered:
            self._emit(AgentLineDown(line.name, now, agent=line.agent))
        self._emit(Ended(line.name, now, outcome=outcome, by=by, cause=cause))
        for heard in line.sounds.values():
            if not heard.done():
                heard.set_exception(LegGone(line.name))
        for name in line.recordings:
            self._do(self._finish_recording(line.name, name))
        if line.bridge:
            self._do(self._forget_if_empty(line.bridge))
        if line.snoop:
            self._do(self._stop_listening(line))

    async def _finish_recording(self, leg: str, name: str) -> None:
        raw, file = Path(self._raw(name)), self._settings.recordings / f"{name}.wav"
        size = -1
        while raw.exists() and size != (size := raw.stat().st_size):  # until it grows no more
            await asyncio.sleep(0.1)
        seconds = await asyncio.to_thread(finish_recording, raw, file)
        done = RecordingDone(leg, self._now(), name=name, seconds=seconds, file=file)
        self._emit(done)

    def _sweep_recordings(self) -> None:
        """Finish and tell of recordings that ended while nobody listened. Once per name; those
        whose file was written lately may be growing, under a leg that has no name of ours yet."""
        folder = self._settings.recordings
        if not folder.is_dir():
            return
        settled = datetime.now(UTC).timestamp() - SETTLED_SECONDS
        for file in folder.iterdir():
            name = file.stem
            if file.suffix not in (".raw", ".wav") or name in self._legs or name in self._swept:
                continue
            if file.stat().st_mtime < settled:
                self._swept.add(name)
                self._do(self._finish_recording(name, name))

    def _raw(self, name: str) -> str:
        return str(self._settings.recordings / f"{name}.raw")

    @staticmethod
    def _answered_outcome(line: _Leg) -> LineOutcome:
        return LineOutcome.MACHINE if line.is_machine else LineOutcome.ANSWERED

    def _is_used(self, leg: str) -> bool:
        return leg in self._legs or leg in self._ended

    def _remember(self, line: _Leg) -> _Leg:
        self._legs[line.name] = self._by_channel[line.channel] = line
        return line

    def _living(self, leg: str) -> _Leg:
        try:
            return self._legs[leg]
        except KeyError:
            raise LegGone(leg) from None

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _now(self) -> datetime:
        """Never earlier than the last one told: a leg's facts are in order."""
        self._last_at = max(self._last_at, datetime.now(UTC))
        return self._last_at

    def _emit(self, event: Event) -> None:
        self._events.put_nowait(event)


def _as_told(entry: journal.Entry, leg: str, *, answered_at: datetime | None) -> Ended:
    """An end as the journal has it: no SIP status, and our time-out is cause 19 by ourselves."""
    is_time_out = not entry.by_far and entry.q850 == 19
    by = EndedBy.FAR if entry.by_far else EndedBy.TIMEOUT if is_time_out else EndedBy.US
    was_answered = answered_at is not None
    if leg != entry.leg or leg.startswith("in-"):  # somebody called us
        unanswered = LineOutcome.NO_ANSWER if entry.by_far else LineOutcome.REFUSED
        outcome = LineOutcome.ANSWERED if was_answered else unanswered
    elif was_answered:
        outcome = LineOutcome.ANSWERED
        by = EndedBy.US if by is EndedBy.TIMEOUT else by
    else:
        outcome = classify_unanswered(
            cancelled=by is EndedBy.US,
            ended_by_far=entry.by_far,
            rang=True,
            sip=None,
            q850=entry.q850,
        )
    cause = f"q850 {entry.q850}"
    return Ended(leg, entry.at, outcome=outcome, by=by, cause=cause, answered_at=answered_at)


def _give_up_on(heard: "asyncio.Future[None]", playback: Json) -> None:
    if not heard.done():
        log.error("Asterisk could not play %s", playback["media_uri"])
        heard.set_result(None)


def finish_recording(raw: Path, file: Path) -> float:
    """Give raw stereo samples their header; returns the seconds. Repeating it is harmless.

    Also mends what a crash left: the samples are whole up to their end. Raises nothing when
    there is no raw file; a recording of nothing is 0 s long.
    """
    if raw.exists():
        with wave.open(str(file), "wb") as made:
            made.setnchannels(2)
            made.setsampwidth(2)
            made.setframerate(_SAMPLES_PER_SECOND)
            data = raw.read_bytes()
            made.writeframes(data[: len(data) - len(data) % 4])
        raw.unlink()
    if not file.exists():
        return 0.0
    with wave.open(str(file), "rb") as made:
        return made.getnframes() / made.getframerate()
