"""Files in, customers out: what the command `furrow dedupe` does."""

# ruff: noqa: S608  (SQL is put together from our own names and numbers, never from cells)

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from furrow.science.linkage.engines import (
    DuckEngine,
    Engine,
    Row,
    Source,
    Unreadable,
    peak_memory,
    work_folder,
)
from furrow.science.linkage.files import Table, open_table
from furrow.science.linkage.link import link
from furrow.science.linkage.mapping import guess_mapping
from furrow.science.linkage.numbers import guess_region
from furrow.science.linkage.pipeline import (
    COLUMNS,
    Found,
    Progress,
    find_customers,
    listed_columns,
)
from furrow.science.linkage.profiles import Record
from furrow.science.linkage.report import Summary, summarise, write_report
from furrow.science.linkage.text import has_han
from furrow.science.linkage.words import in_words

# Up to here every record is compared by every means (link.link); above, by the pipeline. The means
# that the pipeline lacks are for names in letters: of 40,000 Chinese rows it finds as much, joins
# fewer wrongly (3 in 10,000 pairs, not 14) and needs a tenth of the time.
MOST_IN_MEMORY, MOST_CHINESE_IN_MEMORY = 60_000, 10_000


class DedupeError(ValueError):
    """A wish that can't be granted, in words for the person who wished."""


