"""A leader away from the desk: the floor on a phone, in Chinese, while somebody talks."""

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.axe import assert_accessible
from tests.journeys.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(600)]

PHONE = {"locale": "zh-CN", "viewport": {"width": 390, "height": 844}, "has_touch": True}


def test_a_leader_sees_on_a_phone_who_talks_and_for_how_long(
    company: Company, browser: Browser
) -> None:
    """The agent calls a customer of her own, in no campaign, and can write down what came of it."""
    dora = company.sign_in(browser, "dora", locale="zh-CN")
    dora.goto("/customers/")
    dora.keyboard.press("n")
    dora.locator("[name=name]").fill("王小明")
    dora.locator("[name=number]").fill("+1 202 555 0147")
    dora.locator("main form button.btn-primary").click()
    expect(dora.get_by_role("heading", level=1)).to_have_text("王小明")
    company.dial({"+12025550147": "stays"})

    leader = company.sign_in(browser, "luis", **PHONE)
    leader.goto("/floor/")
    leader.evaluate("window.neverReloaded = true")
    dora.keyboard.press("F2")
    expect(dora).to_have_url(company.address + "/desk/")

    seat = leader.locator(".seat").filter(has_text="Dora Sun")
    expect(seat).to_have_attribute("data-state", "talking")
    expect(seat).to_contain_text("通话中")
    expect(seat).to_contain_text("王小明")
    expect(seat.locator("time")).to_contain_text("0:0")
    width = "document.documentElement.scrollWidth"
    assert leader.evaluate(width) <= 390, "the page is wider than the phone"
    assert "2025550147" not in leader.content()
    assert_accessible(leader)

    dora.keyboard.press("F4")
    expect(seat).to_have_attribute("data-state", "wrapup")
    expect(dora.locator("button[data-key=n]")).to_be_enabled()
    for key in ("4", "e", "n"):
        dora.keyboard.press(key)
    expect(dora.locator("[data-state=ready].callbar")).to_be_visible()
    expect(seat).to_have_attribute("data-state", "ready")
    assert leader.evaluate("window.neverReloaded === true")
    dora.goto("/followups/?within=7")
    expect(dora.locator("tbody tr")).to_contain_text("王小明")
