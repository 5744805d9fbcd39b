"""How long the server takes for a page, with a million customers.

    python bench/pages.py                        the whole table
    python bench/pages.py --customers 20000      a smaller company
    python bench/pages.py --only "day report"    only what has this in its name

Asks a real `furrow web`, one request after another, and takes the server's own time from the
Server-Timing header; the network and the browser are not in it. Each request asks about somebody
else, so that nothing is quick because it was asked just now. Beside the time by the clock stands
what server and PostgreSQL used of the processors: on a quiet machine the two are close. Then what
the pages weigh.
"""

from __future__ import annotations

import argparse
import http.client
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from company import Size, database_name, make_company
from measuring import (
    database,
    percentile,
    postgres_server,
    processor_seconds,
    running,
    session_of,
    tell,
    tell_table,
)

from furrow.config.places import PACKAGE

if TYPE_CHECKING:
    from furrow.organisation.models import User

GOAL_MS = 100
WARM_UP = 10
CSRF = "b" * 32
FIRST_KB, AFTER_KB = 300, 30
DIST = PACKAGE / "common" / "static" / "dist"


@dataclass(frozen=True)
class Ask:
    path: str
    headers: dict[str, str]
    form: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    status: int
    server_ms: float
    body: bytes


class Web:
    """One kept connection to the server."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(self, ask: Ask) -> Answer:
        from urllib.parse import urlencode

        headers = dict(ask.headers)
        if ask.form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Cookie"] += f"; csrftoken={CSRF}"
            headers["X-CSRFToken"] = CSRF
        self._connection.request(
            "POST" if ask.form else "GET", ask.path, urlencode(ask.form) or None, headers
        )
        response = self._connection.getresponse()
        body = response.read()
        timing = re.search(r"dur=([\d.]+)", response.headers.get("Server-Timing", ""))
        if timing is None or response.status != 200:
            raise SystemExit(f"{response.status} for {ask.path}: {body[:500]!r}")
        return Answer(response.status, float(timing[1]), body)


Asks = Iterator[Ask]


def questions(size: Size) -> dict[str, Callable[[], Asks]]:
    """What is asked, by what it is called in the table. Each is endless and always the same."""
    from django.utils import timezone

    from furrow.config.demo.actions import ZONE
    from furrow.config.demo.words import GIVEN_FIRST, GIVEN_SECOND
    from furrow.organisation.actions import create_token, system_user
    from furrow.organisation.models import Team, User

    random = Random(2)
    people = {user.username: user for user in User.objects.all()}
    # Every third agent is on the line; see company.sql.
    on_the_line = [people[f"agent{a + 1}"] for a in range(0, size.agents, size.agents // 10)]
    ready = [people[f"agent{a + 2}"] for a in range(0, size.agents, size.agents // 10)]
    manager = people["manager"]
    leaders = [people[f"leader{n + 1}"] for n in range(size.teams)]
    by, at = system_user(), timezone.now()
    sessions: dict[str, str] = {}
    tokens: dict[str, str] = {}

    def page(who: User, path: str, **form: str) -> Ask:
        if who.username not in sessions:
            sessions[who.username] = session_of(who)
        return Ask(path, {"Cookie": sessions[who.username], "Accept-Language": "zh-CN"}, form)

    def api(who: User, path: str) -> Ask:
        if who.username not in tokens:
            tokens[who.username] = create_token(name="bench", user=who, by=by, at=at)[1]
        return Ask(path, {"Authorization": f"Bearer {tokens[who.username]}"})

    def over(users: list[User], path: str) -> Callable[[], Asks]:
        def asks() -> Asks:
            while True:
                yield page(random.choice(users), path)

        return asks

    def some(ask: Callable[[], Ask]) -> Callable[[], Asks]:
        def asks() -> Asks:
            while True:
                yield ask()

        return asks

    def anybody() -> int:
        return random.randint(1, size.customers)

    def given() -> str:
        return random.choice(GIVEN_FIRST) + random.choice(GIVEN_SECOND)

    teams = list(Team.objects.order_by("pk").values_list("pk", flat=True))
    today = at.astimezone(ZONE).date()
    days = [today, today - timedelta(days=1)]

    def day() -> str:
        return f"/reports/day/?on={random.choice(days)}"

    cities = ["北京", "上海", "杭州", "无锡"]
    from urllib.parse import quote

    return {
        "desk: next customer": over(ready, "/desk/"),
        "desk: in a call": over(on_the_line, "/desk/"),
        "customers, all (manager)": over([manager], "/customers/"),
        "customers, page within": some(lambda: page(manager, f"/customers/?after={anybody()}")),
        "customers, by name": some(
            lambda: page(manager, f"/customers/?sort=name&after={anybody()}")
        ),
        "customers, by touch": some(
            lambda: page(manager, f"/customers/?sort=touch&after={anybody()}")
        ),
        "customers, city and stage": some(
            lambda: page(
                manager, f"/customers/?city={quote(random.choice(cities))}&stage=acquisition"
            )
        ),
        "customers, stage and CP": some(
            lambda: page(
                manager,
                f"/customers/?stage={random.choice(('acquisition', 'retention'))}"
                f"&cp={random.randint(3, 5)}",
            )
        ),
        "customers, source": some(
            lambda: page(manager, f"/customers/?source={random.randint(1, 5)}&owner=pool")
        ),
        "customers, count (manager)": over([manager], "/customers/?count=1"),
        "customers, own (agent)": over(ready, "/customers/?owner=me"),
        "customers, pool (agent)": over(ready, "/customers/?owner=pool"),
        "customers, visible (agent)": over(ready, "/customers/"),
        "record": some(lambda: page(manager, f"/customers/{anybody()}/")),
        "record, from a list": some(
            lambda: page(manager, f"/customers/{anybody()}/?list=sort%3Dname")
        ),
        "search: last four digits": some(
            lambda: page(random.choice(ready), "/search/", q=f"{random.randrange(10_000):04d}")
        ),
        "search: last four (manager)": some(
            lambda: page(manager, "/search/", q=f"{random.randrange(10_000):04d}")
        ),
        "search: two characters of a name": some(
            lambda: page(random.choice(ready), "/search/", q=given())
        ),
        "search: two characters (manager)": some(lambda: page(manager, "/search/", q=given())),
        "customers, found by name": some(lambda: page(manager, "/customers/", q=given())),
        "search: a surname (manager)": some(
            lambda: page(manager, "/search/", q=random.choice("王李张刘陈杨黄赵吴周"))
        ),
        "day report, company": some(lambda: page(manager, day())),
        "day report, one team": some(lambda: page(manager, f"{day()}&team={random.choice(teams)}")),
        "floor, company": over([manager], "/floor/"),
        "floor, team": over(leaders, "/floor/"),
        "follow-ups, own": over(ready, "/followups/"),
        "follow-ups, team": over(leaders, "/followups/?all=1"),
        "follow-ups, company": over([manager], "/followups/"),
        "campaigns": over([manager], "/campaigns/"),
        "API GET /customers": some(
            lambda: api(people["ops"], f"/api/v1/customers?after={anybody()}")
        ),
        "API GET /calls": some(
            lambda: api(
                people["ops"], f"/api/v1/calls?before={random.randint(1000, size.agents * 1000)}"
            )
        ),
        "API GET /calls, one customer's": some(
            lambda: api(people["ops"], f"/api/v1/calls?customer={anybody()}")
        ),
    }


def measure(
    web: Web, asks: dict[str, Callable[[], Asks]], requests: int, processes: tuple[int, ...]
) -> bool:
    """Ask, tell the table, and whether every p95 keeps the goal.

    processes  whose processor time, with that of their children, is divided by the requests
    """

    def rows() -> Iterator[tuple[str, ...]]:
        for name, ask in asks.items():
            every = ask()
            for one in islice(every, WARM_UP):
                web.ask(one)
            before = processor_seconds(*processes)
            found = [web.ask(one).server_ms for one in islice(every, requests)]
            used = (processor_seconds(*processes) - before) * 1000 / requests
            p50, p95, worst = percentile(found, 0.5), percentile(found, 0.95), max(found)
            verdict = "yes" if p95 <= GOAL_MS else "**no**"
            yield name, f"{p50:.0f}", f"{p95:.0f}", f"{worst:.0f}", f"{used:.0f}", verdict

    told = tell_table(
        "Server time of a page, in milliseconds",
        ("page", "p50", "p95", "worst", "of the processors, mean", f"p95 ≤ {GOAL_MS}"),
        rows(),
    )
    return all(row[-1] == "yes" for row in told)


# -- what a page weighs ----------------------------------------------------------------------------


def weigh(web: Web, asks: dict[str, Callable[[], Asks]]) -> bool:
    """The page, its files and the parts it loads by itself, compressed as a proxy would do."""
    rows = []
    for name in (
        "desk: next customer",
        "customers, all (manager)",
        "record",
        "day report, company",
        "floor, company",
        "follow-ups, own",
        "campaigns",
    ):
        if name not in asks:
            continue
        ask = next(asks[name]())
        html = web.ask(ask).body
        bodies = [html, *(web.ask(Ask(path, ask.headers)).body for path in _loaded(html, ask))]
        after = sum(len(body) for body in map(brotli, bodies))
        files = set(re.findall(rb"/static/dist/([\w.-]+)", b"".join(bodies)))
        first = after + sum((DIST / f"{file.decode()}.br").stat().st_size for file in files)
        rows.append(
            (name, f"{first / 1000:.0f}", f"{after / 1000:.1f}", f"{len(html) / 1000:.0f}",
             "yes" if first <= FIRST_KB * 1000 and after <= AFTER_KB * 1000 else "**no**")
        )  # fmt: skip
    tell_table(
        "What a page weighs, in kB with brotli",
        ("page", "first time", "after", "HTML, unpacked", f"≤ {FIRST_KB} and {AFTER_KB}"),
        rows,
    )
    return all(row[-1] == "yes" for row in rows)


def _loaded(html: bytes, ask: Ask) -> list[str]:
    """The paths htmx fetches by itself once the page is there."""
    found = []
    for tag in re.findall(r"<[^>]*hx-trigger=\"load[^>]*>", html.decode()):
        if path := re.search(r'hx-get="([^"]+)"', tag):
            url = path[1].replace("&amp;", "&")
            found.append(ask.path.split("?")[0] + url if url.startswith("?") else url)
    return found


def brotli(body: bytes) -> bytes:
    """Quality 5, as proxies do on the fly. By Node, which built the front end."""
    node = "const z=require('zlib');process.stdout.write(z.brotliCompressSync(require('fs')"
    node += ".readFileSync(0),{params:{[z.constants.BROTLI_PARAM_QUALITY]:5}}))"
    program = Path(sys.executable).parent / "node"
    return subprocess.run([program, "-e", node], input=body, capture_output=True, check=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=Size.customers)
    parser.add_argument("--requests", type=int, default=200, help="of each kind")
    parser.add_argument("--only", default="", help="kinds whose name contains this")
    chosen = parser.parse_args()
    size = Size(customers=chosen.customers)
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    with database(database_name(size, now), keep=True) as is_new:
        if is_new:
            began = time.perf_counter()
            make_company(at=now, size=size)
            tell(f"{size.told}: made in {time.perf_counter() - began:.0f} s.")
        else:
            tell(f"{size.told}: made earlier today.")
        asks = {name: ask for name, ask in questions(size).items() if chosen.only in name}
        with running("web") as (port, pid):
            web = Web(port)
            is_quick = measure(web, asks, chosen.requests, (pid, postgres_server()))
            is_light = weigh(web, asks)
    return 0 if is_quick and is_light else 1


if __name__ == "__main__":
    sys.exit(main())
