"""`furrow import`: a file becomes customers, from a terminal, with the same checks as the pages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from furrow.acquisition.models import Batch
    from furrow.organisation.models import User

DESCRIPTION = """\
Turn a file into customers: every row is read and checked, then, once you agree, imported.
CSV, TSV, text with | or ;, XLSX and XLS in any usual encoding. Duplicates are joined to the
customers they are. Exit code 0 = imported, 1 = refused or failed, 2 = wrong use.
"""
EPILOG = """\
example:
  furrow import october.xlsx --source "October fair" --map 称呼=name --map 电话=phone --yes
"""


def main(arguments: Sequence[str]) -> int:
    """Check a file and import it. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="furrow import", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("file", type=Path, help="the list")
    parser.add_argument("--source", required=True, help="where it comes from; made when unknown")
    parser.add_argument(
        "--map", action="append", default=[], metavar="HEADER=FIELD",
        help="what a column means (name, phone, company, address, city, …); repeatable",
    )  # fmt: skip
    parser.add_argument("--region", default="", help="of numbers without country code, as CN")
    parser.add_argument("--sheet", default="", help="of a workbook")
    parser.add_argument("--user", default="", help="on whose behalf; default: the system")
    parser.add_argument("--yes", action="store_true", help="import without asking")
    chosen = parser.parse_args(arguments)

    import django

    django.setup()
    from furrow.common.refusal import Refused

    try:
        return _import(chosen, sys.stderr)
    except Refused as refusal:
        return _fail(str(refusal))


def _import(chosen: argparse.Namespace, out: TextIO) -> int:
    from django.utils import timezone

    from furrow.acquisition import actions
    from furrow.acquisition.rules import BatchState, Finding

    wrong = [said for said in chosen.map if "=" not in said]
    if wrong:
        return _fail(f"--map wants HEADER=FIELD, not {wrong[0]!r}", code=2)
    if not chosen.file.is_file():
        return _fail(f"There is no file {chosen.file}.")
    by = _user(chosen.user)
    if by is None:
        return _fail(f"There is no user {chosen.user!r}.")
    batch = _upload(chosen, by)
    mapping = {**batch.mapping, **dict(said.rsplit("=", 1) for said in chosen.map)}
    if unknown := sorted(set(mapping) - set(batch.headers)):
        return _fail(f"No column {unknown[0]!r}; there are: {', '.join(batch.headers)}.", code=2)
    at = timezone.now()
    batch = actions.set_mapping(
        batch=batch, mapping=mapping, kind="", region=batch.region, by=by, at=at
    )
    for header in batch.headers:
        _say(out, f"  {header} → {batch.mapping.get(header, '(not imported)')}")

    actions.start_check(batch=batch, by=by, at=at)
    batch = _work(batch, out)
    if batch.state != BatchState.CHECKED:
        return _fail(batch.error or "The check did not finish.")
    problems = batch.findings.get("problems", {})
    counts = {label: batch.findings.get(label, 0) for label in Finding if label}
    _say(out, "  ".join(f"{label}: {rows}" for label, rows in counts.items()))
    for problem, rows in sorted(problems.items()):
        _say(out, f"    {problem}: {rows}")
    if not chosen.yes and not _agrees():
        return _fail(f"Nothing imported. List {batch.pk} is checked and waits on the Lists page.")

    actions.start_import(batch=batch, by=by, at=timezone.now())
    batch = _work(batch, out)
    if batch.state != BatchState.DONE:
        return _fail(batch.error or "The import did not finish; it goes on from the Lists page.")
    done = batch.counts
    _say(
        out,
        f"List {batch.pk}: {batch.rows} rows = {done['created']} new + {done['joined']} joined"
        f" + {done['skipped']} left out + {done['failed']} not importable",
    )
    return 0


def _upload(chosen: argparse.Namespace, by: User) -> Batch:
    from django.utils import timezone

    from furrow.acquisition import actions
    from furrow.acquisition.models import Source

    at = timezone.now()
    source = Source.objects.visible_to(by).filter(name=chosen.source).first()
    source = source or actions.create_source(name=chosen.source, region=chosen.region, by=by, at=at)
    batch = actions.upload_list(
        source=source, chunks=_chunks(chosen.file), file_name=chosen.file.name, by=by, at=at
    )
    if chosen.sheet:
        batch = actions.set_layout(batch=batch, sheet=chosen.sheet, header_row=None, by=by, at=at)
    if chosen.region:
        batch.region = chosen.region.upper()
    return batch


def _work(batch: Batch, out: TextIO) -> Batch:
    """Do the job here and now; a worker that takes it meanwhile takes turns with us."""
    from django.utils import timezone

    from furrow.acquisition import actions
    from furrow.acquisition.rules import file_error
    from furrow.science.linkage.files import TableError

    try:
        while actions.take_step(batch_id=batch.pk, at=timezone.now()):
            batch.refresh_from_db()
            _progress(batch, out)
    except TableError as error:
        actions.fail_batch(batch_id=batch.pk, error=file_error(error), at=timezone.now())
    batch.refresh_from_db()
    if out.isatty():
        out.write("\r\x1b[K")
    return batch


def _progress(batch: Batch, out: TextIO) -> None:
    if out.isatty():
        at = batch.progress
        out.write(f"\r\x1b[K{at.get('phase', '')} {at.get('done', 0)} / {batch.rows} rows")
        out.flush()


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            yield chunk


def _user(name: str) -> User | None:
    from furrow.organisation.actions import system_user
    from furrow.organisation.models import User

    if not name:
        return system_user()
    return User.objects.working().filter(username=name).first()


def _agrees() -> bool:
    return sys.stdin.isatty() and input("Import? [y/N] ").strip().lower() in {"y", "yes"}


def _say(out: TextIO, text: str) -> None:
    out.write(text + "\n")


def _fail(text: str, code: int = 1) -> int:
    sys.stderr.write(text + "\n")
    return code
