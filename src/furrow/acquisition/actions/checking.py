"""The dry run: every row compared with the list and the company; nothing else changes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from json import loads
from typing import Any, Protocol, cast

from django.db import connection, transaction
from django.db.models import Count
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from furrow.acquisition.models import Batch, Hint, Row
from furrow.acquisition.rules import (
    CHOICES,
    MAY_BE_KNOWN,
    BatchState,
    Candidate,
    CannotImport,
    Columns,
    Finding,
    Root,
    Verdict,
    judge,
    worth_comparing,
)
from furrow.audit.actions import record
from furrow.common.sql import load_sql
from furrow.customers.models import Customer, Number
from furrow.linkage.queries import matches_for
from furrow.linkage.rules import MOST_BY_ADDRESS, MOST_BY_NAME
from furrow.organisation.models import User
from furrow.science.linkage.compare import Comparison, compare_profiles
from furrow.science.linkage.profiles import Profile, Rarity, count_values, profile

from .reading import probe_of, understand

MATCH_ROWS = 5000  # rows compared per transaction
FEWEST_IN_BASE = 500  # a short list says little about chance
MOST_COUNTED = 10_000  # rows from which the rarity of values is taken


def gather_hints(*, batch: Batch) -> None:
    """Find whom every row may be, in sets: earlier rows and customers that share a value with it,
    and the numbers too many rows share. Rows with nobody like them are new, and never looked at
    again. Cost: about 10 µs a row."""
    bounds = {"batch": batch.pk, "most": MOST_BY_ADDRESS, "most_by_name": MOST_BY_NAME}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE acquisition_row")
        cursor.execute("SET LOCAL work_mem = '128MB'")  # joins of all keys with each other
        cursor.execute(load_sql("furrow.acquisition", "crowded"), bounds)
        cursor.execute("DELETE FROM acquisition_hint WHERE batch_id = %s", [batch.pk])
        cursor.execute(load_sql("furrow.acquisition", "hints"), bounds)


def match_chunk(*, batch: Batch, after: int) -> int:
    """Compare the rows behind line `after` that may be somebody with whom they may be. Returns
    the last line done; 0 when none is left. The batch is locked by the caller."""
    found = Hint.objects.filter(batch=batch, line__gt=after).order_by("line")[:MATCH_ROWS]
    hints = list(found.values_list("line", "lines", "customers"))
    if not hints:
        return 0
    lines = _lines(batch, {line for line, _kin, _ in hints}.union(*(kin for _, kin, _ in hints)))
    worth = {
        line: [k for k in kin if _worth_comparing(lines[line], lines[k])]
        for line, kin, _customers in hints
    }
    customers = {line: known for line, _kin, known in hints if known}
    wanted = [line for line in worth if worth[line] or line in customers]
    judge_rows(batch, [lines[line] for line in wanted], kin=worth, customers=customers, known=lines)
    return hints[-1][0]


class Judged(Protocol):
    """What is judged: a Row, or as much of it as that needs."""

    line: int
    numbers: list[str]
    problem: str
    finding: str
    repeats: int | None
    customer_id: int | None
    match_reasons: list[str]
    weight: float

    @property
    def pk(self) -> int: ...

    @property
    def facts(self) -> Mapping[str, Any]: ...


class _Line:
    """A row in a tenth of the time a Row takes; a long list has hundreds of thousands to judge."""

    __slots__ = (
        "_facts", "address_key", "customer_id", "finding", "keys", "line", "match_reasons",
        "numbers", "pk", "problem", "repeats", "said", "weight",
    )  # fmt: skip

    def __init__(self, row: Sequence[Any]) -> None:
        (
            self.pk, self.line, numbers, keys, facts, self.address_key,
            self.problem, self.finding, self.repeats, self.customer_id,
        ) = row  # fmt: skip
        self.numbers: list[str] = numbers.split()
        self.keys = frozenset(keys.split("\n"))
        self.said = numbers + facts  # everything the row says
        self._facts: Any = facts
        self.match_reasons: list[str] = []
        self.weight = 0.0

    @property
    def facts(self) -> Mapping[str, Any]:
        if isinstance(self._facts, str):
            self._facts = loads(self._facts)
        return cast("Mapping[str, Any]", self._facts)


def _lines(batch: Batch, lines: Collection[int]) -> dict[int, _Line]:
    with connection.cursor() as cursor:
        # Arrays come as text joined by what no key holds: psycopg reads them far faster.
        cursor.execute(
            "SELECT id, line, array_to_string(numbers, ' '), array_to_string(keys, E'\\n'), facts,"
            " address_key, problem, finding, repeats, customer_id"
            " FROM acquisition_row WHERE batch_id = %s AND line = ANY(%s)",
            # As text: psycopg takes longer to write an array than PostgreSQL to read it.
            [batch.pk, "{" + ",".join(map(str, lines)) + "}"],
        )
        return {row[1]: _Line(row) for row in cursor.fetchall()}


def _worth_comparing(a: _Line, b: _Line) -> bool:
    shared = {key[0] for key in a.keys & b.keys}
    return "n" in shared or worth_comparing(
        shared=shared,
        numbers=(a.numbers, b.numbers),
        facts=(a.facts, b.facts),
        address_keys=(a.address_key, b.address_key),
    )


def judge_rows(
    batch: Batch,
    rows: Sequence[Judged],
    *,
    kin: Mapping[int, Sequence[int]],
    customers: Mapping[int, Sequence[int]] | None = None,
    known: Mapping[int, Judged] | None = None,
) -> None:
    """Write into each row what it is, and store it. Rows come in the order of the file.

    kin        per line, the earlier lines it may repeat; none during the import, when these are
               customers
    customers  per line, whom of the known it may be; None = looked for
    known      the rows of all those lines, where they have been read; None = read here
    """
    if not rows:
        return
    comparer = _comparer_of(batch.pk, str(batch.progress.get("since", "")))
    probes = [
        probe_of(row.line, row.facts, row.numbers)
        for row in rows
        if customers is None or row.line in customers
    ]
    matches = matches_for(probes, rarity=comparer.rarity, candidates=customers)
    if known is None:
        known = {row.line: row for row in rows}
        earlier = {line for row in rows for line in kin.get(row.line, ())} - set(known)
        known |= _lines(batch, earlier)
    were = [(row.finding, row.problem) for row in rows]
    for row in rows:
        found = [
            Candidate(("c", match.customer_id), match.shares_number, match.comparison)
            for match in matches.get(row.line, ())
        ]
        found += comparer.candidates(row, [known[line] for line in kin.get(row.line, ())])
        _settle(row, judge(found))
    _store([r for r, was in zip(rows, were, strict=True) if (r.finding, r.problem) != was])


_MOST_SAID = 20_000  # profiles, or comparisons, kept at once; about 1 kB each


@lru_cache(maxsize=2)
def _comparer_of(batch_id: int, since: str) -> "_Comparer":
    """Of one list as it was read at one time."""
    return _Comparer(_rarity(batch_id))


class _Comparer:
    """Compares rows of one list; those that say the same are one for it, as many repeats do."""

    def __init__(self, rarity: Rarity) -> None:
        self.rarity = rarity
        self._profiles: dict[str, Profile] = {}
        self._compared: dict[tuple[str, str], Comparison] = {}

    def candidates(self, row: Judged, kin: Iterable[Judged]) -> list[Candidate]:
        """Whose the row may be, each once for all of their rows that say the same."""
        said = _said(row)
        found: dict[tuple[Root, str, bool], Candidate] = {}
        for other in kin:
            if other.finding == Finding.PROBLEM:
                continue
            # A doubtful row shares the number without having it; whoever has it is a candidate.
            is_doubt = other.finding == Finding.DOUBT
            root, says = _root(other), _said(other)
            if (root, says, is_doubt) not in found:
                shares = not is_doubt and not set(row.numbers).isdisjoint(other.numbers)
                comparison = self._compared.get((said, says)) or self._compare(row, other)
                found[root, says, is_doubt] = Candidate(root, shares, comparison)
        return list(found.values())

    def _compare(self, row: Judged, other: Judged) -> Comparison:
        both = _said(row), _said(other)
        if max(len(self._profiles), len(self._compared)) > _MOST_SAID:
            self._profiles.clear()
            self._compared.clear()
        for said, one in zip(both, (row, other), strict=True):
            if said not in self._profiles:
                self._profiles[said] = profile(probe_of(one.line, one.facts, one.numbers).record)
        left, right = self._profiles[both[0]], self._profiles[both[1]]
        return self._compared.setdefault(both, compare_profiles(left, right, self.rarity))


def _said(row: Judged) -> str:
    return row.said if isinstance(row, _Line) else f"{row.numbers} {row.facts}"


def _settle(row: Judged, verdict: Verdict) -> None:
    finding, problem = verdict.finding, verdict.problem
    if row.problem in MAY_BE_KNOWN and finding not in (Finding.KNOWN, Finding.REPEAT):
        finding, problem = Finding.PROBLEM, row.problem
    row.finding, row.problem = finding, problem
    is_told = finding in (Finding.KNOWN, Finding.REPEAT, Finding.DOUBT)
    row.customer_id = verdict.customer if is_told else None
    row.repeats = verdict.line if is_told else None
    row.match_reasons = list(verdict.reasons) if is_told else []
    row.weight = verdict.weight if is_told else 0.0


def _root(row: Judged) -> Root:
    """Whose row this is going to be."""
    if row.finding == Finding.KNOWN and row.customer_id:
        return ("c", row.customer_id)
    if row.finding == Finding.REPEAT and row.repeats:
        return ("r", row.repeats)
    return ("r", row.line)


def _rarity(batch_id: int) -> Rarity:
    """How rare values are, from the list itself: a street where everybody lives says little. The
    company's customers count too: the more there are, the more share a name by chance."""
    rows = Row.objects.filter(batch=batch_id).order_by("line")
    values = rows[:MOST_COUNTED].values_list("line", "facts", "numbers")
    counted = [profile(probe_of(*value).record) for value in values]
    base = Customer.objects.count() + len(counted)
    return replace(count_values(counted), rows=max(FEWEST_IN_BASE, base))


