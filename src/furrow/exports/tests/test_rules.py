import pytest
from hypothesis import given
from hypothesis import strategies as st

from furrow.exports.rules import (
    CannotExport,
    check_eyes,
    check_quota,
    find_marks,
    hidden_mark,
    seen_mark,
)


@given(mark=st.integers(0, 2**32 - 1), around=st.text(max_size=20))
def test_a_hidden_mark_is_found_again_in_any_text(mark: int, around: str) -> None:
    assert mark in find_marks(f"{around}{hidden_mark(mark)}{around}")


def test_a_hidden_mark_shows_nothing_and_a_seen_one_reads() -> None:
    assert all(not letter.isprintable() for letter in hidden_mark(7))
    assert seen_mark(12, 0xBEEF) == "FX-12-0000beef"
    assert find_marks("…,FX-12-0000beef, taken by 王芳") == {0xBEEF}
    assert find_marks("no mark FX-1-short") == set()


def test_nobody_decides_about_his_own() -> None:
    check_eyes(asked_by=1, decided_by=2)
    with pytest.raises(CannotExport):
        check_eyes(asked_by=1, decided_by=1)


def test_a_days_rows_are_limited() -> None:
    check_quota(taken=60, rows=40, limit=100)
    with pytest.raises(CannotExport, match="have taken 60"):
        check_quota(taken=60, rows=41, limit=100)
