"""The command that tries the pacing."""

from pathlib import Path

import pytest

from furrow.config.simulate_pacing import Row, ahead_of_furrow, main


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


def row(pacer: str, *, busy: float, abandoned: float) -> Row:
    return Row("stationary", 20, pacer, 0.025, busy, abandoned, abandoned, abandoned)


CURVE = [
    row("furrow", busy=0.6, abandoned=0.0),
    row("furrow", busy=0.8, abandoned=0.02),
    row("furrow", busy=0.9, abandoned=0.10),
]


@pytest.mark.parametrize(
    ("busy", "abandoned", "is_ahead"),
    [
        (0.69, 0.01, False),  # below the line between two of our dots
        (0.72, 0.01, True),
        (0.90, 0.30, False),  # abandons more than we ever do, and is no busier
        (0.95, 0.30, True),
        (0.60, 0.0, False),
    ],
)
def test_pacers_are_compared_at_equal_abandonment(
    busy: float, abandoned: float, is_ahead: bool
) -> None:
    other = row("other", busy=busy, abandoned=abandoned)

    assert bool(ahead_of_furrow([*CURVE, other])) is is_ahead


def test_a_comparison_lost_is_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--agents", "5", "--hours", "0.6", "--frontier"]
    assert main([*words, "--pacer", "furrow", "progressive"]) == 0
    assert "Furrow is ahead" in capsys.readouterr().out
