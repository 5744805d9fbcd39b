"""The kit in a real Chromium: keys, dialogs, refusals, search, under the real policy."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles import finders

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("furrow.common.tests.gallery"),
    pytest.mark.skipif(
        django_settings.configured and finders.find("dist/app.js") is None,
        reason="the front end is not built (make build)",
    ),
]


@pytest.fixture
def kit(page: Any, live_server: Any) -> Iterator[Any]:
    """The gallery, open; at the end nothing may have broken the policy or thrown."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    page.goto(f"{live_server.url}/kit/")
    page.wait_for_selector("#k-agents.tomselected", state="attached")
    yield page
    assert complaints == []


def test_a_key_presses_its_element(kit: Any) -> None:
    kit.keyboard.press("4")

    assert kit.locator("input[name=k-outcome]:checked").get_attribute("value") == "refused"


def test_keys_are_letters_while_one_types(kit: Any) -> None:
    kit.locator("#k-call-note").fill("")
    kit.keyboard.press("4")

    assert kit.locator("#k-call-note").input_value() == "4"
    assert kit.locator("input[name=k-outcome]:checked").count() == 0


def test_the_overlay_lists_the_keys_of_the_page(kit: Any) -> None:
    kit.keyboard.press("?")

    assert "F4" in kit.locator("#keys .keys-list").inner_text()


def test_a_refusal_lands_in_the_message_area_with_its_rule(kit: Any) -> None:
    kit.locator("[hx-confirm]").click()
    kit.locator("#confirm button[value=yes]").click()
    kit.wait_for_selector("#messages .message")

    said = kit.locator("#messages .message").inner_text()
    assert "it is night there" in said
    assert "D4" in said


def test_saying_no_sends_nothing(kit: Any) -> None:
    sent: list[str] = []
    kit.on("request", lambda request: sent.append(request.url))
    kit.locator("[hx-confirm]").click()
    kit.locator("#confirm button[value=no]").click()
    kit.wait_for_selector("#confirm", state="hidden")

    assert sent == []


def test_the_palette_goes_to_the_chosen_hit_and_keeps_the_words_out_of_the_address(
    kit: Any,
) -> None:
    addresses: list[str] = []
    kit.on("request", lambda request: addresses.append(request.url))
    kit.keyboard.press("Control+k")
    kit.keyboard.type("wangwei")
    kit.wait_for_selector('.hit[aria-selected="true"]')
    kit.keyboard.press("ArrowDown")
    kit.keyboard.press("Enter")
    kit.wait_for_url("**/kit/?hit=2")

    assert not [address for address in addresses if "wangwei" in address]


def test_picking_rows_shows_the_bulk_bar(kit: Any) -> None:
    kit.locator(".table thead .pick input").check()

    assert kit.locator(".bulk [data-picked]").inner_text() == "3"


def test_the_server_may_say_something_by_a_trigger(kit: Any) -> None:
    kit.evaluate(
        "document.body.dispatchEvent(new CustomEvent('furrow:say',"
        " {detail: {words: 'Saved', kind: 'good'}, bubbles: true}))"
    )
    kit.wait_for_selector("#messages .message.is-good")


def test_after_a_lost_connection_the_page_is_told_to_reload_its_live_parts(
    page: Any, live_server: Any
) -> None:
    """The first connection ends after one message; the second says nothing and so does no harm."""
    page.route(
        "**/events/",
        lambda route: route.fulfill(
            content_type="text/event-stream",
            body=': hello\n\nevent: call\ndata: {"id": 7}\n\n',
        ),
    )
    page.add_init_script(
        "window.seen = []; addEventListener('DOMContentLoaded', () => {"
        "for (const kind of ['call', 'resync']) document.body.addEventListener('furrow:' + kind,"
        " event => { seen.push([kind, event.detail.id]);"
        " document.body.toggleAttribute('data-full', seen.length > 2) })})"
    )
    page.goto(f"{live_server.url}/kit/live/")
    page.wait_for_selector("body[data-full]")

    assert page.evaluate("seen.slice(0, 3)") == [["call", 7], ["resync", None], ["call", 7]]


def test_nothing_is_wider_than_a_phone(kit: Any) -> None:
    kit.set_viewport_size({"width": 390, "height": 844})

    assert kit.evaluate("document.documentElement.scrollWidth") <= 390
