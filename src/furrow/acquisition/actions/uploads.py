"""A file on its way in: stored under a random name, opened, its columns guessed."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from furrow.acquisition.models import Batch, Source
from furrow.acquisition.rules import (
    KEEP_FILES_DAYS,
    MOST_BYTES,
    REASON_HEADER,
    WORKING,
    BatchState,
    CannotImport,
    check_kind,
    check_mapping,
    check_move,
    check_region,
    file_error,
)
from furrow.audit.actions import record
from furrow.organisation.models import Team, User
from furrow.science.linkage.files import Table, TableError, open_table
from furrow.science.linkage.mapping import guess_mapping

FOLDER = "lists"


def upload_list(
    *,
    source: Source,
    chunks: Iterable[bytes],
    file_name: str,
    kind: str = "",
    team: Team | None = None,
    cost_minor: int = 0,
    by: User,
    at: datetime,
) -> Batch:
    """Store a file and find out how to read it. Raises CannotImport for a file too large or
    unreadable; then nothing of it is kept."""
    path = _store(chunks)
    source.refresh_from_db()
    try:
        table = open_table(_full(path), name=file_name)
        with transaction.atomic():
            batch = Batch.objects.create(
                source=source, file_name=Path(file_name).name[:200], file_path=path, kind=kind,
                team=team, cost_minor=cost_minor, by=by, created_at=at,
                region=source.region or settings.DEFAULT_REGION, **_layout(table, source),
            )  # fmt: skip
            record(
                "list.uploaded", of=batch, by=by.username, at=at, source=source.pk,
                columns=len(table.headers),
            )  # fmt: skip
    except TableError as error:
        _full(path).unlink(missing_ok=True)
        raise CannotImport(file_error(error), rule="A3") from None
    except BaseException:
        _full(path).unlink(missing_ok=True)
        raise
    return batch


@transaction.atomic
def set_layout(
    *, batch: Batch, sheet: str, header_row: int | None, by: User, at: datetime
) -> Batch:
    """Read another sheet, or take another row for the header; the columns are guessed anew."""
    batch = _waiting(batch)
    try:
        table = open_table(
            _full(batch.file_path), name=batch.file_name, sheet=sheet, header_row=header_row
        )
    except TableError as error:
        raise CannotImport(file_error(error), rule="A3") from None
    for name, value in _layout(table, batch.source).items():
        setattr(batch, name, value)
    batch.save()
    record("list.layout_set", of=batch, by=by.username, at=at, sheet=batch.sheet)
    return batch


@transaction.atomic
def set_mapping(
    *, batch: Batch, mapping: Mapping[str, str], kind: str, region: str, by: User, at: datetime
) -> Batch:
    """Say what each column means; remembered for the next list of this source.

    Raises CannotImport unless somebody can be named and called by it.
    """
    batch = _waiting(batch)
    batch.mapping = check_mapping(mapping, batch.headers)
    batch.kind, batch.region = check_kind(kind), check_region(region or settings.DEFAULT_REGION)
    batch.save(update_fields=["mapping", "kind", "region"])
    source = Source.objects.select_for_update().get(pk=batch.source_id)
    # A header left out is remembered too, so that a wrong guess is not made twice.
    source.mapping = {**source.mapping, **{h: batch.mapping.get(h, "") for h in batch.headers}}
    source.save(update_fields=["mapping"])
    record("list.mapped", of=batch, by=by.username, at=at, fields=sorted(batch.mapping.values()))
    return batch


@transaction.atomic
def reopen(*, batch: Batch, by: User, at: datetime) -> Batch:
    """Back to the columns, before anything is imported. Raises CannotImport afterwards."""
    batch = _waiting(batch)
    record("list.reopened", of=batch, by=by.username, at=at)
    return batch


def table_of(batch: Batch) -> Table:
    """The stored file, opened as it was decided. Raises TableError."""
    if not batch.file_path:
        raise TableError("missing", "deleted")
    return open_table(
        _full(batch.file_path), name=batch.file_name, sheet=batch.sheet, header_row=batch.header_row
    )


def note_download(*, batch: Batch, rows: int, by: User, at: datetime) -> None:
    """Write down that somebody took rows of a list away (I2)."""
    record("list.errors_downloaded", of=batch, by=by.username, at=at, rows=rows)


def delete_old_files(*, at: datetime) -> int:
    """Delete files and rows of lists KEEP_FILES_DAYS after their upload; leads stay. Returns how
    many lists. Safe to repeat."""
    old = Batch.objects.exclude(file_path="").exclude(state__in=WORKING)
    deleted = 0
    for batch in old.filter(created_at__lt=at - timedelta(days=KEEP_FILES_DAYS)).order_by("pk"):
        with transaction.atomic():
            path = batch.file_path
            batch.row_set.all().delete()
            batch.file_path = ""
            batch.save(update_fields=["file_path"])
            record("list.file_deleted", of=batch, by="system", at=at)
        _full(path).unlink(missing_ok=True)
        deleted += 1
    return deleted


def _waiting(batch: Batch) -> Batch:
    """The batch, locked, back at its upload. Raises CannotImport once it is being imported."""
    batch = Batch.objects.select_for_update(of=("self",)).select_related("source").get(pk=batch.pk)
    if batch.state != BatchState.UPLOADED:
        if BatchState.IMPORTING in (batch.state, batch.stopped_in):
            check_move(BatchState.DONE, BatchState.UPLOADED)
        check_move(batch.state, BatchState.UPLOADED)
        batch.state = BatchState.UPLOADED
        batch.save(update_fields=["state"])
    return batch


def _layout(table: Table, source: Source) -> dict[str, object]:
    guessed = guess_mapping(table.headers, table.sample())
    remembered = {h: source.mapping[h] for h in table.headers if h in source.mapping}
    mapping = {h: f for h, f in {**guessed, **remembered}.items() if f and h != REASON_HEADER}
    return {
        "sheet": table.sheet,
        "header_row": table.header_row,
        "headers": list(table.headers),
        "mapping": mapping,
    }


def _store(chunks: Iterable[bytes]) -> str:
    """Write a file under a random name. Raises CannotImport beyond MOST_BYTES."""
    path = f"{FOLDER}/{secrets.token_urlsafe(24)}"
    full = _full(path)
    full.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with full.open("wb") as out:
        for chunk in chunks:
            size += len(chunk)
            if size > MOST_BYTES:
                break
            out.write(chunk)
    if size > MOST_BYTES:
        full.unlink()
        raise CannotImport(
            _("The file is larger than %(size)s. Split it, or save it as CSV.")
            % {"size": filesizeformat(MOST_BYTES)},
            rule="A3",
        )
    return path


def _full(path: str) -> Path:
    return Path(settings.MEDIA_ROOT) / path
