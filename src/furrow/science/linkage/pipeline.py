"""The same linkage for lists of millions: SQL finds the candidates, Python judges the few.

In one customer list nearly all duplicates share a number and a name, so:

1. every distinct name, firm and unusual number is normalised once (Python, in parallel);
2. rows with one full name and one number, e-mail address, WeChat id or identity number are one
   customer (SQL, one grouping);
3. what is left is brought together by any value two customers share: a number under two names, an
   e-mail address, a WeChat id, an identity number, a name with an address, a firm or a birthday;
4. `compare_profiles` judges these pairs, with frequencies counted among the customers of step 2;
5. the accepted pairs are settled as `link.settle` does: people first, then what names nobody.

Each stage is a table made by one query in the SQL that DuckDB and Spark share. Work is bounded: a
value shared by more than MOST_IN_A_BLOCK customers is set aside and reported.
"""

# ruff: noqa: S608  (SQL is put together from our own names and numbers, never from cells)

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log2
from typing import Any

from furrow.science.linkage.addresses import read_address
from furrow.science.linkage.companies import is_company, read_company
from furrow.science.linkage.compare import SAME_BITS, WORTH, compare_profiles
from furrow.science.linkage.contacts import (
    WECHAT_PATTERN,
    birthday_key,
    email_key,
    identity_key,
    sex_key,
    wechat_key,
)
from furrow.science.linkage.engines import Engine, Row
from furrow.science.linkage.link import CLEARLY_BETTER_BITS, MOST_IN_A_BLOCK
from furrow.science.linkage.names import plain_name_pattern, read_name
from furrow.science.linkage.numbers import read_numbers
from furrow.science.linkage.placeholders import DUMMY_MAIL_PATTERN
from furrow.science.linkage.profiles import Profile, Rarity, place_key, postcode_key
from furrow.science.linkage.text import has_han, name_sound

# The columns of the table `listed`; a list that has no such column has NULL in it.
COLUMNS = (
    "name", "company", "phone", "phone2", "address", "city", "province", "district", "postcode",
    "email", "wechat", "birthday", "gender", "identity",
)  # fmt: skip
STAGES = ("read", "normalise", "group", "candidates", "judge", "settle", "write")
_WIDE, _NARROW = "０１２３４５６７８９＋（）－　\t", "0123456789+()-  "
_QUICK = "^([(]?[+]?86[)]?|0086|0)?(1[3-9][0-9]{9})$"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """What the pipeline leaves in the engine, and its counts.

    tables  customer(row, customer), edge(a, b, weight, reasons), doubt(a, b, weight, reasons)
    """

    rows: int
    customers: int
    pairs: int
    set_aside: list[tuple[str, str, int]]


def find_customers(engine: Engine, *, region: str, progress: Progress) -> Found:
    """Run the stages on the table `listed` (row, file, COLUMNS)."""
    progress("normalise")
    rows = int(engine.rows("SELECT count(*) FROM listed")[0][0])
    _normalise(engine, region)
    progress("group")
    _group(engine, rows)
    progress("candidates")
    set_aside = _find_candidates(engine)
    progress("judge")
    _judge(engine)
    progress("settle")
    customers = _settle(engine)
    pairs = int(engine.rows("SELECT count(*) FROM edge")[0][0])
    return Found(rows, customers, pairs, set_aside)


# --- 1. normalise


