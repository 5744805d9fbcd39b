"""The one command: what it lists, and how it refuses."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from furrow.config import cli
from furrow.config.cli import COMMANDS, Command, main


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    for group in COMMANDS.values():
        for name, command in group.items():
            assert name in shown
            assert command.summary in shown


@pytest.mark.parametrize(
    "command", [command for group in COMMANDS.values() for command in group.values()],
    ids=lambda command: command.function,
)  # fmt: skip
def test_every_command_leads_somewhere(command: Command) -> None:
    module, _, name = command.function.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_asking_for_help_imports_no_django() -> None:
    program = (
        "import sys; from furrow.config.cli import main; main([]); print('django' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_an_unknown_word_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["dial-everybody"])
    assert ended.value.code == 2
    assert "dial-everybody" in capsys.readouterr().err


def test_production_without_a_database_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("FURROW_MODE", "production")
    assert main(["migrate"]) == 1
    assert "DATABASE_URL" in capsys.readouterr().err


def test_the_secret_key_is_made_once_and_private(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FURROW_CACHE", str(tmp_path))
    keys = []
    for _ in range(2):
        monkeypatch.delenv("FURROW_SECRET_KEY")
        cli._provide_secret_key()
        keys.append(os.environ["FURROW_SECRET_KEY"])
    assert keys[0] == keys[1]
    assert len(keys[0]) >= 50
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600
