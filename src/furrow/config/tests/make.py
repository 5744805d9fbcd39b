"""Folders for the platform's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_folder() -> Iterator[Path]:
    """An empty folder that root's PostgreSQL, which runs as `nobody`, may enter too.

    Not pytest's: that closes its own to others whenever another test run starts.
    """
    with tempfile.TemporaryDirectory(prefix="furrow-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
