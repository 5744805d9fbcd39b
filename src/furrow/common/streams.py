"""Answers that are written while they are sent."""

import csv
from collections.abc import Iterable, Iterator, Sequence

from django.http import StreamingHttpResponse
from django.utils import translation

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_answer(
    rows: Iterable[Sequence[object]], *, name: str, is_verbatim: bool = False
) -> StreamingHttpResponse:
    """A table to download, for spreadsheets: UTF-8 with its mark, in the reader's language.

    rows         the header first; none is held longer than it takes to send
    name         of the file
    is_verbatim  cells that begin like a formula stay as they are, for a file to be read back in;
                 elsewhere a leading quote makes them text, or the spreadsheet would run them
    """
    return StreamingHttpResponse(
        in_this_language(csv_lines(rows, is_verbatim=is_verbatim)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def csv_lines(rows: Iterable[Sequence[object]], *, is_verbatim: bool = False) -> Iterator[str]:
    """The mark of UTF-8, then a line for each row, as `csv_answer` sends them."""
    writer = csv.writer(_Echo())
    yield "\ufeff"
    for row in rows:
        yield writer.writerow(row if is_verbatim else [_harmless(cell) for cell in row])


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


class _Echo:
    """A file that hands back what is written, so that csv can stream."""

    def write(self, line: str) -> str:
        return line


def in_this_language(lines: Iterable[str]) -> Iterator[str]:
    """The same lines, made in the language of the request that asks for them.

    A streamed answer is written after the request has ended, and its language with it.
    """
    return _in(translation.get_language(), iter(lines))


def _in(language: str | None, lines: Iterator[str]) -> Iterator[str]:
    while True:
        with translation.override(language):
            line = next(lines, None)
        if line is None:
            return
        yield line
