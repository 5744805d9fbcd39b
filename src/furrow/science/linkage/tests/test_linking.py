# ruff: noqa: E501  (tables of Chinese spellings)
"""Which records are one customer: people, families, switchboards, namesakes, firms."""

import csv
import doctest
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.science.linkage import compare, link, mapping, profiles
from furrow.science.linkage.compare import compare as compare_records
from furrow.science.linkage.link import LinkResult, components
from furrow.science.linkage.link import link as find_customers
from furrow.science.linkage.profiles import Record

DATA = Path(__file__).resolve().parents[6] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs the data in ../shared/data")


@pytest.mark.parametrize("module", [profiles, compare, link, mapping])
def test_docstring_examples_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


ZHANG = Record(1, name="张伟", numbers=("13800138000",))


@pytest.mark.parametrize(("other", "verdict"), [
    (Record(2, name="張 偉 先生", numbers=("+86 138 0013 8000",)), "same"),
    (Record(2, name="张薇", numbers=("13800138000",)), "same"),
    (Record(2, name="张总", numbers=("138-0013-8000",)), "same"),
    (Record(2, name="", numbers=("13800138000",)), "same"),
    (Record(2, name="李娜", numbers=("13800138000",)), "different"),
    (Record(2, name="李女士", numbers=("13800138000",)), "different"),
    (Record(2, name="张伟", numbers=("13911112222",)), "different"),
    (Record(2, name="张先生"), "different"),
])  # fmt: skip
def test_one_number_and_two_names(other: Record, verdict: str) -> None:
    assert compare_records(ZHANG, other).verdict == verdict


def test_the_reasons_say_what_spoke() -> None:
    found = compare_records(ZHANG, Record(2, name="张薇", numbers=("13800138000",)))

    assert set(found.reasons) == {"same_number", "name_sounds_alike"}
    assert found.weight == pytest.approx(
        sum(finding.bits for finding in found.findings) - 19.93, abs=0.02
    )


def test_a_family_on_one_line_stays_a_family() -> None:
    found = find_customers([
        Record(0, name="王建国", numbers=("13800138000",)),
        Record(1, name="王建国", numbers=("13800138000",)),
        Record(2, name="刘芳", numbers=("13800138000",)),
        Record(3, name="王思雨", numbers=("13800138000",)),
        *(Record(10 + i, name=f"赵{c}民", numbers=(f"139{i:08d}",)) for i, c in enumerate("一二三四五六")),
    ])  # fmt: skip

    assert found.clusters[:3] == [[0, 1], [2], [3]]


def test_a_surname_joins_only_when_it_fits_one_person() -> None:
    one = [
        Record(0, name="张伟", numbers=("13800138000",)),
        Record(1, name="张先生", numbers=("13800138000",)),
    ]
    two = [*one, Record(2, name="张志强", numbers=("13800138000",))]

    assert find_customers(one).clusters == [[0, 1]]
    assert find_customers(two).clusters == [[0], [1], [2]]
    assert {(d.left, d.right) for d in find_customers(two).doubtful} >= {(0, 1), (1, 2)}


def test_namesakes_in_one_building_stay_apart() -> None:
    found = find_customers([
        Record(0, name="张伟", numbers=("13800138000",), address="科技园路18号"),
        Record(1, name="张伟", numbers=("13911112222",), address="科技园路18号"),
    ])  # fmt: skip

    assert found.clusters == [[0], [1]]


def test_ten_thousand_behind_one_switchboard_are_bounded_work() -> None:
    people = [
        Record(i, name=f"{'赵钱孙李周吴郑王冯陈'[i % 10]}{chr(0x4E00 + i % 3000)}{chr(0x5200 + i // 3)}",
               numbers=("010-65529988",))
        for i in range(3000)
    ]  # fmt: skip

    found = find_customers([*people, Record(3000, name=people[7].name, numbers=("010-65529988",))])

    assert found.set_aside[0] == ("number", "+861065529988", 3001)
    assert len(found.clusters) >= 3000


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_components_are_a_partition_that_holds_every_pair_together(
    pairs: list[tuple[int, int]],
) -> None:
    clusters = components(31, pairs)
    place = {row: number for number, cluster in enumerate(clusters) for row in cluster}

    assert sorted(row for cluster in clusters for row in cluster) == list(range(31))
    assert all(place[left] == place[right] for left, right in pairs)


def _f1(found: LinkResult, truth: Iterable[tuple[int, int]]) -> float:
    pairs = {
        pair for cluster in found.clusters for pair in combinations(sorted(cluster, key=int), 2)
    }
    true = set(truth)
    return 2 * len(pairs & true) / (len(pairs) + len(true))


def _pairs(labels: Sequence[Hashable]) -> list[tuple[int, int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        groups[label].append(row)
    return [pair for group in groups.values() for pair in combinations(group, 2)]


@needs_data
def test_two_restaurant_guides_share_112_restaurants() -> None:
    folder = DATA / "er-fodors-zagats"
    with (folder / "jedai_restaurantProfiles.csv").open() as file:
        rows = list(csv.DictReader(file, delimiter="|"))
    lines = (folder / "jedai_duplicates.csv").read_text().split()
    truth = [tuple(sorted(map(int, line.split("|")))) for line in lines if line[0].isdigit()]
    for place in ("name", "company"):
        records = [
            Record(int(row["id"]), numbers=(row["phone"],), address=row["addr"], city=row["city"],
                   **{place: row["name"]})
            for row in rows
        ]  # fmt: skip

        assert _f1(find_customers(records), truth) == 1.0  # type: ignore[arg-type]


@needs_data
@pytest.mark.parametrize(("files", "bar"), [
    (["dataset1.csv"], 0.99), (["dataset4a.csv", "dataset4b.csv"], 0.999),
])  # fmt: skip
def test_persons_with_typing_errors(files: list[str], bar: float) -> None:
    rows = []
    for name in files:
        with (DATA / "febrl" / name).open() as file:
            rows += list(csv.DictReader(file, skipinitialspace=True))
    records = [
        Record(number, name=f"{row['given_name']} {row['surname']}",
               address=f"{row['street_number']} {row['address_1']}", district=row["suburb"],
               postcode=row["postcode"], province=row["state"], birthday=row["date_of_birth"],
               identity=row["soc_sec_id"])
        for number, row in enumerate(rows)
    ]  # fmt: skip

    assert _f1(find_customers(records), _pairs([r["rec_id"].split("-")[1] for r in rows])) >= bar


@needs_data
def test_persons_without_numbers() -> None:
    with (DATA / "splink" / "fake_1000.csv").open() as file:
        rows = list(csv.DictReader(file))
    records = [
        Record(number, name=f"{row['first_name']} {row['surname']}", birthday=row["dob"],
               city=row["city"], email=row["email"])
        for number, row in enumerate(rows)
    ]  # fmt: skip

    assert _f1(find_customers(records), _pairs([row["cluster"] for row in rows])) >= 0.85
