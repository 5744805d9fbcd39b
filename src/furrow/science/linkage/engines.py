"""Where the pipeline runs: the few things it asks of an engine, and DuckDB, the default.

The pipeline's SQL keeps to what DuckDB and Spark both speak; what they spell differently is a
method here. DuckDB keeps its tables in memory and spills them beside the list, so a list may be
larger than memory.
"""

# ruff: noqa: S608  (SQL is put together from our own names and numbers, never from cells)

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb
import numpy as np

Row = tuple[Any, ...]
# A function over rows that runs in a worker: pure, importable, one list in, one list out.
RowFunction = Callable[[Sequence[Row], Any], list[Row]]


class Unreadable(Exception):
    """An engine's own reader stumbled over a file; `files.open_table` can say where."""


@dataclass(frozen=True)
class Source:
    """A UTF-8 text file to load.

    skip     lines before the first row of data
    width    columns of the file, to be called c0, c1 …
    columns  SQL expression over those per column of the table
    """

    path: Path
    delimiter: str
    skip: int
    width: int
    columns: Mapping[str, str]


class Engine(Protocol):
    """What the pipeline needs. Tables are named; a stage reads tables and makes one."""

    name: str

    def load(self, table: str, sources: Sequence[Source]) -> None:
        """Read lists into a table: `file` (0, 1 …), `row` (0, 1 … through all files), columns.

        Raises Unreadable when a file is not as its source says.
        """

    def put(self, table: str, schema: Mapping[str, str], rows: Sequence[Row]) -> None:
        """A table from rows in memory."""

    def make(self, table: str, sql: str) -> None:
        """A table from a query."""

    def drop(self, *tables: str) -> None:
        """Give back tables that no later stage reads."""

    def apply(
        self, table: str, sql: str, function: RowFunction, schema: Mapping[str, str], *, given: Any
    ) -> None:
        """A table from a Python function over the rows of a query, in parallel."""

    def components(self, table: str, edges: str) -> None:
        """A table (id, root) from a query of pairs (a, b): the connected components, each named
        by its smallest id. Only ids that occur in a pair are in it."""

    def rows(self, sql: str) -> list[Row]:
        """A small result."""

    def export(self, sql: str, path: Path) -> None:
        """Write a query's result as CSV with a header."""

    def removed(self, text: str, pattern: str) -> str:
        """SQL for a text without all matches of a regular expression."""

    def hashed(self, *texts: str) -> str:
        """SQL for a 64-bit number that stands for some values together."""

    def close(self) -> None:
        """Give everything back."""


class DuckEngine:
    """DuckDB in this process, Python functions in worker processes beside it."""

    name = "duckdb"

    def __init__(self, *, folder: Path, threads: int = 0, memory: str = "") -> None:
        """`folder` holds what does not fit in memory; threads 0 means every core."""
        self._threads = threads or len(os.sched_getaffinity(0))
        # Workers start before DuckDB has threads, so that forking them is safe.
        self._workers = ProcessPoolExecutor(
            self._threads, mp_context=multiprocessing.get_context("fork")
        )
        for done in [self._workers.submit(os.getpid) for _ in range(self._threads)]:
            done.result()
        self._folder = folder
        self._con = duckdb.connect()
        self._con.execute(f"SET threads = {self._threads}")
        self._con.execute(f"SET temp_directory = '{folder / 'spill'}'")
        self._con.execute("SET enable_progress_bar = false")
        if memory:
            self._con.execute(f"SET memory_limit = '{memory}'")
        self._count = 0

    def load(self, table: str, sources: Sequence[Source]) -> None:
        for number, source in enumerate(sources):
            names = ", ".join(f"'c{column}': 'VARCHAR'" for column in range(source.width))
            picked = ", ".join(f"{sql} AS {name}" for name, sql in source.columns.items())
            reading = (
                f"SELECT {number}::BIGINT AS file, {picked} FROM read_csv({_quoted(source.path)}, "
                f"delim = '{source.delimiter}', skip = {source.skip}, header = false, "
                f"quote = '\"', escape = '\"', columns = {{{names}}}, "
                "auto_detect = false, strict_mode = true, null_padding = false)"
            )
            into = "INSERT INTO loaded" if number else "CREATE OR REPLACE TABLE loaded AS"
            try:
                self._con.execute(f"{into} {reading}")
            except duckdb.Error as error:
                raise Unreadable(str(error)) from error
        self._con.execute(f"CREATE OR REPLACE VIEW {table} AS SELECT rowid AS row, * FROM loaded")
        # The rows have their numbers now; no later table needs an order.
        self._con.execute("SET preserve_insertion_order = false")

    def put(self, table: str, schema: Mapping[str, str], rows: Sequence[Row]) -> None:
        columns = ", ".join(f"{name} {kind}" for name, kind in schema.items())
        self._con.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")
        if rows:
            self._con.register("put_rows", _arrays(rows, schema))
            self._con.execute(f"INSERT INTO {table} SELECT * FROM put_rows")
            self._con.unregister("put_rows")

    def make(self, table: str, sql: str) -> None:
        self._con.execute(f"CREATE OR REPLACE TABLE {table} AS {sql}")

    def drop(self, *tables: str) -> None:
        for table in tables:
            self._con.execute(f"DROP TABLE {table}")

    def apply(
        self, table: str, sql: str, function: RowFunction, schema: Mapping[str, str], *, given: Any
    ) -> None:
        self._count += 1
        source = self._folder / f"apply{self._count}.parquet"
        self._con.execute(f"COPY ({sql}) TO '{source}' (ROW_GROUP_SIZE 8192, COMPRESSION snappy)")
        parts = [
            self._workers.submit(
                _apply_part, source, part, self._threads, function, dict(schema), given
            )
            for part in range(self._threads)
        ]
        results = [str(part.result()) for part in parts]
        self.make(table, f"SELECT * FROM read_parquet({results!r})")
        for file in (source, *map(Path, results)):
            file.unlink()

    def components(self, table: str, edges: str) -> None:
        pairs = self._con.execute(edges).fetchnumpy()
        ids, roots = connected(pairs["a"], pairs["b"])
        self._con.register("found_components", {"id": ids, "root": roots})
        self.make(table, "SELECT id, root FROM found_components")
        self._con.unregister("found_components")

    def rows(self, sql: str) -> list[Row]:
        return self._con.execute(sql).fetchall()

    def export(self, sql: str, path: Path) -> None:
        self._con.execute(f"COPY ({sql}) TO {_quoted(path)} (FORMAT csv, HEADER)")

    def removed(self, text: str, pattern: str) -> str:
        return f"regexp_replace({text}, '{pattern}', '', 'g')"

    def hashed(self, *texts: str) -> str:
        return f"CAST(hash({', '.join(texts)}) >> 1 AS BIGINT)"

    def close(self) -> None:
        self._con.close()
        self._workers.shutdown()


