# ruff: noqa: E501  (a table of synonyms, one field a line)
"""Guesses what the columns of a list mean, from their headers and from what stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from furrow.science.linkage.companies import is_company
from furrow.science.linkage.contacts import birthday_key, email_key, sex_key
from furrow.science.linkage.names import COMMON_SURNAMES, COMPOUND_SURNAMES, read_name
from furrow.science.linkage.numbers import read_numbers
from furrow.science.linkage.text import has_han, plain, simplified

# Every field a column can be mapped to, with the headers it is known by, the surest first.
SYNONYMS: Mapping[str, str] = {
    "name": "姓名|客户姓名|名字|客户名|客户名称|联系人|联系人姓名|联系人名称|称呼|客户|会员姓名|学员姓名|家长姓名|收货人|收件人|业主|业主姓名|机主|法人|法定代表人|负责人|"
    "name|full name|fullname|customer|customer name|client|client name|contact|contact name|contact person|person|consignee",
    "surname": "姓|姓氏|surname|last name|lastname|family name|sname|lname|familyname",
    "given_name": "名|given name|givenname|first name|firstname|forename|fname|christian name|first and middle name",
    "company": "公司|公司名称|公司名|单位|单位名称|工作单位|企业|企业名称|客户公司|机构|机构名称|商家|商户名称|店名|店铺|门店|组织|"
    "company|company name|organisation|organization|employer|business|business name|firm|account|account name|shop",
    "phone": "手机|手机号|手机号码|电话|电话号码|联系电话|联系方式|手机1|手机号1|电话1|联系电话1|客户电话|移动电话|号码|主叫|被叫|注册手机|会员手机|收货电话|联系手机|"
    "phone|phone number|phonenumber|mobile|mobile number|mobile phone|cell|cellphone|cell phone|tel|telephone|contact number|phone1|phone 1|number|msisdn",
    "phone2": "手机2|手机号2|电话2|联系电话2|备用电话|备用手机|备用手机号|备用号码|其他电话|第二电话|第二联系电话|固定电话|固话|座机|办公电话|公司电话|家庭电话|住宅电话|单位电话|备用联系方式|紧急联系电话|"
    "phone2|phone 2|second phone|other phone|alternative phone|alternate phone|home phone|work phone|office phone|landline|mobile2|mobile 2|fixed line|tel2",
    "address": "地址|联系地址|详细地址|家庭地址|家庭住址|住址|居住地址|现住址|收货地址|通讯地址|公司地址|单位地址|办公地址|注册地址|所在地址|"
    "address|addr|street address|street|address line 1|address 1|address_1|address1|home address|mailing address",
    "street_number": "门牌|门牌号|street number|house number|street no|house no",
    "address2": "address 2|address_2|address2|address line 2",
    "district": "区|区县|县|县区|行政区|district|county|suburb|town|borough|locality",
    "city": "城市|市|所在城市|所在市|地市|city|birth place|birthplace|place of birth",
    "province": "省|省份|所在省|省市|所在省份|province|state|region",
    "postcode": "邮编|邮政编码|postcode|post code|zip|zip code|zipcode|postal code|postcode fake",
    "email": "邮箱|电子邮箱|电子邮件|邮件|邮箱地址|email|e-mail|mail|email address|e mail",
    "wechat": "微信|微信号|微信id|微信账号|wechat|wechat id|weixin|wx",
    "gender": "性别|称谓|gender|sex",
    "birthday": "生日|出生日期|出生年月|出生年月日|出生|birthday|date of birth|dob|birth date|birthdate|born",
    "identity": "身份证|身份证号|身份证号码|证件号|证件号码|统一社会信用代码|税号|社会信用代码|"
    "id card|id number|national id|soc sec id|ssn|social security number|tax id|vat number|passport",
    "note": "备注|说明|留言|描述|需求|note|notes|remark|remarks|comment|comments|description",
    "category": "类别|类型|客户类型|行业|标签|等级|分类|客户等级|职业|category|type|industry|tag|tags|class|segment|occupation|cuisine",
    "source": "来源|客户来源|渠道|source|channel|lead source",
    "external_id": "编号|序号|客户编号|客户id|会员号|会员卡号|卡号|工号|流水号|id|no|no.|rec id|unique id|customer id|record id|uid|uuid|external id|key|index",
}  # fmt: skip
FIELDS = tuple(SYNONYMS)
_SPLIT = re.compile(r"[\s_\-./\\:：*#()\[\]【】]+")
_POSTCODE = re.compile(r"\d{6}")


@lru_cache(maxsize=1)
def _fields_by_header() -> dict[str, str]:
    return {
        _squeezed(synonym): field
        for field, synonyms in SYNONYMS.items()
        for synonym in synonyms.split("|")
    }


def _squeezed(header: str) -> str:
    return _SPLIT.sub("", simplified(plain(header)).casefold())


@lru_cache(maxsize=4096)
def field_of_header(header: str) -> str:
    """The field a header names, or "".

    >>> field_of_header("手机号码（必填）"), field_of_header("E-Mail"), field_of_header("備註")
    ('phone', 'email', 'note')
    >>> field_of_header("quantity")
    ''
    """
    known = _fields_by_header()
    bare = re.sub(r"[(（\[【].*?[)）\]】]", "", header)
    for candidate in (_squeezed(header), _squeezed(bare)):
        if candidate in known:
            return known[candidate]
    squeezed = _squeezed(bare)
    if not has_han(squeezed):
        return ""
    inside = [word for word in known if len(word) >= 2 and has_han(word) and word in squeezed]
    return known[max(inside, key=len)] if inside else ""


def guess_mapping(
    headers: Sequence[str], sample_rows: Iterable[Sequence[str]] = ()
) -> dict[str, str]:
    """The field of every column; columns that mean nothing known are left out.

    A header that is known decides; an unknown one is judged by the cells under it. A field is
    given once: a second column of numbers becomes phone2, any other second column is left out.

    >>> guess_mapping(["客户姓名", "联系电话", "备用电话", "x"], [["张伟", "13800138000", "", "li@firm.cn"]])
    {'客户姓名': 'name', '联系电话': 'phone', '备用电话': 'phone2', 'x': 'email'}
    """
    rows = [row for _, row in zip(range(500), sample_rows, strict=False)]
    result: dict[str, str] = {}
    taken: set[str] = set()
    unknown: list[tuple[int, str]] = []
    for position, header in enumerate(headers):
        field = field_of_header(header)
        if field == "phone" and "phone" in taken:
            field = "phone2"
        if field and field not in taken:
            result[header] = field
            taken.add(field)
        else:
            unknown.append((position, header))
    for position, header in unknown:
        cells = [plain(row[position]) for row in rows if position < len(row)]
        field = field_of_cells([cell for cell in cells if cell])
        if field == "phone" and "phone" in taken:
            field = "phone2"
        if field and field not in taken:
            result[header] = field
            taken.add(field)
    return {header: result[header] for header in headers if header in result}


def field_of_cells(cells: Sequence[str]) -> str:
    """The field that at least seven in ten non-empty cells look like, or "".

    >>> field_of_cells(["13800138000", "010-65529988", "139 0013 9000"])
    'phone'
    >>> field_of_cells(["张伟", "李娜", "欧阳娜娜"]), field_of_cells(["红", "蓝"])
    ('name', '')
    """
    if not cells:
        return ""
    looks = {
        "email": lambda cell: bool(email_key(cell)),
        "phone": _looks_like_phone,
        "gender": lambda cell: bool(sex_key(cell)) and len(cell) > (0 if has_han(cell) else 3),
        "birthday": _looks_like_birthday,
        "company": lambda cell: has_han(cell) and len(cell) >= 6 and is_company(cell),
        "address": _looks_like_address,
        "name": _looks_like_name,
    }
    for field, look in looks.items():
        if sum(map(look, cells)) >= 0.7 * len(cells):
            return field
    return ""


def _looks_like_phone(cell: str) -> bool:
    reading = read_numbers(cell)
    return reading.problem == "lost" or (bool(reading.numbers) and reading.numbers[0][:3] == "+86")


def _looks_like_birthday(cell: str) -> bool:
    written = birthday_key(cell)
    return bool(written) and not cell.isdecimal() and "1920" <= written[:4] <= "2025"


def _looks_like_address(cell: str) -> bool:
    return (
        has_han(cell)
        and len(cell) >= 6
        and bool(re.search(r"[路街道巷村镇区县市].*\d|\d+[号室栋]", cell))
    )


def _looks_like_name(cell: str) -> bool:
    reading = read_name(cell)
    is_usual = reading.surname in COMPOUND_SURNAMES or reading.surname in COMMON_SURNAMES
    return is_usual and len(reading.key) <= 4
