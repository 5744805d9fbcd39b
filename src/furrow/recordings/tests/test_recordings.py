"""A call's sound: kept under its checksum, heard by few, and erased in time."""

import wave
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from furrow.audit.models import Event
from furrow.calls.tests.make import make_call
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_team, make_user
from furrow.recordings.actions import erase_due, store_recording
from furrow.recordings.models import Recording
from furrow.recordings.queries import file_of, is_whole
from furrow.recordings.rules import byte_range, peaks

pytestmark = pytest.mark.django_db


@pytest.fixture
def sound(tmp_path: Path, settings: LazySettings) -> Callable[..., Path]:
    """Makes a WAV: the customer loud in the first half, the agent in the second."""
    settings.RECORDINGS_FOLDER = tmp_path / "kept"

    def make(name: str = "call", *, seconds: int = 2, loudness: int = 16000) -> Path:
        file = tmp_path / f"{name}.wav"
        half = 4000 * seconds
        with wave.open(str(file), "wb") as made:
            made.setparams((2, 2, 8000, 0, "NONE", ""))
            left = loudness.to_bytes(2, "little") + b"\0\0"
            right = b"\0\0" + loudness.to_bytes(2, "little")
            made.writeframes(left * half + right * half)
        return file

    return make


def store(file: Path, *, agent: User | None = None, seconds: float = 2.0) -> Recording:
    call = make_call(agent=agent)
    made = store_recording(call_id=call.pk, file=file, seconds=seconds, at=NOON)
    assert made is not None
    return made


def test_a_recording_lies_under_its_checksum(sound: Callable[..., Path]) -> None:
    file = sound()
    recording = store(file)

    assert not file.exists()
    assert file_of(recording).name == f"{recording.sha256}.wav"
    assert is_whole(recording)
    file_of(recording).write_bytes(b"another story")
    assert not is_whole(recording)


def test_storing_twice_is_harmless(sound: Callable[..., Path]) -> None:
    recording = store(sound())

    again = store_recording(call_id=recording.call_id, file=sound(), seconds=2, at=NOON)

    assert again == recording
    assert Recording.objects.count() == 1


def test_a_recording_of_nothing_is_thrown_away(sound: Callable[..., Path]) -> None:
    file = sound()

    assert store_recording(call_id=make_call().pk, file=file, seconds=0.0, at=NOON) is None
    assert not file.exists()


def test_every_playback_is_audited_and_its_address_serves_one_person(
    sound: Callable[..., Path], client: Client
) -> None:
    anna, ben = make_user(username="anna"), make_user(username="ben")
    recording = store(sound(), agent=anna)
    client.force_login(anna)

    player = client.post(reverse("recording-listen", args=[recording.call_id]))
    address = player.content.decode().split('src="')[1].split('"')[0]

    assert player.status_code == 200
    assert Event.objects.get(what="recording.heard").who == "anna"
    whole = client.get(address)
    assert b"".join(whole.streaming_content)[:4] == b"RIFF"  # type: ignore[attr-defined]
    part = client.get(address, headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    assert part["Content-Range"].startswith("bytes 0-3/")
    client.force_login(ben)
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("role", "is_same_team", "may"),
    [
        (Role.AGENT, True, False),
        (Role.LEADER, True, True),
        (Role.LEADER, False, False),
        (Role.QA, False, True),
        (Role.MANAGER, False, True),
        (Role.OPERATIONS, False, False),
        (Role.ADMINISTRATOR, False, False),
    ],
)
def test_who_may_listen_to_a_colleagues_call(
    sound: Callable[..., Path], client: Client, role: Role, is_same_team: bool, may: bool
) -> None:
    team = make_team(name="North")
    recording = store(sound(), agent=make_user(username="anna", team=team))
    others = team if is_same_team else make_team(name="South")
    client.force_login(make_user(username="other", role=role, team=others))

    answer = client.post(reverse("recording-listen", args=[recording.call_id]))

    assert (answer.status_code == 200) is may


def test_what_is_too_old_is_erased_once_and_its_record_stays(
    sound: Callable[..., Path], settings: LazySettings, client: Client
) -> None:
    settings.KEEP_RECORDINGS_DAYS = 30
    anna = make_user(username="anna")
    old = store(sound("old"), agent=anna)
    same = store(sound("same"))  # the same sound in another call
    Recording.objects.filter(pk=same.pk).update(keep_until=NOON + timedelta(days=99))

    assert erase_due(at=NOON + timedelta(days=29)) == 0
    assert erase_due(at=NOON + timedelta(days=30)) == 1
    assert erase_due(at=NOON + timedelta(days=30)) == 0
    assert file_of(same).exists()
    assert erase_due(at=NOON + timedelta(days=99)) == 1
    assert not file_of(same).exists()

    client.force_login(anna)
    refused = client.post(reverse("recording-listen", args=[old.call_id]))
    assert refused.status_code == 409
    assert "erased" in refused.content.decode()


def test_the_waveform_shows_who_was_loud_when(sound: Callable[..., Path]) -> None:
    shape = peaks(sound(), bars=4)

    assert shape.customer == [49, 49, 0, 0]
    assert shape.agent == [0, 0, 49, 49]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 0)),
        ("bytes=10-", (10, 99)),
        ("bytes=-5", (95, 99)),
        ("bytes=50-1000", (50, 99)),
        ("bytes=100-", None),
        ("bytes=a-b", None),
        ("lines=1-2", None),
        ("", None),
    ],
)
def test_a_player_may_ask_for_a_piece(header: str, expected: tuple[int, int] | None) -> None:
    assert byte_range(header, 100) == expected
