"""The documentation says what the code says."""

from __future__ import annotations

import re

import pytest

from furrow.config import docs
from furrow.config.places import PACKAGE, REPOSITORY

pytestmark = pytest.mark.skipif(
    not (REPOSITORY / "docs").exists(), reason="only a checkout holds docs/"
)
READ = re.compile(
    r"""env(?:iron(?:ment)?)?(?:_flag|_list|\.get)?(?:[\[(]|, )"((?:FURROW_|PG_BIN)[A-Z_]*)"""
)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def test_pages_drawn_from_the_code_are_fresh() -> None:
    assert docs.stale() == [], "run make docs"


def test_every_setting_is_documented_and_every_documented_setting_is_read() -> None:
    sources = [
        path
        for path in [*PACKAGE.rglob("*.py"), *(REPOSITORY / "tools").iterdir()]
        if "tests" not in path.parts
    ]
    read = {name for path in sources for name in READ.findall(path.read_text())}
    page = (REPOSITORY / "docs" / "reference" / "settings.md").read_text()
    documented = set(re.findall(r"^\| `((?:FURROW_|PG_BIN)[A-Z_]*)`", page, re.MULTILINE))
    assert read - documented == set(), "read, but not in docs/reference/settings.md"
    assert documented - read == set(), "documented, but nothing reads it"


def test_links_between_pages_lead_somewhere() -> None:
    pages = [
        *REPOSITORY.glob("*.md"),
        *(REPOSITORY / "docs").rglob("*.md"),
        *PACKAGE.glob("*/README.md"),
    ]
    broken = [
        f"{page.relative_to(REPOSITORY)}: {link}"
        for page in pages
        for link in LINK.findall(page.read_text())
        if not (page.parent / link).exists()
    ]
    assert broken == []
