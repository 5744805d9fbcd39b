"""The command that tries the pacing."""

from pathlib import Path

import pytest

from furrow.config.simulate_pacing import main


def test_it_prints_a_table_and_draws_the_frontier(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    svg, table = tmp_path / "frontier.svg", tmp_path / "table.csv"
    words = ["--agents", "5", "--hours", "0.6", "--pacer", "furrow", "progressive"]
    assert main([*words, "--svg", str(svg), "--csv", str(table)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["furrow", "progressive"]
    assert svg.read_text(encoding="utf-8").count("<circle") == 4
    assert len(table.read_text(encoding="utf-8").splitlines()) == 3
