"""The names of China's provinces and prefectures, short, for taking addresses and firms apart."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources

_SUFFIX = re.compile(
    r"(?:特别行政区|(?:壮族|回族|维吾尔|藏族|蒙古族|蒙古|苗族|侗族|布依族|彝族|哈尼族|傣族|白族|傈僳族|土家族|朝鲜族|羌族|哈萨克|柯尔克孜|景颇族)*自治[区州县旗]"
    r"|[省市])$"
)


def short_place(name: str) -> str:
    """A place as people write it.

    >>> short_place("广西壮族自治区"), short_place("深圳市"), short_place("延边朝鲜族自治州")
    ('广西', '深圳', '延边')
    """
    return _SUFFIX.sub("", name) if len(name) > 2 else name


@lru_cache(maxsize=1)
def cities_by_province() -> dict[str, tuple[str, ...]]:
    """Short names of the prefectures of every province, in the order of their official codes."""
    text = resources.files(__package__).joinpath("places.txt").read_text("utf-8")
    rows = (line.split() for line in text.splitlines() if line)
    return {row[0]: tuple(row[1:]) for row in rows}


@lru_cache(maxsize=1)
def province_of_city() -> dict[str, str]:
    """The province of every prefecture; a municipality is its own.

    >>> province_of_city()["深圳"]
    '广东'
    """
    return {
        city: province
        for province, cities in cities_by_province().items()
        for city in (*cities, province)
    }


@lru_cache(maxsize=1)
def leading_place() -> re.Pattern[str]:
    """Matches a province, a city, or both at the start of an address or a firm's name."""
    provinces = "|".join(cities_by_province())
    cities = "|".join(sorted(province_of_city(), key=len, reverse=True))
    kind = r"(?:特别行政区|\w{0,5}?自治[区州]|省|市)?"
    return re.compile(
        rf"(?:中国)?(?:(?P<province>{provinces}){kind})?(?:(?P<city>{cities})(?:市|\w{{0,4}}?自治州|地区|盟)?)?"
    )
