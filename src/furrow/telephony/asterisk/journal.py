"""Asterisk's own event journal (CEL), read from a byte offset.

Events over a socket are lost whenever the socket is; what Asterisk wrote to its journal is not.
The reader keeps (inode, offset) beside the facts it stored, in one transaction: each line is then
taken exactly once, whoever is killed in between.
"""

import csv
import io
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


def channel_of(leg: str) -> str:
    """Asterisk's id for a leg of ours.

    It ends in a character that no leg id has: Asterisk refuses an id that is the beginning of
    another's, so that "call-1" would wait for the end of "call-17".
    """
    return f"{leg}_"


def leg_of(channel: str) -> str:
    """Our name for a channel of Asterisk's: ours, or somebody's who called in.

    >>> leg_of(channel_of("call-17")), leg_of("1763769600.42")
    ('call-17', 'in-1763769600-42')
    """
    if channel.endswith("_"):
        return channel[:-1]
    return "in-" + re.sub(r"[^A-Za-z0-9-]", "-", channel)


@dataclass(frozen=True)
class Place:
    """How far the journal was read. A renamed journal is another inode: see `read`."""

    inode: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Entry:
    """One line: a leg began, was answered, or was hung up."""

    what: str  # CHAN_START, ANSWER, HANGUP, CHAN_END
    leg: str
    at: datetime
    q850: int | None = None  # of a HANGUP
    by_far: bool = False  # the far end or its network hung up


def read(file: Path, since: Place, *, most_bytes: int = 1 << 20) -> tuple[list[Entry], Place]:
    """The entries after `since` and the place after them; a line half written waits.

    After a rotation (rename) the old file is another inode; it is finished first when it lies
    beside the new one, else reading begins at the start of the new one. Cost: linear in bytes.
    """
    current = _inode(file)
    if since.inode and since.inode != current and (old := _renamed(file, since.inode)):
        entries, place = _read(old, since, most_bytes)
        if entries:
            return entries, place
        since = Place(current or 0, 0)
    if current is None:
        return [], since
    return _read(file, since if since.inode == current else Place(current, 0), most_bytes)


def _read(file: Path, since: Place, most_bytes: int) -> tuple[list[Entry], Place]:
    with file.open("rb") as journal:
        journal.seek(since.offset)
        block = journal.read(most_bytes)
    block = block[: block.rfind(b"\n") + 1]
    rows = csv.reader(io.StringIO(block.decode("utf-8", "replace")))
    entries = [entry for row in rows if (entry := _entry(row))]
    return entries, Place(since.inode, since.offset + len(block))


def _entry(row: list[str]) -> Entry | None:
    if len(row) < 6:
        return None
    what, at, leg, _caller, _called, extra = row[:6]
    when = datetime.strptime(at, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    if what != "HANGUP":
        return Entry(what, leg_of(leg), when)
    told = json.loads(extra) if extra else {}
    cause = told.get("hangupcause")
    return Entry(what, leg_of(leg), when, q850=cause, by_far=bool(told.get("hangupsource")))


def _inode(file: Path) -> int | None:
    return file.stat().st_ino if file.exists() else None


def _renamed(file: Path, inode: int) -> Path | None:
    beside = file.parent.glob(f"{file.name}*")
    return next((each for each in beside if each.stat().st_ino == inode), None)