def connected(left: Any, right: Any) -> tuple[Any, Any]:
    """Every id that occurs, sorted, and the smallest id it is connected with. O(pairs)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends = np.concatenate([np.asarray(left, np.int64), np.asarray(right, np.int64)])
    ids, place = np.unique(ends, return_inverse=True)
    count = len(place) // 2
    if not count:
        return ids, ids
    graph = coo_matrix(
        (np.ones(count, np.int8), (place[:count], place[count:])), shape=(len(ids), len(ids))
    )
    _, label = connected_components(graph, directed=False)
    # ids are sorted, so the first of a label is its smallest.
    _, first = np.unique(label, return_index=True)
    return ids, ids[first][label]


def _apply_part(
    source: Path,
    part: int,
    parts: int,
    function: RowFunction,
    schema: Mapping[str, str],
    given: Any,
) -> Path:
    """In a worker: every `parts`-th stretch of the rows through the function, into a file."""
    target = source.with_suffix(f".{part}.out")
    con = duckdb.connect()
    con.execute("SET threads = 1")
    columns = ", ".join(f"{name} {kind}" for name, kind in schema.items())
    con.execute(f"CREATE TABLE result ({columns})")
    reading = con.cursor().execute(
        f"SELECT * EXCLUDE (file_row_number) FROM read_parquet('{source}', file_row_number = true) "
        f"WHERE (file_row_number // 8192) % {parts} = {part}"
    )
    while rows := reading.fetchmany(8192):
        made = function(rows, given)
        if not made:
            continue
        con.register("made", _arrays(made, schema))
        con.execute("INSERT INTO result SELECT * FROM made")
        con.unregister("made")
    con.execute(f"COPY result TO '{target}' (FORMAT parquet, COMPRESSION snappy)")
    con.close()
    return target


_NUMPY: Mapping[str, Any] = {"DOUBLE": np.float64, "BOOLEAN": np.bool_}


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _arrays(rows: Sequence[Row], schema: Mapping[str, str]) -> dict[str, Any]:
    columns = zip(*rows, strict=True)
    return {
        name: _array(values, kind)
        for (name, kind), values in zip(schema.items(), columns, strict=True)
    }


def _array(values: Sequence[Any], kind: str) -> Any:
    if kind == "BIGINT":
        missing = [value is None for value in values]
        data = np.array([0 if value is None else value for value in values], dtype=np.int64)
        return np.ma.masked_array(data, mask=missing)
    return np.array(values, dtype=_NUMPY.get(kind, object))


def peak_memory() -> int:
    """Bytes: the most this process has held plus the most any worker has."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (own + 2 * workers) * 1024


def work_folder(beside: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder for the engine on the disk that will hold the result."""
    return tempfile.TemporaryDirectory(prefix=".furrow-dedupe-", dir=beside)
