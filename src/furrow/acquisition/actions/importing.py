"""Checked rows become customers and leads, chunk by chunk; each chunk is one transaction."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Count

from furrow.acquisition.arrivals import welcome_all
from furrow.acquisition.models import Batch, Lead, Row
from furrow.acquisition.rules import (
    OUTCOMES,
    Choice,
    DoesNotAddUp,
    Finding,
    RowState,
    check_sums,
    effective_choice,
)
from furrow.customers.actions import bulk_create_customers
from furrow.customers.models import Customer
from furrow.customers.rules import CustomerDraft, Kind, NumberTaken

from .checking import judge_rows, owners_of
from .leads import enrich

IMPORT_ROWS = 2000  # rows per transaction


def import_chunk(*, batch: Batch, at: datetime) -> int:
    """Carry out the next rows. Returns how many; 0 when none is left. Killed before its commit
    it has done nothing; run again it goes on behind the last committed row. The batch is locked
    by the caller.
    """
    rows = list(Row.objects.filter(batch=batch).unread().select_related("batch")[:IMPORT_ROWS])
    if rows:
        chunk = _Chunk(batch, rows, at)
        for row in rows:
            chunk.take(row)
        chunk.write()
    return len(rows)


def reconcile(*, batch: Batch) -> dict[str, int]:
    """Rows by outcome. Raises DoesNotAddUp unless every row has exactly one outcome and every
    created or joined row exactly one lead."""
    states = Row.objects.filter(batch=batch).order_by().values_list("state")
    counts: dict[str, int] = {str(state): 0 for state in OUTCOMES}
    counts |= dict(states.annotate(n=Count("id")))
    check_sums(rows=batch.rows, counts=counts)
    leads = Lead.objects.filter(batch=batch)
    made, joined = leads.filter(is_first=True).count(), leads.filter(is_first=False).count()
    if (made, joined) != (counts[RowState.CREATED], counts[RowState.JOINED]):
        raise DoesNotAddUp(f"{made} + {joined} leads for {counts}")
    return counts


class _Chunk:
    """The rows of one transaction. New customers wait together until a row needs one of them."""

    def __init__(self, batch: Batch, rows: Sequence[Row], at: datetime) -> None:
        self.batch, self.rows, self.at = batch, rows, at
        self.owners = owners_of([number for row in rows for number in row.numbers])
        self.waiting: list[Row] = []
        self.waiting_numbers: set[str] = set()
        self.leads: list[Lead] = []
        self.live = self._live({row.customer_id for row in rows if row.customer_id})
        lines = {row.repeats for row in rows if row.repeats}
        earlier = Row.objects.filter(batch=batch, line__in=lines, customer__isnull=False)
        self.by_line: dict[int, int] = dict(earlier.order_by().values_list("line", "customer_id"))

    def take(self, row: Row) -> None:
        """Decide one row, in the order of the file."""
        finding = Finding(row.finding)
        choice = effective_choice(row.finding, row.choice, self.batch.choices)
        if finding in (Finding.PROBLEM, Finding.UNSEEN):
            row.state = RowState.FAILED
        elif choice == Choice.SKIP:
            row.state = RowState.SKIPPED
        elif finding == Finding.NEW:
            self._create(row)
        elif choice == Choice.APART:
            self._create(row, apart=True)
        else:
            self._join(row)

    def write(self) -> None:
        self._flush()
        Lead.objects.bulk_create(self.leads, batch_size=2000)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE acquisition_row AS r SET state = n.state, customer_id = n.customer,"
                " finding = n.finding, problem = n.problem"
                " FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[])"
                " AS n(id, state, customer, finding, problem) WHERE r.id = n.id",
                [
                    [row.pk for row in self.rows],
                    [str(row.state) for row in self.rows],
                    [row.customer_id for row in self.rows],
                    [str(row.finding) for row in self.rows],
                    [row.problem for row in self.rows],
                ],
            )

    # -- new customers

    def _create(self, row: Row, *, apart: bool = False) -> None:
        row.customer_id = None
        numbers = set(row.numbers)
        if not apart and numbers & self.waiting_numbers:
            self._flush()
        if not apart and any(number in self.owners for number in numbers):
            # Somebody recorded the number since the check.
            self._judge_again(row)
            return
        if apart:
            taken = self.owners.keys() | self.waiting_numbers
            row.numbers = [number for number in row.numbers if number not in taken]
        self.waiting.append(row)
        self.waiting_numbers.update(row.numbers)

    def _judge_again(self, row: Row) -> None:
        judge_rows(self.batch, [row], with_kin=False)
        self.live |= self._live({row.customer_id} if row.customer_id else set())
        if row.finding == Finding.NEW:
            # Nobody may have the number, or the judge would have named them.
            raise NumberTaken("A number was taken and is not.", rule="B1")
        self.take(row)

    def _flush(self) -> None:
        if not self.waiting:
            return
        customers = bulk_create_customers(
            drafts=[_draft(row) for row in self.waiting],
            team=self.batch.team, by=self.batch.by, at=self.at,
        )  # fmt: skip
        for row, customer in zip(self.waiting, customers, strict=True):
            row.state, row.customer_id = RowState.CREATED, customer.pk
            self.by_line[row.line] = customer.pk
            self.live[customer.pk] = customer.pk
            self.owners.update(dict.fromkeys(row.numbers, customer.pk))
            self.leads.append(self._lead(row, customer.pk, is_first=True))
        ids = [customer.pk for customer in customers]
        welcome_all(customer_ids=ids, by=self.batch.by, at=self.at)
        self.waiting.clear()
        self.waiting_numbers.clear()

    # -- known customers

    def _join(self, row: Row) -> None:
        if row.repeats and row.repeats not in self.by_line:
            self._flush()
        wanted = self.by_line.get(row.repeats or 0) or row.customer_id
        customer_id = self.live.get(wanted or 0) or self._live({wanted or 0}).get(wanted or 0)
        if customer_id is None:
            # Whoever it matched is gone or was left out: it stands for itself.
            row.repeats, row.finding = None, Finding.NEW
            if row.numbers:
                self._create(row)
            else:
                row.state, row.finding, row.problem = RowState.FAILED, Finding.PROBLEM, "no_number"
            return
        customer = Customer.objects.get(pk=customer_id)
        row.state, row.customer_id = RowState.JOINED, customer_id
        self.leads.append(
            self._lead(row, customer_id, is_first=False, changes=self._enrich(customer, row))
        )

    def _enrich(self, customer: Customer, row: Row) -> dict[str, object]:
        """Add what this origin knows more; never overwrite. Returns what was changed."""
        if self.waiting_numbers & set(row.numbers):
            self._flush()
        changes = enrich(customer, _draft(row), owners=self.owners, by=self.batch.by, at=self.at)
        self.owners.update({e164: customer.pk for e164 in row.numbers if e164 not in self.owners})
        return changes

    def _lead(
        self,
        row: Row,
        customer_id: int,
        *,
        is_first: bool,
        changes: dict[str, object] | None = None,
    ) -> Lead:
        return Lead(
            customer_id=customer_id, source_id=self.batch.source_id, batch=self.batch,
            line=row.line, given=row.given, is_first=is_first, changes=changes or {},
            match_reasons=[] if is_first else row.match_reasons, at=self.at,
        )  # fmt: skip

    @staticmethod
    def _live(ids: set[int]) -> dict[int, int]:
        """The record each id stands for now: itself, or what it was merged into."""
        found = Customer.objects.filter(pk__in=ids).order_by()
        return {pk: merged or pk for pk, merged in found.values_list("pk", "merged_into_id")}


def _draft(row: Row) -> CustomerDraft:
    facts = row.facts
    return CustomerDraft(
        name=facts["name"], kind=Kind(facts["kind"]), numbers=tuple(row.numbers),
        city=facts.get("city", ""), address=facts.get("address", ""),
        email=facts.get("email", ""), category=facts.get("category", ""),
        profile=facts.get("profile", {}),
    )  # fmt: skip
