"""Cells that say "nothing here" in words or in dummy values."""

from __future__ import annotations

import re

from furrow.science.linkage.text import words

_WORDS = frozenset(
    words(
        "无 无无 没有 没 空 空白 暂无 暂缺 暂未 待补 待补充 待定 待填 待完善 待确认 未知 未填 "
        "未填写 未提供 未登记 未留 不详 不知道 不明 保密 略 同上 同左 见备注 拒绝提供 "
        "不愿提供 无电话 无手机 无号码 没电话 没有电话 无邮箱 无地址 无名 无名氏 匿名 测试 "
        "测试客户 某某 某先生 某女士 先生 女士 小姐 客户 业主 本人 家长 机主 用户 顾客 老板 "
        "经理 姓名 电话 手机 手机号 地址 邮箱 微信 其他 其它 na n/a n.a. n.a nan null none "
        "nil nothing unknown unkown unavailable undefined missing empty blank tbd tba todo "
        "tbc test testing xxx xxxx xx x ? ?? ??? - -- --- . .. ... _ __ * ** *** / // \\ # "
        "#n/a #ref! #value! #name? #null! (null) (none) (blank) (空白) (无) <null> [null] "
        "anonymous no-email noemail none@none.com"
    )
)
DUMMY_MAIL_PATTERN = (
    r"(?:test|none|no|null|na|noemail|no-?reply|nomail|abc|aaa|xxx|123|1|a|unknown|user|example)@.*"
    r"|.*@(?:example\.(?:com|org|net|cn)|test\.(?:com|cn)|none\.\w+|no\.\w+|xxx?\.\w+|abc\.com)"
)
_DUMMY_MAIL = re.compile(DUMMY_MAIL_PATTERN)


def is_placeholder(text: str) -> bool:
    """Whether the cell's writer meant "missing". Expects text already made `plain`.

    >>> [is_placeholder(t) for t in ("无", "N/A", "0000", "张伟")]
    [True, True, True, False]
    """
    bare = text.strip(" 。.,，").casefold() or text
    if bare in _WORDS:
        return True
    return len(bare) <= 24 and not bare.strip("0 -./") and bool(bare)


def is_dummy_mail(address: str) -> bool:
    """Whether an e-mail address was typed only because the form insisted.

    >>> is_dummy_mail("test@test.com"), is_dummy_mail("lina@firm.cn")
    (True, False)
    """
    return _DUMMY_MAIL.fullmatch(address) is not None