def _store(rows: Sequence[Judged]) -> None:
    """One statement, whatever the number of rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE acquisition_row AS r SET finding = n.finding, problem = n.problem,"
            " customer_id = n.customer, repeats = n.repeats, match_reasons = n.reasons,"
            " weight = n.weight"
            " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::int[],"
            " %s::jsonb[], %s::float[])"
            " AS n(id, finding, problem, customer, repeats, reasons, weight)"
            " WHERE r.id = n.id AND (r.finding, r.problem) IS DISTINCT FROM (n.finding, n.problem)",
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
        cursor.execute("DELETE FROM acquisition_hint WHERE batch_id = %s", [batch.pk])


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
    read = understand(corrected, columns, region=batch.region, kind=batch.kind)
    row.cells, row.facts = corrected, read.facts
    row.numbers, row.keys = list(read.numbers), read.keys
    row.problem, row.finding = read.problem, read.finding
    row.grams, row.sort_key = read.grams, read.sort_key
    row.name_key, row.address_key = read.name_key, read.address_key
    row.customer_id, row.repeats, row.match_reasons, row.weight = None, None, [], 0.0
    row.save()
    if not row.problem or row.problem in MAY_BE_KNOWN:
        others = Row.objects.filter(batch=batch, line__lt=row.line, keys__overlap=row.keys)
        lines = others.order_by("line").values_list("line", flat=True)[:MOST_BY_ADDRESS]
        judge_rows(batch, [row], kin={row.line: list(lines)})
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
