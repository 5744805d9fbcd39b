"""How soon a caller is on the agent's screen: from the INVITE to the pop in a real Chromium.

    python bench/inbound.py              forty calls
    python bench/inbound.py --calls 10   fewer

A real Asterisk, the dialer, the web and the events server, each a process of its own; our SIP
carrier calls the hotline from numbers that customers have and from new ones. The browser's clock is
this machine's. It also tells when the event reached the browser, before the pop was asked for.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from measuring import percentile, tell_table
from playwright.sync_api import sync_playwright

from furrow.config.browser import find_chromium
from furrow.config.postgres import Cluster
from furrow.config.pytest_furrow import migrated_template
from furrow.telephony.sip_carrier import Script
from tests.house import free_port, fresh_database
from tests.journeys.conftest import Company
from tests.robustness.switch import real_switch

HOTLINE = "+864001230000"
WATCH = """() => {
  window.told = 0; window.popped = 0;
  document.body.addEventListener("furrow:inbound", () => { window.told ||= Date.now(); });
  new MutationObserver(() => {
    if (document.querySelector("#incoming .incoming")) window.popped ||= Date.now();
  }).observe(document.getElementById("incoming"), {childList: true, subtree: true});
}"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=40)
    calls = parser.parse_args().calls
    told, popped = [], []
    with (
        tempfile.TemporaryDirectory() as name,
        Cluster("bench", durable=False).in_use() as cluster,
        fresh_database(cluster, "inbound", template=migrated_template(cluster)) as database,
        real_switch(Path(name), decide=lambda _number: Script()) as switch,
    ):
        web, events = free_port(), free_port()
        settings = {"FURROW_EVENTS": f"port:{events}/events/", **switch.environment}
        house = Company(cluster, database, Path(name), settings, address=f"http://127.0.0.1:{web}")
        try:
            made = house.program("tests.journeys.company")
            house.program("bench.inbound_people", str(made["people"]["anna"]), HOTLINE)
            for part in (
                ("web", "--port", str(web)),
                ("events", "--port", str(events)),
                ("dialer",),
            ):
                house.start(*part)
            beating = "SELECT count(*) FROM dialer_heartbeat WHERE beat_at > now() - interval '3 s'"
            house.until(lambda: house.ask(beating) == 1, seconds=120)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=find_chromium())
                page = house.sign_in(browser, "anna")
                page.goto("/desk/")
                ready = "SELECT count(*) FROM organisation_presence WHERE state = 'ready'"
                house.until(lambda: house.ask(ready) >= 1, seconds=60)
                for n in range(calls):
                    known = n % 2 == 0
                    caller = f"+861390012{n:04d}" if known else f"+861541234{n:04d}"
                    page.evaluate(WATCH)
                    began = time.time() * 1000
                    call = switch.ring_in(HOTLINE, caller)
                    page.wait_for_selector("#incoming .incoming", timeout=60_000)
                    told.append(page.evaluate("window.told") - began)
                    popped.append(page.evaluate("window.popped") - began)
                    switch.hang_up(call)
                    page.wait_for_selector("#incoming .incoming", state="detached")
                browser.close()
        finally:
            house.kill_all_but([])
    figures = (("the event in the browser", told), ("the pop on the screen", popped))
    rows = [
        (what, len(ms), round(percentile(ms, 0.5)), round(percentile(ms, 0.95)), round(max(ms)))
        for what, ms in figures
    ]
    tell_table("From the INVITE, in ms", ("what", "calls", "p50", "p95", "most"), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
