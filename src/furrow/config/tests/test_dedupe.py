"""Files in, customers out: the command, its files, its refusals, and both engines."""

import csv
import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.linkage import score
from bench.linkage_list import SHAPES, make_list
from furrow.config.dedupe import main
from furrow.science.linkage import engines, pipeline, report, words
from furrow.science.linkage.dedupe import Wish, dedupe
from furrow.science.linkage.engines import DuckEngine, connected
from furrow.science.linkage.link import components
from furrow.science.linkage.names import plain_name_pattern
from furrow.science.linkage.numbers import read_numbers

LIST = """姓名,手机号,公司
张伟,13800138000,
張偉先生,+86 138-0013-8000,
李娜,13900139000,海图科技有限公司
李女士,1.39E+10,
"""


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(LIST, "utf-8")
    return path


@pytest.mark.parametrize("module", [pipeline, engines, words, report])
def test_docstring_examples_hold(module: object) -> None:
    import doctest

    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_row_gets_a_customer_once(listed: Path, tmp_path: Path) -> None:
    out = tmp_path / "clusters.csv"

    assert main([str(listed), "--out", str(out)]) == 0

    assert [(row["row"], row["customer"]) for row in _rows(out)] == [
        ("0", "0"), ("1", "0"), ("2", "2"), ("3", "3"),
    ]  # fmt: skip


def test_links_say_why_in_words(listed: Path, tmp_path: Path) -> None:
    links = tmp_path / "links.csv"

    main([str(listed), "--out", str(tmp_path / "c.csv"), "--links", str(links), "--lang", "en"])

    (link,) = _rows(links)
    assert (link["left_row"], link["right_row"]) == ("0", "1")
    assert set(link["reasons"].split("; ")) == {"same phone number", "same name"}
    assert float(link["weight"]) > 5


def test_the_last_line_is_for_programs(
    listed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(listed), "--out", str(tmp_path / "c.csv"), "--json"])

    told = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert (told["rows"], told["customers"], told["pairs"], told["engine"]) == (4, 3, 1, "duckdb")
    assert told["seconds"] > 0
    assert told["peak_memory"] > 0


def test_several_files_in_several_layouts_are_one_list(listed: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_bytes("电话;客户姓名\n0086 13900139000;李娜\n".encode("gbk"))
    out, links = tmp_path / "clusters.csv", tmp_path / "links.csv"

    assert main([str(listed), str(other), "--out", str(out), "--links", str(links)]) == 0

    rows = _rows(out)
    assert list(rows[0]) == ["file", "row", "customer"]
    assert [(Path(r["file"]).name, r["row"]) for r in rows][-1] == ("other.csv", "0")
    assert rows[-1]["customer"] == rows[2]["customer"]
    assert ("other.csv", "0") in [
        (Path(r["right_file"]).name, r["right_row"]) for r in _rows(links)
    ]


def test_a_column_can_be_named_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("x,y\n张伟,13800138000\n李娜,13800138000\n", "utf-8")
    out = tmp_path / "c.csv"

    assert main([str(path), "--out", str(out), "--map", "y=phone", "--map", "x=-"]) == 0

    assert {row["customer"] for row in _rows(out)} == {"0"}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_report_stands_alone_and_hides_numbers(listed: Path, tmp_path: Path, lang: str) -> None:
    page = tmp_path / "r.html"

    main([str(listed), "--out", str(tmp_path / "c.csv"), "--report", str(page), "--lang", lang])

    text = page.read_text("utf-8")
    assert "13800138000" not in text
    assert "138****8000" in text
    assert ("谁是谁" in text) == (lang == "zh")
    assert "src=" not in text
    assert "href=" not in text


@pytest.mark.parametrize(("data", "says"), [
    (b"name,phone\n1,2\n1,2,3\n", "line 3, column 3"),
    ("姓名,手机\n".encode() + b"\x80\xff\xff,2\n", "line 2, column 1"),
    (b"", "empty"),
    (b"colour,size\nred,1\n", "--map"),
])  # fmt: skip
def test_a_file_that_cannot_be_read_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes, says: str
) -> None:
    path, out = tmp_path / "list.csv", tmp_path / "out.csv"
    path.write_bytes(data)

    assert main([str(path), "--out", str(out)]) == 2

    assert says in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["list.csv"]


@pytest.mark.parametrize("words_given", [
    ["nowhere.csv", "--out", "c.csv"],
    ["list.csv", "--out", "no/folder/c.csv"],
    ["list.csv", "--out", "c.csv", "--map", "手机号=colour"],
    ["list.csv", "--out", "c.csv", "--map", "没有=phone"],
])  # fmt: skip
def test_a_wish_that_cannot_be_granted_is_refused(
    listed: Path, monkeypatch: pytest.MonkeyPatch, words_given: list[str]
) -> None:
    monkeypatch.chdir(listed.parent)

    assert main(words_given) == 2
    assert [file.name for file in listed.parent.iterdir()] == ["list.csv"]


