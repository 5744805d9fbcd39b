from datetime import UTC, datetime, timedelta

import pytest
from procrastinate.contrib.django import app

from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.calls.tests.make import make_call
from furrow.dialer import tasks
from furrow.organisation.models import Presence
from furrow.organisation.rules import PresenceState

pytestmark = pytest.mark.django_db


def test_the_watchdog_may_run_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    monkeypatch.setattr("furrow.dialer.actions.calls._postgres_started_at", lambda: long_ago)
    call = make_call(state=CallState.TALKING, at=long_ago)

    tasks.close_orphans(timestamp=0)
    ended_at = Call.objects.get(pk=call.pk).ended_at
    tasks.close_orphans(timestamp=0)

    assert ended_at is not None
    assert Call.objects.get(pk=call.pk).ended_at == ended_at


def test_whoever_went_silent_is_signed_off() -> None:
    agent = make_call(state=CallState.ENDED).agent
    Presence.objects.filter(user=agent).update(state=PresenceState.READY)

    tasks.sign_off_silent(timestamp=0)
    tasks.sign_off_silent(timestamp=0)

    assert Presence.objects.get(user=agent).state == PresenceState.OFFLINE


@pytest.mark.parametrize("name", ["dialer.close_orphans", "dialer.sign_off_silent"])
def test_the_watchdogs_run_every_ten_seconds(name: str) -> None:
    """A cron line's sixth field is its seconds; the first would mean every ten minutes."""
    cron = app.periodic_registry.periodic_tasks[name, ""].croniter
    cron.set_current(datetime(2026, 3, 2, 12, 0, 1, tzinfo=UTC).timestamp())

    assert [cron.get_next(float) % 60 for _ in range(3)] == [10, 20, 30]
