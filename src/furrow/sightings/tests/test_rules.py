import pytest

from furrow.sightings.rules import AlertKind, Viewing, unusual


@pytest.mark.parametrize(
    ("today", "own", "peers", "sees_all", "kinds"),
    [
        (Viewing(opened=150), [140, 150, 160], [120, 130], False, []),
        (Viewing(opened=59), [5], [5], False, []),  # below the floor, whatever the habit
        (Viewing(opened=200), [40, 50, 60], [45], False, [AlertKind.MANY]),
        (Viewing(opened=200), [40], [150], False, []),  # a busy day for all
        (Viewing(opened=200), [], [], False, [AlertKind.MANY]),  # nothing to compare with
        (Viewing(opened=70, foreign=50), [70], [], False, [AlertKind.FOREIGN]),
        (Viewing(opened=70, foreign=50), [70], [], True, []),  # their work is everybody's
        (Viewing(opened=100, foreign=45), [90], [], False, []),  # less than half
        (Viewing(opened=30, fastest=30), [30], [], False, [AlertKind.FAST]),
        (Viewing(opened=12, night=10), [12], [], False, [AlertKind.NIGHT]),
        (
            Viewing(opened=400, foreign=390, fastest=60, night=20), [50], [60], False,
            [AlertKind.MANY, AlertKind.FOREIGN, AlertKind.FAST, AlertKind.NIGHT],
        ),
    ],
)  # fmt: skip
def test_what_is_unusual(
    today: Viewing, own: list[int], peers: list[int], sees_all: bool, kinds: list[AlertKind]
) -> None:
    found = unusual(today, own=own, peers=peers, sees_all=sees_all)

    assert [finding.kind for finding in found] == kinds
