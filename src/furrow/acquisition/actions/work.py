"""The life of a list: what a person starts, and the step a job takes next."""

import contextlib
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from furrow.acquisition.models import Batch, Row
from furrow.acquisition.rules import (
    CHOICES,
    MOVES,
    WORKING,
    BatchState,
    CannotImport,
    Finding,
    check_mapping,
    check_move,
)
from furrow.audit.actions import record
from furrow.common.jobs import enqueue
from furrow.common.processes import collect_rarely
from furrow.common.realtime import publish
from furrow.customers.rules import NumberTaken
from furrow.organisation.models import User

from .checking import gather_hints, match_chunk, settle_contested, tally_findings
from .importing import create_chunks, import_chunk, reconcile
from .reading import read_file
from .undoing import delete_chunk, withdraw_chunk

_TRIES = 5


@transaction.atomic
def start_check(*, batch: Batch, by: User, at: datetime) -> Batch:
    """Have every row read and compared, changing nothing. Raises CannotImport."""
    batch = _locked(batch)
    check_mapping(batch.mapping, batch.headers)
    Row.objects.filter(batch=batch).delete()
    batch.rows, batch.findings, batch.choices = 0, {}, {}
    progress = {"phase": "reading", "done": 0, "of": 0, "since": at.isoformat()}
    return _start(batch, BatchState.CHECKING, progress, by=by, at=at)


@transaction.atomic
def start_import(*, batch: Batch, by: User, at: datetime) -> Batch:
    """Have the checked rows become customers. Raises CannotImport."""
    batch = _locked(batch)
    progress = {**batch.progress, "phase": "creating", "done": 0, "of": batch.rows}
    return _start(batch, BatchState.IMPORTING, progress, by=by, at=at)


@transaction.atomic
def start_undo(*, batch: Batch, by: User, at: datetime) -> Batch:
    """Have a whole import taken back. Raises CannotImport, also once its rows were deleted."""
    batch = _locked(batch)
    if batch.state in (BatchState.FAILED, BatchState.STOPPED):
        if batch.stopped_in not in (BatchState.IMPORTING, BatchState.UNDOING):
            check_move(BatchState.UPLOADED, BatchState.UNDOING)
        batch.finished_at = batch.finished_at or at
    if not batch.file_path:
        raise CannotImport(
            _("This import is too old to be undone: its rows have been deleted."), rule="A3"
        )
    progress = {**batch.progress, "phase": "withdrawing", "done": 0, "of": batch.rows}
    return _start(batch, BatchState.UNDOING, progress, by=by, at=at)


@transaction.atomic
def return_batch(
    *, batch: Batch, reason: str, refunded_minor: int, by: User, at: datetime
) -> Batch:
    """Give a bad list back to its seller: everything untouched of it is withdrawn, and what the
    seller pays back comes off its cost (A2). Raises CannotImport without a reason, for more than
    it cost, and like `start_undo`."""
    if not reason.strip():
        raise CannotImport(_("Say why the list is returned; the seller will ask."), rule="A2")
    batch = _locked(batch)
    if not 0 <= refunded_minor <= batch.cost_minor:
        raise CannotImport(_("The refund cannot be more than the list cost."), rule="A2")
    batch.return_reason, batch.refunded_minor = reason.strip()[:200], refunded_minor
    batch.save(update_fields=["return_reason", "refunded_minor"])
    record(
        "list.returned", of=batch, by=by.username, at=at,
        reason=batch.return_reason, refunded_minor=refunded_minor,
    )  # fmt: skip
    return start_undo(batch=batch, by=by, at=at)


@transaction.atomic
def stop_batch(*, batch: Batch, by: User, at: datetime) -> Batch:
    """Stop the job after its present chunk; it can go on later. Raises CannotImport."""
    batch = _locked(batch)
    check_move(batch.state, BatchState.STOPPED)
    batch.stopped_in = batch.state
    _date_the_work(batch, at=at)
    _set_state(batch, BatchState.STOPPED)
    record("list.stopped", of=batch, by=by.username, at=at, while_=batch.stopped_in)
    return batch


