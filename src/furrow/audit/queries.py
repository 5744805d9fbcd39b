"""Answers about the trail: what kinds of events there are, and whether it is what it was."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from furrow.common.sql import load_sql

from .models import Event, Seal
from .rules import (
    FIRST,
    GIVEN_UP_AFTER,
    MOST_AT_ONCE,
    Broken,
    Verdict,
    first_difference,
    hash_of,
)


def event_names() -> list[str]:
    """Every kind of event that ever happened, by name: "call.placed", … Fast on a long trail."""
    with connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.audit", "event_names"))
        return [name for (name,) in cursor.fetchall()]


# -- the chain -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """What the next link seals: ids and missing ids as int8multirange, and how many events."""

    ids: str
    count: int
    highest: int
    missing: str


def last_seal() -> Seal | None:
    return Seal.objects.defer("leaves").order_by("-number").first()


def next_batch(last: Seal | None, *, at: datetime) -> Batch | None:
    """The events committed and not sealed yet, at most MOST_AT_ONCE; None if there are none."""
    a_day_ago = Seal.objects.filter(at__lt=at - GIVEN_UP_AFTER).order_by("-number")
    given_up = a_day_ago.values_list("missing", flat=True).first()
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.audit", "next_batch"),
            {
                "last": last.highest if last else 0,
                "missing": last.missing if last else "{}",
                "given_up": given_up or "{}",
                "most": MOST_AT_ONCE,
            },
        )
        ids, count, highest, missing = cursor.fetchone()
    return Batch(ids, count, highest, missing) if ids else None


def leaves_of(ids: str) -> tuple[list[int], bytes]:
    """The events of an int8multirange as they are now: their ids, and the hash of each."""
    with connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.audit", "leaves"), {"ids": ids})
        found, leaves = cursor.fetchone()
    return found or [], bytes(leaves or b"")


def verify_chain(*, expect: str = "") -> Verdict:
    """Walk the whole chain and compare every event with what was sealed. Changes nothing.

    expect  a head noted earlier, "<number>:<hash>": it must still be a link of the chain, which
            shows a chain that was made anew as a whole

    Cost: every event is read and hashed once; some 100,000 a second.
    """
    noted = dict([expect.split(":", 1)]) if ":" in expect else {}
    links = sealed = 0
    previous, head = FIRST, ""
    broken: Broken | None = None
    for seal in _links():
        broken = _look_at(seal, number=links + 1, previous=previous)
        if (
            broken is None
            and noted.pop(str(seal.number), bytes(seal.hash).hex()) != bytes(seal.hash).hex()
        ):
            broken = Broken(seal.number, None, "is not the link that was noted down")
        if broken is not None:
            break
        links, sealed, previous = links + 1, sealed + seal.count, bytes(seal.hash)
        head = f"{seal.number}:{previous.hex()}"
    if broken is None and noted:
        broken = Broken(int(next(iter(noted))), None, "was noted down and is gone")
    if broken is None and links:
        broken = _outside()
    last = last_seal()
    unsealed = Event.objects.filter(pk__gt=last.highest if last else 0).count()
    return Verdict(links, sealed, unsealed, head, broken)


def _links() -> Iterator[Seal]:
    """Each by itself: a link of 50,000 events weighs 1.6 MB."""
    number = 0
    while seal := Seal.objects.filter(number__gt=number).order_by("number").first():
        number = seal.number
        yield seal


def _look_at(seal: Seal, *, number: int, previous: bytes) -> Broken | None:
    if seal.number != number:
        return Broken(number, None, "is gone")
    if bytes(seal.previous) != previous:
        return Broken(number, None, "does not follow the one before it")
    leaves = bytes(seal.leaves)
    now = hash_of(
        number=seal.number, previous=previous, events=seal.events, highest=seal.highest,
        missing=seal.missing, leaves=leaves, at=seal.at,
    )  # fmt: skip
    if now != bytes(seal.hash):
        return Broken(number, None, "was changed itself")
    ids, found = leaves_of(seal.events)
    if found == leaves:
        return None
    difference = first_difference(ids, found, _ids(seal.events), leaves)
    assert difference is not None  # noqa: S101  # found and leaves differ, by event
    return Broken(number, difference[0], difference[1])


def _ids(events: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT g FROM unnest(%s::int8multirange) AS r,"
            " generate_series(lower(r), upper(r) - 1) AS g ORDER BY g",
            [events],
        )
        return [number for (number,) in cursor.fetchall()]


def _outside() -> Broken | None:
    with connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.audit", "outside"))
        row = cursor.fetchone()
    return Broken(None, row[0], "was put between sealed ones afterwards") if row else None
