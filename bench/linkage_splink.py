"""Splink on the same rows: our normalised columns in, its clusters out. Run by bench/linkage.py.

Splink gets every column already normalised by Furrow (that time is not counted for it), the
blocking rules that serve such a list best, term-frequency adjustments, and its usual training:
u by random sampling, m by expectation-maximisation. Reading, training, predicting and clustering
are counted. The threshold is the best of several on F1 where the truth is at hand.
"""

from __future__ import annotations

import csv
import json
import resource
import sys
from pathlib import Path
from time import perf_counter

import duckdb
import pandas as pd
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
from furrow.science.linkage.dedupe import _record
from furrow.science.linkage.files import open_table
from furrow.science.linkage.mapping import guess_mapping
from furrow.science.linkage.pipeline import COLUMNS
from furrow.science.linkage.profiles import profile

FIELDS = ("name", "sound", "company", "address", "email", "wechat", "birthday", "sex")


def normalised(path: Path) -> pd.DataFrame:
    """One row per row of the list: Furrow's keys, missing values as None."""
    table = open_table(path)
    mapping = guess_mapping(table.headers, table.sample())
    place = {field: table.headers.index(header) for header, field in mapping.items()}
    rows = []
    for number, row in enumerate(table.rows()):
        cells = [row[place[column]] if column in place else "" for column in COLUMNS]
        one = profile(_record((number, *cells)))
        numbers = [*one.numbers, None, None][:2]
        name = one.name if one.is_full else None
        rows.append((number, *numbers, name, *(getattr(one, f) or None for f in FIELDS[1:])))
    return pd.DataFrame(rows, columns=["unique_id", "number", "number2", *FIELDS])


def link_list(path: Path, out: Path) -> None:
    """Train, predict, cluster, write row and customer."""
    frame = normalised(path)
    con = duckdb.connect()
    con.execute("SET threads = 2")
    started = perf_counter()
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("number"), block_on("email"), block_on("wechat"),
            block_on("name", "address"), block_on("name", "birthday"), block_on("number2"),
            block_on("name", "company"),
        ],
        comparisons=[
            cl.ExactMatch("number").configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("name", [0.9, 0.7]).configure(
                term_frequency_adjustments=True
            ),
            cl.ExactMatch("sound"),
            cl.ExactMatch("company").configure(term_frequency_adjustments=True),
            cl.LevenshteinAtThresholds("address", [2]).configure(term_frequency_adjustments=True),
            cl.ExactMatch("email").configure(term_frequency_adjustments=True),
            cl.ExactMatch("wechat").configure(term_frequency_adjustments=True),
            cl.ExactMatch("birthday"),
            cl.ExactMatch("sex"),
        ],
        max_iterations=10,
    )  # fmt: skip
    api = DuckDBAPI(connection=con)
    linker = Linker(api.register(frame), settings)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("number", "name"), block_on("wechat"), block_on("name", "address")], recall=0.9
    )
    training.estimate_u_using_random_sampling(max_pairs=2e6)
    training.estimate_parameters_using_expectation_maximisation(block_on("number"))
    training.estimate_parameters_using_expectation_maximisation(block_on("wechat"))
    predictions = linker.inference.predict(threshold_match_probability=0.5)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predictions, 0.95)
    clusters.as_duckdbpyrelation().select("unique_id AS row, cluster_id AS customer").write_csv(
        str(out), header=True
    )
    seconds = perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": round(seconds, 2), "peak_memory": memory}))


def link_fake(path: Path) -> None:
    """The model of Splink's own tutorial on its own set; the best threshold, in its favour."""
    frame = pd.read_csv(path)
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.NameComparison("first_name"),
            cl.NameComparison("surname"),
            cl.LevenshteinAtThresholds("dob", 1),
            cl.ExactMatch("city").configure(term_frequency_adjustments=True),
            cl.EmailComparison("email"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("first_name", "city"), block_on("surname"),
        ],
    )  # fmt: skip
    linker = Linker(DuckDBAPI().register(frame), settings)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [
            block_on("first_name", "dob"),
            "l.email = r.email and l.surname = r.surname",
            block_on("first_name", "surname"),
        ],
        recall=0.7,
    )
    training.estimate_u_using_random_sampling(max_pairs=1e6)
    training.estimate_parameters_using_expectation_maximisation(block_on("first_name", "surname"))
    training.estimate_parameters_using_expectation_maximisation(block_on("dob"))
    predictions = linker.inference.predict(threshold_match_probability=0.01)
    truth = _pairs(frame["cluster"].tolist())
    best = (0.0, 0.0, 0.0, 0.0)
    for threshold in (0.05, 0.2, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999):
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            predictions, threshold
        )
        table = clusters.as_pandas_dataframe().sort_values("unique_id")
        found = _pairs(table["cluster_id"].tolist())
        right = len(found & truth)
        precision, recall = right / max(1, len(found)), right / len(truth)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        best = max(best, (f1, precision, recall, threshold))
    print(
        f"| splink fake_1000, Splink's tutorial model, best threshold {best[3]} | 1,000 "
        f"| {len(truth):,} | | | {best[1]:.5f} | {best[2]:.5f} | {best[0]:.5f} |"
    )


def _pairs(labels: list[object]) -> set[tuple[int, int]]:
    groups: dict[object, list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault(label, []).append(row)
    return {(a, b) for rows in groups.values() for i, a in enumerate(rows) for b in rows[i + 1 :]}


if __name__ == "__main__":
    if sys.argv[1] == "--fake":
        link_fake(Path(sys.argv[2]))
    else:
        csv.field_size_limit(1 << 24)
        link_list(Path(sys.argv[1]), Path(sys.argv[2]))
