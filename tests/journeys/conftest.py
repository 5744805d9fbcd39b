import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from furrow.config.postgres import Cluster
from furrow.config.pytest_furrow import migrated_template
from tests.house import House, free_port, fresh_database
from tests.journeys.company import PASSWORD

expect.set_options(timeout=30_000)  # a busy machine is no defect


@dataclass
class Company(House):
    """A house with people in it, and the address where they work."""

    address: str = ""
    token: str = ""
    people: dict[str, int] = None  # type: ignore[assignment]  # set when it is open

    def dial(self, fates: dict[str, str]) -> None:
        """Start the dialer on a carrier four times as fast, where each number has its fate."""
        carrier = {
            "seed": 1,
            "speed": 4,
            "rules": fates,
            "ring": {"median_seconds": 26, "sigma": 0.01},
            "talk": [[1, {"median_seconds": 20, "sigma": 0.01}]],
        }
        for part in self.parts:
            if part.name == "dialer" and part.is_running:
                part.stop()
        self.start("dialer", FURROW_SIMULATED_CARRIER=json.dumps(carrier))
        beating = "SELECT count(*) FROM dialer_heartbeat WHERE beat_at > now() - interval '3 s'"
        self.until(lambda: self.ask(beating) == 1, seconds=60)

    def sign_in(self, browser: Browser, who: str, **look: Any) -> Page:
        """A browser of their own in which somebody has signed in by the form."""
        look = {"locale": "en-US", "viewport": {"width": 1440, "height": 900}} | look
        page = browser.new_context(base_url=self.address, **look).new_page()
        page.set_default_timeout(30_000)
        page.goto("/")
        page.locator("[name=login]").fill(who)
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("[name=password]").press("Enter")
        page.wait_for_url(lambda url: "/login" not in url)
        expect(page.locator("main")).to_be_visible()
        return page


@pytest.fixture(autouse=True)
def everybody_goes_home(browser: Browser) -> Iterator[None]:
    """No window of one journey stays open in the next: a phone would ring there, too."""
    yield
    for context in browser.contexts:
        context.close()


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """Web, events and worker on a scratch database. A test starts the dialer itself."""
    web, events = free_port(), free_port()
    settings = {"FURROW_EVENTS": f"port:{events}/events/"}
    folder = tmp_path_factory.mktemp("journeys")
    with (
        Cluster("test", durable=False).in_use() as cluster,
        fresh_database(cluster, "journeys", template=migrated_template(cluster)) as database,
    ):
        opened = Company(cluster, database, folder, settings, address=f"http://127.0.0.1:{web}")
        try:
            made = opened.program("tests.journeys.company")
            opened.token, opened.people = made["token"], made["people"]
            opened.start("web", "--port", str(web))
            opened.start("events", "--port", str(events))
            opened.start("worker")
            for port in (web, events):
                opened.until(lambda port=port: _is_healthy(port), seconds=120)
            yield opened
        finally:
            opened.kill_all_but([])


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError):
        return False
