from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, transaction

from furrow.audit.actions import record
from furrow.audit.models import Event

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def make_event() -> Event:
    subject = Event(pk=17)
    record("thing.done", of=subject, by="somebody", at=NOON, when=NOON, count=3)
    return Event.objects.get(what="thing.done")


def test_an_event_says_what_to_whom_by_whom_and_when() -> None:
    event = make_event()

    assert (event.subject, event.who, event.at) == ("audit.Event:17", "somebody", NOON)
    assert event.details == {"when": "2026-03-02T12:00:00Z", "count": 3}
    assert Event.objects.about(Event(pk=17)).get() == event


def test_events_cannot_be_changed_by_anybody() -> None:
    event = make_event()

    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(who="nobody")


def test_events_cannot_be_deleted_by_anybody() -> None:
    event = make_event()

    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        event.delete()
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        Event.objects.all().delete()


def test_an_event_disappears_with_the_change_it_speaks_of() -> None:
    with transaction.atomic():
        make_event()
        transaction.set_rollback(True)

    assert not Event.objects.exists()
