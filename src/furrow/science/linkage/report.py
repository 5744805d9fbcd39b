# ruff: noqa: E501  (HTML, CSS and sentences)
"""The report of `furrow dedupe`: one page of HTML that needs nothing else."""

# ruff: noqa: S608  (SQL is put together from our own names and numbers, never from cells)

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from furrow.science.linkage.engines import Engine
from furrow.science.linkage.numbers import read_numbers
from furrow.science.linkage.pipeline import COLUMNS, Found, reasons_of
from furrow.science.linkage.words import field_word, reason_word

_LARGEST, _ROWS_SHOWN, _DOUBTFUL = 12, 8, 40
_SHOWN = ("name", "phone", "phone2", "company", "address", "email", "wechat", "birthday")


@dataclass(frozen=True)
class ColumnQuality:
    """How well a column is filled and understood; rows of the list."""

    field: str
    filled: int
    distinct: int
    commonest: str
    commonest_rows: int


@dataclass(frozen=True)
class Doubt:
    """Two customers a person should look at: a row of each, with what is empty there and stands in
    another row of the same customer, and how many such rows there are."""

    weight: float
    reasons: list[tuple[str, float]]
    left: Mapping[str, str]
    right: Mapping[str, str]
    left_more: int
    right_more: int


@dataclass(frozen=True)
class Summary:
    """All the report shows."""

    files: Sequence[str]
    found: Found
    seconds: float
    sizes: list[tuple[int, int]]  # rows per customer, customers; the last size is "so many or more"
    largest: list[tuple[int, list[Mapping[str, str]]]]
    doubts: list[Doubt]
    doubtful: int
    quality: list[ColumnQuality]


def summarise(engine: Engine, found: Found, files: Sequence[str], *, seconds: float) -> Summary:
    """Ask the engine for everything the report shows; a few small queries."""
    engine.make("cluster_size", "SELECT customer, count(*) AS n FROM customer GROUP BY customer")
    sizes = engine.rows(
        "SELECT least(n, 10) AS size, count(*) FROM cluster_size GROUP BY least(n, 10) ORDER BY size"
    )
    largest: list[tuple[int, list[Mapping[str, str]]]] = []
    for customer, count in engine.rows(
        f"SELECT customer, n FROM cluster_size WHERE n > 1 ORDER BY n DESC, customer LIMIT {_LARGEST}"
    ):
        rows = engine.rows(
            f"SELECT {_columns('listed')} FROM listed JOIN customer USING (row) "
            f"WHERE customer = {customer} ORDER BY row LIMIT {_ROWS_SHOWN}"
        )
        largest.append((int(count), [_shown(row) for row in rows]))
    return Summary(
        files,
        found,
        seconds,
        [(int(size), int(count)) for size, count in sizes],
        largest,
        _heaviest(engine),
        int(engine.rows("SELECT count(*) FROM doubt")[0][0]),
        _quality(engine),
    )


def _heaviest(engine: Engine) -> list[Doubt]:
    doubts = engine.rows(
        f"SELECT weight, reasons, x.customer, y.customer, {_columns('l')}, {_columns('r')} "
        "FROM doubt JOIN listed l ON l.row = a JOIN listed r ON r.row = b "
        "JOIN customer x ON x.row = a JOIN customer y ON y.row = b "
        f"ORDER BY weight DESC, a, b LIMIT {_DOUBTFUL}"
    )
    ids = ", ".join(str(customer) for row in doubts for customer in row[2:4])
    whole = {
        row[0]: row[1:]
        for row in engine.rows(
            f"SELECT customer, count(*), {', '.join(f'max({column})' for column in _SHOWN)} "
            f"FROM listed JOIN customer USING (row) WHERE customer IN ({ids or -1}) "
            "GROUP BY customer"
        )
    }
    width = len(_SHOWN) + 1
    made = []
    for weight, reasons, left, right, *cells in doubts:
        sides = [
            _shown([row[0], *(own or other for own, other in zip(row[1:], facts[1:], strict=True))])
            for row, facts in ((cells[:width], whole[left]), (cells[width:], whole[right]))
        ]
        more = [int(whole[customer][0]) - 1 for customer in (left, right)]
        made.append(Doubt(weight, reasons_of(reasons), sides[0], sides[1], more[0], more[1]))
    return made


