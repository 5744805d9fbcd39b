# ruff: noqa: E501  (tables of Chinese spellings)
"""Lists of every encoding and layout open; a broken one says where it is broken."""

import io
from pathlib import Path

import pytest
import xlsxwriter

from furrow.science.linkage import files
from furrow.science.linkage.files import TableError, open_table
from furrow.science.linkage.mapping import guess_mapping

LIST = "姓名,手机号\n张伟,13800138000\n李娜,13900139000\n"
ROWS = [("张伟", "13800138000"), ("李娜", "13900139000")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", "|", ";"])
def test_every_encoding_and_delimiter_opens(encoding: str, delimiter: str) -> None:
    table = open_table(LIST.replace(",", delimiter).encode(encoding))

    assert table.headers == ("姓名", "手机号")
    assert list(table.rows()) == ROWS


def test_a_workbook_opens(tmp_path: Path) -> None:
    path = tmp_path / "客户.xlsx"
    book = xlsxwriter.Workbook(path)
    book.add_worksheet("说明")
    sheet = book.add_worksheet("客户")
    sheet.write_row(0, 0, ["客户名单"])
    sheet.write_row(2, 0, ["姓名", "手机号"])
    sheet.write_row(3, 0, ["张伟", 13800138000])
    sheet.write_row(4, 0, ["李娜", "13900139000"])
    book.close()

    table = open_table(path)

    assert (table.sheet, table.sheets, table.headers) == (
        "客户",
        ("说明", "客户"),
        ("姓名", "手机号"),
    )
    assert list(table.rows()) == ROWS


def test_a_workbook_that_unpacks_to_more_than_memory_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book = io.BytesIO()
    with xlsxwriter.Workbook(book) as workbook:
        workbook.add_worksheet().write_row(0, 0, ["name", "phone"])
    monkeypatch.setattr(files, "MOST_UNPACKED_BYTES", 100)

    with pytest.raises(TableError) as refusal:
        open_table(book.getvalue(), name="bomb.xlsx")

    assert refusal.value.code == "bomb"


def test_a_title_above_the_header_is_passed_over() -> None:
    table = open_table(b"List of 2024;\n\nName;Phone\nLi;13800138000\n")

    assert table.headers == ("Name", "Phone")
    assert list(table.rows()) == [("Li", "13800138000")]


def test_a_list_without_header_gets_one_and_is_still_understood() -> None:
    table = open_table("张伟,13800138000\n李娜,13900139000\n".encode())

    assert table.headers == ("column 1", "column 2")
    assert list(table.rows()) == ROWS
    assert guess_mapping(table.headers, table.sample()) == {"column 1": "name", "column 2": "phone"}


@pytest.mark.parametrize(("data", "code", "line", "column"), [
    (b"", "empty", 0, 0),
    (b"a,b\n1,2\n1,2,3\n", "ragged", 3, 3),
    (b"a,b\n1,2\n1\n", "ragged", 3, 2),
    (b'a,b\n1,"2\n', "quote", 2, 0),
    (b"a,b\n1,2\n\x80\xff\xff,2\n", "encoding", 3, 1),
    (b"PK\x03\x04 no workbook", "workbook", 0, 0),
])  # fmt: skip
def test_a_broken_list_says_where(data: bytes, code: str, line: int, column: int) -> None:
    with pytest.raises(TableError) as refused:
        list(open_table(data).rows())

    assert (refused.value.code, refused.value.line, refused.value.column) == (code, line, column)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"nowhere\.csv"):
        open_table(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(("headers", "fields"), [
    (["客户姓名", "联系电话", "备用电话", "公司名称", "详细地址"], ["name", "phone", "phone2", "company", "address"]),
    (["姓名", "性别", "出生日期", "微信号", "电子邮箱"], ["name", "gender", "birthday", "wechat", "email"]),
    (["First Name", "Surname", "DOB", "E-mail", "Mobile"],
     ["given_name", "surname", "birthday", "email", "phone"]),
    (["手机号码（必填）", "客户來源", "備註"], ["phone", "source", "note"]),
])  # fmt: skip
def test_headers_are_understood(headers: list[str], fields: list[str]) -> None:
    assert list(guess_mapping(headers).values()) == fields
