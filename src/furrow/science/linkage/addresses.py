"""Addresses: what is left when everything that may be omitted is omitted."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from furrow.science.linkage.placeholders import is_placeholder
from furrow.science.linkage.places import leading_place
from furrow.science.linkage.text import has_han, plain, simplified, unaccented

_DISTRICT = re.compile(
    r"^[\u4e00-\u9fff]{1,6}?(?:自治县|新区|开发区|区|县|旗|市)(?=[\u4e00-\u9fff])"
)
_TOWN = re.compile(r"^[\u4e00-\u9fff]{1,5}?(?:街道办事处|街道|镇|乡)(?=[\u4e00-\u9fff])")
_MAY_LIE_IN = re.compile("[区县旗市道处镇乡]")  # whatever a district or a town ends in
_CHINESE_DIGITS = {c: d for d, c in enumerate("〇一二三四五六七八九")} | {"零": 0, "两": 2}
_CHINESE_NUMBER = re.compile(r"[〇零一二两三四五六七八九十百]+(?=[号栋幢座楼层室单弄巷期])")
_UNIT = re.compile(r"号楼|号院|单元|楼层|门牌|[号栋幢座楼层室房弄门#]")
_TOKEN = re.compile(r"[a-z]+|\d+|[\u3400-\u9fff]+")
_WESTERN = {
    "street": "st", "str": "st", "avenue": "ave", "av": "ave", "aven": "ave", "boulevard": "blvd",
    "blv": "blvd", "boul": "blvd", "bl": "blvd", "road": "rd", "drive": "dr", "drv": "dr",
    "lane": "ln", "court": "ct", "crt": "ct", "place": "pl", "square": "sq", "highway": "hwy",
    "parkway": "pkwy", "terrace": "ter", "terr": "ter", "tce": "ter", "circuit": "cct",
    "crescent": "cres", "cr": "cres", "circle": "cir", "close": "cl", "north": "n", "south": "s",
    "east": "e", "west": "w", "northeast": "ne", "northwest": "nw", "southeast": "se",
    "southwest": "sw", "saint": "st", "mount": "mt", "fort": "ft", "suite": "ste",
    "apartment": "apt",
    "building": "bldg", "floor": "fl", "first": "1", "second": "2", "third": "3", "fourth": "4",
    "fifth": "5", "sixth": "6", "seventh": "7", "eighth": "8", "ninth": "9", "tenth": "10",
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "center": "ctr", "centre": "ctr",
}  # fmt: skip
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)$")
_SEPARATORS = re.compile(r"[\s,。.;:、_()\[\]]+")
_ROAD_NOT_PLACE = re.compile(r"[\u4e00-\u9fff]?(?:路|街|道|大道|大街|巷|里|广场|城|大厦)")
_ESTATE = re.compile(r"[小园社校库]区$")
_ASIDE = re.compile(r"\b(?:between|btwn|bet|near|off|at|corner of|cnr)\b.*$|\(.*?(?:\)|$)")


class AddressReading(NamedTuple):
    """An address taken apart.

    key       road and numbers: what two ways of writing one door share; "" when there is none
    road      the street or estate without numbers
    numbers   house, building, room … in the order written
    city      prefecture, short, when the address begins with one
    """

    key: str = ""
    road: str = ""
    numbers: tuple[str, ...] = ()
    city: str = ""


@lru_cache(maxsize=1 << 16)
def read_address(text: str) -> AddressReading:
    """An address without province, city, district, town and the words around numbers. About 8 µs.

    >>> read_address("广东省深圳市南山区科技园路18号A栋")
    AddressReading(key='科技园路 18-a', road='科技园路', numbers=('18', 'a'), city='深圳')
    >>> read_address("南山区科技园路18A栋1203").key
    '科技园路 18-a-1203'
    >>> read_address("435 S. La Cienega Boulevard").key
    'la cienega blvd s 435'
    """
    address = plain(text).casefold()
    if not address or is_placeholder(address):
        return AddressReading()
    return _read_chinese(simplified(address)) if has_han(address) else _read_western(address)


def address_key(text: str) -> str:
    """What two ways of writing one door share, or "" when no road or no number is given.

    >>> address_key("浦东新区张江路十八号"), address_key("上海市浦东新区")
    ('张江路 18', '')
    """
    reading = read_address(text)
    return reading.key if reading.road and reading.numbers else ""


def _arabic(match: re.Match[str]) -> str:
    text = match.group(0)
    if "十" not in text and "百" not in text:
        return "".join(str(_CHINESE_DIGITS[c]) for c in text)
    total, current = 0, 0
    for character in text:
        if character in "十百":
            total += (current or 1) * (10 if character == "十" else 100)
            current = 0
        else:
            current = _CHINESE_DIGITS[character]
    return str(total + current)


def _read_chinese(address: str) -> AddressReading:
    address = _SEPARATORS.sub("", address)
    city = ""
    front = leading_place().match(address)
    if front and front.end():
        city = front.group("city") or front.group("province") or ""
        rest = address[front.end() :]
        # 南京路 and 北京东路 are roads, 福建设路 is 建设路 in the street of 福: no places.
        if rest and not _ROAD_NOT_PLACE.match(rest):
            address = rest
        else:
            city = ""
    if _MAY_LIE_IN.search(address):
        for pattern in (_DISTRICT, _DISTRICT, _TOWN):
            found = pattern.match(address)
            if found and not _ESTATE.search(address, 0, found.end()):
                address = address[found.end() :]
    address = _CHINESE_NUMBER.sub(_arabic, address)
    address = _UNIT.sub("-", address)
    tokens = _TOKEN.findall(address)
    road = "".join([t for t in tokens if not t.isascii()])
    numbers = tuple([t.lstrip("0") or "0" for t in tokens if t.isascii()])
    return AddressReading(f"{road} {'-'.join(numbers)}".strip(), road, numbers, city)


def _read_western(address: str) -> AddressReading:
    address = _ASIDE.sub("", unaccented(address).replace("'", "").replace("`", "")) or address
    words: list[str] = []
    numbers: list[str] = []
    for word in re.findall(
        r"[a-z]+|\d+(?:st|nd|rd|th)\b|\d+[a-z]?\b|\d+", address.replace(".", " ")
    ):
        ordinal = _ORDINAL.match(word)
        if ordinal:
            words.append(ordinal.group(1))
        elif word[0].isdecimal():
            numbers.append(word)
        else:
            words.append(_WESTERN.get(word, word))
    compass = [w for w in words if w in ("n", "s", "e", "w", "ne", "nw", "se", "sw")]
    road = " ".join([*(w for w in words if w not in compass), *compass])
    return AddressReading(" ".join(filter(None, (road, *numbers))), road, tuple(numbers), "")
