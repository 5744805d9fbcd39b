"""How the trail is sealed. No tables, no clock."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# An id that did not appear for so long belongs to a transaction that came to nothing: no
# transaction lives a day. An event that appears under it later was put there by somebody.
GIVEN_UP_AFTER = timedelta(hours=24)

MOST_AT_ONCE = 50_000  # events in one link; a long backlog makes several
LEAF_BYTES = 32
FIRST = bytes(32)  # what the first link follows

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def hash_of(
    *,
    number: int,
    previous: bytes,
    events: str,
    highest: int,
    missing: str,
    leaves: bytes,
    at: datetime,
) -> bytes:
    """SHA-256 over everything a link says. Change any of it, or the link before, and it differs."""
    microseconds = (at - _EPOCH) // timedelta(microseconds=1)
    head = f"{number}\n{previous.hex()}\n{events}\n{highest}\n{missing}\n{microseconds}"
    return hashlib.sha256(head.encode() + b"\n" + leaves).digest()


@dataclass(frozen=True)
class Broken:
    """The first place where the trail is not what was sealed.

    link   number of the link where it shows; None = outside all links
    event  id of the event; None = the link itself was changed
    what   in a sentence, English: for the operator's terminal
    """

    link: int | None
    event: int | None
    what: str


@dataclass(frozen=True)
class Verdict:
    """What checking the whole chain found.

    sealed    events found as they were sealed
    unsealed  events not sealed yet; only the newest, seconds old, unless no worker runs
    head      "<number>:<hash>" of the last link, to be written down somewhere else; "" = no link
    """

    links: int
    sealed: int
    unsealed: int
    head: str
    broken: Broken | None


def first_difference(
    ids: list[int], leaves: bytes, expected_ids: list[int], expected: bytes
) -> tuple[int, str] | None:
    """The first event that is not as it was sealed, and what happened to it; None if all are.

    ids, leaves  what is there now, by id; expected_…: what was sealed
    """
    is_there = {event: n for n, event in enumerate(ids)}
    for n, event in enumerate(expected_ids):
        place = is_there.get(event)
        if place is None:
            return event, "is gone"
        if _leaf(leaves, place) != _leaf(expected, n):
            return event, "was changed"
    return None


def _leaf(leaves: bytes, place: int) -> bytes:
    return leaves[place * LEAF_BYTES : (place + 1) * LEAF_BYTES]