@dataclass(frozen=True)
class Wish:
    """What was asked for. Paths that are None are not written."""

    files: Sequence[Path]
    out: Path
    links: Path | None = None
    report: Path | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)  # header → field, over the guess
    region: str = ""  # where numbers without country code belong; "" guesses
    lang: str = "zh"
    threads: int = 0
    memory: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of it; peak_memory in bytes."""

    rows: int
    customers: int
    pairs: int
    seconds: float
    peak_memory: int
    engine: str
    set_aside: list[tuple[str, str, int]]


def dedupe(
    wish: Wish,
    *,
    progress: Progress = lambda stage: None,
    make_engine: Callable[[Path, Wish], Engine] | None = None,
    most_in_memory: int | None = None,
) -> Outcome:
    """Read the files, find the customers, write what was asked for.

    Nothing is written unless everything was: results are made beside their place and moved there
    at the end. Raises TableError for a file that can't be read and DedupeError for a column that
    is not there.
    """
    started = perf_counter()
    for target in (wish.out, wish.links, wish.report):
        if target is not None and not target.absolute().parent.is_dir():
            raise DedupeError(f"there is no folder {target.absolute().parent}")
    progress("read")
    tables = [open_table(path) for path in wish.files]
    mappings = [_mapping(table, wish.mapping) for table in tables]
    with work_folder(wish.out.absolute().parent) as name:
        folder = Path(name)
        engine = (make_engine or _duckdb)(folder, wish)
        try:
            _load(engine, tables, mappings, folder)
            rows = int(engine.rows("SELECT count(*) FROM listed")[0][0])
            region = wish.region or _region(tables, mappings)
            if most_in_memory is None:
                is_chinese = any(map(_is_chinese, tables))
                most_in_memory = MOST_CHINESE_IN_MEMORY if is_chinese else MOST_IN_MEMORY
            if rows <= most_in_memory:
                found = _link_in_memory(engine, region, progress)
            else:
                found = find_customers(engine, region=region, progress=progress)
            progress("write")
            made = _write(engine, wish, tables, found, folder, started)
        finally:
            engine.close()
        for temporary, target in made:
            os.replace(temporary, target)
    return Outcome(
        found.rows, found.customers, found.pairs, round(perf_counter() - started, 2),
        peak_memory(), engine.name, found.set_aside,
    )  # fmt: skip


def _duckdb(folder: Path, wish: Wish) -> Engine:
    return DuckEngine(folder=folder, threads=wish.threads, memory=wish.memory)


def _mapping(table: Table, wished: Mapping[str, str]) -> dict[str, str]:
    """The guess, with what the user said over it."""
    absent = [header for header in wished if header not in table.headers]
    if absent:
        raise DedupeError(
            f"{table.name} has no column {absent[0]!r}; it has: {', '.join(table.headers)}"
        )
    guessed = guess_mapping(table.headers, table.sample())
    said = set(wished.values())
    mapping = {header: f for header, f in guessed.items() if f not in said and header not in wished}
    mapping |= {header: f for header, f in wished.items() if f not in ("", "-")}
    if not set(mapping.values()) & {*COLUMNS, "surname", "given_name"}:
        raise DedupeError(
            f"none of the columns of {table.name} is understood; say which is which with --map"
        )
    return mapping


def _region(tables: Sequence[Table], mappings: Sequence[Mapping[str, str]]) -> str:
    cells = []
    for table, mapping in zip(tables, mappings, strict=True):
        places = [i for i, h in enumerate(table.headers) if mapping.get(h) in ("phone", "phone2")]
        cells += [row[i] for row in table.sample(200) for i in places if row[i].strip()]
    return guess_region(cells)


def _load(
    engine: Engine, tables: Sequence[Table], mappings: Sequence[Mapping[str, str]], folder: Path
) -> None:
    """Text files are read by the engine itself; workbooks and other encodings are copied first.

    When the engine stumbles, the file is read again by our own reader, which either says where the
    fault is or, being more patient with quotes, makes a copy that the engine can read.
    """
    plain = [
        _source(table, mapping, table.source, table.delimiter, table.lines_before_data())
        if table.encoding == "utf-8" and isinstance(table.source, Path)
        else _copied(table, mapping, folder / f"copy{number}.csv")
        for number, (table, mapping) in enumerate(zip(tables, mappings, strict=True))
    ]
    try:
        engine.load("listed", plain)
    except Unreadable:
        copies = [
            _copied(table, mapping, folder / f"copy{number}.csv")
            for number, (table, mapping) in enumerate(zip(tables, mappings, strict=True))
        ]
        engine.load("listed", copies)


def _source(
    table: Table, mapping: Mapping[str, str], path: Path, delimiter: str, skip: int
) -> Source:
    columns = listed_columns(mapping, table.headers, chinese=_is_chinese(table))
    return Source(path, delimiter, skip, len(table.headers), columns)


def _is_chinese(table: Table) -> bool:
    return any(map(has_han, table.headers)) or any(
        has_han(cell) for row in table.sample(20) for cell in row
    )


def _copied(table: Table, mapping: Mapping[str, str], path: Path) -> Source:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerows(table.rows())
    return _source(table, mapping, path, ",", 0)


def _link_in_memory(engine: Engine, region: str, progress: Progress) -> Found:
    """The tables that find_customers leaves, made by link.link."""
    progress("normalise")
    listed = engine.rows(f"SELECT row, {', '.join(COLUMNS)} FROM listed ORDER BY row")
    records = [_record(row) for row in listed]
    progress("judge")
    result = link(records, region=region)
    progress("settle")
    engine.put(
        "customer",
        {"row": "BIGINT", "customer": "BIGINT"},
        [(row, cluster[0]) for cluster in result.clusters for row in cluster],
    )
    schema = {"a": "BIGINT", "b": "BIGINT", "weight": "DOUBLE", "reasons": "VARCHAR"}
    for table, links in (("edge", result.links), ("doubt", result.doubtful)):
        engine.put(
            table,
            schema,
            [
                (
                    one.left,
                    one.right,
                    one.comparison.weight,
                    " ".join(f"{f.code}:{f.bits:.1f}" for f in one.comparison.findings),
                )
                for one in links
            ],
        )
    return Found(len(records), len(result.clusters), len(result.links), result.set_aside)


def _record(row: Row) -> Record:
    cells = dict(zip(COLUMNS, (value or "" for value in row[1:]), strict=True))
    numbers = tuple(cell for cell in (cells.pop("phone"), cells.pop("phone2")) if cell)
    return Record(row[0], numbers=numbers, **cells)


def _write(
    engine: Engine,
    wish: Wish,
    tables: Sequence[Table],
    found: Found,
    folder: Path,
    started: float,
) -> list[tuple[Path, Path]]:
    """Write the results into the folder; returns where each belongs."""
    made = []
    place, join = "row", ""
    if len(tables) > 1:
        names = [str(path) for path in wish.files]
        engine.put("file_of", {"file": "BIGINT", "name": "VARCHAR"}, list(enumerate(names)))
        engine.make("file_start", "SELECT file, min(row) AS start FROM listed GROUP BY file")
        join = "JOIN file_of USING (file) JOIN file_start USING (file)"
        place = "file_of.name AS file, row - start AS row"
    source = f"customer JOIN listed USING (row) {join}" if join else "customer"
    order = "file_start.file, row" if join else "row"
    clusters = folder / "clusters.csv"
    engine.export(f"SELECT {place}, customer FROM {source} ORDER BY {order}", clusters)
    made.append((clusters, wish.out))
    if wish.links:
        path = folder / "links.csv"
        _write_links(engine, path, wish.lang, several=bool(join))
        made.append((path, wish.links))
    if wish.report:
        path = folder / "report.html"
        summary: Summary = summarise(
            engine, found, [table.name for table in tables], seconds=perf_counter() - started
        )
        write_report(summary, path, lang=wish.lang)
        made.append((path, wish.report))
    return made


def _write_links(engine: Engine, path: Path, lang: str, *, several: bool) -> None:
    """Every accepted pair; the reasons of the few distinct kinds are put into words once."""
    engine.make(
        "reason_kind",
        f"""SELECT DISTINCT {engine.removed("reasons", ":[-0-9.]+")} AS codes FROM edge""",
    )
    kinds = [codes for (codes,) in engine.rows("SELECT codes FROM reason_kind")]
    engine.put(
        "reason_words",
        {"codes": "VARCHAR", "words": "VARCHAR"},
        [(codes, in_words(codes, lang)) for codes in kinds],
    )
    pick, join = "edge.a AS left_row, edge.b AS right_row", ""
    if several:
        join = """JOIN listed l ON l.row = edge.a JOIN file_of lf ON lf.file = l.file
            JOIN file_start ls ON ls.file = l.file JOIN listed r ON r.row = edge.b
            JOIN file_of rf ON rf.file = r.file JOIN file_start rs ON rs.file = r.file"""
        pick = """lf.name AS left_file, edge.a - ls.start AS left_row,
            rf.name AS right_file, edge.b - rs.start AS right_row"""
    codes = engine.removed("edge.reasons", ":[-0-9.]+")
    engine.export(
        f"""SELECT {pick}, round(edge.weight, 2) AS weight, words AS reasons
        FROM edge JOIN reason_words ON reason_words.codes = {codes} {join}
        ORDER BY edge.a, edge.b""",
        path,
    )