def _columns(table: str) -> str:
    return ", ".join(f"{table}.{column}" for column in ("row", *_SHOWN))


def _quality(engine: Engine) -> list[ColumnQuality]:
    result = []
    for column in COLUMNS:
        filled, distinct = engine.rows(
            f"SELECT count({column}), count(DISTINCT {column}) FROM listed"
        )[0]
        if not filled:
            continue
        value, count = engine.rows(
            f"SELECT {column}, count(*) AS n FROM listed WHERE {column} IS NOT NULL "
            f"GROUP BY {column} ORDER BY n DESC, {column} LIMIT 1"
        )[0]
        result.append(
            ColumnQuality(column, int(filled), int(distinct), _masked(column, value), int(count))
        )
    return result


def _shown(row: Sequence[str | int | None]) -> dict[str, str]:
    shown = {"row": str(row[0])}
    for column, value in zip(_SHOWN, row[1:], strict=True):
        if value:
            shown[column] = _masked(column, str(value))
    return shown


def _masked(column: str, value: str) -> str:
    """Numbers are never shown whole: 138****8000.

    >>> _masked("phone", "13800138000"), _masked("name", "张伟")
    ('138****8000', '张伟')
    """
    if column not in ("phone", "phone2", "number", "identity"):
        return value
    if column != "identity" and not read_numbers(value).numbers:
        return value  # a placeholder or a lost number: worth seeing
    digits = [place for place, character in enumerate(value) if character.isdigit()]
    hidden = set(digits[-8:-4]) if len(digits) >= 8 else set(digits[1:])
    return "".join("*" if place in hidden else c for place, c in enumerate(value))


_TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("Who is who", "谁是谁"),
    "lead": (
        "{rows} rows are {customers} customers: {share} of the rows repeat somebody.",
        "{rows} 行记录实为 {customers} 位客户，{share} 的行是重复的。",
    ),
    "rows": ("rows", "行"),
    "customers": ("customers", "客户"),
    "pairs": ("joins", "合并"),
    "doubtful": ("pairs to look at", "待人工判断"),
    "seconds": ("seconds", "秒"),
    "sizes": ("How often a customer is listed", "每位客户出现的次数"),
    "times": ("times", "次"),
    "or_more": ("{0} or more", "{0} 及以上"),
    "once": ("once", "1 次"),
    "largest": ("The customers listed most often", "出现最多的客户"),
    "more": ("and {0} more rows", "另有 {0} 行"),
    "doubt_head": ("Pairs to look at", "需要人工判断的记录"),
    "doubt_lead": (
        "Close enough to ask, not close enough to join. The heaviest first.",
        "足够相近，值得一问；又不足以直接合并。按可能性从高到低。",
    ),
    "none": ("None.", "没有。"),
    "set_aside": ("Values set aside", "搁置的值"),
    "set_aside_lead": (
        "Shared by so many that they say nothing about one person: switchboards, stand-ins, defaults.",
        "太多人共有，不能说明是同一个人：总机、占位号码、默认邮箱等。",
    ),
    "quality": ("The columns", "各列质量"),
    "filled": ("filled", "填写率"),
    "distinct": ("distinct", "不同值"),
    "commonest": ("most frequent value", "最常见的值"),
    "row": ("row", "行"),
    "row_and_more": ("row {0} and {1} more", "行 {0} 及另 {1} 行"),
    "bits": ("bits", "比特"),
}


