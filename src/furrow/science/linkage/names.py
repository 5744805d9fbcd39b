"""Personal names as they are typed into lists: titles, spaces, traditional characters."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache

from furrow.science.linkage.companies import FIRM_ENDS
from furrow.science.linkage.placeholders import is_placeholder
from furrow.science.linkage.text import (
    has_han,
    name_sound,
    plain,
    simplified,
    simplified_characters,
    unaccented,
    words,
)

COMPOUND_SURNAMES = frozenset(
    words(
        "欧阳 司马 上官 诸葛 夏侯 东方 皇甫 尉迟 公孙 慕容 长孙 宇文 司徒 令狐 端木 百里 南宫 "
        "独孤 轩辕 闻人 澹台 公冶 宗政 濮阳 淳于 单于 太叔 申屠 仲孙 钟离 鲜于 闾丘 司空 司寇 "
        "万俟 赫连 呼延 东郭 南门 西门 羊舌 微生 梁丘 左丘 东门 第五 拓跋 完颜 纳兰 公羊 公西 "
        "漆雕 乐正 壤驷 夹谷 宰父 谷梁 段干 巫马"
    )
)
COMMON_SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾"
    "夏韦付方白邹孟熊秦邱丘江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关"
    "兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简"
)
# Two characters for one surname: the same family writes either.
_VARIANTS = {"萧": "肖", "阎": "闫", "傅": "付", "邱": "丘"}
_TITLES = words(
    "董事长 总经理 副总经理 副总裁 总裁 副总 经理 总监 主管 主任 老板娘 老板 老师 先生 "
    "女士 小姐 太太 夫人 同学 同志 师傅 医生 大夫 护士 教授 律师 会计 会计师 工程师 "
    "设计师 秘书 助理 局长 处长 科长 院长 校长 园长 店长 厂长 站长 所长 部长 队长 组长 "
    "班长 行长 书记 村长 镇长 区长 阿姨 叔叔 大叔 大哥 大姐 伯伯 爷爷 奶奶 妈妈 爸爸 家长 "
    "业主 客户 女生 男士 美女 帅哥 总助 采购 财务 销售 前台 负责人 联系人"
)
_SHORT_TITLES = "总工姐哥叔姨董局处科导"
_TITLE = re.compile("(?:" + "|".join(sorted(_TITLES, key=len, reverse=True)) + ")$")
_PLAIN_NAME = re.compile(r"[\u4e00-\u9fff]{2,3}")
_TITLE_ENDS = frozenset(
    {title[-1] for title in _TITLES} | set(_SHORT_TITLES) | set("某名址话机号信箱他它空白暂缺户")
)
_NO_FIRST = "小老大阿无没不未匿测"  # 小李, 阿芳, 无名, 未知
_NICKNAME = re.compile(r"^[小老大阿]$")
_BRACKETS = re.compile(r"[(\[【<《〈].*?(?:[)\]】>》〉]|$)")
_LATIN_TITLES = frozenset(
    words("mr mrs ms miss mister madam dr prof professor sir lady rev hon jr sr ii iii esq phd md")
)
_NOT_HAN = re.compile(r"[^\u3400-\u9fff\uf900-\ufaff]")
_NOT_WORD = re.compile(r"[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class NameReading:
    """A personal name taken apart.

    key      what two spellings of one name share; "" when the cell names nobody
    surname  Chinese surname, also when the rest is missing; "" for other scripts
    title    先生, 总, mr …, or ""
    is_full  whether the name can identify a person: 张先生 and 小李 cannot
    """

    key: str = ""
    surname: str = ""
    title: str = ""
    is_full: bool = False


@lru_cache(maxsize=1 << 16)
def read_name(text: str) -> NameReading:
    """A name without titles, remarks, spaces and old characters. About 3 µs.

    >>> read_name("張 偉 先生")
    NameReading(key='张伟', surname='张', title='先生', is_full=True)
    >>> read_name("王总")
    NameReading(key='王', surname='王', title='总', is_full=False)
    >>> read_name("Dr. John O'Neil").key
    'john oneil'
    """
    if _PLAIN_NAME.fullmatch(text):
        # Four in five cells: two or three characters that end in no title.
        bare = simplified(text)
        if bare[-1] not in _TITLE_ENDS and bare[0] not in _NO_FIRST:
            bare = _VARIANTS.get(bare[0], bare[0]) + bare[1:]
            surname = bare[:2] if bare[:2] in COMPOUND_SURNAMES else bare[0]
            return NameReading(bare, surname, "", len(bare) > len(surname))
    name = plain(text)
    if not name or is_placeholder(name):
        return NameReading()
    return _read_chinese(name) if has_han(name) else _read_latin(name)


@lru_cache(maxsize=1)
def plain_name_pattern() -> str:
    """A regular expression for cells whose key is simply seen, which is then group 1: two or three
    simplified characters, a usual title or a remark behind them or not, and no character that
    could belong to another title, a placeholder or a firm. Expects cells without spaces. For
    engines that can read nine names in ten without asking us.

    >>> pattern = re.compile(plain_name_pattern())
    >>> cells = "张伟", "张伟先生", "张伟总(老客户)", "張偉", "张总", "欧阳娜"
    >>> [found.group(1) if (found := pattern.search(cell)) else None for cell in cells]
    ['张伟', '张伟', '张伟', None, None, None]
    """
    old = {chr(code) for code in simplified_characters()}
    first = old | set(_VARIANTS) | set(_NO_FIRST) | {name[0] for name in COMPOUND_SURNAMES}
    rest = old | _TITLE_ENDS | set(FIRM_ENDS)
    return (
        f"^([{_ranges_without(first)}][{_ranges_without(rest)}]{{1,2}})"
        "(?:先生|女士|小姐|经理|老师|总)?(?:[(（][^()（）]{0,8}[)）])?$"
    )


def _ranges_without(asked: Set[str]) -> str:
    """The Chinese characters outside a set, as the inside of a character class."""
    ranges, start = [], None
    for code in range(0x4E00, 0xA000):
        is_in = code < 0x9FFF and chr(code) not in asked
        if is_in and start is None:
            start = code
        elif not is_in and start is not None:
            ranges.append(chr(start) if start == code - 1 else f"{chr(start)}-{chr(code - 1)}")
            start = None
    return "".join(ranges)


def name_key(text: str) -> str:
    """What two spellings of one full name share, or "" when it identifies nobody.

    >>> name_key("欧阳 娜娜(老客户)"), name_key("李女士")
    ('欧阳娜娜', '')
    """
    reading = read_name(text)
    return reading.key if reading.is_full else ""


def sound_key(text: str) -> str:
    """The full name as it is heard, so that homophones meet; "" when it identifies nobody.

    >>> sound_key("张薇") == sound_key("張威 先生") == "zhang wei"
    True
    """
    key = name_key(text)
    return name_sound(key) if has_han(key) else key


def _read_chinese(name: str) -> NameReading:
    bare = _NOT_HAN.sub("", simplified(_BRACKETS.sub("", name)))
    if not bare:
        bare = _NOT_HAN.sub("", simplified(name))
    title = ""
    found = _TITLE.search(bare)
    while found and found.start() > 0:
        title = found.group(0) + title
        bare = bare[: found.start()]
        found = _TITLE.search(bare)
    bare = _VARIANTS.get(bare[:1], bare[:1]) + bare[1:]
    surname_length = 2 if bare[:2] in COMPOUND_SURNAMES else 1
    if not title and len(bare) > 1 and bare[-1] in _SHORT_TITLES:
        is_surname_and_title = len(bare) == surname_length + 1
        is_name_and_chief = bare[-1] == "总" and len(bare) <= surname_length + 3
        if is_surname_and_title or is_name_and_chief:
            title, bare = bare[-1], bare[:-1]
    if not title and len(bare) == 2 and _NICKNAME.match(bare[0]) and bare[1] in COMMON_SURNAMES:
        title, bare = bare[0], bare[1]
    if is_placeholder(bare):
        return NameReading(title=title)
    surname_length = 2 if bare[:2] in COMPOUND_SURNAMES else 1
    return NameReading(bare, bare[:surname_length], title, len(bare) > surname_length)


def _read_latin(name: str) -> NameReading:
    folded = unaccented(name).casefold().replace("'", "").replace("’", "").replace("`", "")
    if "," in folded:  # "Smith, John"
        last, _, first = folded.partition(",")
        folded = f"{first} {last}"
    words = _NOT_WORD.sub(" ", folded).split()
    title = " ".join(word for word in words if word in _LATIN_TITLES)
    kept = [word for word in words if word not in _LATIN_TITLES]
    return NameReading(" ".join(kept), "", title, bool(kept) and not " ".join(kept).isdecimal())
