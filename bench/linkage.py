"""Measures `furrow dedupe` on lists whose truth is known, and Splink beside it.

    python bench/linkage.py --rows 1000000 5000000          # own noisy Chinese lists
    python bench/linkage.py --rows 1000000 --shape offices  # of another shape: see linkage_list.py
    python bench/linkage.py --splink 1000000                # and Splink on the same rows
    python bench/linkage.py --public                        # the public sets in ../shared/data

Seconds are of the clock, from the CSV to clusters.csv; processor seconds are of all processes, and
hardly depend on how busy the machine is. Splink is run by the Python of .cache/venv-analytics
(requirements/analytics.txt); reading and normalising are not in its seconds, but in its processor
seconds. The figures we stand by are in docs/reference/performance-linkage.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb

from bench.linkage_list import SHAPES
from bench.measuring import machine

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache" / "bench"
DATA = HERE.parent.parent / "shared" / "data"
ANALYTICS = HERE.parent / ".cache" / "venv-analytics" / "bin" / "python"


def score(clusters: Path, truth: Path) -> tuple[float, float, float]:
    """Pairwise precision, recall on linkable pairs, F1. Rows nobody could place are left out."""
    con = duckdb.connect()
    con.execute("SET enable_progress_bar = false")
    con.execute(
        f"""CREATE TABLE t AS SELECT * FROM '{truth}' JOIN '{clusters}' USING (row)
        WHERE linkable >= 0"""
    )

    def pairs(*columns: str) -> int:
        counted = f"SELECT count(*) AS n FROM t GROUP BY {', '.join(columns)}"
        row = con.execute(f"SELECT coalesce(sum(n * (n - 1) // 2), 0) FROM ({counted})").fetchone()
        return int(row[0]) if row else 0

    found, right = pairs("customer"), pairs("customer", "person")
    linkable, joined = pairs("person", "linkable"), pairs("customer", "person", "linkable")
    precision, recall = right / max(1, found), joined / max(1, linkable)
    return precision, recall, 2 * precision * recall / (precision + recall)


def make(rows: int, shape: str) -> tuple[Path, Path]:
    """The list of that length and shape, and its truth, made once."""
    name = f"{rows}" if shape == "consumers" else f"{shape}-{rows}"
    out, truth = CACHE / f"list-{name}.csv", CACHE / f"truth-{name}.csv"
    if not truth.exists():
        command = [sys.executable, str(HERE / "linkage_list.py"), "--rows", str(rows)]
        command += ["--shape", shape]
        subprocess.run([*command, "--out", str(out), "--truth", str(truth)], check=True)
    return out, truth


def run(command: list[str]) -> dict[str, float]:
    """Run a command; its last line, and the processor seconds it and its workers took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    told["processor"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return told


def dedupe(files: list[Path], out: Path, *more: str) -> dict[str, float]:
    """Run the command as a user does."""
    code = "import sys; from furrow.config.dedupe import main; sys.exit(main(sys.argv[1:]))"
    return run([sys.executable, "-c", code, *map(str, files), "--out", str(out), "--json", *more])


def own_lists(sizes: list[int], shape: str, *, splink: bool) -> None:
    """A row per size."""
    print(
        "| rows | engine | seconds | processor s | µs/row | peak GiB | precision | recall | F1 |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    for rows in sizes:
        out, truth = make(rows, shape)
        clusters = CACHE / f"clusters-{rows}.csv"
        _row(rows, "furrow (duckdb)", dedupe([out], clusters), clusters, truth)
        if splink:
            theirs = CACHE / f"splink-{rows}.csv"
            told = run([str(ANALYTICS), str(HERE / "linkage_splink.py"), str(out), str(theirs)])
            _row(rows, "splink (duckdb)", told, theirs, truth)
    print(flush=True)


def _row(rows: int, engine: str, told: dict[str, float], clusters: Path, truth: Path) -> None:
    precision, recall, f1 = score(clusters, truth)
    seconds = told["seconds"]
    print(
        f"| {rows:,} | {engine} | {seconds:.1f} | {told['processor']:.0f} "
        f"| {seconds / rows * 1e6:.1f} | {told['peak_memory'] / 2**30:.2f} "
        f"| {precision:.5f} | {recall:.5f} | {f1:.5f} |",
        flush=True,
    )


def public_sets() -> None:
    """Pairwise figures on the public sets, through the command."""
    print("| set | rows | true pairs | found | false | precision | recall | F1 |")
    print("|---|---|---|---|---|---|---|---|")
    febrl, guides = DATA / "febrl", DATA / "er-fodors-zagats"
    for name, files in (
        ("febrl 1", [febrl / "dataset1.csv"]),
        ("febrl 4a + 4b", [febrl / "dataset4a.csv", febrl / "dataset4b.csv"]),
    ):
        labels = [
            row["rec_id"].split("-")[1]
            for file in files
            for row in csv.DictReader(file.open(), skipinitialspace=True)
        ]
        _public(name, files, _pairs(labels))
    fake = DATA / "splink" / "fake_1000.csv"
    _public("splink fake_1000", [fake], _pairs([r["cluster"] for r in csv.DictReader(fake.open())]))
    lines = (guides / "jedai_duplicates.csv").read_text().split()
    truth = {tuple(sorted(map(int, line.split("|")))) for line in lines if line[0].isdigit()}
    _public("Fodor's and Zagat's", [guides / "jedai_restaurantProfiles.csv"], truth)  # type: ignore[arg-type]
    if ANALYTICS.exists() and fake.exists():
        command = [str(ANALYTICS), str(HERE / "linkage_splink.py"), "--fake", str(fake)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        print(done.stdout.strip().splitlines()[-1])


def _pairs(labels: list[str]) -> set[tuple[int, int]]:
    groups: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault(label, []).append(row)
    return {(a, b) for rows in groups.values() for i, a in enumerate(rows) for b in rows[i + 1 :]}


def _public(name: str, files: list[Path], truth: set[tuple[int, int]]) -> None:
    out = CACHE / "public.csv"
    dedupe(files, out)
    labels = [row["customer"] for row in csv.DictReader(out.open())]
    found = _pairs(labels)
    right = len(found & truth)
    precision, recall = right / len(found), right / len(truth)
    f1 = 2 * precision * recall / (precision + recall)
    sizes = sum(Counter(labels).values())
    print(
        f"| {name} | {sizes:,} | {len(truth):,} | {right:,} | {len(found) - right} "
        f"| {precision:.5f} | {recall:.5f} | {f1:.5f} |",
        flush=True,
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[])
    parser.add_argument("--splink", type=int, nargs="*", default=[])
    parser.add_argument("--shape", choices=SHAPES, default="consumers")
    parser.add_argument("--public", action="store_true")
    given = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    print(machine(), flush=True)
    if given.rows:
        own_lists(given.rows, given.shape, splink=False)
    if given.splink:
        own_lists(given.splink, given.shape, splink=True)
    if given.public:
        public_sets()


if __name__ == "__main__":
    main()