def _normalise(engine: Engine, region: str) -> None:
    quick = {column: _quick_mobile(engine, column, region) for column in ("phone", "phone2")}
    engine.make(
        "cell",
        f"""SELECT row, quick, quick2, CASE WHEN quick IS NULL THEN phone END AS odd,
            CASE WHEN quick2 IS NULL THEN phone2 END AS odd2
        FROM (SELECT row, phone, phone2, {quick["phone"]} AS quick, {quick["phone2"]} AS quick2
            FROM listed WHERE phone IS NOT NULL OR phone2 IS NOT NULL) read_quickly""",
    )
    engine.apply(
        "odd_number",
        """SELECT odd AS cell FROM cell WHERE odd IS NOT NULL
        UNION SELECT odd2 FROM cell WHERE odd2 IS NOT NULL""",
        number_rows,
        {"cell": "VARCHAR", "n1": "BIGINT", "n2": "BIGINT", "n3": "BIGINT", "problem": "VARCHAR"},
        given=region,
    )
    engine.make(
        "number_of",
        "SELECT DISTINCT row, number FROM ("
        + " UNION ALL ".join(
            [
                f"SELECT row, CAST('86' || {quick} AS BIGINT) AS number FROM cell "
                f"WHERE {quick} IS NOT NULL"
                for quick in ("quick", "quick2")
            ]
            + [
                f"SELECT row, {number} FROM cell JOIN odd_number o ON {odd} = o.cell "
                f"WHERE {number} IS NOT NULL"
                for odd in ("odd", "odd2")
                for number in ("n1", "n2", "n3")
            ]
        )
        + ") every_number",
    )
    engine.drop("cell", "odd_number")
    engine.make(
        "name_cell",
        f"""SELECT cell, regexp_extract(replace(replace(cell, ' ', ''), '　', ''),
            '{plain_name_pattern()}', 1) AS seen
        FROM (SELECT DISTINCT name AS cell FROM listed WHERE name IS NOT NULL) every_name""",
    )
    engine.apply(
        "odd_name",
        "SELECT cell FROM name_cell WHERE seen = ''",
        name_rows,
        {"cell": "VARCHAR", "name": "VARCHAR", "surname": "VARCHAR", "is_full": "BOOLEAN",
         "firm": "VARCHAR"},
        given=None,
    )  # fmt: skip
    engine.make(
        "name_of",
        """SELECT cell, name, surname, is_full, firm FROM odd_name
        UNION ALL SELECT cell, seen, substr(seen, 1, 1), TRUE, CAST(NULL AS STRING)
        FROM name_cell WHERE seen <> ''""",
    )
    engine.apply(
        "company_of",
        "SELECT DISTINCT company AS cell FROM listed WHERE company IS NOT NULL",
        company_rows,
        {"cell": "VARCHAR", "company": "VARCHAR"},
        given=None,
    )
    _know(engine)


def _know(engine: Engine) -> None:
    """The table `known`: what is known of each row, `who` it is about (its person, or its firm in
    a list of firms), and what may bring it together with others of that name."""
    persons = engine.rows("SELECT count(*), sum(CASE WHEN is_full THEN 1 ELSE 0 END) FROM name_of")
    of_firms = 2 * int(persons[0][1] or 0) <= int(persons[0][0])
    firm = "coalesce(n.firm, c.company)" if of_firms else "n.firm"
    doors = engine.removed(_narrow("address"), "[^0-9]+")
    days = engine.removed(_narrow("birthday"), "[^0-9]+|00:00:00")
    engine.make(
        "known",
        f"""SELECT row, name, surname, is_full, company, who,
            CASE WHEN who IS NOT NULL THEN {engine.hashed("who")} END AS whose,
            CASE WHEN length(doors) > 2 THEN {engine.hashed("who", "doors")} END AS who_where,
            CASE WHEN length(days) > 4 THEN {engine.hashed("who", "days")} END AS who_when
        FROM (SELECT row, n.name AS name, n.surname AS surname,
                coalesce(n.is_full, FALSE) AS is_full, coalesce(c.company, n.firm) AS company,
                CASE WHEN n.is_full THEN n.name WHEN n.name IS NULL THEN {firm} END AS who,
                CASE WHEN n.is_full THEN {doors} END AS doors,
                CASE WHEN n.is_full THEN {days} END AS days
            FROM listed
            LEFT JOIN name_of n ON listed.name = n.cell
            LEFT JOIN company_of c ON listed.company = c.cell) read_row""",
    )
    engine.drop("name_cell", "odd_name", "name_of", "company_of")


def _quick_mobile(engine: Engine, column: str, region: str) -> str:
    """SQL for the eleven digits of a Chinese mobile in one of its plain spellings, else NULL.

    Only what `read_numbers` would read as exactly this one number; everything else goes there.
    """
    if region != "CN":
        return "CAST(NULL AS STRING)"
    bare = engine.removed(_narrow(column), "[ -]|[.]0+$|本人|[(]微信同号[)]")
    digits = f"regexp_extract({bare}, '{_QUICK}', 2)"
    return f"""CASE WHEN {column} LIKE '%00000000%' THEN NULL
        WHEN length({column}) = 11 AND {column} >= '13'
            AND try_cast({column} AS BIGINT) BETWEEN 13000000000 AND 19999999999 THEN {column}
        ELSE nullif({digits}, '') END"""


