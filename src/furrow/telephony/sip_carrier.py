"""A SIP provider in one UDP socket: what a trunk would do, on a laptop without one.

It answers, rings out, is busy, refuses, plays announcements before an answer, speaks, listens and
hangs up, all by a `Fate` per number, so demos are audible and tests need nobody outside. It knows
just the SIP and RTP that a provider on a quiet network needs (RFC 3261, RFC 3550, RFC 4733): UDP,
A-law, no authentication.
"""

import asyncio
import math
import random
import re
import struct
from array import array
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Self

from furrow.telephony.simulated import CarrierSettings, Fate

_PHRASES = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    404: "Not Found",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    502: "Bad Gateway",
    503: "Service Unavailable",
    603: "Decline",
}
_FINALS = {
    Fate.BUSY: 486,
    Fate.REFUSES: 603,
    Fate.EMPTY_NUMBER: 404,
    Fate.SWITCHED_OFF: 480,
    Fate.OUT_OF_SERVICE: 502,
    Fate.TRUNK_FAULT: 503,
}
_ALAW = 8  # RTP payload types
_TONES = 101
_FRAME = 160  # samples in 20 ms
_SILENCE = b"\xd5" * _FRAME
_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact"}


@dataclass(frozen=True)
class Script:
    """What one number does. Durations in seconds."""

    ring: float | None = 0.1  # None: for ever
    final: int = 200
    announcement: bytes = b""  # A-law, played before the final answer
    voice: bytes = b""  # A-law, spoken after the answer; then silence
    loops: bool = False
    talk: float | None = None  # hangs up then; None: never by itself
    is_silent: bool = False  # never says a word: a dead trunk


def tone(hertz: float, seconds: float, *, loudness: float = 0.4) -> bytes:
    """A sine as A-law. loudness: 0 to 1 of full scale."""
    samples = round(8000 * seconds)
    step = 2 * math.pi * hertz / 8000
    return bytes(to_alaw(round(32767 * loudness * math.sin(step * i))) for i in range(samples))


def to_alaw(sample: int) -> int:
    """One 16-bit sample as A-law (ITU-T G.711, table 1a)."""
    sign = 0x80 if sample >= 0 else 0
    size = min(abs(sample), 32767) >> 4
    if size < 32:
        code = size >> 1
    else:
        exponent = size.bit_length() - 5
        code = (exponent << 4) | ((size >> exponent) & 0x0F)
    return (sign | code) ^ 0x55


def from_alaw(data: bytes) -> "array[int]":
    """A-law bytes as 16-bit samples."""
    return array("h", (_DECODED[each] for each in data))


def _decode(code: int) -> int:
    code ^= 0x55
    exponent, size = (code >> 4) & 7, (code & 0x0F) << 4
    size = size + 8 if exponent == 0 else (size + 0x108) << (exponent - 1)
    return size if code & 0x80 else -size


_DECODED = [_decode(code) for code in range(256)]


