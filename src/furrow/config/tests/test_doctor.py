"""The doctor names what is missing, and how to get it."""

from __future__ import annotations

from pathlib import Path

import pytest

from furrow.config import doctor
from furrow.config.doctor import NEEDED, WANTED, Finding, main, ok, report


def test_what_is_needed_decides_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", [lambda: Finding("Cake", WANTED, "none", "Bake one.")])
    assert main([]) == 0

    monkeypatch.setattr(doctor, "CHECKS", [lambda: Finding("Bread", NEEDED, "none", "Bake some.")])
    assert main([]) == 1
    assert "→ Bake some." in capsys.readouterr().out


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Finding:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(doctor, "CHECKS", [broken, lambda: ok("Bread", "fresh")])
    assert "no such luck" in report(list(doctor.findings()))


def test_a_database_that_refuses_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hush@127.0.0.1:1/none")
    finding = doctor.postgres()
    assert finding.state == NEEDED
    assert "hush" not in finding.says


def test_too_little_room_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FURROW_CACHE", str(tmp_path / "not" / "yet"))
    assert doctor.room().state == "ok"
    monkeypatch.setattr(doctor, "ROOM_GB", 1e9)
    assert doctor.room().state == NEEDED


def test_a_secret_is_long_and_new(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--secret"]) == 0
    assert main(["--secret"]) == 0
    first, second = capsys.readouterr().out.split()
    assert first != second
    assert len(first) >= 50