def _narrow(column: str) -> str:
    """SQL for a cell with its full-width digits and marks in half width. Most cells have none."""
    return f"""CASE WHEN regexp_extract({column}, '[{_WIDE}]', 0) = '' THEN {column}
        ELSE translate({column}, '{_WIDE}', '{_NARROW}') END"""


def number_rows(rows: Sequence[Row], region: str) -> list[Row]:
    """(cell) to (cell, up to three numbers as whole numbers, problem)."""
    made: list[Row] = []
    for (cell,) in rows:
        reading = read_numbers(cell, region=region)
        numbers = [int(number[1:]) for number in reading.numbers[:3]]
        made.append((cell, *numbers, *[None] * (3 - len(numbers)), reading.problem))
    return made


def name_rows(rows: Sequence[Row], _: None) -> list[Row]:
    """(cell) to its reading; a firm in the column for names is told apart."""
    made: list[Row] = []
    for (cell,) in rows:
        reading = read_name(cell)
        if is_company(cell) or (len(reading.key) > 5 and has_han(reading.key)):
            made.append((cell, None, None, False, read_company(cell).key or None))
        else:
            made.append((cell, reading.key or None, reading.surname or None, reading.is_full, None))
    return made


def company_rows(rows: Sequence[Row], _: None) -> list[Row]:
    """(cell) to (cell, core of the firm's name)."""
    return [(cell, read_company(cell).key or None) for (cell,) in rows]


# --- 2. one name and one personal value


def _group(engine: Engine, rows: int) -> None:
    blocks = _blocks(engine)
    said = ["SELECT row, 'number' AS kind, number AS value FROM number_of"]
    for kind, usual in _USUAL.items():
        value, table, where = blocks[kind]
        said.append(f"SELECT row, '{kind}', {value} FROM {table} WHERE {where} AND {usual}")
    engine.make(
        "said",
        f"""SELECT row, kind, value, whose, is_full FROM ({" UNION ALL ".join(said)}) personal
        JOIN known USING (row) WHERE whose IS NOT NULL""",
    )
    engine.make(
        "who_count", "SELECT whose, count(*) AS n FROM known WHERE whose IS NOT NULL GROUP BY whose"
    )
    engine.make(
        "together",
        """SELECT kind, value, whose, min(row) AS root, count(*) AS n
        FROM said GROUP BY kind, value, whose""",
    )
    engine.make(
        "shared",
        """SELECT kind, value, count(*) AS people FROM together
        GROUP BY kind, value HAVING count(*) > 1""",
    )
    # The weight of a shared name and value: see compare.py. Only a common name with a value that
    # many share fails.
    worth = f"""CASE WHEN kind <> 'number' THEN CASE kind WHEN 'email' THEN {WORTH["email"]}
            WHEN 'wechat' THEN {WORTH["wechat"]} ELSE {WORTH["identity"]} END
        WHEN {_IS_MOBILE} THEN {WORTH["mobile"]} ELSE {WORTH["line"]} END"""
    engine.make(
        "group_root",
        f"""SELECT kind, value, whose, root, weight FROM (
            SELECT kind, value, whose, root,
                {worth} * least(1.0, 2.0 / coalesce(people, 1)) - log2(coalesce(people, 1))
                + log2({rows}.0 / w.n) AS weight
            FROM together JOIN who_count w USING (whose) LEFT JOIN shared USING (kind, value)
            WHERE together.n > 1) weighed
        WHERE weight >= {SAME_BITS}""",
    )
    engine.make(
        "exact",
        """SELECT root AS a, row AS b, max(weight) AS weight, min(kind) AS kind
        FROM said JOIN group_root USING (kind, value, whose) WHERE root < row GROUP BY root, row""",
    )
    engine.components("first", "SELECT a, b FROM exact")
    engine.make(
        "member",
        """SELECT known.row AS row, coalesce(first.root, known.row) AS customer
        FROM known LEFT JOIN first ON known.row = first.id""",
    )
    engine.drop("who_count", "together", "group_root", "first")


