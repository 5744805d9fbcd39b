"""Answers that are written while they are sent."""

from collections.abc import Iterable, Iterator

from django.utils import translation


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
