# ruff: noqa: E501  (tables of Chinese words and long SQL)
"""Makes a noisy Chinese customer list of any length whose truth is known.

People have a name, one or two mobiles, a sex, a birthday, a home, some an employer, an e-mail
address, a WeChat id. What makes such lists hard is in it:

* one person is on 1 to 9 rows, each typed differently: titles, traditional characters, inner
  spaces, remarks, homophones, dropped characters, "Mr Wang"; numbers in a dozen spellings, two in
  one cell, lost to a spreadsheet, missing, a digit wrong, the firm's switchboard instead;
* families on one line: spouse and child use one number and one address (one person in eight);
* namesakes in one building: same name, same estate, another flat (one in fifty);
* placeholders: the same dummy number and e-mail address on thousands of rows;
* firms with a switchboard, the largest with thousands of people.

Everything is drawn with hashes of the person's and the row's number, so a list of a given size
and seed is the same on every machine. Names and numbers are made of common parts at random; a likeness
with a real person is chance, and the list is for measuring only.

    python bench/linkage_list.py --rows 1000000 --out list.csv --truth truth.csv

truth.csv: row, person, linkable. Two rows of one person are a *linkable pair* when they have the
same `linkable`: a chain of rows that share a mobile, an e-mail address, a WeChat id, or the full
name together with the flat, the home line or (small firms) the switchboard joins them. Rows that
share nothing of the kind ("Mr Wang", no number) have a group of their own. `linkable` is -1 for the
rows nobody could place: those that name nobody on a line which several people of the list use.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from furrow.science.linkage.text import words

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹"
    "薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
GIVEN = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂兰华红玉梅建国志文斌辉海燕鹏飞宇浩轩子涵梓欣怡雨晨思佳琪俊凯雪莹晓东小龙春生德福宝林云峰立新庆荣家豪"
    "嘉诚天佑美玲凤琴淑珍慧颖婷倩薇蕾诗琳雅若曦可心一诺安然博睿振宇泽民永康少波"
)
TRADITIONAL = {
    "伟": "偉", "丽": "麗", "强": "強", "军": "軍", "艳": "艷", "杰": "傑", "涛": "濤", "兰": "蘭", "华": "華", "红": "紅",
    "国": "國", "辉": "輝", "鹏": "鵬", "飞": "飛", "轩": "軒", "晓": "曉", "东": "東", "龙": "龍", "宝": "寶", "云": "雲",
    "庆": "慶", "荣": "榮", "诚": "誠", "凤": "鳳", "颖": "穎", "诗": "詩", "诺": "諾", "泽": "澤", "张": "張", "刘": "劉",
    "陈": "陳", "杨": "楊", "黄": "黃", "赵": "趙", "吴": "吳", "孙": "孫", "马": "馬", "罗": "羅", "郑": "鄭", "谢": "謝",
    "韩": "韓", "冯": "馮", "邓": "鄧", "肖": "蕭", "蒋": "蔣", "苏": "蘇", "吕": "呂", "卢": "盧", "钟": "鐘", "谭": "譚",
}  # fmt: skip
HOMOPHONES = {
    "伟": "玮", "芳": "方", "娜": "那", "英": "莹", "静": "靖", "丽": "莉", "强": "蔷", "磊": "蕾", "洋": "阳", "艳": "燕",
    "杰": "洁", "娟": "鹃", "涛": "滔", "明": "铭", "霞": "侠", "平": "萍", "刚": "钢", "红": "宏", "玉": "育", "梅": "玫",
    "建": "健", "志": "智", "文": "雯", "斌": "彬", "辉": "晖", "海": "孩", "燕": "雁", "鹏": "朋", "宇": "雨", "浩": "皓",
    "轩": "萱", "子": "紫", "涵": "晗", "欣": "新", "怡": "宜", "雨": "羽", "晨": "辰", "思": "斯", "佳": "嘉", "琪": "祺",
    "俊": "骏", "雪": "血", "晓": "小", "龙": "隆", "春": "椿", "生": "升", "福": "富", "云": "芸", "峰": "锋", "新": "心",
    "荣": "容", "家": "加", "诚": "成", "美": "镁", "玲": "灵", "琴": "勤", "珍": "真", "慧": "惠", "颖": "影", "婷": "亭",
    "诗": "师", "琳": "林", "雅": "哑", "安": "桉", "博": "勃", "振": "震", "永": "勇", "康": "慷", "波": "播",
}  # fmt: skip
CITIES = words(
    "北京 上海 广州 深圳 杭州 成都 武汉 西安 南京 重庆 天津 苏州 郑州 长沙 沈阳 青岛 宁波 "
    "东莞 无锡 合肥 昆明 大连 福州 厦门 哈尔滨 济南 温州 南宁 长春 泉州 石家庄 贵阳 南昌 "
    "金华 常州 南通 嘉兴 太原 徐州 惠州 珠海 中山 台州 烟台 兰州 绍兴"
)
PROVINCES = words(
    "- - 广东省 广东省 浙江省 四川省 湖北省 陕西省 江苏省 - - 江苏省 河南省 湖南省 辽宁省 "
    "山东省 浙江省 广东省 江苏省 安徽省 云南省 辽宁省 福建省 福建省 黑龙江省 山东省 "
    "浙江省 广西 吉林省 福建省 河北省 贵州省 江西省 浙江省 江苏省 江苏省 浙江省 山西省 "
    "江苏省 广东省 广东省 广东省 浙江省 山东省 甘肃省 浙江省"
)
AREA_CODES = words(
    "010 021 020 0755 0571 028 027 029 025 023 022 0512 0371 0731 024 0532 0574 0769 0510 "
    "0551 0871 0411 0591 0592 0451 0531 0577 0771 0431 0595 0311 0851 0791 0579 0519 0513 "
    "0573 0351 0516 0752 0756 0760 0576 0535 0931 0575"
)
DISTRICTS = words(
    "东城 西湖 南山 江北 高新 新城 城关 中原 鼓楼 海珠 雁塔 天河 福田 武侯 江岸 和平 玄武 "
    "滨江 吴中 岳麓"
)
ROADS = words(
    "人民 中山 解放 建设 和平 文化 胜利 长江 黄河 新华 科技 学院 花园 滨河 体育 友谊 光明 "
    "幸福 青年 东风 迎宾 朝阳 振兴 环城 工业 创业 世纪 民主 团结 复兴"
)
ROAD_FIRST = words("东 西 南 北 新 大 金 银 红 绿 华 兴 天 龙 凤 安 永 福 泰 祥")
FIRM_FIRST = words(
    "海图 远航 天成 恒信 博雅 鼎新 汇通 嘉禾 明德 中源 瑞丰 启明 宏达 联创 佳美 安泰 金桥 "
    "蓝天 星辰 方圆 众合 卓越 立信 万象 同济 华宇 润泽 东升 百川 青云"
)
FIRM_SECOND = words("德 创 隆 盛 源 和 达 通 智 诚 腾 润 升 洋 凯 信 邦 泽 卓 思")
FIRM_TRADE = words(
    "科技 贸易 教育 医疗 建材 物流 餐饮 文化传媒 电子 服装 机械 装饰 食品 汽车服务 咨询 网络科技"
)


def _sql_list(values: str | list[str]) -> str:
    return "[" + ",".join(f"'{value}'" for value in values) + "]"


def _pick(values: str | list[str], dice: str) -> str:
    return f"({_sql_list(values)})[1 + ({dice})::BIGINT % {len(values)}]"


def _replace_all(text: str, mapping: dict[str, str]) -> str:
    return f"translate({text}, '{''.join(mapping)}', '{''.join(mapping.values())}')"


@dataclass(frozen=True)
class Shape:
    """What a list is like; shares from 0 to 1.

    family_every  of so many people three are a family on one line; at least 6
    employed      people with an employer
    mailed        people with an e-mail address
    tells         rows on which a person who has an e-mail address or WeChat id gives it
    name_noise    rows whose name is surely not simply written: titles, homophones, surname alone …
    number_noise  rows whose number is surely missing, lost, mistyped or a dummy
    copies        scale of the number of rows of one person
    """

    family_every: int = 24
    employed: float = 0.35
    mailed: float = 0.4
    tells: float = 0.45
    name_noise: float = 0.0
    number_noise: float = 0.0
    copies: float = 2.05


SHAPES = {
    "consumers": Shape(),
    # Firms' people and their families, found by their mail rather than by a number.
    "offices": Shape(
        family_every=8, employed=0.85, mailed=0.9, tells=0.7, name_noise=0.15, number_noise=0.25,
        copies=3.0,
    ),
}  # fmt: skip


def make_list(
    rows: int,
    out: Path,
    truth: Path,
    *,
    seed: int = 1,
    threads: int = 2,
    shape: Shape | None = None,
) -> None:
    """Write the list and its truth. About 30 s for 5,000,000 rows on two cores."""
    shape = shape or Shape()
    con = duckdb.connect()
    con.execute(f"SET threads = {threads}")
    con.execute(
        f"CREATE MACRO dice(a, salt) AS (hash(a * 1000003 + salt * 7919 + {seed} * 104729) >> 8)::BIGINT"
    )
    con.execute("CREATE MACRO chance(a, salt) AS (dice(a, salt) % 1000000) / 1e6")
    people = max(10, int(rows / 2.5))
    con.execute(f"""
        CREATE TABLE person AS
        WITH start AS (
            SELECT i,
                -- namesakes: the name and the building of the person before
                CASE WHEN chance(i, 1) < 0.02 AND i % {shape.family_every} > 3 THEN i - 1 ELSE i END AS named,
                -- families of three: the home of the person whose number divides by 24
                CASE WHEN i % {shape.family_every} IN (1, 2) THEN i - i % {shape.family_every}
                     WHEN chance(i, 1) < 0.02 AND i % {shape.family_every} > 3 THEN i - 1 ELSE i END AS housed
            FROM range({people}) t(i)
        )
        SELECT i,
            -- the child of a family has its father's surname
            {_pick(SURNAMES, f"floor(pow(chance(CASE WHEN i % {shape.family_every} = 2 THEN i - 2 ELSE named END, 2), 2) * {len(SURNAMES)})")} AS surname,
            {_pick(GIVEN, "dice(named, 3)")} || CASE WHEN chance(named, 4) < 0.78
                THEN {_pick(GIVEN, "dice(named, 5)")} ELSE '' END AS given,
            CASE WHEN chance(i, 6) < 0.5 THEN '男' ELSE '女' END AS sex,
            DATE '1950-01-01' + (dice(i, 7) % 20000)::INTEGER AS born,
            '1' || ['30','31','32','33','35','36','37','38','39','50','51','52','55','56','57','58','59','66','70','76','77','78','80','81','82','85','86','87','88','89','91','98','99'][1 + dice(i, 8) % 33]
                || lpad(((i * 7368787 + {seed} * 13) % 100000000)::VARCHAR, 8, '0') AS mobile,
            CASE WHEN chance(i, 9) < 0.25 THEN '1' || ['34','53','73','83','90','95'][1 + dice(i, 10) % 6]
                || lpad(((i * 5915587 + 17) % 100000000)::VARCHAR, 8, '0') END AS second,
            housed, housed <> i AND i % {shape.family_every} IN (1, 2) AS in_family,
            dice(housed, 11) % {len(CITIES)} AS city,
            {_pick(DISTRICTS, "dice(housed, 12)")} AS district,
            {_pick(ROAD_FIRST, "dice(housed, 13)")} || {_pick(ROADS, "dice(housed, 14)")} || (['路','街','大道'])[1 + dice(housed, 15) % 3] AS road,
            1 + dice(housed, 16) % 400 AS house,
            1 + dice(housed, 17) % 20 AS building,
            -- namesakes live in another flat
            (1 + (dice(housed, 18) + CASE WHEN i % {shape.family_every} IN (1, 2) THEN 0 ELSE i - housed END) % 28) * 100
                + 1 + dice(housed, 19) % 6 AS flat,
            CASE WHEN chance(i, 20) < {shape.employed} THEN floor(pow(chance(i, 21), 3) * {max(3, people // 40)})::BIGINT END AS firm,
            CASE WHEN chance(i, 22) < {shape.mailed} THEN (['li','wang','zhang','happy','star','sun','blue','fly','cool','lucky'])[1 + dice(i, 23) % 10] || (i * 37 % 100000007)::VARCHAR || (['@qq.com','@163.com','@126.com','@sina.com','@gmail.com'])[1 + dice(i, 24) % 5] END AS email,
            CASE WHEN chance(i, 25) < 0.4 THEN (['wx','love','a','sky','xx_','m'])[1 + dice(i, 26) % 6] || (i * 91 % 1000000007)::VARCHAR || 'k' END AS wechat,
            1 + floor(-ln(1 - chance(i, 27) * 0.995) * {shape.copies})::BIGINT AS copies
        FROM start""")
    con.execute(f"""
        CREATE TABLE firm AS SELECT f,
            dice(f, 40) % {len(CITIES)} AS city,
            {_pick(FIRM_FIRST, "dice(f, 41)")} || {_pick(FIRM_SECOND, "dice(f, 42)")} || {_pick(FIRM_SECOND, "dice(f, 43)")} || {_pick(FIRM_TRADE, "dice(f, 44)")} AS core,
            (2 + dice(f, 45) % 6)::VARCHAR || lpad((f * 7919 % 10000000)::VARCHAR, 7, '0') AS line
        FROM range({max(3, people // 40)}) t(f)""")
    con.execute(f"""
        CREATE TABLE drawn AS
        SELECT p.*, r AS n, dice(p.i * 16 + r, 50) AS shuffled,
            CASE WHEN chance(p.i * 16 + r, 63) < {shape.name_noise}
                THEN 0.7 + 0.255 * chance(p.i * 16 + r, 51) ELSE chance(p.i * 16 + r, 51) END AS name_style,
            CASE WHEN chance(p.i * 16 + r, 64) < {shape.number_noise}
                THEN 0.075 * chance(p.i * 16 + r, 52) ELSE chance(p.i * 16 + r, 52) END AS phone_style,
            chance(p.i * 16 + r, 53) AS spelling, chance(p.i * 16 + r, 54) AS address_style,
            chance(p.i * 16 + r, 55) AS firm_style, chance(p.i * 16 + r, 56) AS mail_style,
            chance(p.i * 16 + r, 57) AS wechat_style, chance(p.i * 16 + r, 58) AS born_style,
            chance(p.i * 16 + r, 59) AS sex_style, chance(p.i * 16 + r, 60) AS spare_style,
            chance(p.i * 16 + r, 61) AS slip, f.core, f.line, f.city AS firm_city,
            h.mobile AS home_line
        FROM person p
        CROSS JOIN LATERAL (SELECT unnest(range(LEAST(p.copies, 9))) AS r)
        LEFT JOIN firm f ON f.f = p.firm
        LEFT JOIN person h ON h.i = p.housed AND p.in_family
        QUALIFY row_number() OVER (ORDER BY shuffled, p.i, r) <= {rows}""")
    # On the family's line everybody gives the full name: "Mr Wang" there is anybody.
    name = f"""CASE
        WHEN name_style < 0.70 OR which = 'home' THEN surname || given
        WHEN name_style < 0.78 THEN surname || given || CASE WHEN spelling < 0.3 THEN CASE sex WHEN '男' THEN '先生' ELSE '女士' END WHEN spelling < 0.5 THEN '经理' WHEN spelling < 0.7 THEN '总' WHEN spelling < 0.85 THEN '老师' ELSE ' ' || CASE sex WHEN '男' THEN '先生' ELSE '女士' END END
        WHEN name_style < 0.82 THEN {_replace_all("surname || given", TRADITIONAL)}
        WHEN name_style < 0.85 THEN surname || CASE WHEN slip < 0.5 THEN ' ' ELSE '　' END || given
        WHEN name_style < 0.87 THEN surname || given || CASE WHEN slip < 0.5 THEN '(老客户)' ELSE '（VIP）' END
        WHEN name_style < 0.91 THEN surname || CASE WHEN slip < 0.4 THEN '总' WHEN slip < 0.6 THEN '老师' ELSE CASE sex WHEN '男' THEN '先生' ELSE '女士' END END
        WHEN name_style < 0.93 THEN surname || {_replace_all("given", HOMOPHONES)}
        WHEN name_style < 0.935 THEN surname || substr(given, length(given), 1)
        WHEN name_style < 0.955 THEN CASE WHEN slip < 0.5 THEN '' WHEN slip < 0.8 THEN '无' ELSE '客户' END
        ELSE surname || given END"""
    which = """CASE
        WHEN phone_style < 0.03 THEN NULL
        WHEN phone_style < 0.05 THEN 'lost'
        WHEN phone_style < 0.055 THEN 'typo'
        WHEN phone_style < 0.075 THEN 'dummy'
        WHEN phone_style < 0.115 AND line IS NOT NULL THEN 'line'
        WHEN phone_style < 0.215 AND second IS NOT NULL THEN 'second'
        WHEN phone_style < 0.25 AND second IS NOT NULL THEN 'both'
        WHEN phone_style < 0.45 AND home_line IS NOT NULL THEN 'home'
        ELSE 'mobile' END"""

    def spelt(number: str) -> str:
        return f"""CASE
            WHEN spelling < 0.62 THEN {number}
            WHEN spelling < 0.68 THEN '+86' || {number}
            WHEN spelling < 0.71 THEN '86-' || {number}
            WHEN spelling < 0.73 THEN '0086' || {number}
            WHEN spelling < 0.75 THEN '0' || {number}
            WHEN spelling < 0.80 THEN substr({number}, 1, 3) || '-' || substr({number}, 4, 4) || '-' || substr({number}, 8)
            WHEN spelling < 0.85 THEN substr({number}, 1, 3) || ' ' || substr({number}, 4, 4) || ' ' || substr({number}, 8)
            WHEN spelling < 0.88 THEN {number} || '.0'
            WHEN spelling < 0.91 THEN translate({number}, '0123456789', '０１２３４５６７８９')
            WHEN spelling < 0.94 THEN {number} || CASE WHEN slip < 0.5 THEN '(微信同号)' ELSE ' 本人' END
            WHEN spelling < 0.97 THEN ' ' || {number} || chr(9)
            ELSE '(+86) ' || {number} END"""

    line = f"""CASE WHEN spelling < 0.4 THEN {_pick(AREA_CODES, "firm_city")} || '-' || line
            WHEN spelling < 0.6 THEN '(' || {_pick(AREA_CODES, "firm_city")} || ')' || line
            WHEN spelling < 0.8 THEN {_pick(AREA_CODES, "firm_city")} || line
            ELSE {_pick(AREA_CODES, "firm_city")} || '-' || line || '-' || (800 + i % 200)::VARCHAR END"""
    city, province = _pick(CITIES, "city"), _pick(PROVINCES, "city")
    door = "house::VARCHAR"
    address = f"""CASE WHEN address_style < 0.45 THEN ''
        ELSE CASE WHEN address_style < 0.60 THEN CASE WHEN {province} = '-' THEN '' ELSE {province} END || {city} || '市' || district || '区'
                  WHEN address_style < 0.75 THEN {city} || '市' || district || '区'
                  WHEN address_style < 0.85 THEN {city} || district || '区'
                  WHEN address_style < 0.92 THEN district || '区' ELSE '' END
             || road || {door} || '号'
             || CASE WHEN spelling < 0.5 THEN building::VARCHAR || '栋' ELSE building::VARCHAR || '幢' END
             || CASE WHEN slip < 0.85 THEN flat::VARCHAR || CASE WHEN spelling < 0.7 THEN '室' ELSE '' END ELSE '' END END"""
    firm = f"""CASE WHEN core IS NULL OR firm_style < 0.4 THEN ''
        WHEN firm_style < 0.60 THEN {_pick(CITIES, "firm_city")} || '市' || core || '有限公司'
        WHEN firm_style < 0.75 THEN core || '有限公司'
        WHEN firm_style < 0.85 THEN core || '(' || {_pick(CITIES, "firm_city")} || ')有限公司'
        WHEN firm_style < 0.93 THEN core ELSE {_pick(CITIES, "firm_city")} || core || '股份有限公司' END"""
    con.execute(f"""
        CREATE TABLE listed AS
        SELECT row_number() OVER (ORDER BY shuffled, i, n) - 1 AS row, i, name_style, which, address_style,
            slip, second,
            {name} AS 姓名,
            CASE which WHEN 'mobile' THEN {spelt("mobile")} WHEN 'second' THEN {spelt("second")}
                WHEN 'home' THEN {spelt("home_line")}
                WHEN 'both' THEN mobile || (['/',' ','、',';'])[1 + n % 4] || second
                WHEN 'lost' THEN substr(mobile, 1, 1) || '.' || substr(mobile, 2, 2) || 'E+10'
                WHEN 'typo' THEN substr(mobile, 1, 6) || ((substr(mobile, 7, 1)::INTEGER + 1 + n) % 10)::VARCHAR || substr(mobile, 8)
                WHEN 'dummy' THEN (['13800000000','00000000000','无','13888888888','11111111111','待补'])[1 + n % 6]
                WHEN 'line' THEN {line} ELSE '' END AS 手机号,
            CASE WHEN spare_style < 0.12 AND second IS NOT NULL THEN second
                WHEN spare_style < 0.16 AND line IS NOT NULL THEN {line} ELSE '' END AS 备用电话,
            spare_style, {firm} AS 公司名称, {address} AS 地址,
            CASE WHEN mail_style < {shape.tells} AND email IS NOT NULL THEN CASE WHEN slip < 0.1 THEN upper(email) ELSE email END
                WHEN mail_style > 0.98 THEN 'kefu@company-default.cn' ELSE '' END AS 邮箱,
            CASE WHEN wechat_style < {shape.tells} AND wechat IS NOT NULL THEN CASE WHEN slip < 0.1 THEN '微信:' || wechat ELSE wechat END ELSE '' END AS 微信,
            CASE WHEN sex_style < 0.6 THEN sex ELSE '' END AS 性别,
            CASE WHEN born_style < 0.15 THEN strftime(born, '%Y-%m-%d') WHEN born_style < 0.2 THEN strftime(born, '%Y/%m/%d')
                WHEN born_style < 0.25 THEN strftime(born, '%Y%m%d') WHEN born_style < 0.3 THEN strftime(born, '%Y年%m月%d日')
                WHEN born_style < 0.33 THEN strftime(born, '%Y.%m.%d') ELSE '' END AS 生日,
            (['官网','展会','转介绍','购买名单','门店'])[1 + dice(i * 16 + n, 62) % 5] AS 来源,
            mail_style < {shape.tells} AND email IS NOT NULL AS has_mail, wechat_style < {shape.tells} AND wechat IS NOT NULL AS has_wechat
        FROM (SELECT *, {which} AS which FROM drawn)""")
    out.parent.mkdir(parents=True, exist_ok=True)
    con.execute(f"""COPY (SELECT 姓名, 手机号, 备用电话, 公司名称, 地址, 邮箱, 微信, 性别, 生日, 来源
        FROM listed ORDER BY row) TO '{out}' (HEADER)""")
    _write_truth(con, truth, shape)
    con.close()


def _write_truth(con: duckdb.DuckDBPyConnection, truth: Path, shape: Shape) -> None:
    """Chains of shared evidence inside one person, as the module says."""
    full = "name_style < 0.87 OR name_style >= 0.955 OR which = 'home'"
    homophone = "name_style BETWEEN 0.91 AND 0.93"
    evidence = con.execute(f"""
        SELECT row, i * 8 AS fact FROM listed
            WHERE (which IN ('mobile', 'both') AND ({full} OR NOT i % {shape.family_every} = 0 OR {homophone}))
        UNION ALL SELECT row, i * 8 + 1 FROM listed WHERE which IN ('second', 'both') OR (spare_style < 0.12 AND second IS NOT NULL)
        UNION ALL SELECT row, i * 8 + 2 FROM listed WHERE has_mail
        UNION ALL SELECT row, i * 8 + 3 FROM listed WHERE has_wechat
        UNION ALL SELECT row, i * 8 + 4 FROM listed WHERE ({full}) AND address_style >= 0.45 AND slip < 0.85
        UNION ALL SELECT row, i * 8 + 5 FROM listed WHERE which = 'home'
    """).fetchnumpy()
    rows = con.execute("SELECT i AS person FROM listed ORDER BY row").fetchnumpy()["person"]
    # The head of a family whose line the others use, without a full name.
    nobodys = con.execute(f"""
        SELECT row FROM listed WHERE i % {shape.family_every} = 0 AND which IN ('mobile', 'both')
            AND NOT ({full} OR {homophone} OR name_style BETWEEN 0.93 AND 0.935)
    """).fetchnumpy()["row"]
    count = len(rows)
    _, fact = np.unique(evidence["fact"], return_inverse=True)
    graph = coo_matrix(
        (np.ones(len(fact), np.int8), (np.asarray(evidence["row"]), fact + count)),
        shape=(count + int(fact.max()) + 1,) * 2,
    )
    _, linkable = connected_components(graph, directed=False)
    linkable[np.asarray(nobodys)] = -1
    table = {"row": np.arange(count), "person": np.asarray(rows), "linkable": linkable[:count]}
    con.register("truth_table", table)
    con.execute(f"COPY (SELECT * FROM truth_table) TO '{truth}' (HEADER)")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shape", choices=SHAPES, default="consumers")
    given = parser.parse_args()
    make_list(given.rows, given.out, given.truth, seed=given.seed, shape=SHAPES[given.shape])


if __name__ == "__main__":
    main()