_IS_MOBILE = "value BETWEEN 8613000000000 AND 8619999999999"
# What an id looks like that is one person's, as email_key and its kin read it.
_USUAL = {
    "email": f"regexp_extract(lower(email), '^(?:{DUMMY_MAIL_PATTERN})$', 0) = ''",
    "wechat": f"regexp_extract(lower(wechat), '^(?:.*[:：] *)?(?:{WECHAT_PATTERN})$', 0) <> ''",
    "identity": "regexp_extract(identity, '^[0-9A-Za-z]{6,}$', 0) <> ''",
}


# --- 3. candidates


def _find_candidates(engine: Engine) -> list[tuple[str, str, int]]:
    """The table candidate(a, b, number): pairs of customers, by their first row."""
    set_aside: list[tuple[str, str, int]] = []
    made = []
    for kind, (value, table, where) in _blocks(engine).items():
        engine.make(
            f"in_{kind}",
            f"""SELECT DISTINCT {value} AS value, customer
            FROM {table} JOIN member USING (row) WHERE {where}""",
        )
        engine.make(
            f"block_{kind}",
            f"SELECT value, count(*) AS n FROM in_{kind} GROUP BY value HAVING count(*) > 1",
        )
        number = "l.value" if kind == "number" else "CAST(NULL AS BIGINT)"
        only = _MAY_BE_ONE if kind == "number" else ""
        made.append(
            f"""SELECT l.customer AS a, r.customer AS b, {number} AS number
            FROM block_{kind} k JOIN in_{kind} l ON k.value = l.value
            JOIN in_{kind} r ON k.value = r.value {only}
            WHERE k.n <= {MOST_IN_A_BLOCK} AND l.customer < r.customer"""
        )
        set_aside += _too_common(engine, kind, value)
    engine.make(
        "candidate",
        f"""SELECT a, b, max(number) AS number FROM ({" UNION ALL ".join(made)}) every_pair
        GROUP BY a, b""",
    )
    engine.drop("said", *(f"in_{kind}" for kind in _blocks(engine)))
    return sorted(set_aside, key=lambda item: (-item[2], item))


# Two full names with neither the surname nor the rest in common on one line: a family, a firm.
_MAY_BE_ONE = """
    JOIN known x ON x.row = l.customer JOIN known y ON y.row = r.customer
        AND (x.surname IS NULL OR y.surname IS NULL OR x.surname = y.surname
            OR (x.is_full AND y.is_full AND substr(x.name, 2) = substr(y.name, 2)))"""


def _blocks(engine: Engine) -> Mapping[str, tuple[str, str, str]]:
    """Per kind: the value, the table it comes from, and which rows have it."""
    wechat = engine.removed("lower(listed.wechat)", "^.*[:：] *")
    mobile = f"is_full AND kind = 'number' AND {_IS_MOBILE}"

    return {
        "number": ("number", "number_of", "TRUE"),
        "email": (engine.hashed("lower(listed.email)"), "listed", "listed.email LIKE '%@%'"),
        "wechat": (
            engine.hashed(wechat),
            "listed",
            "length(listed.wechat) BETWEEN 4 AND 32",
        ),
        "identity": (
            engine.hashed("upper(listed.identity)"),
            "listed",
            "length(listed.identity) > 4",
        ),
        "address": ("who_where", "known", "who_where IS NOT NULL"),
        "birthday": ("who_when", "known", "who_when IS NOT NULL"),
        "company": (
            engine.hashed("whose", "company"),
            "known",
            "whose IS NOT NULL AND company IS NOT NULL",
        ),
        # One wrong digit is either in the first half or in the second.
        "half": (engine.hashed("whose", "value % 100000"), "said", mobile),
        "otherhalf": (
            engine.hashed("whose", "CAST(floor(value / 100000) AS BIGINT)"), "said", mobile,
        ),
    }  # fmt: skip


def _too_common(engine: Engine, kind: str, hashed: str) -> list[tuple[str, str, int]]:
    """The values that were set aside, in words, the commonest first; at most 50 of a kind."""
    if kind not in ("number", "email", "wechat", "identity"):
        return []
    values = engine.rows(
        f"SELECT value, n FROM block_{kind} WHERE n > {MOST_IN_A_BLOCK} "
        "ORDER BY n DESC, value LIMIT 50"
    )
    if kind == "number":
        return [(kind, f"+{value}", int(count)) for value, count in values]
    named = []
    for value, count in values:
        shown = engine.rows(f"SELECT min({kind}) FROM listed WHERE {hashed} = {value}")
        named.append((kind, str(shown[0][0]), int(count)))
    return named


