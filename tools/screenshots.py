"""Photograph the pages that the README and docs show, in a demo company made for it.

Starts Furrow on a scratch database, lets agents call, and writes
docs/images/{desk,record,floor,day}-{en,zh}-{light,dark}.png. Takes about three minutes.

`make screenshots`; with names of pages, only these. `furrow screenshots` looks at every page of a
demo that runs already.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from furrow.config.browser import find_chromium
from furrow.config.demo import PASSWORD
from furrow.config.places import REPOSITORY
from furrow.config.postgres import Cluster
from tests.house import House, free_port, fresh_database

IMAGES = REPOSITORY / "docs" / "images"
PAGES = {"desk": "agent1", "record": "agent1", "floor": "leader1", "day": "manager"}
LANGUAGES = {"en": "en-US", "zh": "zh-CN"}
SCHEMES = ("light", "dark")
SIZE = {"width": 1440, "height": 900}
CARRIER = {"speed": 3, "weights": {"stays": 1}, "rules": {}}  # everybody answers, and stays


def main(words: list[str]) -> int:
    wanted = [page for page in PAGES if page in words or not words]
    web, events = free_port(), free_port()
    settings = {
        "FURROW_EVENTS": f"port:{events}/events/",
        "FURROW_SIMULATED_CARRIER": json.dumps(CARRIER),
    }
    expect.set_options(timeout=60_000)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Cluster("pictures", durable=False).in_use() as cluster,
        fresh_database(cluster, "pictures") as database,
    ):
        house = House(cluster, database, Path(folder), settings)
        try:
            house.migrate()
            command = [sys.executable, "-m", "furrow.config.cli", "demo"]
            subprocess.run(  # noqa: S603
                command, env=house.environment(), cwd=REPOSITORY, check=True
            )
            house.start("web", "--port", str(web))
            house.start("events", "--port", str(events))
            house.start("worker")
            house.start("dialer")
            house.until(lambda: _answers(web) and _answers(events), seconds=120)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=find_chromium())
                _photograph(browser, house, f"http://127.0.0.1:{web}", wanted)
                browser.close()
        finally:
            house.kill_all_but([])
    return 0


def _photograph(browser: Browser, house: House, address: str, wanted: list[str]) -> None:
    contexts = []
    if {"floor", "desk"} & set(wanted):
        contexts = _let_agents_call(browser, house, address)
    day = house.ask(
        """SELECT (queued_at AT TIME ZONE 'Asia/Shanghai')::date FROM calls_call
        WHERE queued_at < now() - interval '1 day' GROUP BY 1 ORDER BY count(*) > 50 DESC, 1 DESC"""
    )
    told = house.ask(
        """SELECT c.customer_id FROM calls_call AS c
        JOIN organisation_user AS u ON u.id = c.agent_id
        JOIN customers_customer AS k ON k.id = c.customer_id AND k.owner_id = u.id
        WHERE u.username = 'agent1' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"""
    )
    places = {
        "desk": "/desk/",
        "record": f"/customers/{told}/",
        "floor": "/floor/",
        "day": f"/reports/day/?on={day}",
    }
    for name in wanted:
        for language in LANGUAGES:
            page = _sign_in(browser, address, PAGES[name], language=language)
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                page.goto(places[name])
                expect(page.locator(".skeleton")).to_have_count(0)
                page.evaluate("document.fonts.ready")
                page.wait_for_timeout(1500)  # charts draw themselves in
                path = IMAGES / f"{name}-{language}-{scheme}.png"
                page.screenshot(path=path)
                sys.stdout.write(f"{path.relative_to(REPOSITORY)}  {path.stat().st_size:,} bytes\n")
            page.context.close()
    for context in contexts:
        context.close()


def _let_agents_call(browser: Browser, house: House, address: str) -> list[Any]:
    """The leader's agents come to work; most of them call somebody."""
    agents = house.rows(
        """SELECT u.username FROM organisation_user AS u
        JOIN organisation_user AS l ON l.username = 'leader1' AND l.team_id = u.team_id
        WHERE u.role = 'agent' ORDER BY u.id"""
    )
    contexts = []
    for place, (agent,) in enumerate(agents[:6]):
        page = _sign_in(browser, address, agent)
        page.goto("/desk/")
        expect(page.locator("[data-state=ready].callbar")).to_be_visible()
        if place != 4:  # one only waits
            page.keyboard.press("F2")
            expect(page.locator("[data-state=talking].callbar")).to_be_visible()
        if place == 3:  # and one writes down what came of it
            page.wait_for_timeout(500)  # a person does not hang up at once
            page.keyboard.press("F4")
            expect(page.locator("[data-state=wrapup].callbar")).to_be_visible()
        contexts.append(page.context)
    return contexts


def _sign_in(browser: Browser, address: str, who: str, *, language: str = "zh") -> Page:
    context = browser.new_context(base_url=address, locale=LANGUAGES[language], viewport=SIZE)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto("/account/login/")
    page.fill("[name=login]", who)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(lambda url: "/account/login" not in url)
    return page


def _answers(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        return bool(answer.status == 200)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
