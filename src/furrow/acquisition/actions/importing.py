"""Checked rows become customers and leads, chunk by chunk; each chunk is one transaction.

First everybody new, in sets, without leaving PostgreSQL; then, row by row, those who join
somebody. A row that became a lead is deleted with it: so a row is either still to be done, left
out or failed for a reason, or it is a lead, and never two of these.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Count
from psycopg.types.json import Jsonb

from furrow.acquisition.arrivals import welcome_all
from furrow.acquisition.models import Batch, Lead, Row
from furrow.acquisition.rules import (
    JOINING,
    OUTCOMES,
    BatchState,
    Choice,
    DoesNotAddUp,
    Finding,
    RowState,
    check_sums,
    effective_choice,
)
from furrow.common.sql import load_sql
from furrow.customers.actions import admit_arrivals, bulk_create_customers, expect_arrivals
from furrow.customers.models import Customer
from furrow.customers.rules import CustomerDraft, Kind, NumberTaken
from furrow.linkage.actions import ask_about
from furrow.teamwork.actions import record_attempts
from furrow.teamwork.rules import Entrance

from .checking import judge_rows, owners_of
from .leads import enrich

CREATE_ROWS = 10_000  # rows per transaction, of those created in sets
IMPORT_ROWS = 2000  # rows per transaction, of the others
AT_ONCE = min(os.cpu_count() or 1, 2)  # transactions; the processors are PostgreSQL's too
A_STEP = 4  # transactions one after another, before progress is told


# -- new customers, in sets ------------------------------------------------------------------------


def create_chunks(*, batch: Batch, after: int, at: datetime) -> int:
    """Make customers of the new rows behind line `after`. Returns the last line done; 0 when none
    is left.

    Several chunks at once, each in a transaction of its own and on a connection of its own: a
    killed worker loses those that have not committed, and whoever goes on finds their rows. Not
    inside a transaction, except with one chunk at a time.
    """
    if after >= batch.rows:
        return 0
    chunks = 1 if connection.in_atomic_block else AT_ONCE * A_STEP
    starts = range(after, min(after + chunks * CREATE_ROWS, batch.rows), CREATE_ROWS)
    if len(starts) == 1:
        _create(batch.pk, after, at)
    else:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(lambda start: _create_apart(batch.pk, start, at), starts))
    return min(starts[-1] + CREATE_ROWS, batch.rows)


def _create_apart(batch_id: int, after: int, at: datetime) -> None:
    try:
        _create(batch_id, after, at)
    finally:
        connection.close()


@transaction.atomic
def _create(batch_id: int, after: int, at: datetime) -> None:
    # Held, not changed: chunks run together, and whoever stops the list waits for them.
    held = "SELECT * FROM acquisition_batch WHERE id = %s FOR SHARE"
    [batch] = Batch.objects.raw(held, [batch_id])
    if batch.state != BatchState.IMPORTING:
        return
    expect_arrivals()
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.acquisition", "expect_new"),
            {"batch": batch.pk, "after": after, "upto": after + CREATE_ROWS},
        )
    try:
        customers = admit_arrivals(team=batch.team, by=batch.by, at=at)
    except NumberTaken:
        # Somebody recorded a number since the check: those rows are left to `import_chunk`.
        with connection.cursor() as cursor:
            cursor.execute(load_sql("furrow.acquisition", "drop_taken"))
        customers = admit_arrivals(team=batch.team, by=batch.by, at=at)
    welcome_all(customer_ids=customers, by=batch.by, at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            load_sql("furrow.acquisition", "lead_new"),
            {"batch": batch.pk, "source": batch.source_id, "headers": batch.headers, "at": at},
        )


# -- all others, row by row ------------------------------------------------------------------------


def import_chunk(*, batch: Batch, after: int, at: datetime) -> int:
    """Carry out the rows behind line `after`. Returns the last line done; 0 when none is left.
    Killed before its commit it has done nothing; run again it goes on with the rows that are
    left. The batch is locked by the caller.
    """
    rows = list(Row.objects.filter(batch=batch, line__gt=after).waiting()[:IMPORT_ROWS])
    for row in rows:
        row.batch = batch
    if rows:
        _Chunk(batch, rows, at).carry_out()
    return rows[-1].line if rows else 0


def reconcile(*, batch: Batch) -> dict[str, int]:
    """Rows by outcome: leads that made somebody, leads that joined somebody, and rows that became
    none. Raises DoesNotAddUp unless together they are all rows of the file."""
    leads = Lead.objects.filter(batch=batch).order_by().values_list("is_first")
    by_kind = dict(leads.annotate(n=Count("id")))
    states = Row.objects.filter(batch=batch).order_by().values_list("state")
    counts: dict[str, int] = {str(state): 0 for state in OUTCOMES}
    counts |= dict(states.annotate(n=Count("id")))
    counts[RowState.CREATED] = by_kind.get(True, 0)
    counts[RowState.JOINED] = by_kind.get(False, 0)
    check_sums(rows=batch.rows, counts=counts)
    if Lead.objects.filter(batch=batch, line__in=Row.objects.filter(batch=batch).values("line")):
        raise DoesNotAddUp(f"list {batch.pk}: a line is a row and a lead")
    return counts


class _Chunk:
    """The rows of one transaction: first everybody new, together; then those who join somebody,
    so that a row may join one that stands before it in the same chunk."""

    def __init__(self, batch: Batch, rows: Sequence[Row], at: datetime) -> None:
        self.batch, self.rows, self.at = batch, rows, at
        self.owners = owners_of([number for row in rows for number in row.numbers])
        self.new: list[Row] = []
        self.claimed: set[str] = set()  # numbers of `new`
        self.joining: list[Row] = []
        self.leads: list[tuple[object, ...]] = []
        self.settled: dict[int, int] = {}  # line -> customer
        self.asked: list[Row] = []  # new, and likely somebody known

    def carry_out(self) -> None:
        for row in self.rows:
            self._decide(row)
        self._create_all()
        self._join_all()
        self._write()
        self._ask()

    def _decide(self, row: Row) -> None:
        finding = Finding(row.finding)
        choice = effective_choice(row.finding, row.choice, self.batch.choices)
        if finding == Finding.PROBLEM:
            row.state = RowState.FAILED
        elif choice == Choice.SKIP:
            row.state = RowState.SKIPPED
        elif finding == Finding.NEW:
            self._expect_new(row)
        elif choice in JOINING:
            self.joining.append(row)
        else:
            taken = self.owners.keys() | self.claimed
            row.numbers = [number for number in row.numbers if number not in taken]
            if choice == Choice.REVIEW:
                self.asked.append(row)
            self._stand_alone(row)

    # -- new customers

    def _expect_new(self, row: Row) -> None:
        """New by the check; but somebody may have recorded the number since."""
        if any(number in self.owners or number in self.claimed for number in row.numbers):
            self._create_all()
            judge_rows(self.batch, [row], kin={})
            if row.finding == Finding.NEW:  # whoever has the number would have been named
                raise NumberTaken("A number was taken and is not.", rule="B1")
            self._decide(row)
        else:
            self._stand_alone(row)

    def _stand_alone(self, row: Row) -> None:
        self.new.append(row)
        self.claimed.update(row.numbers)

    def _create_all(self) -> None:
        if not self.new:
            return
        by, at = self.batch.by, self.at
        customers = bulk_create_customers(
            drafts=[_draft(row) for row in self.new], team=self.batch.team, by=by, at=at
        )
        for row, customer in zip(self.new, customers, strict=True):
            self.settled[row.line] = customer.pk
            self.owners.update(dict.fromkeys(row.numbers, customer.pk))
            self._lead(row, customer.pk, is_first=True)
        welcome_all(customer_ids=[customer.pk for customer in customers], by=by, at=at)
        self.new, self.claimed = [], set()

    # -- known customers

    def _join_all(self) -> None:
        while self.joining:
            joining, self.joining = self.joining, []
            for row in self._join(joining):
                self._on_its_own(row)  # it may turn out to be somebody else's, once judged again
            self._create_all()

    def _join(self, joining: Sequence[Row]) -> list[Row]:
        """Returns those whose customer is no more."""
        targets = self._targets(joining)
        customers = Customer.objects.in_bulk(set(targets.values()))
        orphans = []
        for row in joining:
            customer = customers.get(targets.get(row.line, 0))
            if customer is None:
                orphans.append(row)
                continue
            choice = effective_choice(row.finding, row.choice, self.batch.choices)
            changes = enrich(
                customer, _draft(row), owners=self.owners, by=self.batch.by, at=self.at,
                overwrite=choice == Choice.OVERWRITE,
            )  # fmt: skip
            self.settled[row.line] = customer.pk
            for e164 in row.numbers:
                self.owners.setdefault(e164, customer.pk)
            self._lead(row, customer.pk, is_first=False, changes=changes)
        # A list takes nobody's customer; that it brought one is written down (B3).
        record_attempts(
            customer_ids=customers, entrance=Entrance.IMPORT, by=self.batch.by, at=self.at
        )
        return orphans

    def _targets(self, joining: Sequence[Row]) -> dict[int, int]:
        """Line -> the living customer that row joins. Absent when there is none any more."""
        lines = {row.repeats for row in joining if row.repeats}
        found = Lead.objects.filter(batch=self.batch, line__in=lines).order_by()
        by_line = dict(found.values_list("line", "customer_id")) | self.settled
        wanted = {
            row.line: customer
            for row in joining
            if (customer := by_line.get(row.repeats or 0) or row.customer_id)
        }
        living = Customer.objects.filter(pk__in=set(wanted.values())).order_by()
        live = {pk: kept or pk for pk, kept in living.values_list("pk", "merged_into_id")}
        return {line: live[customer] for line, customer in wanted.items() if customer in live}

    def _on_its_own(self, row: Row) -> None:
        """Whoever it matched is gone or was left out: it stands for itself, if it can."""
        row.repeats, row.finding = None, Finding.NEW
        if row.numbers:
            self._expect_new(row)
        else:
            row.state, row.finding, row.problem = RowState.FAILED, Finding.PROBLEM, "no_number"

    # -- storing

    def _ask(self) -> None:
        """Have somebody say whether those who stand apart are whom they resemble."""
        others = self._targets(self.asked)
        ask_about(
            [
                (self.settled[row.line], others[row.line], row.weight, row.match_reasons)
                for row in self.asked
                if row.line in others and row.line in self.settled
            ],
            at=self.at,
        )

    def _write(self) -> None:
        left = [row for row in self.rows if row.line not in self.settled]
        with connection.cursor() as cursor:
            # COPY: a tenth of what the same rows cost as INSERT.
            with cursor.copy(
                "COPY acquisition_lead (customer_id, source_id, batch_id, line, given, is_first,"
                " match_reasons, changes, at) FROM STDIN"
            ) as copy:
                for lead in self.leads:
                    copy.write_row(lead)
            cursor.execute(
                "DELETE FROM acquisition_row WHERE id = ANY(%s)",
                [[row.pk for row in self.rows if row.line in self.settled]],
            )
            cursor.execute(
                "UPDATE acquisition_row AS r SET state = n.state, finding = n.finding,"
                " problem = n.problem"
                " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[])"
                " AS n(id, state, finding, problem) WHERE r.id = n.id",
                [
                    [row.pk for row in left],
                    [str(row.state) for row in left],
                    [str(row.finding) for row in left],
                    [row.problem for row in left],
                ],
            )

    def _lead(
        self,
        row: Row,
        customer_id: int,
        *,
        is_first: bool,
        changes: dict[str, object] | None = None,
    ) -> None:
        reasons = [] if is_first else row.match_reasons
        self.leads.append(
            (
                customer_id, self.batch.source_id, self.batch.pk, row.line, Jsonb(row.given),
                is_first, Jsonb(reasons), Jsonb(changes or {}), self.at,
            )
        )  # fmt: skip


def _draft(row: Row) -> CustomerDraft:
    facts = row.facts
    return CustomerDraft(
        name=facts["name"], kind=Kind(facts["kind"]), numbers=tuple(row.numbers),
        city=facts.get("city", ""), address=facts.get("address", ""),
        email=facts.get("email", ""), category=facts.get("category", ""),
        profile=facts.get("profile", {}),
    )  # fmt: skip