# --- 4. judge


def _judge(engine: Engine) -> None:
    # A value set aside belongs to a crowd and says nothing about a person.
    blocks = _blocks(engine)
    common = "".join(
        f" LEFT JOIN block_{kind} x_{kind} ON x_{kind}.value = {blocks[kind][0]} "
        f"AND x_{kind}.n > {MOST_IN_A_BLOCK}"
        for kind in _PERSONAL
    )
    facts = ", ".join(
        f"max(CASE WHEN x_{column}.value IS NULL THEN {column} END) AS {column}"
        if column in _PERSONAL
        else f"max({column}) AS {column}"
        for column in _FACTS
    )
    # Of several addresses the one with the most numbers: it leads to the flat.
    doors = engine.removed(_narrow("address"), "[^0-9]+")
    engine.make(
        "node",
        f"""SELECT customer, count(*) AS times, {facts},
            substr(max(lpad(CAST(100 * least(99, length({doors})) + least(99, length(address))
                AS STRING), 4, '0') || address), 5) AS address
        FROM listed JOIN member USING (row)
        JOIN (SELECT a AS customer FROM candidate UNION SELECT b FROM candidate) c USING (customer)
        {common} GROUP BY customer""",
    )
    engine.make(
        "reached",
        f"""SELECT customer, min(number) AS low, max(number) AS high
        FROM number_of JOIN member USING (row) JOIN node USING (customer)
        LEFT JOIN block_number k ON k.value = number AND k.n > {MOST_IN_A_BLOCK}
        WHERE k.value IS NULL GROUP BY customer""",
    )
    sides = "\n".join(
        f"""JOIN node n{side} ON n{side}.customer = p.{side}
        JOIN known k{side} ON k{side}.row = p.{side}
        LEFT JOIN reached r{side} ON r{side}.customer = p.{side}"""
        for side in "ab"
    )
    # Only what both sides have can speak: the rest is not read.
    columns = ", ".join(
        f"""coalesce(k{side}.name, '') AS name_{side},
        coalesce(k{side}.surname, '') AS surname_{side}, k{side}.is_full AS full_{side},
        k{side}.who IS NOT NULL AND NOT k{side}.is_full AS firm_{side},
        coalesce(k{side}.company, '') AS company_{side}, n{side}.times AS times_{side},
        r{side}.low AS low_{side}, r{side}.high AS high_{side}, """
        + ", ".join(
            f"CASE WHEN na.{column} IS NOT NULL AND nb.{column} IS NOT NULL "
            f"THEN n{side}.{column} ELSE '' END AS {column}_{side}"
            for column in (*_FACTS, "address")
        )
        for side in "ab"
    )
    engine.apply(
        "judged",
        f"SELECT p.a AS a, p.b AS b, p.number AS number, {columns} FROM candidate p {sides}",
        judge_rows,
        {"a": "BIGINT", "b": "BIGINT", "weight": "DOUBLE", "verdict": "VARCHAR",
         "is_weak": "BOOLEAN", "is_contested": "BOOLEAN", "reasons": "VARCHAR"},
        given=_rarity(engine),
    )  # fmt: skip
    engine.drop("candidate", "node", "reached", "number_of")


_FACTS = (
    "city", "province", "district", "postcode", "email", "wechat", "birthday", "gender", "identity",
)  # fmt: skip
_PERSONAL = ("email", "wechat", "identity")
_OFTEN = 20_000


def _rarity(engine: Engine) -> Rarity:
    """How rare values are among the customers of the first grouping: the frequent ones counted."""
    customers = int(engine.rows("SELECT count(DISTINCT customer) FROM member")[0][0])
    counts: dict[str, dict[str, int]] = {}
    usual: dict[str, float] = {}
    for kind in ("name", "company"):
        often = engine.rows(
            f"SELECT {kind}, count(*) AS n FROM known JOIN member USING (row) "
            f"WHERE row = customer AND {kind} IS NOT NULL GROUP BY {kind} "
            f"ORDER BY n DESC, {kind} LIMIT {_OFTEN}"
        )
        counts[kind] = {value: int(count) for value, count in often}
        least = int(often[-1][1]) if len(often) == _OFTEN else 1
        usual[kind] = log2(max(2, customers) / least)
    counts["number"] = {
        f"+{number}": int(people)
        for number, people in engine.rows("SELECT value, people FROM shared WHERE kind = 'number'")
    }
    return Rarity(max(2, customers), counts, usual=usual)


