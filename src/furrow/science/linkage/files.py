"""Opens a list however it was saved: CSV, TSV, semicolons, bars, XLSX, XLS; any encoding."""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import IO

import python_calamine

from furrow.science.linkage.mapping import field_of_header
from furrow.science.linkage.text import plain

DELIMITERS = (",", "\t", "|", ";")
_CHUNK = 1 << 20
_HEADER_SEARCH_ROWS = 20
_WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_DATA = re.compile(r"[+\d][\d\s().:/-]*|\S+@\S+\.\S+")
csv.field_size_limit(1 << 24)
MOST_UNPACKED_BYTES = 400 << 20  # of a workbook; reading takes about 2.3 times as much memory


class TableError(ValueError):
    """A file that is not a readable list. Line and column count from 1; 0 means the whole file."""

    def __init__(self, code: str, message: str, *, line: int = 0, column: int = 0) -> None:
        place = f"line {line}, column {column}: " if column else f"line {line}: " if line else ""
        super().__init__(place + message)
        # "missing", "empty", "encoding", "ragged", "quote", "workbook", "bomb", "sheet"
        self.code = code
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True)
class Table:
    """An opened list: what is known before reading it, and `rows()` to read it.

    header_row  index of the header among the file's non-empty rows; -1 when there is none
                and the headers are made up (column 1, column 2 …)
    """

    source: Path | bytes = field(repr=False)
    name: str
    headers: tuple[str, ...]
    header_row: int
    encoding: str = ""  # "" for workbooks
    delimiter: str = ""  # "" for workbooks
    sheets: tuple[str, ...] = ()
    sheet: str = ""

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Data rows as text, each as long as `headers`; row 0 comes first.

        Streams text files; a workbook's sheet is held in memory. Raises TableError where a row
        has more or fewer cells than the header (in workbooks short rows are filled).
        """
        for _, row in self.numbered_rows():
            yield row

    def numbered_rows(self, *, ragged: bool = False) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Like `rows`, each with the line of the file it ends on, counted from 1.

        ragged  give rows as long as they are instead of raising TableError
        """
        width = len(self.headers)
        for index, (line, row) in enumerate(_raw_rows(self)):
            if index <= self.header_row:
                continue
            if len(row) > width and not any(row[width:]):
                row = row[:width]
            if len(row) < width and self.sheet:
                row = [*row, *[""] * (width - len(row))]
            if len(row) != width and not ragged:
                raise TableError(
                    "ragged",
                    f"{len(row)} cells where the header has {width}",
                    line=line,
                    column=min(len(row), width) + 1,
                )
            yield line, tuple(row)

    def lines_before_data(self) -> int:
        """How many lines of a text file stand before its first row of data."""
        if self.header_row < 0:
            return 0
        lines = (line for line, _ in _raw_rows(self))
        return next(line for index, line in enumerate(lines) if index == self.header_row)

    def sample(self, count: int = 200) -> list[tuple[str, ...]]:
        """The first `count` data rows, each as long as the header; one ragged row among them hides
        nothing about the others."""
        width = len(self.headers)
        rows = (row for _line, row in self.numbered_rows(ragged=True))
        return [(*row[:width], *[""] * (width - len(row))) for row in islice(rows, count)]


def open_table(
    source: str | Path | bytes,
    *,
    name: str = "",
    sheet: str = "",
    header_row: int | None = None,
    encoding: str = "",
    delimiter: str = "",
) -> Table:
    """Find out how a list was saved. What is given is believed, the rest is detected.

    source   a path, or the file's bytes
    sheet    the workbook's sheet; default: the first with at least two rows
    header_row  see Table; default: detected among the first 20 rows

    Reads a text file once through to be sure of its encoding (about 1 s per GB), and keeps
    nothing of it. Raises TableError.
    """
    if not isinstance(source, bytes):
        source = Path(source)
        name = name or source.name
        if not source.is_file():
            raise TableError("missing", f"there is no file {source}")
    with _opened(source) as stream:
        start = stream.read(8)
    if not start:
        raise TableError("empty", "the file is empty")
    if start.startswith(_WORKBOOK):
        return _open_workbook(source, name, sheet, header_row)
    encoding = encoding or detect_encoding(source)
    head = _head(source, encoding)
    delimiter = delimiter or _detect_delimiter(head)
    table = Table(source, name, (), -1, encoding, delimiter)
    return _with_header(table, header_row)


def detect_encoding(source: Path | bytes) -> str:
    """ "utf-8-sig", "utf-16", "utf-8" or "gb18030". Raises TableError when it is none of them."""
    with _opened(source) as stream:
        start = stream.read(4)
    if start.startswith(codecs.BOM_UTF8):
        candidates = ["utf-8-sig"]
    elif start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    elif len(start) == 4 and start[1] == 0 and start[3] == 0:
        candidates = ["utf-16-le"]
    else:
        candidates = ["utf-8", "gb18030"]
    failure = (0, 0)
    for candidate in candidates:
        failed = _first_undecodable(source, candidate)
        if failed is None:
            return candidate
        failure = max(failure, failed)
    raise TableError(
        "encoding",
        "not text in UTF-8, UTF-16 or GBK/GB18030",
        line=failure[0],
        column=failure[1],
    )


