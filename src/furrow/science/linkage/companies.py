"""Company names as they are typed: legal forms, places in front or in brackets, branches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from furrow.science.linkage.placeholders import is_placeholder
from furrow.science.linkage.places import leading_place, province_of_city, short_place
from furrow.science.linkage.text import has_han, plain, simplified, unaccented, words

_LEGAL = re.compile(
    r"(?:股份有限责任公司|股份有限公司|有限责任公司|有限公司|股份公司|集团公司|总公司|有限合伙|普通合伙|个体工商户|个体户|公司|集团|有限|股份)+$"
)
FIRM_ENDS = "司团限份厂店行心室所校院部处场社会库铺馆廠團"
_SHORT = re.compile(r"[\u4e00-\u9fff]{2,3}")
_MAY_END = FIRM_ENDS + "户"  # 个体户
_BRANCH_ENDS = (
    "分公司", "子公司", "办事处", "分店", "分行", "支行", "分部", "分厂", "营业部", "代表处",
    "联络处",
)  # fmt: skip
_BRANCH = re.compile(
    r"(?P<branch>(?:第[一二三四五六七八九十\d]+)?[^公司厂店行]{0,8}?(?:"
    + "|".join(_BRANCH_ENDS)
    + "))$"
)
_BRACKETS = re.compile(r"[(\[【]([^)\]】]*)[)\]】]?")
_NOT_WORD = re.compile(r"[^\w\s&]|_")
_LATIN_LEGAL = frozenset(
    words(
        "inc incorporated llc llp lp ltd limited co corp corporation company companies plc "
        "gmbh ag sa srl bv nv pty pte oy ab as group holding holdings the and of"
    )
)
_SURELY_A_FIRM = frozenset(
    words("inc incorporated llc llp ltd limited corp corporation company plc gmbh")
)


@dataclass(frozen=True, slots=True)
class CompanyReading:
    """A firm's name taken apart.

    key     the core that every way of writing it shares; "" when the cell names no firm
    place   the city or province written in front or in brackets, short; or ""
    branch  上海分公司, 第二分店 …, or ""
    """

    key: str = ""
    place: str = ""
    branch: str = ""


@lru_cache(maxsize=1 << 16)
def read_company(text: str) -> CompanyReading:
    """A firm without legal form, place and branch. About 5 µs.

    >>> read_company("深圳市海图科技（集团）有限公司上海分公司")
    CompanyReading(key='海图科技', place='深圳', branch='上海分公司')
    >>> read_company("海图科技(深圳)").key, read_company("Haitu Tech Co., Ltd.").key
    ('海图科技', 'haitu tech')
    """
    if _SHORT.fullmatch(text) and text[-1] not in _MAY_END:
        # Most cells of a list of people: nothing in it could be taken away.
        return CompanyReading() if is_placeholder(text) else CompanyReading(simplified(text))
    name = plain(text).casefold()
    if not name or is_placeholder(name):
        return CompanyReading()
    return _read_chinese(simplified(name)) if has_han(name) else _read_latin(name)


def company_key(text: str) -> str:
    """The core that every way of writing a firm shares, or "".

    >>> company_key("北京 同益新材料股份有限公司")
    '同益新材料'
    """
    return read_company(text).key


def is_company(text: str) -> bool:
    """Whether a name is a firm's rather than a person's.

    >>> is_company("海图科技有限公司"), is_company("张伟")
    (True, False)
    """
    if len(text) <= 4 and not text.isascii() and text[-1:] not in FIRM_ENDS:
        return False
    name = simplified(plain(text)).casefold()
    if has_han(name):
        return (
            bool(_LEGAL.search(name))
            or name.endswith(_BRANCH_ENDS)
            or bool(
                re.search(
                    r"(?:厂|店|行|中心|工作室|事务所|学校|医院|商行|经营部|酒店|超市|协会|银行)$",
                    name,
                )
            )
        )
    return bool(set(_NOT_WORD.sub(" ", name).split()) & _SURELY_A_FIRM)


def _read_chinese(name: str) -> CompanyReading:
    place = branch = ""
    for inside in _BRACKETS.findall(name):
        if short_place(inside) in province_of_city():
            place = place or short_place(inside)
    name = re.sub(r"[^\w]|_", "", _BRACKETS.sub("", name)) or re.sub(r"[^\w]|_", "", name)
    found = _BRANCH.search(name) if name.endswith(_BRANCH_ENDS) else None
    if found and found.start() >= 2:
        branch, name = found.group("branch"), name[: found.start()]
    core = _LEGAL.sub("", name)
    while len(core) >= 4 and _LEGAL.search(core):
        core = _LEGAL.sub("", core)
    front = leading_place().match(core)
    if front and front.end() and len(core) - front.end() >= 2:
        place = front.group("city") or front.group("province") or place
        core = core[front.end() :]
    return CompanyReading(core or name, place, branch)


def _read_latin(name: str) -> CompanyReading:
    folded = unaccented(name).replace("'", "").replace("’", "").replace("`", "")
    words = _NOT_WORD.sub(" ", folded.replace(".", "")).replace("&", " ").split()
    kept = [word for word in words if word not in _LATIN_LEGAL] or words
    return CompanyReading(" ".join(kept))
