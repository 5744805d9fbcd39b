"""The short ways of making names findable give what the long ones do."""

import doctest

from hypothesis import given
from hypothesis import strategies as st
from pypinyin import Style, lazy_pinyin

from furrow.common import text
from furrow.common.text import grams, pinyin_key

# Characters of many names, and of words in which they are read otherwise.
han = st.text("王伟芳单银行长重庆朝阳乐音曾经都会了解便宜", min_size=1, max_size=4)


def test_docstring_examples_hold() -> None:
    assert doctest.testmod(text).failed == 0


@given(han)
def test_a_name_sorts_by_how_the_whole_of_it_is_read(name: str) -> None:
    assert pinyin_key(name) == " ".join(lazy_pinyin(name, style=Style.NORMAL))


@given(han)
def test_a_chinese_name_is_found_as_any_other(name: str) -> None:
    # Full-width letters behind it make it take the long way.
    assert set(grams(name)) == set(grams(f"{name} ＡＢ")) - {"ab"}
