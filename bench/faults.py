"""Dialer, worker, PostgreSQL and switch killed in mid-dial, twenty times each.

    python bench/faults.py              eighty faults, half an hour
    python bench/faults.py --times 3    fewer

A predictive campaign of six agents on the simulated carrier, five times as fast as life, real
processes, a database of its own. After each fault it takes the seconds until somebody talks
again; after all of them the books are checked: no leg rang twice, each lease became at most one
call, each call has one class, each customer is where they should be, nobody is stuck.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import percentile, tell, tell_table

from tests.robustness.drill import FAULTS, Drill, drilling
from tests.robustness.house import open_house


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="each thing dies")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_house(folder) as house, drilling(house, folder) as drill:
            tell_table(
                "Seconds until somebody talks again after it died",
                ("what", "times", "p50", "most"),
                _rows(drill, chosen.times),
            )
            drill.settle()
            wrong, classes = drill.wrong(), drill.classes()
    tell(f"{sum(classes.values()):,} calls: " + ", ".join(f"{k} {v}" for k, v in classes.items()))
    tell("The books: " + ("; ".join(wrong) if wrong else "all right"))
    return 1 if wrong else 0


def _rows(drill: Drill, times: int) -> Iterator[tuple[object, ...]]:
    for _ in range(times):
        for fault in FAULTS:
            drill.inflict(fault)
    for fault in FAULTS:
        took = drill.took[fault]
        yield fault, len(took), f"{percentile(took, 0.5):.1f}", f"{max(took):.1f}"


if __name__ == "__main__":
    sys.exit(main())