@transaction.atomic
def resume_batch(*, batch: Batch, by: User, at: datetime) -> Batch:
    """Go on where it stopped or failed. Raises CannotImport."""
    batch = _locked(batch)
    if batch.state not in (BatchState.STOPPED, BatchState.FAILED) or not batch.stopped_in:
        raise CannotImport(_("There is nothing to go on with."), rule="A3")
    return _start(batch, BatchState(batch.stopped_in), batch.progress, by=by, at=at)


@transaction.atomic
def choose(*, batch: Batch, choices: Mapping[str, str], by: User, at: datetime) -> Batch:
    """What to do with all known, repeated and doubtful rows. Raises CannotImport."""
    batch = _locked(batch)
    check_move(batch.state, BatchState.IMPORTING)
    for finding, choice in choices.items():
        if choice not in CHOICES.get(Finding(finding), ()):
            raise CannotImport(_("This cannot be chosen for such a row."), rule="A3")
    batch.choices = {**batch.choices, **choices}
    batch.save(update_fields=["choices"])
    record("list.chosen", of=batch, by=by.username, at=at, choices=dict(choices))
    return batch


def take_step(*, batch_id: int, at: datetime) -> bool:
    """Do the next piece of work of a list, in transactions of its own. False when nothing is
    left to do. Two workers on one list take turns; killed between or within pieces nothing is
    lost and nothing is done twice.
    """
    collect_rarely()
    batch = Batch.objects.select_related("source", "by").get(pk=batch_id)
    if batch.state == BatchState.CHECKING and batch.progress.get("phase") == "reading":
        for _done in read_file(batch=batch):
            tell(Batch.objects.get(pk=batch_id))
        with transaction.atomic():
            batch = _locked(batch)
            if batch.state == BatchState.CHECKING and batch.progress["phase"] == "reading":
                _enter_phase(batch, "gathering", of=batch.rows, at=at)
        return True
    is_creating = batch.progress.get("phase") == "creating"
    step = _create if batch.state == BatchState.IMPORTING and is_creating else _one_piece
    for _attempt in range(_TRIES - 1):
        # Somebody may record one of the numbers in the same instant: the chunk is undone, and
        # next time it sees whose the number is.
        with contextlib.suppress(NumberTaken):
            return step(batch, at)
    return step(batch, at)


def _create(batch: Batch, at: datetime) -> bool:
    line = create_chunks(batch=batch, after=_line(batch), at=at)
    with transaction.atomic():
        batch = _locked(batch)
        if batch.state == BatchState.IMPORTING and batch.progress.get("phase") == "creating":
            if line:
                _advance(batch, max(line, _line(batch)), at=at)
            else:
                _enter_phase(batch, "joining", of=batch.rows, at=at)
    return True


@transaction.atomic
def _one_piece(batch: Batch, at: datetime) -> bool:
    batch = _locked(batch)
    match batch.state:
        case BatchState.CHECKING:
            return _check(batch, at)
        case BatchState.IMPORTING:
            return _import(batch, at)
        case BatchState.UNDOING:
            return _undo(batch, at)
    return False


def _check(batch: Batch, at: datetime) -> bool:
    if batch.progress.get("phase") == "gathering":
        gather_hints(batch=batch)
        _enter_phase(batch, "matching", of=batch.rows, at=at)
        return True
    if line := match_chunk(batch=batch, after=_line(batch)):
        _advance(batch, line, at=at)
        return True
    settle_contested(batch=batch)
    batch.findings = tally_findings(batch, at)
    record(
        "list.checked", of=batch, by=batch.by.username, at=at, rows=batch.rows,
        findings=batch.findings,
    )  # fmt: skip
    _set_state(batch, BatchState.CHECKED)
    return False


