"""`furrow screenshots`: a picture of every page of a running demo, to look at after a change."""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from pathlib import Path
from typing import Any

from furrow.config.browser import find_chromium
from furrow.config.cli import CannotContinue
from furrow.config.places import REPOSITORY
from furrow.config.serve import web_port

PEOPLE = ("agent1", "leader1", "ops", "manager", "admin")
LOCALES = ("zh-CN", "en-US")
SCHEMES = ("light", "dark")
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}


def main(words: list[str]) -> int:
    """Photograph every place in the navigation, as four people, in both languages and schemes."""
    parser = argparse.ArgumentParser(prog="furrow screenshots", description=main.__doc__)
    parser.add_argument("paths", nargs="*", help="photograph these instead, e.g. /customers/7/")
    parser.add_argument("--address", default=f"http://127.0.0.1:{web_port()}")
    parser.add_argument("--password", default="furrow-demo")
    parser.add_argument("--person", action="append", choices=PEOPLE, help="only as this one")
    parser.add_argument("--to", type=Path, default=REPOSITORY / "screenshots")
    chosen = parser.parse_args(words)
    executable = find_chromium()
    if executable is None:
        raise CannotContinue("No Chromium: apt-get install chromium, or set FURROW_CHROMIUM.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable)
        for person, locale, scheme in itertools.product(chosen.person or PEOPLE, LOCALES, SCHEMES):
            _photograph(browser, person, locale, scheme, chosen)
        browser.close()
    sys.stdout.write(f"Pictures are in {chosen.to}\n")
    return 0


def _photograph(
    browser: Any, person: str, locale: str, scheme: str, chosen: argparse.Namespace
) -> None:
    context = browser.new_context(locale=locale, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{chosen.address}/account/login/")
    page.fill("input[name=login]", person)
    page.fill("input[name=password]", chosen.password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/account/login" not in url)
    places = page.locator("nav a[href^='/']").evaluate_all("all => all.map(a => a.pathname)")
    for path in chosen.paths or sorted(set(places)):
        page.goto(f"{chosen.address}{path}")
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(400)  # charts draw themselves in
            name = re.sub(r"\W+", "-", path).strip("-") or "home"
            folder = chosen.to / f"{locale[:2]}-{scheme}-{size}"
            folder.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=folder / f"{person}-{name}.png", full_page=True)
    context.close()
