"""Sources and lists for tests: valid by default."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from furrow.acquisition import actions
from furrow.acquisition.models import Batch, Source
from furrow.acquisition.rules import BatchState
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_user

GUIDES = Path(__file__).resolve().parents[4] / ".." / "shared" / "data" / "er-fodors-zagats"
_next = count(1)


def make_source(*, name: str = "", region: str = "", by: User | None = None) -> Source:
    return actions.create_source(
        name=name or f"Source {next(_next)}",
        region=region,
        by=by or make_user(role=Role.OPERATIONS),
        at=timezone.now(),
    )


def make_list(
    rows: Sequence[Sequence[str]] = (("张伟", "13800138001"),),
    *,
    headers: Sequence[str] = ("姓名", "手机号"),
    source: Source | None = None,
    by: User | None = None,
    delimiter: str = ",",
    kind: str = "",
) -> Batch:
    """An uploaded list; cells must not hold the delimiter."""
    text = "\n".join(delimiter.join(row) for row in [headers, *rows]) + "\n"
    by = by or make_user(role=Role.OPERATIONS)
    return actions.upload_list(
        source=source or make_source(by=by),
        chunks=[text.encode()],
        file_name="list.csv",
        kind=kind,
        by=by,
        at=timezone.now(),
    )


def work(batch: Batch) -> Batch:
    """Do what the background job would, to the end."""
    while actions.take_step(batch_id=batch.pk, at=timezone.now()):
        pass
    batch.refresh_from_db()
    return batch


def check(batch: Batch) -> Batch:
    actions.start_check(batch=batch, by=batch.by, at=timezone.now())
    return work(batch)


def carry_out(batch: Batch) -> Batch:
    """Check and import."""
    batch = check(batch)
    assert batch.state == BatchState.CHECKED, batch.error
    actions.start_import(batch=batch, by=batch.by, at=timezone.now())
    return work(batch)


def undo(batch: Batch) -> Batch:
    actions.start_undo(batch=batch, by=batch.by, at=timezone.now())
    return work(batch)


def stored_files() -> list[Path]:
    return sorted(p for p in (Path(settings.MEDIA_ROOT) / "lists").glob("*") if p.is_file())