def test_quotes_that_the_engine_cannot_read_are_read_by_us(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('姓名,手机号,备注\n张伟,13800138000,"两\n行"\n张伟,13800138000,a"b\n', "utf-8")
    out = tmp_path / "c.csv"

    assert main([str(path), "--out", str(out)]) == 0

    assert [row["customer"] for row in _rows(out)] == ["0", "0"]


# --- the pipeline for long lists


@pytest.mark.parametrize("shape", SHAPES)
def test_the_pipeline_finds_the_customers_of_a_noisy_list(tmp_path: Path, shape: str) -> None:
    path, truth, out = tmp_path / "l.csv", tmp_path / "t.csv", tmp_path / "c.csv"
    make_list(20_000, path, truth, seed=7, shape=SHAPES[shape])

    outcome = dedupe(Wish([path], out, threads=2), most_in_memory=0)

    precision, recall, _ = score(out, truth)
    assert outcome.rows == 20_000
    assert precision >= 0.999
    assert recall >= 0.997
    assert ("email", "kefu@company-default.cn") in {(k, v) for k, v, _ in outcome.set_aside}


def test_both_ways_of_linking_agree(tmp_path: Path) -> None:
    path, truth = tmp_path / "l.csv", tmp_path / "t.csv"
    make_list(4_000, path, truth, seed=3)

    dedupe(Wish([path], tmp_path / "long.csv", threads=2), most_in_memory=0)
    dedupe(Wish([path], tmp_path / "short.csv", threads=2))

    long, short = score(tmp_path / "long.csv", truth), score(tmp_path / "short.csv", truth)
    assert min(long[2], short[2]) >= 0.995


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=60))
def test_components_by_matrix_and_by_forest_agree(pairs: list[tuple[int, int]]) -> None:
    ids, roots = connected([a for a, _ in pairs], [b for _, b in pairs])

    mentioned = {row for pair in pairs for row in pair}
    expected = {
        row: cluster[0] for cluster in components(41, pairs) for row in cluster if row in mentioned
    }
    assert dict(zip(ids.tolist(), roots.tolist(), strict=True)) == expected


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> DuckEngine:
    return DuckEngine(folder=tmp_path_factory.mktemp("engine"), threads=1)


@settings(max_examples=60, deadline=None)
@given(
    cell=st.from_regex(
        r"(\+86|86-?|0086|0)?[ (]?1[3-9][0-9]{1,2}\)?[ -]?[0-9]{4}[ -]?[0-9]{3,5}(\.0|本人|\t| )?",
        fullmatch=True,
    )
)
def test_the_quick_reading_of_a_mobile_is_the_slow_one(engine: DuckEngine, cell: str) -> None:
    cell = cell.strip()
    engine.put("one", {"phone": "VARCHAR"}, [(cell,)])

    quick = engine.rows(f"SELECT {pipeline._quick_mobile(engine, 'phone', 'CN')} FROM one")[0][0]

    if quick is not None:
        assert read_numbers(cell).numbers == (f"+86{quick}",)


@given(
    st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFE), max_size=4),
    st.sampled_from(["", "先生", "女士", "小姐", "经理", "总", "老师", "总经理", "店"]),
    st.sampled_from(["", "(老客户)", "（VIP）", "(", "有限公司"]),
)
def test_the_quick_reading_of_a_name_is_the_slow_one(name: str, title: str, remark: str) -> None:
    cell = name + title + remark
    found = re.search(plain_name_pattern(), cell)
    if found:
        seen = found.group(1)
        assert pipeline.name_rows([(cell,)], None) == [(cell, seen, seen[0], True, None)]


# Only the quick compiler, few tasks, little heap: a session that lives for seconds.
_BRIEFLY = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.shuffle.partitions": "2",
}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("default")
def test_spark_finds_the_same_customers_as_duckdb(tmp_path: Path) -> None:
    if find_spec("pyspark") is None or not _has_java():
        pytest.skip("NOT TESTED: Spark needs pyspark (requirements/spark.txt) and Java 17")
    from furrow.science.linkage.spark import SparkEngine

    path, truth = tmp_path / "l.csv", tmp_path / "t.csv"
    make_list(100_000, path, truth, seed=11)
    duck, spark = tmp_path / "duck.csv", tmp_path / "spark.csv"

    dedupe(Wish([path], duck, threads=2), most_in_memory=0)
    dedupe(
        Wish([path], spark),
        most_in_memory=0,
        make_engine=lambda folder, _: SparkEngine(
            folder=folder, master="local-cluster[2,1,1024]", settings=_BRIEFLY, most_on_driver=1_000
        ),
    )

    assert duck.read_text() == spark.read_text()


def _has_java() -> bool:
    java = shutil.which("java")
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr if java else ""
    version = re.search(r'version "(\d+)', said)
    return version is not None and int(version.group(1)) >= 17
