# ruff: noqa: E501  (tables of Chinese spellings)
"""The examples in the docstrings hold, and the spellings that lists really contain are read."""

import doctest
import importlib
import string
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.science.linkage.addresses import address_key
from furrow.science.linkage.companies import company_key, read_company
from furrow.science.linkage.contacts import birthday_key
from furrow.science.linkage.engines import DuckEngine
from furrow.science.linkage.names import name_key, read_name, sound_key
from furrow.science.linkage.numbers import read_numbers
from furrow.science.linkage.pipeline import _quick_mobile

MODULES = [
    "text", "placeholders", "numbers", "names", "places", "companies", "addresses", "contacts",
]  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_hold(name: str) -> None:
    module: ModuleType = importlib.import_module(f"furrow.science.linkage.{name}")

    result = doctest.testmod(module)

    assert result.failed == 0


@pytest.mark.parametrize("cell", [
    "13800138000", "+86 138 0013 8000", "0086-13800138000", "86-138-0013-8000", "013800138000",
    "１３８００１３８０００", "\t13800138000 ", "13800138000.0", "13800138000(微信同号)", "13800138000本人",
    "手机：138 0013 8000", "（+86）13800138000", "(138)0013-8000", "1.3800138000E+10", "'13800138000", "8613800138000",
])  # fmt: skip
def test_every_spelling_of_a_mobile_is_the_same_number(cell: str) -> None:
    assert read_numbers(cell).numbers == ("+8613800138000",)


@pytest.mark.parametrize(("cell", "numbers", "extension"), [
    ("(0755)8376-5566", ("+8675583765566",), ""),
    ("0755 83765566-801", ("+8675583765566",), "801"),
    ("75583765566", ("+8675583765566",), ""),
    ("+86 10 6552 9988 转8023", ("+861065529988",), "8023"),
    ("010-65529988/13800138000", ("+861065529988", "+8613800138000"), ""),
    ("13800138000 010-65529988-12", ("+8613800138000", "+861065529988"), "12"),
    ("13800138000；13900139000", ("+8613800138000", "+8613900139000"), ""),
    ("400-820-8820", ("+864008208820",), ""),
    ("310/246-1501", ("+13102461501",), ""),
    ("213/857 -0034", ("+12138570034",), ""),
    ("+852 2123 4567", ("+85221234567",), ""),
    ("15412345678", ("+8615412345678",), ""),
])  # fmt: skip
def test_numbers_of_every_kind_are_read(
    cell: str, numbers: tuple[str, ...], extension: str
) -> None:
    reading = read_numbers(cell)

    assert (reading.numbers, reading.extension, reading.problem) == (numbers, extension, "")


@pytest.mark.parametrize(("cell", "problem"), [
    ("", "empty"), ("　", "empty"), ("1.38E+10", "lost"), ("1.38001E+10", "lost"), ("无", "placeholder"),
    ("00000000000", "placeholder"), ("13800000000", "placeholder"), ("138****8000", "unreadable"),
    ("见合同", "unreadable"), ("8000", "impossible"), ("138001380001", "impossible"),
    ("83765566", "impossible"),
])  # fmt: skip
def test_a_cell_without_a_number_says_why(cell: str, problem: str) -> None:
    reading = read_numbers(cell)

    assert (reading.numbers, reading.problem) == ((), problem)


_WIDE = {
    ord(narrow): wide
    for narrow, wide in zip("0123456789+()-", "０１２３４５６７８９＋（）－", strict=True)
}

# A mobile as people and machines write it: what stands in front, where it is parted, what follows.
mobiles = st.builds(
    lambda front, digits, part, cut, wide: (
        front + part.join((digits[:3], digits[3 : 3 + cut], digits[3 + cut :]))
    ).translate(_WIDE if wide else {}),
    front=st.sampled_from(
        ["", "+86", "+86 ", "+86-", "0086", "0086-", "86-", "(+86)", "(86) ", "0"]
    ),
    digits=st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    part=st.sampled_from(["", " ", "-", ".", "  "]),
    cut=st.sampled_from([4, 5]),
    wide=st.booleans(),
)


