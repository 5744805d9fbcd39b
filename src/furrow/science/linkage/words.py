"""The reasons of a comparison, the stages and the fields, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

_FIELDS: Mapping[str, tuple[str, str]] = {
    "name": ("name", "姓名"),
    "surname": ("surname", "姓氏"),
    "number": ("phone number", "号码"),
    "company": ("company", "公司"),
    "branch": ("branch", "分支机构"),
    "address": ("address", "地址"),
    "city": ("city", "城市"),
    "province": ("province", "省份"),
    "district": ("district", "区县"),
    "postcode": ("postcode", "邮编"),
    "email": ("e-mail", "邮箱"),
    "wechat": ("WeChat", "微信"),
    "birthday": ("birthday", "生日"),
    "sex": ("sex", "性别"),
    "gender": ("sex", "性别"),
    "identity": ("identity number", "证件号"),
    "phone": ("phone", "电话"),
    "phone2": ("second phone", "备用电话"),
}
_KINDS: Mapping[str, tuple[str, str]] = {
    "same": ("same {0}", "{0}相同"),
    "similar": ("similar {0}", "{0}相近"),
    "differs": ("different {0}", "{0}不同"),
    "contradicts": ("{0}s contradict each other", "{0}互相矛盾"),
    "swapped": ("{0} in another order", "{0}顺序颠倒"),
    "alike": ("{0} sounds alike", "{0}读音相同"),
}


def field_word(field: str, lang: str) -> str:
    """A field in words.

    >>> field_word("number", "en"), field_word("number", "zh")
    ('phone number', '号码')
    """
    english, chinese = _FIELDS.get(field, (field, field))
    return chinese if lang.startswith("zh") else english


def reason_word(code: str, lang: str) -> str:
    """One reason in words.

    >>> reason_word("same_number", "en"), reason_word("name_sounds_alike", "zh")
    ('same phone number', '姓名读音相同')
    """
    if code.startswith("same_"):
        kind, field = "same", code.removeprefix("same_")
    else:
        kind, field = code.rsplit("_", 1)[1], code.split("_")[0]
    english, chinese = _KINDS[kind]
    return (chinese if lang.startswith("zh") else english).format(field_word(field, lang))


def in_words(codes: str, lang: str) -> str:
    """Reasons apart by spaces, in words.

    >>> in_words("same_number name_similar", "en")
    'same phone number; similar name'
    """
    glue = "；" if lang.startswith("zh") else "; "
    return glue.join(reason_word(code, lang) for code in codes.split())