def _import(batch: Batch, at: datetime) -> bool:
    if line := import_chunk(batch=batch, after=_line(batch), at=at):
        _advance(batch, line, at=at)
        return True
    batch.counts = reconcile(batch=batch)
    batch.finished_at = at
    record("list.imported", of=batch, by=batch.by.username, at=at, rows=batch.rows, **batch.counts)
    _set_state(batch, BatchState.DONE)
    return False


def _undo(batch: Batch, at: datetime) -> bool:
    if batch.progress["phase"] == "withdrawing":
        if line := withdraw_chunk(batch=batch, after=_line(batch), at=at):
            _advance(batch, line, at=at)
        else:
            _enter_phase(batch, "deleting", of=batch.rows, at=at)
        return True
    if line := delete_chunk(batch=batch, after=_line(batch), at=at):
        _advance(batch, line, at=at)
        return True
    undone = {what: batch.counts.get(what, 0) for what in ("deleted", "withdrawn", "left")}
    batch.counts["left"] = undone["left"] = undone["left"] or {}
    record("list.undone", of=batch, by=batch.by.username, at=at, **undone)
    _set_state(batch, BatchState.UNDONE)
    return False


@transaction.atomic
def fail_batch(*, batch_id: int, error: str, at: datetime) -> None:
    """Say that a job could not go on, and why; what was committed stays and can be resumed."""
    batch = Batch.objects.select_for_update().get(pk=batch_id)
    if BatchState(batch.state) not in WORKING:
        return
    batch.stopped_in, batch.error = batch.state, error[:300]
    _date_the_work(batch, at=at)
    record(
        "list.failed", of=batch, by="system", at=at, while_=batch.stopped_in,
        done=batch.progress.get("done", 0),
    )  # fmt: skip
    _set_state(batch, BatchState.FAILED)


def _date_the_work(batch: Batch, *, at: datetime) -> None:
    """What somebody edits after this is theirs, and no undo takes it away."""
    if batch.stopped_in == BatchState.IMPORTING:
        batch.finished_at = at


def tell(batch: Batch) -> None:
    """Show a list's progress to whoever uploaded it."""
    publish(
        "import", topics=[f"user:{batch.by_id}"], batch=batch.pk, state=str(batch.state),
        phase=batch.progress.get("phase", ""), done=batch.progress.get("done", 0),
        of=batch.progress.get("of", 0),
    )  # fmt: skip


def _locked(batch: Batch) -> Batch:
    locked = Batch.objects.select_for_update(of=("self",)).select_related("source", "by", "team")
    return locked.get(pk=batch.pk)


def _start(
    batch: Batch, state: BatchState, progress: Mapping[str, object], *, by: User, at: datetime
) -> Batch:
    if state not in MOVES[BatchState(batch.state)]:
        check_move(batch.state, state)
    batch.progress = {**progress, "at": at.isoformat()}
    batch.error, batch.stopped_in = "", ""
    record(f"list.{state}_started", of=batch, by=by.username, at=at)
    _set_state(batch, state)
    enqueue("acquisition.work", queueing_lock=f"list:{batch.pk}", batch_id=batch.pk)
    return batch


def _set_state(batch: Batch, state: BatchState) -> None:
    batch.state = state
    batch.save()
    tell(batch)


def _enter_phase(batch: Batch, phase: str, *, of: int, at: datetime) -> None:
    moved = {"phase": phase, "done": 0, "of": of, "at": at.isoformat()}
    batch.progress = {**batch.progress, **moved}
    batch.save(update_fields=["progress"])
    tell(batch)


def _line(batch: Batch) -> int:
    """The last line this phase is done with."""
    return int(batch.progress.get("done", 0))


def _advance(batch: Batch, line: int, *, at: datetime) -> None:
    batch.progress = {**batch.progress, "done": line, "at": at.isoformat()}
    batch.save(update_fields=["progress", "counts"])
    tell(batch)