def judge_rows(rows: Sequence[Row], rarity: Rarity) -> list[Row]:
    """Pairs of customers to verdicts; the pairs that are simply different are left out."""
    width = (len(rows[0]) - 3) // 2 if rows else 0
    made: list[Row] = []
    for row in rows:
        a, b, number = row[:3]
        left, right = row[3 : 3 + width], row[3 + width :]
        with_sound = left[0] != right[0]
        weight, findings, verdict, is_weak, is_contested = compare_profiles(
            _profile(a, number, left, with_sound=with_sound),
            _profile(b, number, right, with_sound=with_sound),
            rarity,
        )
        if verdict != "different":
            reasons = " ".join([f"{code}:{bits:.1f}" for code, bits, _, _ in findings])
            made.append((a, b, weight, verdict, is_weak, is_contested, reasons))
    return made


def _profile(customer: int, shared: int | None, facts: Row, *, with_sound: bool) -> Profile:
    """The columns of one side, in the order of `_judge`, normalised as `profile` does."""
    (
        name, surname, is_full, is_firm, company, times, low, high,
        city, province, district, postcode, email, wechat, birthday, gender, identity, address,
    ) = facts  # fmt: skip
    where = read_address(address)
    return Profile(
        id=customer,
        name=name,
        surname=surname,
        is_full=is_full,
        is_firm=is_firm,
        sound=_sound(name) if with_sound and is_full else "",
        company=company,
        numbers=tuple([f"+{n}" for n in dict.fromkeys((shared, low, high)) if n is not None]),
        address=where.key if where.road and where.numbers else "",
        road=where.road,
        doors=where.numbers,
        city=place_key(city) or where.city,
        province=place_key(province),
        district=place_key(district),
        postcode=postcode_key(postcode),
        email=email_key(email),
        wechat=wechat_key(wechat),
        birthday=birthday_key(birthday),
        sex=sex_key(gender),
        identity=identity_key(identity),
        times=times,
    )


@lru_cache(maxsize=1 << 15)
def _sound(name: str) -> str:
    return name_sound(name) if has_han(name) else name


# --- 5. settle


