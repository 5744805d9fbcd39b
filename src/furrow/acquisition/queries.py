"""Answers about sources, lists and leads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, F, QuerySet, Sum
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from furrow.common.phone import mask
from furrow.common.sql import load_sql
from furrow.customers.filters import Choice, is_id
from furrow.customers.models import Customer, CustomerQuerySet, Number
from furrow.customers.rules import Moment
from furrow.customers.showing import shown_to
from furrow.linkage.rules import in_words
from furrow.organisation.models import User

from .models import Batch, Lead, Row, Source
from .rules import (
    CHOICES,
    NUMBER_FIELDS,
    PROBLEMS,
    WORKING,
    Basis,
    BatchState,
    Finding,
    RowState,
    Target,
    Worth,
    effective_choice,
    shown,
)

CURRENCY = "CNY"  # in which sources are paid and judged

# -- what is told of one customer ------------------------------------------------------------------


@dataclass(frozen=True)
class Origin:
    """One answer to "where did you get my number?" (A5)."""

    lead: Lead
    said: list[tuple[str, str]]  # header and cell, as given, numbers masked; empty = kept back
    reasons: list[str]  # why it was joined, in words; empty for the first origin
    basis: Basis


def origins_of(customer: Customer, *, user: User) -> list[Origin]:
    """Where a customer comes from, the first origin first. What each said word for word is only for
    those who are shown every field: a list's columns may hold any of them."""
    is_whole = shown_to(user, [customer])[0].is_whole
    leads = Lead.objects.filter(customer=customer).select_related("source", "batch")
    return [
        Origin(
            lead=lead,
            said=[(header, shown(str(cell))) for header, cell in lead.given.items() if cell]
            if is_whole
            else [],
            reasons=in_words(lead.match_reasons),
            basis=Basis.read(lead.basis),
        )
        for lead in leads.order_by("at", "id")
    ]


def tell_leads(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    leads = Lead.objects.filter(customer=customer).select_related("source", "batch__by")
    if before is not None:
        leads = leads.filter(at__lt=before)
    return [
        Moment(
            at=lead.at,
            kind="import",
            title=_title(lead),
            body=", ".join(
                [*filter(None, [Basis.read(lead.basis).because]), *in_words(lead.match_reasons)]
            ),
            by=str(lead.batch.by) if lead.batch else "",
            anchor=f"acquisition.Lead:{lead.pk}",
        )
        for lead in leads.order_by("-at", "-id")[:most]
    ]


def _title(lead: Lead) -> str:
    words = {"source": lead.source.name, "line": lead.line}
    if lead.line is None:
        text = _("Came from %(source)s") if lead.is_first else _("Also named by %(source)s")
    elif lead.is_first:
        text = _("Imported from %(source)s, row %(line)s")
    else:
        text = _("Also found in %(source)s, row %(line)s")
    return text % words


# -- the customer list's filter --------------------------------------------------------------------


def from_source(customers: CustomerQuerySet, value: str) -> CustomerQuerySet:
    """Whom the source with this id named, alone or with others."""
    if not is_id(value):
        return customers.none()
    return customers.filter(pk__in=Lead.objects.filter(source=int(value)).values("customer"))


def sources() -> list[Choice]:
    """Every source, for rules about all of them."""
    return [(str(source.pk), source.name) for source in Source.objects.order_by("name")]


def source_choices(user: User) -> list[Choice]:
    sources = Source.objects.visible_to(user).order_by("name")
    return [(str(source.pk), source.name) for source in sources]


# -- lists -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """One column of an uploaded file: what it may mean, and what stands in it."""

    header: str
    field: str
    samples: list[str]


def columns_of(batch: Batch, rows: Sequence[Sequence[str]], *, most: int = 3) -> list[Column]:
    """The columns with their first filled cells, numbers masked."""
    columns = []
    for place, header in enumerate(batch.headers):
        cells = [row[place].strip() for row in rows if place < len(row)]
        filled = list(dict.fromkeys(cell for cell in cells if cell))[:most]
        columns.append(
            Column(header, batch.mapping.get(header, ""), [shown(cell)[:60] for cell in filled])
        )
    return columns


@dataclass(frozen=True)
class Seen:
    """A row as it is shown: what was understood, what it may be, what can be corrected."""

    row: Row
    name: str
    numbers: list[str]  # masked
    place: str
    other_name: str  # whom it matches
    other_number: str
    other_place: str
    reasons: list[str]
    fixable: list[tuple[int, str, str]]  # place of the column, header, cell
    choices: list[tuple[str, str]]
    choice: str


def rows_of(batch: Batch, finding: Finding, *, after: int = 0, most: int = 25) -> list[Seen]:
    """Rows of one finding in the order of the file, behind line `after`."""
    rows = Row.objects.filter(batch=batch, finding=finding, line__gt=after).select_related("batch")
    return see(batch, list(rows.order_by("line")[:most]))


def see(batch: Batch, rows: Sequence[Row]) -> list[Seen]:
    """Rows as they are shown, with whom they match. Four statements, however many rows."""
    customers = Customer.objects.in_bulk({row.customer_id for row in rows if row.customer_id})
    numbers = {
        number.customer_id: number.masked
        for number in Number.objects.filter(customer__in=customers).order_by("is_primary", "id")
    }
    lines = {row.repeats for row in rows if row.repeats}
    earlier = {row.line: row for row in Row.objects.filter(batch=batch, line__in=lines)}
    seen = []
    for row in rows:
        customer = customers.get(row.customer_id or 0)
        twin = earlier.get(row.repeats or 0)
        facts = twin.facts if twin else {}
        number = mask(twin.numbers[0]) if twin and twin.numbers else ""
        options = CHOICES.get(Finding(row.finding), ())
        seen.append(
            Seen(
                row=row,
                name=str(row.facts.get("name", "")),
                numbers=[mask(number) for number in row.numbers],
                place=_place(row.facts),
                other_name=customer.name if customer else str(facts.get("name", "")),
                other_number=numbers.get(customer.pk, "") if customer else number,
                other_place=_place(vars(customer)) if customer else _place(facts),
                reasons=in_words(row.match_reasons),
                fixable=_fixable(batch, row),
                choices=[(str(c), str(c.label)) for c in options],
                choice=effective_choice(row.finding, row.choice, batch.choices),
            )
        )
    return seen


def _place(facts: Mapping[str, object]) -> str:
    return " ".join(str(facts.get(key) or "") for key in ("address", "city")).strip()


def _fixable(batch: Batch, row: Row) -> list[tuple[int, str, str]]:
    """The cells whose correction would solve the row's problem."""
    match row.problem:
        case "no_name":
            wanted: tuple[str, ...] = ("name", "surname", "given_name", "company")
        case "ragged" | "several_customers" | "":
            return []
        case _:
            wanted = NUMBER_FIELDS
    if row.finding != Finding.PROBLEM:
        return []
    cells = dict(zip(batch.headers, row.cells, strict=False))
    return [
        (place, header, cells.get(header, ""))
        for place, header in enumerate(batch.headers)
        if batch.mapping.get(header) in wanted
    ]


def problems_of(batch: Batch) -> list[tuple[str, int]]:
    """Problems in words with how many rows have each, the commonest first."""
    problems: dict[str, int] = batch.findings.get("problems", {})
    ranked = sorted(problems.items(), key=lambda item: -item[1])
    return [(str(PROBLEMS.get(code, code)), rows) for code, rows in ranked]


def rows_that_failed(batch: Batch) -> QuerySet[Row]:
    """What goes into the error file: after the import what was not imported, before it what has
    a problem."""
    rows = Row.objects.filter(batch=batch).select_related("batch").order_by("line")
    if batch.state in (BatchState.CHECKED, BatchState.UPLOADED):
        return rows.filter(finding=Finding.PROBLEM)
    return rows.filter(state=RowState.FAILED)


SILENT_AFTER = timedelta(seconds=20)  # a worker beats every two seconds


def is_waiting(batch: Batch, *, at: datetime) -> bool:
    """Whether nobody works on a list that is to be worked on: its worker died and no other has
    taken over yet, or none runs."""
    if batch.state not in WORKING:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.acquisition", "is_worked_on"),
            {"batch": batch.pk, "since": at - SILENT_AFTER},
        )
        [is_worked_on] = cursor.fetchone() or [False]
    moved_at = parse_datetime(str(batch.progress.get("at", "")))
    return not is_worked_on and (moved_at is None or moved_at < at - SILENT_AFTER)