def write_report(summary: Summary, path: Path, *, lang: str) -> None:
    """Write the page, in English ("en") or Chinese."""

    def t(key: str, *values: object) -> str:
        english, chinese = _TEXTS[key]
        return (english if lang == "en" else chinese).format(*values)

    found = summary.found
    share = f"{1 - found.customers / found.rows:.1%}" if found.rows else "0%"
    lead = _TEXTS["lead"][0 if lang == "en" else 1].format(
        rows=f"<b>{found.rows:,}</b>",
        customers=f"<b>{found.customers:,}</b>",
        share=f"<b>{share}</b>",
    )
    tiles = "".join(
        f"<div><strong>{value}</strong><span>{t(key)}</span></div>"
        for key, value in (
            ("rows", f"{found.rows:,}"),
            ("customers", f"{found.customers:,}"),
            ("pairs", f"{found.pairs:,}"),
            ("doubtful", f"{summary.doubtful:,}"),
            ("seconds", f"{summary.seconds:.1f}"),
        )
    )
    body = f"""<header><h1>{t("title")}</h1><p class="files">{escape(" · ".join(summary.files))}</p>
<p class="lead">{lead}</p></header>
<section class="tiles">{tiles}</section>
<section><h2>{t("sizes")}</h2>{_sizes(summary, t)}</section>
<section><h2>{t("largest")}</h2>{_largest(summary, t, lang)}</section>
<section><h2>{t("doubt_head")}</h2><p>{t("doubt_lead")}</p>{_doubts(summary, t, lang)}</section>
<section><h2>{t("set_aside")}</h2><p>{t("set_aside_lead")}</p>{_set_aside(summary, t, lang)}</section>
<section><h2>{t("quality")}</h2>{_columns_table(summary, t, lang)}</section>"""
    html_lang = "en" if lang == "en" else "zh-CN"
    path.write_text(
        f'<!doctype html>\n<html lang="{html_lang}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{t('title')}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>\n",
        encoding="utf-8",
    )


def _sizes(summary: Summary, t: Callable[..., str]) -> str:
    most = max((count for _, count in summary.sizes), default=1)
    rows = []
    for size, count in summary.sizes:
        label = (
            t("once") if size == 1 else t("or_more", size) if size == 10 else f"{size} {t('times')}"
        )
        rows.append(
            f'<tr><th>{label}</th><td class="bar"><i style="width:{100 * count / most:.1f}%"></i></td>'
            f'<td class="n">{count:,}</td></tr>'
        )
    return f'<table class="bars">{"".join(rows)}</table>'


def _largest(summary: Summary, t: Callable[..., str], lang: str) -> str:
    parts = []
    for count, rows in summary.largest:
        used = [column for column in _SHOWN if any(column in row for row in rows)]
        head = "".join(f"<th>{escape(field_word(column, lang))}</th>" for column in used)
        lines = "".join(
            f'<tr><td class="n">{row["row"]}</td>'
            + "".join(f"<td>{escape(row.get(column, ''))}</td>" for column in used)
            + "</tr>"
            for row in rows
        )
        name = next((row["name"] for row in rows if "name" in row), "")
        name = name or next((row["company"] for row in rows if "company" in row), "")
        more = f'<p class="more">{t("more", count - len(rows))}</p>' if count > len(rows) else ""
        parts.append(
            f"<details><summary><b>{escape(name)}</b> <span>{count} {t('rows')}</span></summary>"
            f'<div class="wide"><table><tr><th>{t("row")}</th>{head}</tr>{lines}</table></div>{more}</details>'
        )
    return "".join(parts) or f"<p>{t('none')}</p>"


def _doubts(summary: Summary, t: Callable[..., str], lang: str) -> str:
    parts = []
    for doubt in summary.doubts:
        used = [c for c in _SHOWN if c in doubt.left or c in doubt.right]
        lines = "".join(
            f"<tr><th>{escape(field_word(c, lang))}</th><td>{escape(doubt.left.get(c, ''))}</td>"
            f"<td>{escape(doubt.right.get(c, ''))}</td></tr>"
            for c in used
        )
        chips = "".join(
            f'<span class="{"for" if bits > 0 else "against"}">{escape(reason_word(code, lang))}'
            f" <small>{bits:+.0f}</small></span>"
            for code, bits in doubt.reasons
        )
        parts.append(
            f"<article><table><tr><th></th><th>{_place(doubt.left['row'], doubt.left_more, t)}</th>"
            f"<th>{_place(doubt.right['row'], doubt.right_more, t)}</th></tr>{lines}</table>"
            f'<p class="chips">{chips}<span class="sum">{doubt.weight:+.1f} {t("bits")}</span></p></article>'
        )
    return f'<div class="pairs">{"".join(parts)}</div>' if parts else f"<p>{t('none')}</p>"