@given(mobiles)
def test_a_mobile_is_read_as_libphonenumber_reads_it(cell: str) -> None:
    reading = read_numbers(cell)
    if reading.problem == "placeholder":
        return  # 13800000000: a number to libphonenumber, nobody's to us

    known = phonenumbers.parse(cell, "CN")

    assert reading.numbers == (
        phonenumbers.format_number(known, phonenumbers.PhoneNumberFormat.E164),
    )


@given(st.lists(mobiles, min_size=1, max_size=20))
def test_the_engine_reads_a_mobile_as_we_do_or_leaves_it_to_us(cells: list[str]) -> None:
    with TemporaryDirectory() as folder:
        engine = DuckEngine(folder=Path(folder), threads=1, memory="")
        quick = _quick_mobile(engine, "cell", "CN")
        engine.put("given", {"cell": "VARCHAR"}, [(cell,) for cell in cells])
        found = engine.rows(f"SELECT cell, {quick} FROM given")
        engine.close()

    for cell, digits in found:
        if digits is not None:
            assert read_numbers(cell).numbers == (f"+86{digits}",)


def test_a_number_of_an_unallocated_range_is_read_but_not_valid() -> None:
    assert not read_numbers("15412345678").is_valid
    assert read_numbers("13800138000").is_valid


@given(st.text(alphabet=string.printable + "无转本人，、（）８６１３", max_size=40))
def test_no_cell_breaks_the_reader(cell: str) -> None:
    reading = read_numbers(cell)

    assert bool(reading.numbers) != bool(reading.problem)
    assert all(number.startswith("+") for number in reading.numbers)


@pytest.mark.parametrize(
    "text", ["张伟", "張偉", "张 伟", "张　伟", "张伟先生", "张伟 (老客户)", "张伟总", "张伟 经理"]
)
def test_spellings_of_a_name_share_a_key(text: str) -> None:
    assert name_key(text) == "张伟"


@pytest.mark.parametrize(
    "text", ["张先生", "王总", "小李", "李女士", "陈老师", "客户", "无名", "", "老王"]
)
def test_a_surname_and_a_title_identify_nobody(text: str) -> None:
    assert name_key(text) == ""
    assert not read_name(text).is_full


def test_homophones_sound_alike() -> None:
    assert sound_key("张薇") == sound_key("章威")
    assert sound_key("张薇") != sound_key("张强")


@pytest.mark.parametrize("text", [
    "深圳市海图科技有限公司", "海图科技", "海图科技（深圳）有限公司", "深圳海图科技集团股份有限公司", "广东省深圳市海图科技有限责任公司",
    "海图科技有限公司上海分公司", "海圖科技有限公司",
])  # fmt: skip
def test_spellings_of_a_firm_share_a_key(text: str) -> None:
    assert company_key(text) == "海图科技"


@given(
    st.text("王张南京集团个体户公司分店无有没股份限厂陳總", min_size=2, max_size=3),
)
def test_a_short_name_of_a_firm_is_read_as_a_long_one_is(text: str) -> None:
    # With a space behind it, it takes the long way.
    assert read_company(text) == read_company(text + " ")


def test_a_branch_is_kept_apart() -> None:
    assert read_company("海图科技有限公司上海分公司").branch == "上海分公司"


@pytest.mark.parametrize("text", [
    "广东省深圳市南山区科技园路18号A栋1203室", "深圳市南山区科技园路18号A座1203", "南山区科技园路18号A幢1203房", "科技园路18-A-1203",
    "深圳南山区科技园路十八号A栋1203室",
])  # fmt: skip
def test_spellings_of_an_address_share_a_key(text: str) -> None:
    assert address_key(text) == "科技园路 18-a-1203"


@pytest.mark.parametrize("text", [
    "1990-05-01", "1990/5/1", "1990.05.01", "19900501", "1990年5月1日", "90-5-1", "32994", "1990-05-01 00:00:00",
    "May 1, 1990", "05/01/1990",
])  # fmt: skip
def test_spellings_of_a_birthday_share_a_key(text: str) -> None:
    assert birthday_key(text) == "1990-05-01"
