"""Every row of a file read, understood, and copied into PostgreSQL. About 25 µs a row, divided by
the processors when the list is long."""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from django.db import connection, transaction

from furrow.acquisition.models import Batch, Row
from furrow.acquisition.rules import (
    MAY_BE_KNOWN,
    BatchState,
    Columns,
    Finding,
    Reading,
    read_row,
)
from furrow.common.processes import pool
from furrow.common.text import grams, pinyin_key
from furrow.customers.rules import Kind
from furrow.linkage.queries import record_of
from furrow.linkage.rules import Probe, keys_of
from furrow.science.linkage.companies import company_key
from furrow.science.linkage.names import name_key

from .uploads import table_of

READ_ROWS = 10_000  # rows stored per transaction
AHEAD = 3  # chunks that are understood while one is stored
ALONE = 4  # chunks that are understood here, before it pays to start processes
_COPY = (
    "COPY acquisition_row (batch_id, line, cells, facts, numbers, keys, grams, sort_key,"
    " name_key, address_key, problem, finding) FROM STDIN"
)


def read_file(*, batch: Batch) -> Iterator[int]:
    """Store the file's rows, continuing after those stored already. Yields after each committed
    chunk, with how many rows there are. Raises TableError."""
    table = table_of(batch)
    task = _Task(batch.pk, batch.region, batch.kind, Columns.of(batch.headers, batch.mapping))
    done = Row.objects.filter(batch=batch).count()
    every = enumerate((cells for _, cells in table.numbered_rows(ragged=True)), start=1)
    for rows, text in _understood(task, islice(every, done, None)):
        with transaction.atomic():
            locked = Batch.objects.select_for_update().get(pk=batch.pk)
            if locked.state != BatchState.CHECKING:
                return  # stopped by a person
            done += rows
            if locked.rows >= done:
                continue  # another worker, taken for dead, has stored them meanwhile
            with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.write(text)
            locked.rows = done
            locked.progress = {**locked.progress, "done": done}
            locked.save(update_fields=["rows", "progress"])
        yield done


Numbered = tuple[int, Sequence[str]]


@dataclass(frozen=True)
class _Task:
    """All that understanding a row needs to know of its list."""

    batch: int
    region: str
    kind: str
    columns: Columns


def _understood(task: _Task, rows: Iterator[Numbered]) -> Iterator[tuple[int, str]]:
    """Chunks of rows as COPY takes them, with how many there are; a long list by all processors,
    while PostgreSQL stores what came before."""
    chunks = iter(lambda: list(islice(rows, READ_ROWS)), [])
    first = list(islice(chunks, ALONE))
    for chunk in first:
        yield len(chunk), _copied(task, chunk)
    if len(first) < ALONE:
        return
    with pool() as processes:
        waiting: deque[tuple[int, Future[str]]] = deque()
        for chunk in chunks:
            waiting.append((len(chunk), processes.submit(_copied, task, chunk)))
            if len(waiting) > AHEAD:
                count, future = waiting.popleft()
                yield count, future.result()
        for count, future in waiting:
            yield count, future.result()


def _copied(task: _Task, chunk: Sequence[Numbered]) -> str:
    return "".join([_line(task, line, cells) for line, cells in chunk])


def _line(task: _Task, line: int, cells: Sequence[str]) -> str:
    """One row in COPY's text format. Made by hand: it takes a tenth of what adapting each of a
    dozen values does."""
    if len(cells) < task.columns.width:
        cells = [*cells, *[""] * (task.columns.width - len(cells))]
    row = understand(cells, task.columns, region=task.region, kind=task.kind)
    return (
        f"{task.batch}\t{line}\t{_array(cells)}\t{_json(row.facts)}\t"
        f"{_array(row.numbers)}\t{_array(row.keys)}\t{_array(row.grams)}\t"
        f"{_escaped(row.sort_key)}\t{_escaped(row.name_key)}\t{_escaped(row.address_key)}\t"
        f"{row.problem}\t{row.finding}\n"
    )


class Understood:
    """A row as read, with what is made from it."""

    __slots__ = (
        "address_key", "facts", "finding", "grams", "keys", "name_key", "numbers", "problem",
        "sort_key",
    )  # fmt: skip

    def __init__(self, reading: Reading) -> None:
        self.facts, self.numbers, self.problem = reading.facts, reading.numbers, reading.problem
        self.finding = Finding.PROBLEM.value if self.problem else Finding.NEW.value
        self.keys: list[str] = []
        self.address_key = ""
        if not self.problem or self.problem in MAY_BE_KNOWN:
            probe = probe_of(0, self.facts, self.numbers)
            self.keys, self.address_key = keys_of(probe), probe.address_key
        self.grams, self.sort_key, self.name_key = _made(reading.name, reading.kind)


def understand(
    cells: Sequence[str], columns: Columns, *, region: str, kind: str = ""
) -> Understood:
    """See rules.read_row."""
    return Understood(read_row(cells, columns, region=region, kind=kind))


@lru_cache(maxsize=1 << 16)
def _made(name: str, kind: Kind) -> tuple[list[str], str, str]:
    """What is made from a name, as customers.actions.records.set_keys makes it."""
    read = company_key if kind is Kind.ORGANISATION else name_key
    return grams(name), pinyin_key(name), read(name)[:200]


def probe_of(line: int, facts: Mapping[str, object], numbers: Sequence[str]) -> Probe:
    details = facts.get("profile", {})
    return Probe(
        record_of(
            line, str(facts.get("name", "")), tuple(numbers), city=str(facts.get("city", "")),
            address=str(facts.get("address", "")), email=str(facts.get("email", "")),
            details=details if isinstance(details, dict) else {},
        )
    )  # fmt: skip


# -- COPY's text format ----------------------------------------------------------------------------

_text = json.encoder.encode_basestring


def _json(facts: Mapping[str, object]) -> str:
    """Texts by name, and the profile: a dictionary of texts. JSON escapes whatever COPY minds but
    its own backslashes."""
    said = [
        f'"{what}": {_text(value)}' if isinstance(value, str)
        else f'"{what}": {json.dumps(value, ensure_ascii=False)}'
        for what, value in facts.items()
    ]  # fmt: skip
    return ("{" + ", ".join(said) + "}").replace("\\", "\\\\")


_ODD = re.compile(r'["\\\t\n\r\0]')
_SPECIAL = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\0": None})


def _escaped(text: str) -> str:
    return text.translate(_SPECIAL) if _ODD.search(text) else text


def _array(values: Sequence[str]) -> str:
    if not values:
        return "{}"
    joined = "\x1f".join(values)
    if not _ODD.search(joined) and joined.count("\x1f") == len(values) - 1:
        return '{"' + joined.replace("\x1f", '","') + '"}'
    quoted = (value.replace("\\", r"\\").replace('"', r"\"") for value in values)
    return ('{"' + '","'.join(quoted) + '"}').translate(_SPECIAL)
