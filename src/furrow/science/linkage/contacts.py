"""E-mail addresses, WeChat ids, birthdays, sexes and identity numbers in their one spelling."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache

from furrow.science.linkage.placeholders import is_dummy_mail, is_placeholder
from furrow.science.linkage.text import plain, words

_MAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
_SPACED_MARK = re.compile(r"\s*([@.])\s*")
_WECHAT_LABEL = re.compile(r"^(?:微信号?|wechat|weixin|vx|wx|v)\s*[:：号]\s*", re.I)
WECHAT_PATTERN = "[a-z][a-z0-9_-]{3,31}|[0-9]{5,15}"
_WECHAT = re.compile(WECHAT_PATTERN)
_MONTHS = {
    m: n
    for n, m in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        start=1,
    )
}
_SEXES = dict.fromkeys(words("女 女性 女士 小姐 太太 f female woman w mrs ms miss"), "f")
_SEXES |= dict.fromkeys(words("男 男性 男士 先生 m male man mr"), "m")
_FIRST_DAY_OF_SPREADSHEETS = date(1899, 12, 30)


def email_key(text: str) -> str:
    """The address in lower case, or "" when there is none or a dummy one.

    >>> email_key(" Mailto:Li.Na＠Firm.CN "), email_key("test@test.com")
    ('li.na@firm.cn', '')
    """
    if not text:
        return ""
    address = plain(text).casefold()
    if not (address.isascii() and _MAIL.fullmatch(address)):
        address = _SPACED_MARK.sub(r"\1", address).replace("。", ".")
    found = _MAIL.search(address.removeprefix("mailto:"))
    return found.group(0) if found and not is_dummy_mail(found.group(0)) else ""


def wechat_key(text: str) -> str:
    """A WeChat id in lower case, or "". An id may be a phone number; the caller decides.

    >>> wechat_key("微信：LiNa_88"), wechat_key("同手机")
    ('lina_88', '')
    """
    if not text:
        return ""
    name = _WECHAT_LABEL.sub("", plain(text)).casefold().strip()
    return name if _WECHAT.fullmatch(name) and not is_placeholder(name) else ""


@lru_cache(maxsize=1 << 17)  # every day of a long life in six spellings
def birthday_key(text: str) -> str:
    """A birthday as YYYY-MM-DD (or YYYY-MM when no day is given), or "".

    Eight digits that make no day are kept as they are: a slip in one digit still compares.

    >>> {birthday_key(t) for t in ("1990年5月1日", "19900501", "1990/5/1", "90.5.1", "32994")}
    {'1990-05-01'}
    """
    written = plain(text).casefold()
    if not written or is_placeholder(written):
        return ""
    written = re.sub(r"(?:\s|t)\d{1,2}:\d{2}.*$", "", written)
    written = re.sub(r"^(\d+)\.0+$", r"\1", written)
    if re.fullmatch(r"\d{8}", written):
        return f"{written[:4]}-{written[4:6]}-{written[6:]}"
    if re.fullmatch(r"\d{5}", written) and 3_000 < int(written) < 60_000:
        return (_FIRST_DAY_OF_SPREADSHEETS + timedelta(days=int(written))).isoformat()
    words = re.findall(r"\d+|[a-z]{3,}", written)
    numbers = [int(w) for w in words if w.isdecimal()]
    month = next((_MONTHS[w[:3]] for w in words if w[:3] in _MONTHS), None)
    if month and len(numbers) == 2:
        day, year = (numbers[1], numbers[0]) if numbers[0] > 31 else (numbers[0], numbers[1])
        return _written(year, month, day)
    if len(numbers) == 2 and numbers[0] > 1800:
        return f"{numbers[0]:04d}-{numbers[1]:02d}" if 1 <= numbers[1] <= 12 else ""
    if len(numbers) != 3:
        return ""
    first, second, third = numbers
    if first > 31 or len(words[0]) == 4:
        return _written(first, second, third)
    if third > 31 or len(words[2]) == 4:
        return _written(third, *((second, first) if first > 12 else (first, second)))
    return _written(first, second, third)


@lru_cache(maxsize=1 << 10)
def sex_key(text: str) -> str:
    """ "f", "m" or "".

    >>> [sex_key(t) for t in ("女", "Male", "先生", "?")]
    ['f', 'm', 'm', '']
    """
    return _SEXES.get(plain(text).casefold(), "")


def identity_key(text: str) -> str:
    """An identity or registration number, letters in upper case, or "".

    >>> identity_key(" 11010519491231002x ")
    '11010519491231002X'
    """
    if not text:
        return ""
    number = re.sub(r"[^0-9A-Za-z]", "", plain(text)).upper()
    if is_placeholder(number) or len(number) < 4 or not number.strip(number[0]):
        return ""
    return number


def _written(year: int, month: int, day: int) -> str:
    if year < 100:
        year += 1900 if year > 30 else 2000
    if not (1800 <= year <= 2100 and 1 <= month <= 12 and 1 <= day <= 31):
        return ""
    return f"{year:04d}-{month:02d}-{day:02d}"
