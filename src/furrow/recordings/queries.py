"""Which calls have a recording, and whether the sound is still what it was."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from django.conf import settings

from furrow.organisation.models import User

from .models import Recording
from .rules import place_of


def recordings_of(call_ids: Collection[int], *, user: User) -> dict[int, Recording]:
    """Of these calls, those with sound that this person may hear: call id -> recording."""
    rows = Recording.objects.visible_to(user).filter(call__in=call_ids, erased_at=None)
    return {row.call_id: row for row in rows}


def file_of(recording: Recording) -> Path:
    """Where its sound lies."""
    return Path(settings.RECORDINGS_FOLDER) / place_of(recording.sha256)


def is_whole(recording: Recording) -> bool:
    """Whether the file is there and unchanged. Reads it all."""
    file = file_of(recording)
    return file.exists() and checksum(file) == recording.sha256


def checksum(file: Path) -> str:
    """SHA-256 as hex. 2 s per gigabyte."""
    with file.open("rb") as sound:
        return hashlib.file_digest(sound, "sha256").hexdigest()
