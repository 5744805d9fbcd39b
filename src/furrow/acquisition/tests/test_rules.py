"""How a row is read, and what the judge makes of those it may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.acquisition.rules import (
    OUTCOMES,
    Candidate,
    CannotImport,
    Columns,
    DoesNotAddUp,
    Finding,
    check_mapping,
    check_sums,
    judge,
    read_row,
    shown,
)
from furrow.customers.rules import Kind
from furrow.science.linkage.compare import Comparison

HEADERS = ("姓名", "公司", "手机", "备用", "城市")
COLUMNS = Columns.of(
    HEADERS, {"姓名": "name", "公司": "company", "手机": "phone", "备用": "phone2", "城市": "city"}
)


@pytest.mark.parametrize(
    ("cells", "numbers", "problem"),
    [
        (("张伟", "", "138 0013-8001", "", ""), ("+8613800138001",), ""),
        (("张伟", "", "13800138001/13900139001", "", ""), ("+8613800138001", "+8613900139001"), ""),
        (("张伟", "", "无", "0086 13800138001", ""), ("+8613800138001",), ""),
        (("张伟", "", "1.38E+10", "", ""), (), "number_lost"),
        (("张伟", "", "没有", "", ""), (), "number_placeholder"),
        (("张伟", "", "138001", "", ""), (), "number_impossible"),
        (("张伟", "", "", "", ""), (), "no_number"),
        (("", "", "13800138001", "", ""), ("+8613800138001",), "no_name"),
        (("张伟", "", "13800138001", "", "", "more"), ("+8613800138001",), "ragged"),
        (("张伟", "", "13800138001", "", "", " "), ("+8613800138001",), ""),
    ],
)
def test_read_row(cells: tuple[str, ...], numbers: tuple[str, ...], problem: str) -> None:
    reading = read_row(cells, COLUMNS, region="CN")

    assert (reading.numbers, reading.problem) == (numbers, problem)


@pytest.mark.parametrize(
    ("name", "company", "kind", "wanted"),
    [
        ("张伟", "", "", (Kind.PERSON, "张伟", {})),
        ("", "海图科技有限公司", "", (Kind.ORGANISATION, "海图科技有限公司", {})),
        ("海图科技有限公司", "", "", (Kind.ORGANISATION, "海图科技有限公司", {})),
        ("张伟", "海图", "", (Kind.PERSON, "张伟", {"company": "海图"})),
        ("张伟", "海图", "organisation", (Kind.ORGANISATION, "海图", {"contact": "张伟"})),
    ],
)
def test_a_row_is_a_person_or_a_firm(
    name: str, company: str, kind: str, wanted: tuple[Kind, str, dict[str, str]]
) -> None:
    reading = read_row((name, company, "13800138001", "", ""), COLUMNS, region="CN", kind=kind)

    assert (reading.kind, reading.name, reading.profile) == wanted


def comparison(weight: float, *, contested: bool = False, weak: bool = False) -> Comparison:
    verdict = "same" if weight >= 5 else "doubtful" if weight >= -3 else "different"
    return Comparison(weight, (), verdict, weak, contested)


@pytest.mark.parametrize(
    ("candidates", "finding", "customer"),
    [
        ([], Finding.NEW, None),
        ([Candidate(("c", 1), True, comparison(9))], Finding.KNOWN, 1),
        ([Candidate(("c", 1), True, comparison(-8))], Finding.DOUBT, 1),  # another name
        ([Candidate(("c", 1), False, comparison(-8))], Finding.NEW, None),
        ([Candidate(("c", 1), False, comparison(9))], Finding.KNOWN, 1),
        ([Candidate(("c", 1), False, comparison(2))], Finding.DOUBT, 1),
        ([Candidate(("c", 1), True, comparison(9, contested=True))], Finding.DOUBT, 1),
        (
            [
                Candidate(("c", 1), True, comparison(9, contested=True)),
                Candidate(("c", 2), False, comparison(12)),
            ],
            Finding.KNOWN,
            2,
        ),
        (
            [Candidate(("c", 1), True, comparison(9)), Candidate(("c", 2), True, comparison(9))],
            Finding.PROBLEM,
            None,
        ),
        (
            [
                Candidate(("c", 1), False, comparison(9, weak=True)),
                Candidate(("c", 2), False, comparison(8, weak=True)),
            ],
            Finding.DOUBT,
            1,
        ),
        ([Candidate(("r", 1), True, comparison(9))], Finding.REPEAT, None),
    ],
)
def test_judge(candidates: list[Candidate], finding: Finding, customer: int | None) -> None:
    verdict = judge(candidates)

    assert (verdict.finding, verdict.customer) == (finding, customer)


@given(counts=st.fixed_dictionaries({state: st.integers(0, 50) for state in OUTCOMES}))
def test_sums_are_right_exactly_when_they_add_up(counts: dict[str, int]) -> None:
    check_sums(rows=sum(counts.values()), counts=counts)
    with pytest.raises(DoesNotAddUp):
        check_sums(rows=sum(counts.values()) + 1, counts=counts)


def test_rows_still_waiting_never_add_up() -> None:
    with pytest.raises(DoesNotAddUp):
        check_sums(rows=1, counts={"created": 1, "read": 1})


def test_a_mapping_without_name_or_number_is_refused() -> None:
    with pytest.raises(CannotImport):
        check_mapping({"a": "phone"}, ["a"])
    with pytest.raises(CannotImport):
        check_mapping({"a": "name"}, ["a"])
    assert check_mapping({"a": "name", "b": "phone", "x": "city", "c": "?"}, ["a", "b", "c"]) == {
        "a": "name",
        "b": "phone",
    }


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("13800138001", "138****8001"),
        ("138-0013-8001(微信)", "138****8001(微信)"),
        ("310/246-1501", "31****1501"),
        ("张伟", "张伟"),
        ("138001", "138001"),
    ],
)
def test_numbers_are_masked_on_screen(cell: str, safe: str) -> None:
    assert shown(cell) == safe