# -- sources --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SourceTally:
    """What a source gave."""

    source: Source
    lists: int
    worth: Worth


def tally_sources(*, user: User, at: datetime) -> list[SourceTally]:
    """Every source by name. One pass over the leads: some seconds per million."""
    sources = Source.objects.visible_to(user).order_by("name")
    worth = _worth(source=None, at=at)
    bought = (
        Batch.objects.exclude(state=BatchState.UPLOADED)
        .order_by()
        .values_list("source_id")
        .annotate(lists=Count("id"), cost=Sum(F("cost_minor") - F("refunded_minor")))
    )
    costs = {source: (lists, cost or 0) for source, lists, cost in bought}
    tallies = []
    for source in sources:
        lists, cost = costs.get(source.pk, (0, 0))
        found = worth.get((source.pk, None), Worth())
        tallies.append(SourceTally(source, lists, replace(found, cost=cost)))
    return tallies


def tally_batches(source: Source, *, user: User, at: datetime) -> list[tuple[Batch, Worth]]:
    """Each list of a source, the newest first."""
    worth = _worth(source=source.pk, at=at)
    batches = Batch.objects.visible_to(user).filter(source=source).order_by("-created_at", "-id")
    return [
        (
            batch,
            replace(
                worth.get((source.pk, batch.pk), Worth()),
                cost=batch.cost_minor - batch.refunded_minor,
            ),
        )
        for batch in batches[:200]
    ]


def _worth(*, source: int | None, at: datetime) -> dict[tuple[int, int | None], Worth]:
    """(source, list; None = all of it) -> what it gave, without its cost."""
    asked = {"at": at, "source": source, "currency": CURRENCY}
    with connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.acquisition", "tally_sources"), asked)
        return {(row[0], row[1]): Worth(*row[2:]) for row in cursor.fetchall()}


def count_fitting(batch: Batch) -> int | None:
    """How many rows of a checked list are as its source's target profile wants them; None when
    anybody is wanted."""
    target = Target.read(batch.source.target)
    if not target.stored:
        return None
    rows = Row.objects.filter(batch=batch).exclude(finding=Finding.PROBLEM)
    if target.kind:
        rows = rows.filter(facts__kind=target.kind)
    if target.cities:
        rows = rows.filter(facts__city__in=target.cities)
    if target.categories:
        rows = rows.filter(facts__category__in=target.categories)
    return rows.count()
