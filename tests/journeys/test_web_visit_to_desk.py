"""A visit of the demo shop becomes a lead on an agent's desk, and nothing is told without consent.

The shop's browser has a clock of its own: a minute passes when the test says so.
"""

import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.house import free_port
from tests.journeys.axe import assert_accessible
from tests.journeys.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(600)]

CONSENT = "I agree that Evening School calls me"


def test_a_web_visit_becomes_a_lead_on_an_agents_desk(company: Company, browser: Browser) -> None:
    company.program("tests.journeys.shop")
    shop = f"http://127.0.0.1:{open_shop(company)}"
    anna = company.sign_in(browser, "anna")
    anna.goto("/desk/")

    visitor = visit(browser, shop)
    visitor.goto(f"{shop}/demo-shop/")
    visitor.goto(f"{shop}/demo-shop/ai-course/")
    assert company.ask("SELECT count(*) FROM capture_visitor") == 0  # nobody agreed yet

    visitor.get_by_role("button", name="Yes", exact=True).click()
    visitor.clock.fast_forward("01:05")
    long_read = "SELECT count(*) FROM capture_view WHERE seconds > 60"
    company.until(lambda: company.ask(long_read) == 1, seconds=60)
    visitor.get_by_role("link", name="Call me").click()
    assert_accessible(visitor)
    visitor.get_by_label("Name").fill("Lin Xiao")
    visitor.get_by_label("Phone number").fill("(212) 555-0142")
    visitor.get_by_label("What would you like to know?").fill("Is it in the evening?")
    visitor.get_by_label(CONSENT).check()
    visitor.get_by_role("button", name="Send").click()
    expect(visitor.get_by_role("status")).to_be_visible()

    company.until(lambda: company.ask("SELECT count(*) FROM acquisition_lead") == 1, seconds=60)
    owner = company.ask("SELECT owner_id FROM customers_customer WHERE name = 'Lin Xiao'")
    assert owner == company.people["anna"]  # the one of her team who is at work
    assert_on_the_desk(anna)

    visitor.get_by_role("button", name="Forget my visits").click()
    company.until(lambda: company.ask("SELECT count(*) FROM capture_view") == 0, seconds=60)


def open_shop(company: Company) -> int:
    port = free_port()
    company.start("collect", "--port", str(port))
    company.until(lambda: is_open(port), seconds=120)
    return port


def is_open(port: int) -> bool:
    """Whether the collecting process knows the site."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/demo-shop/", timeout=5).close()
    except (urllib.error.URLError, TimeoutError):
        return False
    return True


def visit(browser: Browser, shop: str) -> Page:
    page = browser.new_context(locale="en-US").new_page()
    page.set_default_timeout(30_000)
    page.clock.install()
    return page


def assert_on_the_desk(anna: Page) -> None:
    """In her list for today, with where it came from, why, and the words agreed to."""
    anna.goto("/desk/")
    anna.locator(".queue").get_by_text("Lin Xiao").click()
    origins = anna.locator("#origins")
    expect(origins).to_contain_text("Evening School")
    expect(origins).to_contain_text("on a page (rules, version 0)")
    expect(origins).to_contain_text("127.0.0.1/demo-shop/ai-course/")
    expect(origins).to_contain_text("Consent")
    expect(origins).to_contain_text(CONSENT)
    expect(origins).to_contain_text("To answer questions about courses")
