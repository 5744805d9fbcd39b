"""Where a recording lies, how long its address lives, and its waveform. No database, no clock."""

import wave
from array import array
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath

from django.utils.translation import gettext as _t

from furrow.common.refusal import Refused

ADDRESS_LIFE = timedelta(minutes=10)
BARS = 160  # of the waveform


class CannotListen(Refused):
    """The recording is not there any more."""


def check_there(*, is_erased: bool) -> None:
    """Raise CannotListen when its time was over and the sound was erased (I1)."""
    if is_erased:
        raise CannotListen(
            _t("This recording was erased when its time was over. The call's record stays."),
            rule="I1",
        )


def place_of(sha256: str) -> PurePosixPath:
    """Where a recording lies in the folder of recordings: two levels, so no folder is crowded.

    >>> str(place_of("abcdef"))
    'ab/abcdef.wav'
    """
    return PurePosixPath(sha256[:2]) / f"{sha256}.wav"


@dataclass(frozen=True)
class Peaks:
    """How loud each side was, from 0 to 100, in equal slices of the call."""

    customer: list[int]
    agent: list[int]


def peaks(file: Path, *, bars: int = BARS) -> Peaks:
    """The waveform of a stereo WAV; a mono one has an empty second side. Linear in its length.

    A file that is no WAV has none.
    """
    try:
        with wave.open(str(file), "rb") as sound:
            channels, frames = sound.getnchannels(), sound.getnframes()
            samples = array("h", sound.readframes(frames))
    except (wave.Error, EOFError, ValueError):
        return Peaks(customer=[], agent=[])
    step = max(1, -(-frames // bars))
    skip = 8 * channels  # every eighth sample is enough for a picture

    def loudest(side: int, at: int) -> int:
        return max(
            map(abs, samples[at * channels + side : (at + step) * channels : skip]), default=0
        )

    sides = [[loudest(side, at) for at in range(0, frames, step)] for side in range(channels)]
    shown = [[round(100 * each / 32768) for each in side] for side in sides]
    return Peaks(customer=shown[0], agent=shown[1] if channels > 1 else [])


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte that a Range header asks for; None for the whole, or for nonsense.

    >>> byte_range("bytes=100-", 1000), byte_range("bytes=-10", 1000), byte_range("", 1000)
    ((100, 999), (990, 999), None)
    """
    unit, _, wanted = header.partition("=")
    first, dash, last = wanted.partition("-")
    digits = first + last
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= 36
    if unit != "bytes" or not dash or not is_number:
        return None
    if not first:
        return max(0, size - int(last)), size - 1
    end = min(int(last), size - 1) if last else size - 1
    return (int(first), end) if int(first) <= end else None
