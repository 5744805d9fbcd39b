"""Reads phone numbers out of spreadsheet cells, however they were typed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers

from furrow.science.linkage.placeholders import is_placeholder
from furrow.science.linkage.text import plain

_SCIENTIFIC = re.compile(r"(\d)(?:\.(\d+))?E\+?(\d{1,2})")
_MOBILE = re.compile(
    r"(?<![\d+])(?:(?:\+|00)?[\s-]*86[\s-]*|\(\+?86\)[\s-]*|0)?(1[3-9](?:[\s.()-]*\d){9})(?!\d)"
)
_LANDLINE = re.compile(
    r"(?<!\d)(?:(?:\+|00)?86[\s-]*)?\(?(0?(?:10|2[0-57-9])|0?[3-9]\d{2})\)?[\s-]*([2-8](?:[\s-]?\d){6,7})"
    r"(?!\d)"
)
_SERVICE = re.compile(r"(?<!\d)(?:86-?)?([48]00(?:[\s-]*\d){7})(?!\d)")
# 310/246-1501, (310) 246-1501, 310.246.1501: nobody groups a Chinese number like this.
_AMERICAN = re.compile(
    r"(?<!\d)(?:\+?1[\s.-]*)?\(?([2-9]\d{2})\)?\s*[/.\s-]\s*([2-9]\d{2})\s*[-.\s]\s*(\d{4})(?!\d)"
)
_EXTENSION = re.compile(
    r"(?:转|分机号?|内线|ext(?:ension|n)?|x|#|\*)[\s.:：]*(\d{1,6})(?!\d)", re.I
)
_DASHED_EXTENSION = re.compile(r"(?<=\d)\s*[-—–]\s*(\d{1,5})(?!\d)")
_FOREIGN = re.compile(r"(?:\+|(?<!\d)00)[\d\s().-]{6,}\d")
_LOOSE = re.compile(r"\+?\(?\d[\d\s()./-]*\d")
_BETWEEN = re.compile(r"[;,、|&或和及\n]+|(?<=\d{7})\s*/+\s*(?=[\d+(])")
_REMARK = re.compile(r"\([^()\d]*\)")
_NOT_NUMBER = re.compile(r"[^\d+()\s./-]+")


@dataclass(frozen=True, slots=True)
class NumberReading:
    """What one cell says: its numbers in E.164, first typed first, or why there are none.

    problem is "" when a number was read, otherwise one of "empty", "lost" (a spreadsheet kept
    only the first digits), "placeholder", "unreadable" (no digits, or masked), "impossible"
    (digits that are nobody's number).
    """

    numbers: tuple[str, ...] = ()
    extension: str = ""
    problem: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether every number belongs to a range known to be allocated; a number can be possible
        and not valid. 30 µs for a number not seen lately."""
        return bool(self.numbers) and all(map(_is_valid, self.numbers))


def read_numbers(cell: str, *, region: str = "CN") -> NumberReading:
    """The phone numbers in a cell. `region` is where a number without country code belongs.

    About 0.3 µs for a plain Chinese mobile or a cell seen lately, 5 to 60 µs otherwise.

    >>> read_numbers("+86 138-0013-8000").numbers
    ('+8613800138000',)
    >>> read_numbers("（010）6552 9988 转 8023")
    NumberReading(numbers=('+861065529988',), extension='8023', problem='')
    >>> read_numbers("13800138000/13900139000(微信同号)").numbers
    ('+8613800138000', '+8613900139000')
    >>> read_numbers("+17027317547").numbers
    ('+17027317547',)
    >>> read_numbers("1.38E+10").problem
    'lost'
    >>> read_numbers("213/857 -0034").numbers
    ('+12138570034',)
    """
    if region == "CN" and len(cell) == 11 and cell.isdecimal() and cell.isascii():
        reading = _plain_mobile(cell)
        if reading is not None:
            return reading
    return _read(cell, region)


def number_key(cell: str, *, region: str = "CN") -> str:
    """The first number of a cell in E.164, or "".

    >>> number_key("0086-13800138000.0")
    '+8613800138000'
    """
    numbers = read_numbers(cell, region=region).numbers
    return numbers[0] if numbers else ""


def is_mobile(number: str) -> bool:
    """Whether an E.164 number is a Chinese mobile, hence usually one person's.

    >>> is_mobile("+8613800138000"), is_mobile("+861065529988")
    (True, False)
    """
    return len(number) == 14 and number.startswith("+861") and number[4] in "3456789"


def guess_region(cells: Iterable[str]) -> str:
    """The country most of these cells belong to, "CN" or "US"; Chinese when in doubt.

    >>> guess_region(["310-246-1501", "8187621221"])
    'US'
    """
    chinese = american = 0
    for cell in cells:
        as_chinese = read_numbers(cell, region="CN")
        as_american = read_numbers(cell, region="US")
        chinese += as_chinese.is_valid and as_chinese.numbers[0].startswith("+86")
        american += as_american.is_valid and as_american.numbers[0].startswith("+1")
    return "US" if american > chinese else "CN"


def _plain_mobile(digits: str) -> NumberReading | None:
    if digits[0] != "1" or digits[1] not in "3456789":
        return None
    if _made_up(digits):
        return NumberReading(problem="placeholder")
    return NumberReading(("+86" + digits,))


@lru_cache(maxsize=1 << 16)
def _read(cell: str, region: str) -> NumberReading:
    text = plain(cell).upper().replace("—", "-").replace("–", "-").replace("−", "-")
    if not text:
        return NumberReading(problem="empty")
    if is_placeholder(text):
        return NumberReading(problem="placeholder")
    text = re.sub(r"(\d)\.0+(?!\d)", r"\1", text)
    scientific = _SCIENTIFIC.fullmatch(text)
    if scientific:
        first, rest, exponent = scientific.groups()
        if len(rest or "") < int(exponent):
            return NumberReading(problem="lost")
        text = first + rest[: int(exponent)]
    if not any(character.isdecimal() for character in text):
        return NumberReading(problem="unreadable")
    if re.search(r"\d[*X?]{2,}\d?", text):
        return NumberReading(problem="unreadable")
    digits = re.sub(r"\D", "", text)
    if _made_up(digits):
        return NumberReading(problem="placeholder")
    numbers: list[str] = []
    extension = ""
    for part in _BETWEEN.split(_REMARK.sub(" ", text)):
        found, part_extension = _read_part(part, region)
        for number in found:
            if number not in numbers:
                numbers.append(number)
        extension = extension or part_extension
    if not numbers:
        return NumberReading(problem="impossible")
    return NumberReading(tuple(numbers), extension)


def _read_part(text: str, region: str) -> tuple[list[str], str]:
    """The numbers of one stretch without separators, and its extension."""
    if region == "CN":
        mobiles = ["".join(filter(str.isdecimal, m)) for m in _MOBILE.findall(text)]
        if mobiles:
            lines, extension = _chinese_landline(_MOBILE.sub(" ; ", text), "") or ([], "")
            return ["+86" + m for m in mobiles if not _made_up(m)] + lines, extension
    extension = ""
    marked = _EXTENSION.search(text)
    if marked:
        extension = marked.group(1)
        text = text[: marked.start()] + " " + text[marked.end() :]
    american = _AMERICAN.search(text)
    if american and not (region == "CN" and american.group(1) in ("400", "800")):
        return ["+1" + "".join(american.groups())], extension
    if region == "CN" and not _FOREIGN.match(re.sub(r"^(?:\+|00)86", "", text.strip())):
        landline = _chinese_landline(text, extension)
        if landline:
            return landline
    for pattern in (_FOREIGN, _LOOSE):
        for chunk in pattern.findall(text):
            found = _international(chunk, region)
            if found:
                return [found], extension
    return ([] if marked else _vanity(text)), ""


def _chinese_landline(text: str, extension: str) -> tuple[list[str], str] | None:
    service = _SERVICE.search(text)
    if service:
        return ["+86" + re.sub(r"\D", "", service.group(1))], extension
    found = []
    for match in _LANDLINE.finditer(text):
        area, local = match.group(1).lstrip("0"), re.sub(r"\D", "", match.group(2))
        if len(local) < 8 and area[0] in "12" and len(area) == 2:
            continue
        is_bare = not match.group(1).startswith("0") and not re.search(
            r"[()\s-]|86", match.group(0)
        )
        if is_bare and not _is_valid("+86" + area + local):
            continue  # of bare digits, only an area code libphonenumber knows is believed
        found.append("+86" + area + local)
        if not extension:
            dashed = _DASHED_EXTENSION.match(text, match.end())
            extension = dashed.group(1) if dashed else ""
    return (found, extension) if found else None


def _international(chunk: str, region: str) -> str:
    try:
        number = phonenumbers.parse(re.sub(r"^00", "+", chunk.strip()), region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    if number.country_code == 86 and not phonenumbers.is_valid_number(number):
        return ""  # Chinese lengths are so loose that "possible" says nothing
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _vanity(text: str) -> list[str]:
    """1-800-FLOWERS: letters for digits, as American businesses write them."""
    if not re.search(r"\d{3}[\s-]+[A-Z]{4,}", text):
        return []
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return []
    if not phonenumbers.is_valid_number(number):
        return []
    return [phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)]


@lru_cache(maxsize=1 << 14)
def _is_valid(number: str) -> bool:
    return phonenumbers.is_valid_number(phonenumbers.parse(number))


def _made_up(digits: str) -> bool:
    """Whether nobody typed this from a card: 00000000, 11111111111, 13800000000, 1234567890."""
    if len(digits) < 5:
        return not digits.strip("0")
    return (
        digits == digits[0] * len(digits)
        or digits.endswith("00000000")
        or digits in "0123456789012345678901"
        or digits in "987654321098765432109"
    )
