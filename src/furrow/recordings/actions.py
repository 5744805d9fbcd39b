"""Keeping a call's sound, letting somebody hear it, and erasing it when its time is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core import signing
from django.db import transaction

from furrow.audit.actions import record
from furrow.calls.models import Call
from furrow.organisation.models import User

from .models import Recording
from .queries import checksum, file_of
from .rules import ADDRESS_LIFE, check_there, place_of

_SALT = "furrow.recordings"


def store_recording(*, call_id: int, file: Path, seconds: float, at: datetime) -> Recording | None:
    """Move a finished recording to its place and note it. Repeating it is harmless.

    The file is moved before the row is written: a crash in between leaves a file that nobody
    names, never a row without a file. A recording of nothing is thrown away (None).
    """
    kept = Recording.objects.filter(call=call_id).first()
    if kept is not None or not file.exists() or not Call.objects.filter(pk=call_id).exists():
        return kept
    if seconds <= 0:
        file.unlink()
        return None
    sha256 = checksum(file)
    place = Path(settings.RECORDINGS_FOLDER) / place_of(sha256)
    place.parent.mkdir(parents=True, exist_ok=True)
    size = file.stat().st_size
    file.replace(place)
    with transaction.atomic():
        made, is_new = Recording.objects.get_or_create(
            call_id=call_id,
            defaults={
                "sha256": sha256,
                "seconds": seconds,
                "bytes": size,
                "made_at": at,
                "keep_until": at + timedelta(days=settings.KEEP_RECORDINGS_DAYS),
            },
        )
        if is_new:
            record("recording.stored", of=made, by="system", at=at, seconds=round(seconds))
    return made


@transaction.atomic
def listen(*, recording: Recording, by: User, at: datetime) -> str:
    """Note that somebody listens; returns the key under which only they may read the sound.

    Raises CannotListen when it was erased.
    """
    check_there(is_erased=recording.erased_at is not None)
    record("recording.heard", of=recording, by=by.username, at=at, call=recording.call_id)
    return signing.dumps([recording.pk, by.pk], salt=_SALT)


def heard_by(key: str, *, user: User) -> int | None:
    """The recording that this key opens for this person; None when it does not, or no more."""
    try:
        recording_id, user_id = signing.loads(key, salt=_SALT, max_age=ADDRESS_LIFE)
    except signing.BadSignature:
        return None
    return int(recording_id) if user_id == user.pk else None


def erase_due(*, at: datetime, most: int = 10_000) -> int:
    """Erase what is older than it may be; returns how many. Run twice, it erases nothing twice.

    Two calls may share one file (silence is always the same): it goes with the last of them.
    """
    count = 0
    for recording in Recording.objects.due(at).order_by("keep_until")[:most]:
        with transaction.atomic():
            recording.erased_at = at
            recording.save(update_fields=["erased_at"])
            record("recording.erased", of=recording, by="system", at=at)
            shared = Recording.objects.filter(sha256=recording.sha256, erased_at=None)
            if not shared.exists():
                file_of(recording).unlink(missing_ok=True)
        count += 1
    return count
