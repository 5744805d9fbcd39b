"""The first step of every normaliser: one way to write each character."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import opencc
import pypinyin

_INVISIBLE = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f\u00ad\u200b-\u200f\u2028-\u202f\u2060\ufeff]"
)
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


def words(text: str) -> list[str]:
    """A table of words, written as one text to be read by people.

    >>> words("先生 女士")
    ['先生', '女士']
    """
    return text.split()


def plain(text: str) -> str:
    """Half-width, no invisible characters, single spaces, trimmed.

    >>> plain("\\ufeff１３８　0013\\t8000 ")
    '138 0013 8000'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if not text.isprintable():  # no printable character is invisible, or a space other than " "
        text = _INVISIBLE.sub("", text.replace("\t", " ").replace("\n", " "))
    return " ".join(text.split())


def has_han(text: str) -> bool:
    """Whether any Chinese character occurs.

    >>> has_han("张 Wei"), has_han("Zhang")
    (True, False)
    """
    return not text.isascii() and _HAN.search(text) is not None


@lru_cache(maxsize=1)
def simplified_characters() -> dict[int, str]:
    """Traditional to simplified, one character to one: enough for comparing, and fast."""
    convert = opencc.OpenCC("t2s").convert
    table: dict[int, str] = {}
    for code in range(0x3400, 0x9FFF):
        simple = convert(chr(code))
        if simple != chr(code) and len(simple) == 1:
            table[code] = simple
    return table


def simplified(text: str) -> str:
    """Chinese characters in their simplified form.

    >>> simplified("陳偉")
    '陈伟'
    """
    if text.isascii() or not _traditional().search(text):
        return text
    return text.translate(simplified_characters())


@lru_cache(maxsize=1)
def _traditional() -> re.Pattern[str]:
    """Finds a traditional character four times as fast as replacing none."""
    return re.compile("[" + "".join(map(chr, simplified_characters())) + "]")


def unaccented(text: str) -> str:
    """Latin letters without their marks.

    >>> unaccented("café")
    'cafe'
    """
    if text.isascii():
        return text
    return "".join(
        character
        for character in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(character)
    )


# How a character is read when it is somebody's surname; dictionaries give the other reading.
SURNAME_SOUNDS = {
    "单": "shan", "仇": "qiu", "区": "ou", "查": "zha", "解": "xie", "曾": "zeng", "任": "ren",
    "盖": "ge", "朴": "piao", "冼": "xian", "乐": "yue", "翟": "zhai", "洗": "xian", "折": "she",
    "黑": "he", "秘": "bi", "重": "chong", "召": "shao", "员": "yun", "种": "chong", "繁": "po",
    "覃": "qin", "缪": "miao", "晟": "cheng", "华": "hua", "宁": "ning", "石": "shi", "谌": "chen",
}  # fmt: skip


@lru_cache(maxsize=1 << 15)
def sound(character: str) -> str:
    """How one character is read, without tone; itself when it is not Chinese.

    >>> sound("伟")
    'wei'
    """
    return str(pypinyin.lazy_pinyin(character)[0]) if _HAN.match(character) else character


def name_sound(name: str) -> str:
    """A Chinese name as it is heard, surname read as a surname, syllables apart.

    >>> name_sound("单伟"), name_sound("張薇")
    ('shan wei', 'zhang wei')
    """
    name = simplified(name)
    if not name:
        return ""
    first = SURNAME_SOUNDS.get(name[0]) or sound(name[0])
    return " ".join([first, *map(sound, name[1:])])
