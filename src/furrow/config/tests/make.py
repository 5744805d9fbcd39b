"""Folders for the platform's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def open_folder(factory: pytest.TempPathFactory) -> Path:
    """An empty folder that root's PostgreSQL, which runs as `nobody`, may enter too."""
    folder = factory.mktemp("cache")
    if os.geteuid() == 0:
        for path in (folder, *folder.parents):
            if path.stat().st_uid == 0 and path.name.startswith(("pytest-", "cache")):
                path.chmod(0o755)
    return folder