@dataclass
class Message:
    """One SIP message, as far as we read it."""

    first: str
    headers: list[tuple[str, str]]
    body: str

    @classmethod
    def read(cls, data: bytes) -> Self:
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        pairs = (line.partition(":") for line in lines[1:])
        headers = [
            (_COMPACT.get(key := name.strip().lower(), key), value.strip())
            for name, _, value in pairs
        ]
        return cls(lines[0], headers, body)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def get(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def status(self) -> int:
        """Of an answer; 0 for a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return self.first.split()[0]


@dataclass
class Call:
    """One call at the provider, with all it heard."""

    number: str
    ident: str
    address: tuple[str, int]
    ours: str  # From or To, with our tag
    theirs: str
    target: str  # where requests inside the call go
    script: Script
    invite: Message | None = None
    headers: dict[str, str] = field(default_factory=dict)
    remote: tuple[str, int] | None = None
    media: asyncio.DatagramTransport | None = None
    port: int = 0
    heard: bytearray = field(default_factory=bytearray)
    tones: str = ""
    sequence: int = 100
    branch: str = ""
    is_acknowledged: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    answered_at: float = 0.0  # the loop's clock
    first_heard_at: float = 0.0  # the first loud frame
    _last_tone: bytes = b""

    def hear(self, packet: bytes, at: float) -> None:
        """Take one RTP packet: a voice's, or a tone's (RFC 4733)."""
        kind = packet[1] & 0x7F
        if kind == _TONES and packet[13] & 0x80 and packet[4:8] != self._last_tone:
            self._last_tone = packet[4:8]
            self.tones += "0123456789*#ABCD"[packet[12] & 0x0F]
        elif kind == _ALAW:
            voice = packet[12:]
            self.heard += voice
            if not self.first_heard_at and max(map(abs, from_alaw(voice)), default=0) > 800:
                self.first_heard_at = at


class _Media(asyncio.DatagramProtocol):
    def __init__(self, call: Call) -> None:
        self._call = call

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if len(data) > 13:
            self._call.hear(data, asyncio.get_running_loop().time())


class SipCarrier(asyncio.DatagramProtocol):
    """The provider. `decide` names what a number does each time it is called."""

    def __init__(
        self,
        decide: Callable[[str], Script],
        *,
        host: str = "127.0.0.2",
        port: int = 0,
        switch: tuple[str, int] = ("127.0.0.1", 5060),
    ) -> None:
        self._decide = decide
        self.host, self.port, self._switch = host, port, switch
        self.calls: dict[str, Call] = {}
        self.past: list[Call] = []
        self._socket: asyncio.DatagramTransport | None = None

    async def open(self) -> Self:
        loop = asyncio.get_running_loop()
        self._socket, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.host, self.port)
        )
        self.port = self._socket.get_extra_info("sockname")[1]
        return self

    def serve(self, switch: tuple[str, int]) -> None:
        """Name the switch that calls from outside go to."""
        self._switch = switch

    def close(self) -> None:
        for call in list(self.calls.values()):
            self._forget(call)
        if self._socket:
            self._socket.close()

    async def ring_in(
        self, called: str, caller: str, *, voice: bytes = b"", patience: float = 30.0
    ) -> Call:
        """Somebody calls one of the switch's numbers, and gives up after `patience` seconds."""
        tag = f"{random.getrandbits(32):08x}"
        call = Call(
            number=called,
            ident=f"{random.getrandbits(64):016x}",
            address=self._switch,
            ours=f"<sip:{caller}@{self.host}>;tag={tag}",
            theirs=f"<sip:{called}@{self._switch[0]}>",
            target=f"sip:{called}@{self._switch[0]}:{self._switch[1]}",
            script=Script(voice=voice, loops=True),
        )
        call.sequence = 1
        call.branch = _branch()
        self.calls[call.ident] = call
        await self._open_media(call)
        self._request(call, "INVITE", body=self._offer(call), branch=call.branch)
        self._spawn(call, self._give_up(call, patience))
        return call

    def hang_up(self, call: Call) -> None:
        """The far end goes."""
        if call.ended.is_set():
            return
        if call.answered.is_set():
            call.sequence += 1
            self._request(call, "BYE")
        elif call.invite is None:
            self._request(call, "CANCEL", branch=call.branch)
        else:
            self._answer(call.invite, call.address, 603, call)
        self._forget(call)

    def press(self, call: Call, key: str) -> None:
        """Send a tone as its keypad does: an RTP event of 0.1 s, its end said three times."""
        if not (call.remote and call.media):
            return
        code, stamp, source = "0123456789*#ABCD".index(key), *map(random.getrandbits, (31, 32))
        for nth in range(8):
            body = struct.pack("!BBH", code, 0x80 if nth > 4 else 0, min(nth + 1, 5) * _FRAME)
            first = 0x80 if nth == 0 else 0
            header = struct.pack("!BBHII", 0x80, first | _TONES, 40_000 + nth, stamp, source)
            call.media.sendto(header + body, call.remote)

    # -- the wire ----------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if len(data) < 20:  # a keep-alive
            return
        message = Message.read(data)
        call = self.calls.get(message.get("call-id"))
        if message.status:
            self._told(message, call)
            return
        match message.method:
            case "INVITE":
                self._invited(message, call, addr)
            case "ACK" if call is not None:
                call.is_acknowledged = True
            case "ACK":
                pass
            case "BYE":
                self._answer(message, addr, 200)
                if call is not None:
                    self._forget(call)
            case "CANCEL":
                self._answer(message, addr, 200)
                if call is not None and call.invite is not None and not call.answered.is_set():
                    self._answer(call.invite, call.address, 487, call)
                    self._forget(call)
            case "OPTIONS" | "UPDATE" | "INFO" | "NOTIFY" | "REGISTER":
                self._answer(message, addr, 200)
            case _:
                self._answer(message, addr, 501)

    def _invited(self, message: Message, call: Call | None, address: tuple[str | Any, int]) -> None:
        if call is not None:
            if call.answered.is_set():  # a change of media inside the call
                _set_remote(call, message.body)
                self._answer(message, address, 200, call, body=self._offer(call))
            return
        found = re.search(r"sips?:([^@;>]+)", message.first)
        number = found[1] if found else ""
        contact = re.search(r"<([^>]+)>", message.get("contact"))
        tag = f"{random.getrandbits(32):08x}"
        call = Call(
            number=number,
            ident=message.get("call-id"),
            address=(str(address[0]), address[1]),
            ours=f"{message.get('to')};tag={tag}",
            theirs=message.get("from"),
            target=contact[1] if contact else "",
            script=self._decide(number),
            invite=message,
            headers=dict(message.headers),
        )
        _set_remote(call, message.body)
        self.calls[call.ident] = call
        self._spawn(call, self._play_out(call, message))

    async def _play_out(self, call: Call, invite: Message) -> None:
        """One call from its INVITE to its end, as the number's script says."""
        script = call.script
        if script.is_silent:
            return
        self._answer(invite, call.address, 100)
        await self._open_media(call)
        if script.announcement:
            self._answer(invite, call.address, 183, call, body=self._offer(call))
            await self._speak(call, script.announcement, loops=False, ends=True)
        elif script.final < 400 or script.ring:
            self._answer(invite, call.address, 180, call)
        if script.ring is None:
            return
        await asyncio.sleep(script.ring)
        if script.final != 200:
            self._answer(invite, call.address, script.final, call)
            await asyncio.sleep(0.5)  # the ACK may still come
            self._forget(call)
            return
        call.answered_at = asyncio.get_running_loop().time()
        self._answer(invite, call.address, 200, call, body=self._offer(call))
        call.answered.set()
        self._spawn(call, self._repeat_answer(call, invite))
        self._spawn(call, self._speak(call, script.voice, loops=script.loops, ends=False))
        if script.talk is not None:
            await asyncio.sleep(script.talk)
            self.hang_up(call)

    async def _repeat_answer(self, call: Call, invite: Message) -> None:
        for pause in (0.5, 1, 2, 4):  # RFC 3261, section 13.3.1.4
            await asyncio.sleep(pause)
            if call.is_acknowledged or call.ended.is_set():
                return
            self._answer(invite, call.address, 200, call, body=self._offer(call))

    async def _give_up(self, call: Call, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if not call.answered.is_set():
            self.hang_up(call)

    def _told(self, message: Message, call: Call | None) -> None:
        """An answer to our own INVITE."""
        if call is None or call.invite is not None or "INVITE" not in message.get("cseq"):
            return
        if message.status < 200:
            return
        call.theirs = message.get("to")
        if message.status >= 300:
            self._request(call, "ACK", branch=call.branch)
            self._forget(call)
            return
        if contact := re.search(r"<([^>]+)>", message.get("contact")):
            call.target = contact[1]
        _set_remote(call, message.body)
        self._request(call, "ACK")
        if not call.answered.is_set():
            call.answered_at = asyncio.get_running_loop().time()
            call.answered.set()
            voice = call.script.voice
            self._spawn(call, self._speak(call, voice, loops=call.script.loops, ends=False))

    # -- media -------------------------------------------------------------------------------

    async def _open_media(self, call: Call) -> None:
        loop = asyncio.get_running_loop()
        call.media, _ = await loop.create_datagram_endpoint(
            lambda: _Media(call), local_addr=(self.host, 0)
        )
        call.port = call.media.get_extra_info("sockname")[1]

    async def _speak(self, call: Call, voice: bytes, *, loops: bool, ends: bool) -> None:
        """Send 50 packets a second until the voice (or, after an answer, the call) ends."""
        loop = asyncio.get_running_loop()
        sequence, stamp, source = (random.getrandbits(bits) for bits in (15, 31, 32))
        due, at = loop.time(), 0
        while not call.ended.is_set():
            frame = voice[at : at + _FRAME]
            at += _FRAME
            if len(frame) < _FRAME:
                if ends:
                    return
                at = 0 if loops and voice else at
                frame += _SILENCE[: _FRAME - len(frame)]
            if call.remote and call.media and not call.media.is_closing():
                header = struct.pack(
                    "!BBHII", 0x80, _ALAW, sequence & 0xFFFF, stamp & 0xFFFFFFFF, source
                )
                call.media.sendto(header + frame, call.remote)
            sequence, stamp, due = sequence + 1, stamp + _FRAME, due + 0.02
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _offer(self, call: Call) -> str:
        return (
            f"v=0\r\no=- 1 1 IN IP4 {self.host}\r\ns=-\r\nc=IN IP4 {self.host}\r\nt=0 0\r\n"
            f"m=audio {call.port} RTP/AVP {_ALAW} {_TONES}\r\na=rtpmap:{_ALAW} PCMA/8000\r\n"
            f"a=rtpmap:{_TONES} telephone-event/8000\r\na=fmtp:{_TONES} 0-16\r\n"
            "a=ptime:20\r\na=sendrecv\r\n"
        )

    # -- words on the wire -------------------------------------------------------------------

    def _answer(
        self,
        message: Message,
        address: tuple[str | Any, int],
        status: int,
        call: Call | None = None,
        *,
        body: str = "",
    ) -> None:
        to = call.ours if call and call.invite is not None else message.get("to")
        lines = [f"SIP/2.0 {status} {_PHRASES.get(status, 'Response')}"]
        lines += [f"Via: {each}" for each in message.all("via")]
        lines += [f"Record-Route: {each}" for each in message.all("record-route")]
        lines += [
            f"From: {message.get('from')}",
            f"To: {to}",
            f"Call-ID: {message.get('call-id')}",
            f"CSeq: {message.get('cseq')}",
            f"Contact: <sip:{self.host}:{self.port}>",
        ]
        self._send(lines, body, address)

    def _request(self, call: Call, method: str, *, body: str = "", branch: str = "") -> None:
        number = "INVITE" if method in ("ACK", "CANCEL") else method
        sequence = 1 if number == "INVITE" else call.sequence
        lines = [
            f"{method} {call.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch={branch or _branch()};rport",
            "Max-Forwards: 70",
            f"From: {call.ours}",
            f"To: {call.theirs}",
            f"Call-ID: {call.ident}",
            f"CSeq: {sequence} {method}",
            f"Contact: <sip:{self.host}:{self.port}>",
        ]
        self._send(lines, body, call.address)

    def _send(self, lines: list[str], body: str, address: tuple[str | Any, int]) -> None:
        if self._socket is None or self._socket.is_closing():
            return
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        self._socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), address)

    # -- small things ------------------------------------------------------------------------

    def _spawn(self, call: Call, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        call.tasks.add(task)
        task.add_done_callback(call.tasks.discard)

    def _forget(self, call: Call) -> None:
        if call.ended.is_set():
            return
        call.ended.set()
        current = asyncio.current_task()
        for task in call.tasks:
            if task is not current:
                task.cancel()
        if call.media is not None:
            call.media.close()
        self.calls.pop(call.ident, None)
        self.past.append(replace(call))
        del self.past[:-5000]


def _branch() -> str:
    return f"z9hG4bK{random.getrandbits(64):016x}"


def _set_remote(call: Call, body: str) -> None:
    host = re.search(r"^c=IN IP4 (\S+)", body, re.M)
    port = re.search(r"^m=audio (\d+)", body, re.M)
    if host and port:
        call.remote = (host[1], int(port[1]))


def audible(world: CarrierSettings) -> Callable[[str], Script]:
    """The simulated carrier's world as a provider's: who answers, when, and what is heard.

    Voices are notes, not words: a low one that draws breath for people, a high one that never
    does for machines, three rising tones for what a network announces.
    """
    dice = random.Random(world.seed)  # noqa: S311 - a game, not a lock
    person = tone(330, 1.2, loudness=0.25) + b"\xd5" * 6400
    machine = tone(660, 5, loudness=0.25)
    announcement = b"".join(tone(hertz, 0.33, loudness=0.25) for hertz in (950, 1400, 1800))

    def decide(number: str) -> Script:
        fate = world.fate_of(number, dice)
        ring = min(world.ring.draw(dice), 25.0)
        match fate:
            case Fate.TALKS:
                shares = [share for share, _ in world.talk]
                lasting = dice.choices([each for _, each in world.talk], shares)[0]
                seconds = min(lasting.draw(dice), world.longest_talk_seconds)
                return Script(ring=ring, voice=person, loops=True, talk=seconds)
            case Fate.STAYS:
                return Script(ring=ring, voice=person, loops=True)
            case Fate.MACHINE:
                return Script(ring=ring, voice=machine, loops=True, talk=world.machine_seconds)
            case Fate.RINGS_OUT:
                return Script(ring=None)
            case Fate.BUSY | Fate.REFUSES:
                return Script(ring=ring / 2, final=_FINALS[fate])
            case Fate.TRUNK_FAULT:
                return Script(ring=0, final=_FINALS[fate])
            case _:
                return Script(ring=0.1, final=_FINALS[fate], announcement=announcement)

    return decide
