"""The dry run: every row read, understood, and compared with the list and the company."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from itertools import islice

from django.db import connection, transaction
from django.db.models import Count
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from furrow.acquisition.models import Batch, Row
from furrow.acquisition.rules import (
    CHOICES,
    BatchState,
    Candidate,
    CannotImport,
    Columns,
    Finding,
    Root,
    RowState,
    Verdict,
    judge,
    read_row,
)
from furrow.audit.actions import record
from furrow.common.sql import load_sql
from furrow.customers.models import Customer, Number
from furrow.linkage.queries import matches_for, record_of
from furrow.linkage.rules import MOST_BY_ADDRESS, Probe, keys_of
from furrow.organisation.models import User
from furrow.science.linkage.compare import compare_profiles
from furrow.science.linkage.profiles import Profile, Rarity, count_values, profile

from .uploads import table_of

READ_ROWS = 5000  # rows stored per transaction while reading
MATCH_ROWS = 2000  # rows compared per transaction
FEWEST_IN_BASE = 500  # a short list says little about chance
MOST_COUNTED = 20_000  # rows from which the rarity of values is taken
# A row without a number may still tell more about somebody known.
_MAY_BE_KNOWN = frozenset(
    {"no_number", "number_lost", "number_placeholder", "number_unreadable", "number_impossible"}
)


def read_file(*, batch: Batch) -> Iterator[int]:
    """Store the file's rows, continuing after those stored already. Yields after each committed
    chunk, with how many rows there are. Raises TableError."""
    table = table_of(batch)
    columns = Columns.of(batch.headers, batch.mapping)
    done = Row.objects.filter(batch=batch).count()
    every = enumerate((cells for _, cells in table.numbered_rows(ragged=True)), start=1)
    rows = islice(every, done, None)
    while chunk := list(islice(rows, READ_ROWS)):
        with transaction.atomic():
            locked = Batch.objects.select_for_update().get(pk=batch.pk)
            if locked.state != BatchState.CHECKING:
                return  # stopped by a person
            done += len(chunk)
            if locked.rows >= done:
                continue  # another worker, taken for dead, has stored them meanwhile
            _copy_rows(batch, columns, chunk)
            locked.rows = done
            locked.progress = {**locked.progress, "done": done}
            locked.save(update_fields=["rows", "progress"])
        yield done


def _copy_rows(batch: Batch, columns: Columns, chunk: Sequence[tuple[int, Sequence[str]]]) -> None:
    names = (
        "batch_id, line, cells, facts, numbers, keys, problem, finding, choice, kin,"
        " match_reasons, weight, state, undone"
    )
    with connection.cursor() as cursor, cursor.copy(
        f"COPY acquisition_row ({names}) FROM STDIN"
    ) as copy:  # fmt: skip
        for line, cells in chunk:
            reading = read_row(cells, columns, region=batch.region, kind=batch.kind)
            finding = Finding.UNSEEN
            if reading.problem and reading.problem not in _MAY_BE_KNOWN:
                finding = Finding.PROBLEM
            keys = [] if finding else keys_of(probe_of(line, reading.facts, reading.numbers))
            copy.write_row(
                (
                    batch.pk, line, [c.replace("\0", "") for c in cells], Jsonb(reading.facts),
                    list(reading.numbers), keys, reading.problem, str(finding), "", [],
                    Jsonb([]), 0.0,
                    str(RowState.READ), "",
                )
            )  # fmt: skip


def probe_of(line: int, facts: Mapping[str, object], numbers: Sequence[str]) -> Probe:
    details = facts.get("profile", {})
    return Probe(
        record_of(
            line, str(facts.get("name", "")), tuple(numbers), city=str(facts.get("city", "")),
            address=str(facts.get("address", "")), email=str(facts.get("email", "")),
            details=details if isinstance(details, dict) else {},
        )
    )  # fmt: skip


def gather_kin(*, batch: Batch) -> None:
    """Find the rows of one list that share a value, and the numbers too many rows share."""
    bounds = {"batch": batch.pk, "most": MOST_BY_ADDRESS}
    with connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.acquisition", "kin"), bounds)
        cursor.execute(load_sql("furrow.acquisition", "crowded"), bounds)


def match_chunk(*, batch: Batch, after: int) -> int:
    """Compare the unseen rows behind line `after` with the company's data and the list's earlier
    rows. Returns the last line done; 0 when none is left. The batch is locked by the caller."""
    unseen = Row.objects.filter(batch=batch, finding=Finding.UNSEEN, line__gt=after)
    rows = list(unseen.order_by("line")[:MATCH_ROWS])
    judge_rows(batch, rows)
    return rows[-1].line if rows else 0


def judge_rows(batch: Batch, rows: Sequence[Row], *, with_kin: bool = True) -> None:
    """Write into each row what it is, and store it. Rows come in the order of the file.

    with_kin  compare with earlier rows of the list too; during the import these are customers
    """
    if not rows:
        return
    probes = {row.line: probe_of(row.line, row.facts, row.numbers) for row in rows}
    matches = matches_for(list(probes.values()), rarity=_rarity(batch))
    kin = _kin(batch, rows) if with_kin else {}
    for row in rows:
        candidates = [
            Candidate(("c", match.customer_id), match.shares_number, match.comparison)
            for match in matches.get(row.line, ())
        ]
        if with_kin and row.kin:
            candidates += _among_kin(batch, row, probes[row.line], kin)
        _settle(row, judge(candidates))
        kin[row.line] = row
    _store(rows)


def _settle(row: Row, verdict: Verdict) -> None:
    finding, problem = verdict.finding, verdict.problem
    if row.problem in _MAY_BE_KNOWN and finding not in (Finding.KNOWN, Finding.REPEAT):
        finding, problem = Finding.PROBLEM, row.problem
    row.finding, row.problem = finding, problem
    is_told = finding in (Finding.KNOWN, Finding.REPEAT, Finding.DOUBT)
    row.customer_id = verdict.customer if is_told else None
    row.repeats = verdict.line if is_told else None
    row.match_reasons = list(verdict.reasons) if is_told else []
    row.weight = verdict.weight if is_told else 0.0


def _kin(batch: Batch, rows: Sequence[Row]) -> dict[int, Row]:
    wanted = {line for row in rows for line in row.kin} - {row.line for row in rows}
    found = Row.objects.filter(batch=batch, line__in=wanted) if wanted else []
    return {row.line: row for row in found}


def _among_kin(batch: Batch, row: Row, probe: Probe, kin: Mapping[int, Row]) -> Iterator[Candidate]:
    ours = _profile(probe)
    for line in row.kin:
        other = kin[line]
        if other.finding in (Finding.PROBLEM, Finding.UNSEEN):
            continue
        theirs = _profile(probe_of(line, other.facts, other.numbers))
        shares = not set(ours.numbers).isdisjoint(theirs.numbers)
        comparison = compare_profiles(ours, theirs, _rarity(batch))
        if shares and other.finding == Finding.DOUBT:
            # It shares the number without having it; whoever has it is a candidate as well.
            shares = False
        yield Candidate(_root(other), shares, comparison)


def _root(row: Row) -> Root:
    """Whose row this is going to be."""
    if row.finding == Finding.KNOWN and row.customer_id:
        return ("c", row.customer_id)
    if row.finding == Finding.REPEAT and row.repeats:
        return ("r", row.repeats)
    return ("r", row.line)


def _profile(probe: Probe) -> Profile:
    return profile(probe.record)


def _rarity(batch: Batch) -> Rarity:
    return _rarity_of(batch.pk, str(batch.progress.get("since", "")))


@lru_cache(maxsize=4)
def _rarity_of(batch_id: int, since: str) -> Rarity:
    """How rare values are, from the list itself: a street where everybody lives says little. The
    company's customers count too: the more there are, the more share a name by chance."""
    rows = Row.objects.filter(batch=batch_id).order_by("line")
    values = rows[:MOST_COUNTED].values_list("line", "facts", "numbers")
    counted = [_profile(probe_of(*value)) for value in values]
    base = Customer.objects.count() + len(counted)
    return replace(count_values(counted), rows=max(FEWEST_IN_BASE, base))


