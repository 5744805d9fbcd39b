"""What is written for Asterisk beside its configuration."""

import wave
from pathlib import Path

from furrow.telephony.asterisk.configuration import MESSAGES, write
from furrow.telephony.asterisk.settings import AsteriskSettings
from furrow.telephony.asterisk.tree import Programs


def test_a_message_nobody_recorded_has_a_stand_in_and_a_recorded_one_is_left_alone(
    tmp_path: Path,
) -> None:
    settings = AsteriskSettings(
        folder=tmp_path / "switch", recordings=tmp_path / "rec", sounds=tmp_path / "sounds"
    )
    settings.sounds.mkdir()
    (settings.sounds / "abandoned.ulaw").write_bytes(b"our own words")

    for _ in range(2):
        write(settings, Programs(tmp_path, "22"))

    there = sorted(file.name for file in settings.sounds.iterdir())
    others = {f"{name}.wav" for name in MESSAGES if name != "abandoned"}
    assert there == sorted({"abandoned.ulaw"} | others)
    with wave.open(str(settings.sounds / "queue.wav"), "rb") as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (1, 8000)
        assert 1 < sound.getnframes() / 8000 < 3
