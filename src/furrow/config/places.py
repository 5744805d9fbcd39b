"""Where Furrow keeps things on this machine. Known before Django is, and without it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
REPOSITORY = PACKAGE.parents[1]


def is_a_checkout() -> bool:
    """True when the package runs from a clone, where the repository may hold our files."""
    return (REPOSITORY / "pyproject.toml").is_file()


def cache_folder() -> Path:
    """The one folder, besides the repository, that Furrow writes to.

    `FURROW_CACHE` if set, else `.cache` in the clone, else the user's cache folder.
    """
    chosen = os.environ.get("FURROW_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    if is_a_checkout():
        return REPOSITORY / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")).expanduser() / "furrow"


def switch_folder() -> Path:
    """Where the telephone switch keeps its state: `FURROW_SWITCH_FOLDER`, else in the cache."""
    chosen = os.environ.get("FURROW_SWITCH_FOLDER")
    return Path(chosen).resolve() if chosen else cache_folder() / "switch"


def schema_mark() -> str:
    """Text that changes whenever a migration of ours, or a locked version of a library, does."""
    digest = hashlib.sha256()
    lock = REPOSITORY / "requirements" / "core.txt"
    for path in [*sorted(PACKAGE.glob("*/migrations/*.py")), *([lock] if lock.exists() else [])]:
        digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()
