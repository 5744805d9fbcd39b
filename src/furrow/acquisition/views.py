"""Sources, the import of a list from upload to undo, and where a customer comes from."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.common.refusal import Refused
from furrow.common.streams import csv_answer
from furrow.customers.filters import is_id
from furrow.customers.models import Customer
from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act
from furrow.science.linkage.files import TableError

from . import actions, queries
from .forms import KINDS, REGIONS, ReturnForm, SourceForm, UploadForm
from .models import Batch, Row, Source
from .rules import (
    CHOICES,
    FIELD_NAMES,
    LEFT,
    REASON_HEADER,
    WORKING,
    BatchState,
    CannotImport,
    Finding,
    LegalBasis,
    RowState,
    SourceKind,
    Target,
    file_error,
)

PAGE = 25
SHOWN_OUTCOMES = (RowState.CREATED, RowState.JOINED, RowState.FAILED)
STEPS = {
    BatchState.UPLOADED: 2,
    BatchState.CHECKING: 3,
    BatchState.CHECKED: 3,
}


# -- lists -------------------------------------------------------------------------------------


@requires(Act.IMPORT)
@require_GET
def imports(request: Request) -> HttpResponse:
    batches = Batch.objects.visible_to(request.user).select_related("source", "by")
    newest = batches.order_by("-created_at", "-id")[:100]
    rows = [(batch, [batch.counts.get(s, "") for s in SHOWN_OUTCOMES]) for batch in newest]
    return render(request, "acquisition/imports.html", {"rows": rows, "working": WORKING})


@requires(Act.IMPORT)
@require_http_methods(["GET", "POST"])
def upload(request: Request) -> HttpResponse:
    """A file, and the source it comes from: a known one or one made on the way."""
    form = UploadForm(request.POST or None, request.FILES or None, user=request.user)
    # Not required in the browser: a known source may be chosen instead.
    new_source = SourceForm(request.POST or None, prefix="new", use_required_attribute=False)
    if request.method == "POST" and form.is_valid():
        source: Source | None = form.cleaned_data["source"]
        if source is not None or new_source.is_valid():
            try:
                batch = _upload(request, form, source, new_source)
            except Refused as refusal:
                form.add_error("file", refusal.message)
            else:
                return redirect("import", batch.pk)
        if source is not None:  # whoever chose one is told nothing about another
            new_source = SourceForm(prefix="new", use_required_attribute=False)
    return render(request, "acquisition/upload.html", {"form": form, "new_source": new_source})


def _upload(
    request: Request, form: UploadForm, source: Source | None, new_source: SourceForm
) -> Batch:
    at, said = timezone.now(), form.cleaned_data
    source = source or actions.create_source(**_source_facts(new_source), by=request.user, at=at)
    return actions.upload_list(
        source=source, chunks=said["file"].chunks(), file_name=said["file"].name,
        kind=said["kind"], team=said["team"], cost_minor=form.cost_minor, by=request.user, at=at,
    )  # fmt: skip


def _batch(request: Request, batch_id: int) -> Batch:
    batches = Batch.objects.visible_to(request.user).select_related("source", "by", "team")
    return get_object_or_404(batches, pk=batch_id)


def _context(batch: Batch) -> dict[str, object]:
    """What the page of a list needs in its present state."""
    state = BatchState(batch.state)
    context: dict[str, object] = {
        "batch": batch,
        "step": STEPS.get(state, 4),
        "is_working": state in WORKING,
        "is_waiting": queries.is_waiting(batch, at=timezone.now()),
        "forbidden_count": batch.findings.get("forbidden", 0),
        "problem_count": batch.findings.get(Finding.PROBLEM, 0),
        "import_count": _importable(batch),
        "columns": [],
        "header_row": batch.header_row + 1,
        "fields": [],
        "sheets": [],
        "kinds": KINDS,
        "regions": REGIONS[1:],
        "file_problem": "",
        "tiles": [],
        "classes": [],
        "problems": [],
        "fitting": None,
        "target": None,
        "return_form": ReturnForm(initial={"refund": batch.cost_minor / 100 or None}),
        "lists": [],
        "outcomes": [],
        "left": [],
    }
    match state:
        case BatchState.UPLOADED:
            context |= _columns(batch)
        case BatchState.CHECKED:
            context |= _checked(batch)
        case BatchState.DONE | BatchState.FAILED | BatchState.STOPPED:
            context["outcomes"] = [
                (s.label, batch.counts.get(s, 0)) for s in RowState if s != RowState.READ
            ]
        case BatchState.UNDONE:
            context["left"] = [
                (str(LEFT.get(why, why)), rows) for why, rows in batch.counts["left"].items()
            ]
    return context


def _columns(batch: Batch) -> dict[str, object]:
    try:
        table = actions.table_of(batch)
        return {
            "columns": queries.columns_of(batch, table.sample(50)),
            "fields": list(FIELD_NAMES.items()),
            "sheets": table.sheets,
        }
    except TableError as error:
        return {"file_problem": file_error(error)}


def _checked(batch: Batch) -> dict[str, object]:
    counts = batch.findings
    shown = [Finding.PROBLEM, Finding.DOUBT, Finding.KNOWN, Finding.REPEAT]
    return {
        "tiles": [(f, f.label, counts.get(f, 0)) for f in Finding if f],
        "classes": [
            (f, f.label, counts.get(f, 0), [(c, c.label) for c in options], batch.choices.get(f))
            for f, options in CHOICES.items()
            if counts.get(f)
        ],
        "problems": queries.problems_of(batch),
        "fitting": queries.count_fitting(batch),
        "target": Target.read(batch.source.target),
        "lists": [
            (f, f.label, counts[f], queries.rows_of(batch, f, most=PAGE))
            for f in shown
            if counts.get(f)
        ],
    }


def _importable(batch: Batch) -> int:
    return batch.rows - int(batch.findings.get(Finding.PROBLEM, 0))


@requires(Act.IMPORT)
@require_GET
def detail(request: Request, batch_id: int) -> HttpResponse:
    return render(request, "acquisition/import.html", _context(_batch(request, batch_id)))


@requires(Act.IMPORT)
@require_GET
def state(request: Request, batch_id: int) -> HttpResponse:
    """The part of the page that lives while a job works."""
    return render(request, "acquisition/import.html#state", _context(_batch(request, batch_id)))


@requires(Act.IMPORT)
@require_POST
def columns(request: Request, batch_id: int) -> HttpResponse:
    """Say what the columns mean, and have every row checked."""
    batch = _batch(request, batch_id)
    said = request.POST
    mapping = {
        header: said.get(f"column-{place}", "") for place, header in enumerate(batch.headers)
    }
    at = timezone.now()
    batch = actions.set_mapping(
        batch=batch, mapping=mapping, kind=said.get("kind", ""), region=said.get("region", ""),
        by=request.user, at=at,
    )  # fmt: skip
    actions.start_check(batch=batch, by=request.user, at=at)
    return redirect("import", batch_id)


@requires(Act.IMPORT)
@require_POST
def layout(request: Request, batch_id: int) -> HttpResponse:
    """Another sheet, or another row for the header. People count rows from 1; 0 = no header."""
    row = request.POST.get("header_row", "")
    actions.set_layout(
        batch=_batch(request, batch_id),
        sheet=request.POST.get("sheet", ""),
        header_row=int(row) - 1 if row.isdecimal() and len(row) < 4 else None,
        by=request.user,
        at=timezone.now(),
    )
    return redirect("import", batch_id)


@requires(Act.IMPORT)
@require_POST
def back(request: Request, batch_id: int) -> HttpResponse:
    """Back to the columns."""
    actions.reopen(batch=_batch(request, batch_id), by=request.user, at=timezone.now())
    return redirect("import", batch_id)


_MOVES = {
    "import": actions.start_import,
    "stop": actions.stop_batch,
    "resume": actions.resume_batch,
    "undo": actions.start_undo,
}


@requires(Act.IMPORT)
@require_POST
def go(request: Request, batch_id: int, what: str) -> HttpResponse:
    """Start, stop, go on, or undo."""
    _MOVES[what](batch=_batch(request, batch_id), by=request.user, at=timezone.now())
    return redirect("import", batch_id)


@requires(Act.IMPORT)
@require_POST
def give_back(request: Request, batch_id: int) -> HttpResponse:
    """Return a bad list to its seller: everything untouched is withdrawn."""
    form = ReturnForm(request.POST)
    if not form.is_valid():
        raise CannotImport(str(next(iter(form.errors.values()))[0]), rule="A2")
    actions.return_batch(
        batch=_batch(request, batch_id), reason=form.cleaned_data["reason"],
        refunded_minor=form.refunded_minor, by=request.user, at=timezone.now(),
    )  # fmt: skip
    return redirect("import", batch_id)


@requires(Act.IMPORT)
@require_POST
def choose(request: Request, batch_id: int) -> HttpResponse:
    """What to do with all rows of a class."""
    choices = {str(f): request.POST[f] for f in CHOICES if request.POST.get(f)}
    at = timezone.now()
    batch = actions.choose(batch=_batch(request, batch_id), choices=choices, by=request.user, at=at)
    return render(request, "acquisition/import.html#state", _context(batch))


@requires(Act.IMPORT)
@require_GET
def rows(request: Request, batch_id: int, finding: str) -> HttpResponse:
    """More rows of one finding."""
    batch = _batch(request, batch_id)
    after = request.GET.get("after", "0")
    seen = queries.rows_of(
        batch, Finding(finding), after=int(after) if is_id(after) else 0, most=PAGE
    )
    context = {"batch": batch, "finding": finding, "rows": seen}
    return render(request, "acquisition/import.html#rows", context)


def _row(request: Request, batch_id: int, line: int) -> Row:
    found = Row.objects.visible_to(request.user).select_related("batch")
    return get_object_or_404(found, batch=batch_id, line=line)


@requires(Act.IMPORT)
@require_POST
def row(request: Request, batch_id: int, line: int) -> HttpResponse:
    """Correct the cells of one row, or choose what to do with it."""
    found, at = _row(request, batch_id, line), timezone.now()
    if "choice" in request.POST:
        found = actions.choose_for_row(
            row=found, choice=request.POST["choice"], by=request.user, at=at
        )
    else:
        headers = found.batch.headers
        cells = {
            header: request.POST[f"cell-{place}"]
            for place, header in enumerate(headers)
            if f"cell-{place}" in request.POST
        }
        found = actions.fix_row(row=found, cells=cells, by=request.user, at=at)
    [seen] = queries.see(found.batch, [found])
    context = {"batch": found.batch, "seen": seen, "is_fixed": True}
    response = render(request, "acquisition/import.html#row", context)
    response["HX-Trigger"] = "row-changed"  # the sums above reload themselves
    return response


@requires(Act.IMPORT)
@require_POST
def errors(request: Request, batch_id: int) -> StreamingHttpResponse:
    """The rows that were not imported, as they stood, with the reason; it can be imported again.
    A POST, because taking data away is recorded."""
    batch = _batch(request, batch_id)
    failed = queries.rows_that_failed(batch)
    actions.note_download(batch=batch, rows=failed.count(), by=request.user, at=timezone.now())
    width = len(batch.headers)

    def rows() -> Iterator[list[str]]:
        yield [*batch.headers, REASON_HEADER]
        for one in failed.iterator(chunk_size=2000):
            cells = [*one.cells[:width], *[""] * (width - len(one.cells))]
            yield [*cells, one.problem_text]

    return csv_answer(rows(), name=f"list-{batch.pk}-errors.csv", is_verbatim=True)


# -- sources -------------------------------------------------------------------------------------


def _source_facts(form: SourceForm) -> dict[str, Any]:
    said = form.cleaned_data
    return {
        "name": said["name"],
        "kind": SourceKind(said["kind"]),
        "legal_basis": LegalBasis(said["legal_basis"]),
        "purpose": said["purpose"],
        "region": said["region"],
        "team": said["team"],
        "is_dealt": said["is_dealt"],
        "target": form.target,
    }


@requires(Act.IMPORT)
@require_GET
def sources(request: Request) -> HttpResponse:
    tallies = queries.tally_sources(user=request.user, at=timezone.now())
    return render(request, "acquisition/sources.html", {"tallies": tallies})


@requires(Act.IMPORT)
@require_http_methods(["GET", "POST"])
def source_new(request: Request) -> HttpResponse:
    form = SourceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.create_source(**_source_facts(form), by=request.user, at=timezone.now())
        messages.success(request, _("The source is recorded."))
        return redirect("sources")
    return render(request, "acquisition/source.html", {"form": form, "source": None})


@requires(Act.IMPORT)
@require_http_methods(["GET", "POST"])
def source(request: Request, source_id: int) -> HttpResponse:
    found = get_object_or_404(Source.objects.visible_to(request.user), pk=source_id)
    form = SourceForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        actions.change_source(
            source=found, **_source_facts(form), by=request.user, at=timezone.now()
        )
        messages.success(request, _("The source is changed."))
        return redirect("sources")
    context = {
        "form": form,
        "source": found,
        "lists": queries.tally_batches(found, user=request.user, at=timezone.now()),
        "target": Target.read(found.target),
    }
    return render(request, "acquisition/source.html", context)


# -- of one customer -----------------------------------------------------------------------------


@requires(Act.VIEW_CUSTOMERS)
@require_GET
def origins(request: Request, customer_id: int) -> HttpResponse:
    """Where did you get my number? (A5)"""
    visible = Customer.objects.visible_to(request.user)
    customer = get_object_or_404(visible, pk=customer_id)
    context = {"origins": queries.origins_of(customer, user=request.user)}
    return render(request, "acquisition/origins.html", context)