def _place(row: str, more: int, t: Callable[..., str]) -> str:
    return t("row_and_more", row, more) if more else f"{t('row')} {row}"


def _set_aside(summary: Summary, t: Callable[..., str], lang: str) -> str:
    rows = "".join(
        f"<tr><th>{escape(field_word(kind, lang))}</th><td>{escape(_masked(kind, value))}</td>"
        f'<td class="n">{count:,}</td></tr>'
        for kind, value, count in summary.found.set_aside[:30]
    )
    return f"<table>{rows}</table>" if rows else f"<p>{t('none')}</p>"


def _columns_table(summary: Summary, t: Callable[..., str], lang: str) -> str:
    total = max(1, summary.found.rows)
    rows = "".join(
        f"<tr><th>{escape(field_word(q.field, lang))}</th>"
        f'<td class="bar"><i style="width:{100 * q.filled / total:.1f}%"></i></td>'
        f'<td class="n">{q.filled / total:.1%}</td><td class="n">{q.distinct:,}</td>'
        f"<td>{escape(q.commonest)} <small>× {q.commonest_rows:,}</small></td></tr>"
        for q in summary.quality
    )
    return (
        f'<div class="wide"><table><tr><th></th><th></th><th class="n">{t("filled")}</th>'
        f'<th class="n">{t("distinct")}</th><th>{t("commonest")}</th></tr>{rows}</table></div>'
    )


_STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#5d6b7a;--line:#dfe5ec;--ground:#f6f8fa;--card:#fff;
--accent:#2f6f4f;--for:#e3f2e8;--against:#fbe7e4}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9ef;--soft:#98a5b3;--line:#2c3642;--ground:#12171d;
--card:#1a2129;--accent:#6fbf94;--for:#1d3a2a;--against:#43241f}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);line-height:1.55;
font-family:system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
main{max-width:70rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}h1{margin:0;font-size:1.9rem}
h2{font-size:1.15rem;margin:0 0 .75rem}.files{color:var(--soft);margin:.25rem 0}.lead{font-size:1.15rem}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.25rem;margin-top:1.25rem}
section>p{color:var(--soft);margin:-.4rem 0 1rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:1rem}
.tiles strong{display:block;font-size:1.6rem;font-variant-numeric:tabular-nums}.tiles span{color:var(--soft)}
table{border-collapse:collapse;width:100%;font-size:.92rem}th{font-weight:500;color:var(--soft);text-align:left;
white-space:nowrap}td,th{padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child>td,tr:last-child>th{border-bottom:0}.n{text-align:right;font-variant-numeric:tabular-nums;
white-space:nowrap}.bar{width:45%;min-width:6rem}.bar i{display:block;height:.7rem;margin-top:.35rem;
background:var(--accent);border-radius:3px;min-width:1px}
.wide{overflow-x:auto}details{border-bottom:1px solid var(--line);padding:.4rem 0}details:last-child{border:0}
summary{cursor:pointer}summary span,.more,small{color:var(--soft)}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(26rem,100%),1fr));gap:1rem}
article{border:1px solid var(--line);border-radius:8px;padding:.5rem;min-width:0;display:flex;
flex-direction:column;justify-content:space-between}
article td,section>table td{overflow-wrap:anywhere}article td{width:42%}
article th{white-space:normal}.wide td{white-space:nowrap}
.chips{margin:.5rem .25rem 0;display:flex;flex-wrap:wrap;gap:.35rem}.chips span{border-radius:1rem;
padding:.05rem .6rem;font-size:.82rem}.for{background:var(--for)}.against{background:var(--against)}
.sum{margin-left:auto;color:var(--soft)}@media print{body{background:#fff}section{break-inside:avoid}}
"""
