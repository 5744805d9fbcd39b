"""Names made findable: Chinese substring search without an extension, and a pinyin sort key."""

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_ALL_HAN = re.compile(r"[\u4e00-\u9fff]+")  # each its own only form: nothing to fold


def storable(text: str) -> str:
    """The text without spaces around it. Raises ValueError for what a database cannot keep."""
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("holds a character that is not text")
    return text.strip()


def fold(text: str) -> str:
    """One spelling for searching: NFKC (full-width to ordinary), lower case, no accents."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _is_han(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff"


def grams(text: str) -> list[str]:
    """What is stored so that any substring of two or more characters is found by a GIN index.

    >>> sorted(grams("王伟芳"))
    ['伟', '伟芳', '王', '王伟', '芳']
    >>> sorted(grams("Arnie"))
    ['ar', 'arnie', 'ie', 'ni', 'rn']

    Chinese: every character and every pair. Others: every pair of letters and the whole word,
    so a search stays selective. Order is irrelevant; duplicates are removed. O(length).
    """
    if _ALL_HAN.fullmatch(text):
        return sorted({*text, *[text[i : i + 2] for i in range(len(text) - 1)]})
    found: set[str] = set()
    for word in _WORD.findall(fold(text)):
        found.update(word[i : i + 2] for i in range(len(word) - 1))
        found.update(c for c in word if _is_han(c))
        if not any(_is_han(c) for c in word):
            found.add(word[:24])
    return sorted(found)


def query_grams(text: str) -> list[str]:
    """The grams a stored text must contain to contain `text`; [] when it says nothing.

    >>> query_grams("伟芳")
    ['伟芳']
    >>> query_grams("芳")
    ['芳']
    """
    wanted: set[str] = set()
    for word in _WORD.findall(fold(text)):
        pairs = [word[i : i + 2] for i in range(len(word) - 1)]
        wanted.update(pairs or ([word] if _is_han(word[0]) else []))
    return sorted(wanted)


def pinyin_key(text: str) -> str:
    """A key that sorts Chinese names by pinyin and others by their folded letters. 2 µs for a
    name in which no character's reading depends on its neighbours, else 20.

    >>> pinyin_key("王伟芳"), pinyin_key("银行"), pinyin_key("Élan")
    ('wang wei fang', 'yin hang', 'elan')
    """
    from pypinyin import Style, lazy_pinyin
    from pypinyin.constants import PHRASES_DICT

    if len(text) <= 4 and _ALL_HAN.fullmatch(text):
        ends = range(2, len(text) + 1)
        if PHRASES_DICT.keys().isdisjoint([text[i:j] for j in ends for i in range(j - 1)]):
            return " ".join([_sound(character) for character in text])
    if not any(_is_han(c) for c in text):
        return fold(text)[:60]
    return " ".join(lazy_pinyin(text, style=Style.NORMAL))[:60]


@lru_cache(maxsize=1 << 14)
def _sound(character: str) -> str:
    from pypinyin import Style, lazy_pinyin

    return str(lazy_pinyin(character, style=Style.NORMAL)[0])