def _store(rows: Sequence[Row]) -> None:
    """One statement, whatever the number of rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE acquisition_row AS r SET finding = n.finding, problem = n.problem,"
            " customer_id = n.customer, repeats = n.repeats, match_reasons = n.reasons,"
            " weight = n.weight"
            " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::int[],"
            " %s::jsonb[], %s::float[])"
            " AS n(id, finding, problem, customer, repeats, reasons, weight)"
            " WHERE r.id = n.id",
            [
                [row.pk for row in rows],
                [str(row.finding) for row in rows],
                [row.problem for row in rows],
                [row.customer_id for row in rows],
                [row.repeats for row in rows],
                [Jsonb(row.match_reasons) for row in rows],
                [row.weight for row in rows],
            ],
        )


def settle_contested(*, batch: Batch) -> None:
    """A customer whose name contradicts a row's is joined after all when no other row of the list
    fits better: guides list a place once, under one name or another."""
    with connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.acquisition", "settle_contested"), {"batch": batch.pk})


def tally_findings(batch: Batch, at: datetime) -> dict[str, object]:
    """Rows by finding, problem rows by problem, and rows whose number nobody may call at `at`."""
    rows = Row.objects.filter(batch=batch).order_by()
    findings = rows.values_list("finding").annotate(n=Count("id"))
    problems = rows.filter(finding=Finding.PROBLEM).values_list("problem").annotate(n=Count("id"))
    with connection.cursor() as cursor:
        sql = load_sql("furrow.acquisition", "forbidden")
        cursor.execute(sql, {"batch": batch.pk, "at": at})
        [forbidden] = cursor.fetchone() or [0]
    return {**dict(findings), "problems": dict(problems), "forbidden": forbidden}


@transaction.atomic
def fix_row(*, row: Row, cells: Mapping[str, str], by: User, at: datetime) -> Row:
    """Correct cells of one row by header, and judge it again. Only between check and import."""
    batch = _checked(row)
    row = Row.objects.select_for_update().get(pk=row.pk)
    corrected = list(row.cells[: len(batch.headers)])
    corrected += [""] * (len(batch.headers) - len(corrected))
    for header, cell in cells.items():
        if header in batch.headers:
            corrected[batch.headers.index(header)] = cell.replace("\0", "").strip()[:1000]
    columns = Columns.of(batch.headers, batch.mapping)
    reading = read_row(corrected, columns, region=batch.region, kind=batch.kind)
    row.cells, row.facts = corrected, reading.facts
    row.numbers, row.problem = list(reading.numbers), reading.problem
    row.keys = keys_of(probe_of(row.line, row.facts, row.numbers))
    row.finding = Finding.PROBLEM
    others = Row.objects.filter(batch=batch, line__lt=row.line, keys__overlap=row.keys)
    row.kin = list(others.order_by("line").values_list("line", flat=True)[:MOST_BY_ADDRESS])
    row.save()
    if not reading.problem or reading.problem in _MAY_BE_KNOWN:
        judge_rows(batch, [row])
    _count_again(batch, at)
    record("list.row_fixed", of=batch, by=by.username, at=at, line=row.line, headers=sorted(cells))
    return row


@transaction.atomic
def choose_for_row(*, row: Row, choice: str, by: User, at: datetime) -> Row:
    """What to do with this row alone; "" = as with all of its class."""
    batch = _checked(row)
    if choice and choice not in CHOICES.get(Finding(row.finding), ()):
        raise CannotImport(_("This cannot be chosen for such a row."), rule="A3")
    Row.objects.filter(pk=row.pk).update(choice=choice)
    row.choice = choice
    record("list.row_chosen", of=batch, by=by.username, at=at, line=row.line, choice=choice)
    return row


def _checked(row: Row) -> Batch:
    batch = Batch.objects.select_for_update().get(pk=row.batch_id)
    if batch.state != BatchState.CHECKED:
        raise CannotImport(_("Rows can be corrected between the check and the import."), rule="A3")
    return batch


def _count_again(batch: Batch, at: datetime) -> None:
    batch.findings = {
        **batch.findings,
        **dict.fromkeys(Finding.values, 0),
        **tally_findings(batch, at),
    }
    batch.save(update_fields=["findings"])


def owners_of(numbers: Sequence[str]) -> dict[str, int]:
    """Which customer has each of these numbers now; absent = nobody."""
    found = Number.objects.filter(e164__in=numbers).order_by()
    return dict(found.values_list("e164", "customer_id"))
