"""Long SQL lives in .sql files beside the capability that owns it."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from django.db import connection


@cache
def load_sql(package: str, name: str) -> str:
    """The text of `<package>/sql/<name>.sql`."""
    return (files(package) / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def ask_together(*questions: tuple[str, Mapping[str, Any]]) -> list[list[tuple[Any, ...]]]:
    """The rows of several statements that are sent in one go, in their order.

    Each sees what was committed when it began itself: what follows a lock is read under it.
    Worth it where somebody waits: a round trip costs a busy server more than a small statement.
    """
    with connection.cursor() as cursor:
        cursor.execute("\n;".join(cursor.mogrify(sql, given) for sql, given in questions))
        rows = []
        for place in range(-len(questions), 0):  # whoever records history may ask something first
            cursor.set_result(place)
            rows.append(cursor.fetchall())
        return rows
