import pytest

from furrow.config.logs import without_numbers


@pytest.mark.parametrize(
    "line",
    [
        "13800138000",
        "call 13800138000.",
        "number:13800138000",
        '{"n":13800138000}',
        "tel:+8613800138000",
        "13800138000: busy",
        "Key (e164)=(+8613800138000) already exists.",
        "+86-138-0013-8000 / 138 0013 8000",
        "电话13800138000先生",
        "电话：１３８００１３８０００。",
    ],
)
def test_no_spelling_of_a_number_reaches_the_log(line: str) -> None:
    said = without_numbers(line)

    assert "‹number›" in said
    assert not any(digits in said for digits in ("8000", "0013", "８０００"))


@pytest.mark.parametrize(
    "line",
    [
        "127.0.0.1:8300 at 22:30:45.123456",
        "2026-11-21T22:30:45",
        "0x7f24e5ff59d0 in 9f90709abc1234567",
        "call 49452 of campaign 17",
    ],
)
def test_what_an_engineer_needs_stays_readable(line: str) -> None:
    assert without_numbers(line) == line
