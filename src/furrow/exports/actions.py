"""Asking for an export, deciding about it, writing it, taking it, deleting it."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.jobs import enqueue
from furrow.common.streams import csv_lines
from furrow.organisation.models import User
from furrow.organisation.rights import Limit
from furrow.organisation.rules import Act

from .kinds import What, kind_named
from .models import Export, Taking
from .queries import file_of, taken_on
from .rules import (
    BAITS,
    KEPT_FOR,
    MOVES,
    CannotExport,
    ExportState,
    check_eyes,
    check_quota,
    hidden_mark,
    seen_mark,
)

WRITE = "exports.write"
_FOLDER = "exports"
_LONGEST_QUERY = 500


@transaction.atomic
def ask_export(
    *, kind: str, what: What, columns: Sequence[str], reason: str, by: User, at: datetime
) -> Export:
    """Ask for a file; somebody else decides. Raises CannotExport without a reason, columns or rows,
    or beyond the day's quota."""
    declared = kind_named(kind)
    known = [column.name for column in declared.columns if column.name in set(columns)]
    if not reason.strip():
        raise CannotExport(_("Say what the file is for."), rule="I2")
    if not known:
        raise CannotExport(_("Choose at least one column."), rule="I2")
    if len(what.query) > _LONGEST_QUERY:  # cut, it would match more than was counted
        raise CannotExport(_("These are too many filters. Take some out."), rule="I2")
    rows = declared.count(by, what)
    if rows == 0:
        raise CannotExport(_("Nothing matches: there is nothing to export."), rule="I2")
    taken = taken_on(by, timezone.localdate(at))
    check_quota(taken=taken, rows=rows, limit=by.limit(Limit.EXPORT_ROWS))
    export = Export.objects.create(
        kind=kind, query=what.query, ids=list(what.ids) if what.ids is not None else None,
        columns=known, reason=reason.strip()[:300], expected=rows, asked_by=by, asked_at=at,
        mark=secrets.randbits(32),
    )  # fmt: skip
    record("export.asked", of=export, by=by.username, at=at, kind=kind, rows=rows, columns=known)
    return export


@transaction.atomic
def decide_export(
    *, export: Export, is_approved: bool, decision: str = "", by: User, at: datetime
) -> Export:
    """Approve, and let it be written; or refuse with words. Raises CannotExport for one's own, one
    decided already, and an asker who may not export any more."""
    export = Export.objects.select_for_update().select_related("asked_by").get(pk=export.pk)
    check_eyes(asked_by=export.asked_by_id, decided_by=by.pk)
    if export.state != ExportState.ASKED:
        raise CannotExport(_("This export was decided already."), rule="I2")
    if not is_approved and not decision.strip():
        raise CannotExport(_("Say why not."), rule="I2")
    if is_approved and not export.asked_by.can(Act.EXPORT):
        raise CannotExport(_("Who asked for it may not export any more."), rule="I3")
    export.decided_by, export.decided_at, export.decision = by, at, decision.strip()[:300]
    export.save(update_fields=["decided_by", "decided_at", "decision"])
    _move(export, ExportState.APPROVED if is_approved else ExportState.REFUSED)
    record(
        "export.approved" if is_approved else "export.refused",
        of=export, by=by.username, at=at, asked_by=export.asked_by.username,
    )  # fmt: skip
    if is_approved:
        enqueue(WRITE, export_id=export.pk)
    return export


@transaction.atomic
def write_export(*, export_id: int, at: datetime) -> None:
    """Write an approved file, as its asker may see the rows now, within the day's quota of now.

    Run twice, it writes the same file anew and counts its rows once; one that is not approved is
    left alone. What goes wrong by rule ends as FAILED, with the reason.
    """
    export = (
        Export.objects.select_for_update(of=("self",)).select_related("asked_by").get(pk=export_id)
    )
    if export.state != ExportState.APPROVED:
        return
    asker = User.objects.select_for_update(no_key=True).get(pk=export.asked_by_id)
    try:
        rows = _check_still(export, asker, at=at)
    except CannotExport as refusal:
        export.error = refusal.message[:300]
        export.save(update_fields=["error"])
        _move(export, ExportState.FAILED)
        record("export.failed", of=export, by=asker.username, at=at)
        return
    export.baits = export.declared.baits(export.mark, BAITS)
    export.file_path = f"{_FOLDER}/{export.pk}-{export.mark:08x}.csv"
    with translation.override(asker.language or settings.LANGUAGE_CODE):
        rows, digest = _write(export, asker, at=at)
    export.rows, export.digest = rows, digest
    export.ready_at, export.expires_at = at, at + KEPT_FOR
    export.save()
    _move(export, ExportState.READY)
    Taking.objects.create(
        user=asker, on=timezone.localdate(at), what=f"export.{export.kind}", rows=rows, at=at,
        export=export,
    )  # fmt: skip
    record("export.written", of=export, by=asker.username, at=at, rows=rows, digest=digest)


