"""Where a number's rules and clock come from: states with stricter rules, addresses with a zone.

Data and pure functions. A prefix says where a number was given out, an address where its person
lives; when both are known both have to be open.
"""

import re
from collections.abc import Mapping

# The states whose calling rules are stricter than the federal ones, by their area codes
# (North American Numbering Plan, read 2026-11). Other states follow the rules of "US".
_STATE_CODES: Mapping[str, str] = {
    "US-AL": "205 251 256 334 659 938",
    "US-CT": "203 475 860 959",
    "US-FL": "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904"
    " 941 954",
    "US-LA": "225 318 337 504 985",
    "US-MD": "227 240 301 410 443 667",
    "US-OK": "405 539 572 580 918",
    "US-TX": "210 214 254 281 325 346 361 409 430 432 469 512 682 713 726 737 806 817 830 832 903"
    " 915 936 940 945 956 972 979",
    "US-WA": "206 253 360 425 509 564",
}
_AREA_OF_CODE = {code: area for area, codes in _STATE_CODES.items() for code in codes.split()}

_EASTERN, _CENTRAL = "America/New_York", "America/Chicago"
_MOUNTAIN, _PACIFIC = "America/Denver", "America/Los_Angeles"


def _keep(states: str, *zones: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(states.split(), zones)


# Every zone a state keeps; those with two have both, and both have to be open.
_US_STATES: Mapping[str, tuple[str, ...]] = {
    **_keep("CT DE DC GA ME MD MA NH NJ NY NC OH PA RI SC VT VA WV", _EASTERN),
    **_keep("AL AR IL IA LA MN MS MO OK WI", _CENTRAL),
    **_keep("CO MT NM UT WY", _MOUNTAIN),
    **_keep("CA WA", _PACIFIC),
    **_keep("FL IN KY MI TN", _EASTERN, _CENTRAL),
    **_keep("KS NE ND SD TX", _CENTRAL, _MOUNTAIN),
    "ID": (_MOUNTAIN, _PACIFIC),
    "OR": (_MOUNTAIN, _PACIFIC),
    "NV": (_PACIFIC,),
    "AZ": ("America/Phoenix",),
    "AK": ("America/Anchorage",),
    "HI": ("Pacific/Honolulu",),
}
# "…, FL 33101": a state's two letters before five digits.
_US_ADDRESS = re.compile(r"\b([A-Z]{2})\s+\d{5}(?:-\d{4})?\b")
_CHINESE_ADDRESS = re.compile(r"[\u4e00-\u9fff]{2,}(?:省|市|区|县|州|镇|路|街|号)")


def area_of(e164: str, region: str) -> str:
    """The region whose rules a number follows: "US-FL" for +1 305 …, else `region` itself."""
    if region == "US" and e164.startswith("+1"):
        return _AREA_OF_CODE.get(e164[2:5], region)
    return region


def zones_of_address(address: str) -> tuple[str, ...]:
    """The time zones an address may lie in; () when it does not say.

    Knows Chinese addresses, which have one clock, and American ones by their state.
    """
    found = _US_ADDRESS.search(address)
    if found and found[1] in _US_STATES:
        return _US_STATES[found[1]]
    if _CHINESE_ADDRESS.search(address):
        return ("Asia/Shanghai",)
    return ()