def _opened(source: Path | bytes) -> IO[bytes]:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _first_undecodable(source: Path | bytes, encoding: str) -> tuple[int, int] | None:
    """Line and column (in bytes) of the first byte that is not text, or None.

    NUL never occurs in text but decodes everywhere, so it counts as undecodable.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    lines, line_start, offset = 1, 0, 0
    with _opened(source) as stream:
        while True:
            chunk = stream.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
                bad = chunk.find(b"\0") if "16" not in encoding and "\0" in text else -1
            except UnicodeDecodeError as error:
                bad = min(max(error.start, 0), max(len(chunk) - 1, 0))
            if bad >= 0:
                before = chunk[:bad]
                last = before.rfind(b"\n")
                start = offset + last + 1 if last >= 0 else line_start
                return lines + before.count(b"\n"), offset + bad - start + 1
            if not chunk:
                return None
            last = chunk.rfind(b"\n")
            if last >= 0:
                line_start = offset + last + 1
            lines += chunk.count(b"\n")
            offset += len(chunk)


def _head(source: Path | bytes, encoding: str) -> str:
    with _opened(source) as stream:
        text = stream.read(1 << 16).decode(encoding, errors="ignore")
    cut = text.rfind("\n")
    return text[: cut + 1] if cut > 0 else text


def _detect_delimiter(head: str) -> str:
    """The one that cuts the most rows into the same number of cells; a comma when none does."""

    def merit(delimiter: str) -> tuple[int, int]:
        widths = Counter(
            len(row)
            for row in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
            if row
        )
        width, rows = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        return (rows if width > 1 else 0, width)

    return max(DELIMITERS, key=merit)


def _raw_rows(table: Table) -> Iterator[tuple[int, list[str]]]:
    """Every non-empty row with its line number."""
    if table.sheet:
        for number, cells in enumerate(_sheet_rows(table.source, table.sheet), start=1):
            if any(cells):
                yield number, cells
        return
    with (
        _opened(table.source) as binary,
        io.TextIOWrapper(binary, encoding=table.encoding, newline="") as text,
    ):
        reader = csv.reader(text, delimiter=table.delimiter, strict=True)
        try:
            for row in reader:
                if row and (len(row) > 1 or row[0].strip()):
                    yield reader.line_num, row
        except csv.Error as error:
            raise TableError(
                "quote", f"unreadable quotes ({error})", line=reader.line_num
            ) from None
        except UnicodeDecodeError:
            raise TableError(
                "encoding", f"not text in {table.encoding}", line=reader.line_num + 1
            ) from None


def _with_header(table: Table, header_row: int | None) -> Table:
    first = [row for _, (_, row) in zip(range(_HEADER_SEARCH_ROWS), _raw_rows(table), strict=False)]
    if not first:
        raise TableError("empty", "the file has no rows")
    if header_row is None:
        header_row = _detect_header(first)
    if header_row >= len(first):
        raise TableError("empty", f"there is no row {header_row + 1} to take the header from")
    cells = first[header_row] if header_row >= 0 else [""] * max(map(len, first))
    while len(cells) > 1 and not cells[-1].strip() and table.sheet:
        cells = cells[:-1]
    return Table(
        table.source,
        table.name,
        _unique([plain(cell) for cell in cells]),
        header_row,
        table.encoding,
        table.delimiter,
        table.sheets,
        table.sheet,
    )


def _detect_header(rows: Sequence[Sequence[str]]) -> int:
    """The row that names the columns: known words first, then the first full row without data."""
    width = max(len(row) for row in rows)
    known = [sum(bool(field_of_header(cell)) for cell in row) for row in rows]
    best = max(range(len(rows)), key=lambda index: (known[index], -index))
    if known[best] >= 2 or (known[best] == 1 and width == 1):
        return best
    for index, row in enumerate(rows):
        filled = [cell.strip() for cell in row if cell.strip()]
        if len(filled) * 2 > width:
            return -1 if any(_DATA.fullmatch(cell) for cell in filled) else index
    return 0


def _unique(headers: Sequence[str]) -> tuple[str, ...]:
    """Headers made distinct: an empty one is named by its place, a repeated one is numbered."""
    taken: Counter[str] = Counter()
    result: list[str] = []
    for number, header in enumerate(headers, start=1):
        base = header or f"column {number}"
        taken[base] += 1
        result.append(base if taken[base] == 1 else f"{base} {taken[base]}")
    return tuple(result)


def _open_workbook(source: Path | bytes, name: str, sheet: str, header_row: int | None) -> Table:
    book = _workbook(source)
    sheets = tuple(book.sheet_names)
    if sheet and sheet not in sheets:
        raise TableError("sheet", f"there is no sheet {sheet!r}; there are: {', '.join(sheets)}")
    if not sheet:
        filled = (s for s in sheets if len(book.get_sheet_by_name(s).to_python(nrows=2)) > 1)
        sheet = next(filled, sheets[0] if sheets else "")
    return _with_header(Table(source, name, (), -1, "", "", sheets, sheet), header_row)


def _workbook(source: Path | bytes) -> python_calamine.CalamineWorkbook:
    _check_unpacked_size(source)
    try:
        if isinstance(source, bytes):
            return python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(source))
        return python_calamine.CalamineWorkbook.from_path(str(source))
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise TableError("workbook", f"the workbook can't be read ({error})") from None


def _check_unpacked_size(source: Path | bytes) -> None:
    """Raises TableError for a workbook that unpacks to more than memory should hold: two
    megabytes of .xlsx can be ten gigabytes of the same row."""
    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as parts:
            size = sum(part.file_size for part in parts.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return  # an .xls is no archive; what is neither, the reader refuses
    if size > MOST_UNPACKED_BYTES:
        raise TableError("bomb", f"the workbook unpacks to {size} bytes")


def _sheet_rows(source: Path | bytes, sheet: str) -> Iterator[list[str]]:
    for row in _workbook(source).get_sheet_by_name(sheet).iter_rows():
        yield [_cell_text(cell) for cell in row]


def _cell_text(
    cell: int | float | str | bool | time | date | datetime | timedelta,
) -> str:
    """A cell as its reader sees it: 13800138000.0 is 13800138000, midnight is a day."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    return str(cell)
