from datetime import timedelta

import pytest

from furrow.desk.floor import FloorWatch
from furrow.organisation.actions import set_presence
from furrow.organisation.rules import PresenceState
from furrow.organisation.tests.make import NOON, make_agent, make_team

pytestmark = pytest.mark.django_db


def test_each_scope_sees_its_own_seats_and_the_figures_over_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("furrow.desk.floor.connection.close", lambda: None)
    first, second = make_team(), make_team()
    talking, ready, away = (make_agent(team=team) for team in (first, first, second))
    for agent, state in (
        (talking, PresenceState.WRAPUP), (ready, PresenceState.READY), (away, PresenceState.AWAY)
    ):  # fmt: skip
        set_presence(user=agent, state=state, at=NOON)
    watch = FloorWatch()
    team = frozenset({first.pk})

    looks = watch.look([None, team], NOON)

    seats, told = looks[team]
    assert set(seats) == {talking.pk, ready.pk}
    assert seats[ready.pk][1] == "ready"
    assert told["figures"]["occupancy_percent"] == 50
    assert looks[None][1]["figures"]["away"] == 1

    set_presence(user=ready, state=PresenceState.AWAY, at=NOON + timedelta(seconds=1))
    seats, told = watch.look([team], NOON + timedelta(seconds=1))[team]
    assert seats[ready.pk][1] == "away"
    assert told["figures"]["occupancy_percent"] == 100
