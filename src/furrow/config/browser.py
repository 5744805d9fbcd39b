"""Which browser the tests and the screenshots drive."""

from __future__ import annotations

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """FURROW_CHROMIUM, else the first browser of the Chromium family on the PATH; a full path."""
    names = [os.environ.get("FURROW_CHROMIUM", ""), *NAMES]
    return next((found for name in names if name and (found := shutil.which(name))), None)