def _settle(engine: Engine) -> int:
    """The tables customer, edge and doubt; returns the number of customers. See link.settle."""
    engine.make(
        "strong",
        """SELECT a, b FROM judged
        WHERE verdict = 'same' AND NOT is_weak AND NOT is_contested""",
    )
    engine.make(
        "rival",
        """SELECT a, b, weight, row_number() OVER (ORDER BY weight DESC, a, b) AS place FROM judged
        WHERE verdict = 'same' AND is_contested""",
    )
    engine.make(
        "won",
        """SELECT a, b FROM rival JOIN (
            SELECT row, min(place) AS place FROM (
                SELECT a AS row, place FROM rival UNION ALL SELECT b, place FROM rival) claims
            GROUP BY row) best USING (place)
        WHERE NOT EXISTS (SELECT 1 FROM strong s WHERE s.a = rival.a OR s.b = rival.a)
            AND NOT EXISTS (SELECT 1 FROM strong s WHERE s.a = rival.b OR s.b = rival.b)
        GROUP BY a, b HAVING count(*) = 2""",
    )
    engine.components("people", "SELECT a, b FROM strong UNION ALL SELECT a, b FROM won")
    engine.make(
        "unsure",
        """SELECT a, b, weight, x.is_full AS person_a, y.is_full AS person_b,
            x.surname AS surname_a, y.surname AS surname_b,
            CASE WHEN x.is_full THEN x.name END AS name_a,
            CASE WHEN y.is_full THEN y.name END AS name_b
        FROM judged JOIN known x ON x.row = a JOIN known y ON y.row = b
        WHERE verdict = 'same' AND is_weak AND NOT is_contested""",
    )
    engine.make(
        "best",
        """SELECT row, weight, name FROM (
            SELECT row, weight, name,
                row_number() OVER (PARTITION BY row ORDER BY weight DESC, name DESC) AS place
            FROM (SELECT a AS row, weight, name_b AS name FROM unsure WHERE person_b
                UNION ALL SELECT b, weight, name_a FROM unsure WHERE person_a) claims) ranked
        WHERE place = 1""",
    )
    engine.make(
        "weak",
        f"""SELECT u.a AS a, u.b AS b, person_a, person_b, surname_a, surname_b, name_a, name_b,
            coalesce(x.root, u.a) AS of_a, coalesce(y.root, u.b) AS of_b
        FROM unsure u LEFT JOIN best p ON p.row = u.a LEFT JOIN best q ON q.row = u.b
        LEFT JOIN people x ON x.id = u.a LEFT JOIN people y ON y.id = u.b
        WHERE NOT (person_b AND NOT person_a AND p.name <> name_b
                AND u.weight <= p.weight - {CLEARLY_BETTER_BITS})
            AND NOT (person_a AND NOT person_b AND q.name <> name_a
                AND u.weight <= q.weight - {CLEARLY_BETTER_BITS})""",
    )
    engine.components("around", "SELECT of_a AS a, of_b AS b FROM weak")
    engine.make(
        "fitting",
        """SELECT around.root AS root FROM (
            SELECT of_a AS id, CASE WHEN person_a THEN of_a END AS person,
                name_a AS name, surname_a AS surname FROM weak
            UNION SELECT of_b, CASE WHEN person_b THEN of_b END, name_b, surname_b FROM weak) side
        JOIN around ON around.id = side.id
        GROUP BY around.root
        HAVING (count(DISTINCT side.person) > 1 AND count(DISTINCT side.name) > 1)
            OR count(DISTINCT side.surname) > 1""",
    )
    engine.make(
        "accepted",
        """SELECT a, b FROM strong UNION SELECT a, b FROM won
        UNION SELECT weak.a, weak.b FROM weak JOIN around ON around.id = weak.of_a
        LEFT JOIN fitting ON fitting.root = around.root WHERE fitting.root IS NULL""",
    )
    engine.make(
        "edge",
        """SELECT a, b, weight, concat('same_', kind, ' same_name') AS reasons FROM exact
        UNION ALL SELECT j.a, j.b, j.weight, j.reasons FROM judged j JOIN accepted USING (a, b)""",
    )
    engine.components("final", "SELECT a, b FROM accepted")
    engine.make(
        "customer",
        """SELECT row, coalesce(final.root, member.customer) AS customer
        FROM member LEFT JOIN final ON final.id = member.customer""",
    )
    engine.make(
        "doubt",
        """SELECT j.a AS a, j.b AS b, j.weight AS weight, j.reasons AS reasons FROM judged j
        JOIN customer x ON x.row = j.a JOIN customer y ON y.row = j.b
        WHERE x.customer <> y.customer""",
    )
    return int(engine.rows("SELECT count(DISTINCT customer) FROM customer")[0][0])


def listed_columns(
    mapping: Mapping[str, str], headers: Sequence[str], *, chinese: bool
) -> dict[str, str]:
    """SQL for every column of `listed` from a file's columns c0, c1 … and a header → field map."""
    place = {field: f"c{headers.index(header)}" for header, field in mapping.items()}

    def cell(field: str) -> str:
        return f"nullif(trim({place[field]}), '')" if field in place else "CAST(NULL AS STRING)"

    result = {column: cell(column) for column in COLUMNS}
    if "name" not in place and ("surname" in place or "given_name" in place):
        parts = ("surname", "given_name") if chinese else ("given_name", "surname")
        glue = "" if chinese else " "
        result["name"] = _glued([cell(part) for part in parts], glue)
    if "street_number" in place:
        result["address"] = _glued([cell("street_number"), result["address"]], " ")
    return result


def _glued(parts: Sequence[str], glue: str) -> str:
    texts = ", ".join(parts)
    return f"nullif(trim(concat_ws('{glue}', {texts})), '')"


def reasons_of(text: str) -> list[tuple[str, float]]:
    """Codes and bits of a `reasons` cell.

    >>> reasons_of("same_number:21.5 name_sounds_alike:6.0")
    [('same_number', 21.5), ('name_sounds_alike', 6.0)]
    """
    parts: list[Any] = [part.partition(":") for part in text.split()]
    return [(code, float(bits or 0)) for code, _, bits in parts]
