"""Agents to whom calls come by themselves: previewed, one line each, and ahead of them."""

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from tests.journeys.axe import assert_accessible
from tests.journeys.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(600)]
REFUSED, NEXT = "5", "n"


def take_calls(company: Company, browser: Browser, who: str) -> Page:
    """Sign in, sit down, press F3 once."""
    page = company.sign_in(browser, who)
    page.goto("/desk/")
    expect(page.locator("button[data-key=F3]")).to_be_visible()
    page.keyboard.press("F3")
    return page


def talk_and_finish(page: Page) -> None:
    """Hang up and give a result; all by keys."""
    expect(page.locator(".callbar[data-state=talking]")).to_be_visible()
    page.keyboard.press("F4")
    expect(page.locator("button[data-key=n]")).to_be_enabled()
    for key in (REFUSED, NEXT):
        page.keyboard.press(key)


def test_progressive_calls_come_one_after_the_other(company: Company, browser: Browser) -> None:
    made = company.program("tests.journeys.dialled", "progressive", "anna", "1", "2", "3")
    company.dial(dict(zip(made["numbers"], ("stays", "busy", "stays"), strict=True)))
    page = take_calls(company, browser, "anna")
    page.evaluate("window.neverReloaded = true")

    expect(page.locator(".callbar[data-state=talking]")).to_contain_text("Ada Stone")
    expect(page.locator(".record-head h1 a")).to_have_text("Ada Stone")
    expect(page.locator(".script")).to_contain_text("this is a progressive campaign")
    assert_accessible(page)
    talk_and_finish(page)

    # The second one's line was busy: nobody has to press anything for it.
    expect(page.locator(".callbar[data-state=talking]")).to_contain_text("Cleo Hart")
    talk_and_finish(page)

    expect(page.locator("[data-standby]")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.keyboard.press("F3")
    expect(page.locator("[data-standby]")).to_have_count(0)
    assert page.evaluate("window.neverReloaded === true")
    rows = company.rows(
        "SELECT outcome, agent_id IS NULL FROM calls_call WHERE campaign_id = %s ORDER BY id",
        made["campaign"],
    )
    assert rows == [("answered", False), ("busy", True), ("answered", False)]


def test_a_preview_is_passed_over_dialled_by_key_and_dialled_by_itself(
    company: Company, browser: Browser
) -> None:
    made = company.program("tests.journeys.dialled", "preview", "ben", "4", "5", "6")
    company.dial(dict.fromkeys(made["numbers"], "stays"))
    page = take_calls(company, browser, "ben")

    name = page.locator(".record-head h1")
    expect(page.locator("[data-line=shown] time")).to_contain_text("0:0")
    first = name.text_content() or ""
    page.keyboard.press("j")
    expect(page.locator("#menu-skip")).to_be_visible()
    page.keyboard.press("1")
    expect(name).not_to_have_text(first)

    second = name.text_content() or ""
    expect(page.locator("button[data-key=F2]")).to_be_visible()
    page.keyboard.press("F2")
    expect(page.locator(".callbar[data-state=talking]")).to_contain_text(second)
    talk_and_finish(page)

    expect(name).not_to_have_text(second)
    third = name.text_content() or ""
    expect(page.locator(".callbar[data-state=talking]")).to_contain_text(third)  # by itself
    talk_and_finish(page)
    skipped = "SELECT count(*) FROM dialer_lease WHERE campaign_id = %s AND why = 'skip:later'"
    assert company.ask(skipped, made["campaign"]) == 1


def test_predictive_calls_come_to_whoever_is_ready(company: Company, browser: Browser) -> None:
    made = company.program("tests.journeys.dialled", "predictive", "cora", "7", "8", "9")
    fates = ("talks", "machine", "talks")
    company.dial(dict(zip(made["numbers"], fates, strict=True)))
    page = take_calls(company, browser, "cora")

    for _ in range(2):
        # Until the customer has hung up.
        expect(page.locator("button[data-key=n]")).to_be_enabled(timeout=90_000)
        for key in (REFUSED, NEXT):
            page.keyboard.press(key)
        expect(page.locator("button[data-key=n]")).to_have_count(0)

    ended = "SELECT count(*) FROM calls_call WHERE campaign_id = %s AND state = 'ended'"
    company.until(lambda: company.ask(ended, made["campaign"]) == 3, seconds=60)
    kinds = "SELECT array_agg(outcome ORDER BY outcome) FROM calls_call WHERE campaign_id = %s"
    assert company.ask(kinds, made["campaign"]) == ["answered", "answered", "machine"]
    page.locator("button[popovertarget=menu-away]").click()
    page.locator("#menu-away .menu-item").first.click()
    expect(page.locator("[data-standby]")).to_contain_text("You are away")


def test_an_older_reading_that_comes_late_does_not_bring_back_what_was(
    company: Company, browser: Browser
) -> None:
    made = company.program("tests.journeys.dialled", "progressive", "dora", "10")
    company.dial(dict.fromkeys(made["numbers"], "busy"))
    page = take_calls(company, browser, "dora")
    busy = "SELECT count(*) FROM calls_call WHERE campaign_id = %s AND outcome = 'busy'"
    company.until(lambda: company.ask(busy, made["campaign"]), seconds=60)
    expect(page.locator("[data-standby]")).to_be_visible()
    held: list[tuple[Route, APIResponse]] = []
    page.route("**/desk/", lambda route: held.append((route, route.fetch())), times=1)
    page.evaluate("document.body.dispatchEvent(new CustomEvent('furrow:reseat'))")
    while not held:
        page.wait_for_timeout(20)  # lets the browser's messages in

    with page.expect_response("**/desk/session/"):
        page.keyboard.press("F3")
    [(route, answer)] = held
    route.fulfill(response=answer)

    expect(page.locator("[data-standby]")).to_have_count(0)
    expect(page.get_by_role("button", name="Take calls")).to_be_visible()
