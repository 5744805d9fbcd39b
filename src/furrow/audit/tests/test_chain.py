from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, connections, transaction

from furrow.audit.actions import record, seal_events
from furrow.audit.models import Event, Seal
from furrow.audit.queries import verify_chain
from furrow.audit.rules import Broken

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def happen(count: int, *, who: str = "somebody") -> list[int]:
    """So many events; their ids."""
    before = set(Event.objects.order_by().values_list("pk", flat=True))
    for n in range(count):
        record("thing.done", of=Event(pk=17), by=who, at=NOON, n=n)
    return sorted(set(Event.objects.order_by().values_list("pk", flat=True)) - before)


def behind_our_back(statement: str, *params: int) -> None:
    """As somebody with the rights of the database's owner would."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger fires
        cursor.execute(statement, params)
        cursor.execute("SET LOCAL session_replication_role = origin")


def sealed(*counts: int) -> list[int]:
    """A chain with a link of each count; the ids of its events."""
    ids = []
    for n, count in enumerate(counts):
        ids += happen(count)
        assert seal_events(at=NOON + timedelta(seconds=10 * n)) is not None
    return ids


def test_a_chain_is_whole_and_tells_its_head() -> None:
    sealed(3, 2)
    happen(1)

    verdict = verify_chain()

    assert (verdict.links, verdict.sealed, verdict.unsealed) == (2, 5, 1)
    assert verdict.broken is None
    assert verdict.head == f"2:{bytes(Seal.objects.get(number=2).hash).hex()}"


def test_nothing_new_makes_no_link() -> None:
    sealed(1)

    assert seal_events(at=NOON) is None


def test_a_long_backlog_makes_several_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("furrow.audit.queries.MOST_AT_ONCE", 2)
    happen(5)

    counts = [made.count for _n in range(3) if (made := seal_events(at=NOON))]

    assert counts == [2, 2, 1]
    assert verify_chain().sealed == 5


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE audit_event SET who = 'nobody' WHERE id = %s", "was changed"),
        ("UPDATE audit_event SET at = at + interval '1 second' WHERE id = %s", "was changed"),
        ("UPDATE audit_event SET details = '{}' WHERE id = %s", "was changed"),
        ("DELETE FROM audit_event WHERE id = %s", "is gone"),
    ],
)
def test_the_first_event_that_is_not_as_sealed_is_named(statement: str, what: str) -> None:
    ids = sealed(3, 3)
    behind_our_back(statement, ids[4])

    assert verify_chain().broken == Broken(2, ids[4], what)


def test_an_event_put_between_sealed_ones_is_named() -> None:
    ids = sealed(2)
    behind_our_back("DELETE FROM audit_event WHERE id = %s", ids[0])
    behind_our_back("DELETE FROM audit_seal")
    seal_events(at=NOON)  # a chain that never knew the first one
    behind_our_back("UPDATE audit_seal SET missing = '{}'")
    behind_our_back(
        "INSERT INTO audit_event (id, what, subject, who, at, request_id, details)"
        " VALUES (%s, 'thing.done', 'x:1', 'forger', now(), '', '{}')",
        ids[0],
    )

    broken = verify_chain().broken
    assert broken is not None
    assert broken.link == 1  # the changed `missing` shows first


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE audit_seal SET leaves = decode(repeat('00', 96), 'hex') WHERE number = 1",
         "was changed itself"),
        ("UPDATE audit_seal SET missing = '{[500,501)}' WHERE number = 1", "was changed itself"),
        ("DELETE FROM audit_seal WHERE number = 1", "is gone"),
    ],
)  # fmt: skip
def test_a_link_that_was_changed_is_named(change: str, what: str) -> None:
    sealed(3, 1)
    behind_our_back(change)

    assert verify_chain().broken == Broken(1, None, what)


def test_a_chain_made_anew_differs_from_the_head_noted_down() -> None:
    ids = sealed(2, 2)
    noted = verify_chain().head
    assert verify_chain(expect=noted).broken is None
    behind_our_back("UPDATE audit_event SET who = 'nobody' WHERE id = %s", ids[0])
    behind_our_back("DELETE FROM audit_seal")
    seal_events(at=NOON)

    assert verify_chain().broken is None
    assert verify_chain(expect=noted).broken == Broken(2, None, "was noted down and is gone")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET who = 'nobody'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "UPDATE audit_seal SET count = 0",
        "DELETE FROM audit_seal",
        "TRUNCATE audit_seal",
    ],
)
def test_postgresql_refuses_to_change_or_empty_the_trail(statement: str) -> None:
    sealed(1)
    with connection.cursor() as cursor:
        for table in ("audit_event", "audit_seal"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")

    with (
        pytest.raises(DatabaseError, match=r"append-only|append_only|Cannot update or delete"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_an_event_committed_late_is_sealed_late_and_nobody_waits() -> None:
    """The first of two takes its id early and commits after the second was sealed."""
    late = connections.create_connection("default")
    try:
        late.set_autocommit(False)
        _insert(late.cursor, "late")
        happen(1, who="early")
        first = seal_events(at=NOON)
        assert first is not None
        assert first.count == 1
        late.commit()
    finally:
        late.close()

    second = seal_events(at=NOON + timedelta(seconds=10))

    assert second is not None
    assert second.count == 1
    assert second.highest == first.highest
    assert verify_chain().broken is None
    happen(1)
    third = seal_events(at=NOON + timedelta(seconds=20))
    assert third is not None
    assert third.count == 1


@pytest.mark.django_db(transaction=True)
def test_an_event_under_an_id_given_up_a_day_ago_is_a_forgery() -> None:
    ids = sealed(1)
    _skip_an_id()
    sealed_later = happen(1)
    seal_events(at=NOON)
    happen(1)
    seal_events(at=NOON + timedelta(hours=25))
    happen(1)
    seal_events(at=NOON + timedelta(hours=25, seconds=10))
    hole = sealed_later[0] - 1
    assert hole not in ids
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (id, what, subject, who, at, request_id, details)"
            " VALUES (%s, 'thing.done', 'x:1', 'forger', now(), '', '{}')",
            [hole],
        )

    assert seal_events(at=NOON + timedelta(hours=26)) is None
    assert verify_chain().broken == Broken(None, hole, "was put between sealed ones afterwards")


def _skip_an_id() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('audit_event', 'id'))")


def _insert(cursor: Callable[[], object], who: str) -> None:
    with cursor() as open_cursor:  # type: ignore[attr-defined]
        open_cursor.execute(
            "INSERT INTO audit_event (what, subject, who, at, request_id, details)"
            " VALUES ('thing.done', 'x:1', %s, now(), '', '{}')",
            [who],
        )
