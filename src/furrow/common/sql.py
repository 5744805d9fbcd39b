"""Long SQL lives in .sql files beside the capability that owns it."""

from functools import cache
from importlib.resources import files


@cache
def load_sql(package: str, name: str) -> str:
    """The text of `<package>/sql/<name>.sql`."""
    return (files(package) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
