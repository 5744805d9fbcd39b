"""`furrow dedupe`: find who is who in files. Only the arguments are read here."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from time import perf_counter

from furrow.science.linkage.dedupe import DedupeError, Outcome, Wish, dedupe
from furrow.science.linkage.files import TableError
from furrow.science.linkage.mapping import FIELDS
from furrow.science.linkage.pipeline import STAGES

# What share of the time each stage takes in a long list, measured on 1,000,000 rows.
_SHARES = dict(zip(STAGES, (0.10, 0.25, 0.08, 0.12, 0.38, 0.04, 0.03), strict=True))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="furrow dedupe",
        description="Find which rows of one or more lists are the same customer.",
        epilog=f"The fields of --map are: {', '.join(FIELDS)}; '-' leaves a column out.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV, TSV, XLSX or XLS")
    parser.add_argument("--out", required=True, type=Path, help="every row and its customer (CSV)")
    parser.add_argument("--links", type=Path, help="every accepted pair with its reasons (CSV)")
    parser.add_argument("--report", type=Path, help="what was found, to read (HTML)")
    parser.add_argument(
        "--map", action="append", default=[], metavar="COLUMN=FIELD", help="what a column means"
    )
    parser.add_argument("--region", default="", help="country of numbers without a code, e.g. CN")
    parser.add_argument("--engine", choices=["duckdb", "spark"], default="duckdb")
    parser.add_argument("--master", default="local[*]", help="Spark's master")
    parser.add_argument("--threads", type=int, default=0, help="default: every core")
    parser.add_argument("--memory", default="", help="DuckDB's limit, e.g. 4GB; it spills beyond")
    parser.add_argument("--lang", choices=["zh", "en"], default=_language())
    parser.add_argument("--json", action="store_true", help="print one last line for programs")
    return parser


def _language() -> str:
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG", "")
    return "en" if spoken[:2] == "en" else "zh"


def main(argv: list[str]) -> int:
    """Run the command; 0 when all was written, 2 when nothing was."""
    given = _arguments().parse_args(argv)
    mapping = {}
    for text in given.map:
        column, sign, field = text.rpartition("=")
        if not sign or (field not in FIELDS and field != "-"):
            return _refuse(f"--map {text}: write COLUMN=FIELD with one of {', '.join(FIELDS)}, -")
        mapping[column] = field
    wish = Wish(
        given.files, given.out, given.links, given.report, mapping,
        given.region, given.lang, given.threads, given.memory,
    )  # fmt: skip
    bar = _Bar(given.lang, shown=sys.stderr.isatty())
    try:
        make_engine = None
        if given.engine == "spark":
            from furrow.science.linkage.spark import SparkEngine

            def make_engine(folder: Path, _: Wish) -> SparkEngine:
                return SparkEngine(folder=folder, master=given.master)

        outcome = dedupe(wish, progress=bar.stage, make_engine=make_engine)
    except (TableError, DedupeError, OSError, ImportError) as error:
        bar.clear()
        return _refuse(str(error))
    bar.clear()
    _say(outcome, given.lang, as_json=given.json)
    return 0


def _refuse(message: str) -> int:
    sys.stderr.write(f"furrow dedupe: {message}\n")
    return 2


def _say(outcome: Outcome, lang: str, *, as_json: bool) -> None:
    text = (
        "{rows:,} rows are {customers:,} customers; {pairs:,} pairs in {seconds:.1f} s."
        if lang == "en"
        else "{rows:,} 行，{customers:,} 位客户；{pairs:,} 对重复，用时 {seconds:.1f} 秒。"
    )
    numbers = {
        "rows": outcome.rows, "customers": outcome.customers, "pairs": outcome.pairs,
        "seconds": outcome.seconds, "peak_memory": outcome.peak_memory, "engine": outcome.engine,
    }  # fmt: skip
    sys.stdout.write(text.format(**numbers) + "\n")
    if as_json:
        sys.stdout.write(json.dumps(numbers) + "\n")


_STAGES = {
    "read": ("reading", "读取文件"),
    "normalise": ("normalising", "规范字段"),
    "group": ("grouping", "归并相同号码"),
    "candidates": ("looking for candidates", "寻找候选"),
    "judge": ("comparing", "逐对比较"),
    "settle": ("settling", "合并结果"),
    "write": ("writing", "写出文件"),
}


class _Bar:
    """One line on the terminal: a bar, the stage, and how long it may still take."""

    def __init__(self, lang: str, *, shown: bool) -> None:
        self._lang = lang
        self._shown = shown
        self._started = perf_counter()

    def stage(self, name: str) -> None:
        if not self._shown:
            return
        done = sum(
            share for stage, share in _SHARES.items() if STAGES.index(stage) < STAGES.index(name)
        )
        left = (perf_counter() - self._started) / done * (1 - done) if done else 0.0
        words = _STAGES[name][0 if self._lang == "en" else 1]
        rest = f" ~{left:.0f} s" if done else ""
        filled = round(done * 24)
        sys.stderr.write(f"\r\x1b[K[{'█' * filled}{'·' * (24 - filled)}] {words}{rest}")
        sys.stderr.flush()

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