def _check_still(export: Export, asker: User, *, at: datetime) -> int:
    if not asker.can(Act.EXPORT):
        raise CannotExport(_("Who asked for it may not export any more."), rule="I3")
    rows = export.declared.count(asker, export.what)
    taken = taken_on(asker, timezone.localdate(at))
    check_quota(taken=taken, rows=rows, limit=asker.limit(Limit.EXPORT_ROWS))
    return rows


def _write(export: Export, asker: User, *, at: datetime) -> tuple[int, str]:
    """The file, complete or not at all; how many rows, and its SHA-256."""
    path = file_of(export)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_suffix(".part")
    digest, lines = hashlib.sha256(), 0
    with unfinished.open("wb") as file:
        unfinished.chmod(0o600)
        for line in csv_lines(_marked(export, asker, at=at)):
            encoded = line.encode()
            digest.update(encoded)
            file.write(encoded)
            lines += 1
    unfinished.replace(path)
    return lines - 2, digest.hexdigest()  # the mark of UTF-8 and the header go first


def _marked(export: Export, asker: User, *, at: datetime) -> Iterator[list[Any]]:
    """The header and the rows, each with the mark everybody sees, some with the one nobody sees."""
    kind, names = export.declared, list(export.columns)
    labels = {column.name: str(column.label) for column in kind.columns}
    stamp = _("%(mark)s, taken by %(who)s, %(at)s") % {
        "mark": seen_mark(export.pk, export.mark), "who": asker,
        "at": f"{timezone.localtime(at):%Y-%m-%d %H:%M}",
    }  # fmt: skip
    yield [*(labels[name] for name in names), _("Export")]
    hidden = hidden_mark(export.mark)
    carrier = names.index(kind.marked) if kind.marked in names else None
    for place, cells in enumerate(kind.rows(asker, export.what, names, export.baits)):
        if carrier is not None and (place < 3 or place % 10 == export.mark % 10):
            cells[carrier] = f"{cells[carrier]}{hidden}"
        yield [*cells, stamp]


@transaction.atomic
def note_download(*, export: Export, by: User, at: datetime) -> Export:
    """Write down that the asker takes the file now. Raises CannotExport for others, and when there
    is no file any more."""
    export = Export.objects.select_for_update().get(pk=export.pk)
    if export.asked_by_id != by.pk:
        raise CannotExport(_("Only who asked for an export downloads it."), rule="I2")
    if export.state != ExportState.READY or not export.expires_at or export.expires_at <= at:
        raise CannotExport(
            _("This file is not there any more. Ask for the export again."), rule="I2"
        )
    if not by.can(Act.EXPORT):
        raise CannotExport(_("Who asked for it may not export any more."), rule="I3")
    export.downloads += 1
    export.save(update_fields=["downloads"])
    record("export.downloaded", of=export, by=by.username, at=at, rows=export.rows)
    return export


@transaction.atomic
def delete_expired(*, at: datetime) -> int:
    """Delete the files whose time is over; how many. Run twice, it deletes nothing twice."""
    over = Export.objects.select_for_update(skip_locked=True).filter(
        state=ExportState.READY, expires_at__lte=at
    )
    exports = list(over.order_by("pk"))
    for export in exports:
        file_of(export).unlink(missing_ok=True)
        export.file_path = ""
        export.save(update_fields=["file_path"])
        _move(export, ExportState.EXPIRED)
        record("export.deleted", of=export, by="system", at=at)
    return len(exports)


@transaction.atomic
def take_rows(*, what: str, rows: int, by: User, at: datetime) -> None:
    """A small table's button: no approval, the same quota, the same trail. Raises CannotExport."""
    User.objects.select_for_update(no_key=True).get(pk=by.pk)  # two clicks count one after another
    on = timezone.localdate(at)
    check_quota(taken=taken_on(by, on), rows=rows, limit=by.limit(Limit.EXPORT_ROWS))
    Taking.objects.create(user=by, on=on, what=what, rows=rows, at=at)


def _move(export: Export, to: ExportState) -> None:
    assert to in MOVES[ExportState(export.state)], (export.state, to)  # noqa: S101
    export.state = to
    export.save(update_fields=["state"])
