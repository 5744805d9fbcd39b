"""An agent's call with sound: a real browser, a real Asterisk, and a provider of our own."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from furrow.telephony.asterisk import process
from furrow.telephony.sip_carrier import Call, Script, SipCarrier, from_alaw, tone
from furrow.telephony.tests.bench_asterisk import programs
from tests.house import free_port
from tests.journeys.axe import assert_accessible
from tests.journeys.conftest import Company

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.asterisk,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not process.addresses(), reason="Asterisk offers browsers no loopback address of its own"
    ),
]

ENDS_BY_ITSELF, STAYS, BUSY = "+16175550101", "+16175550102", "+16175550103"
STAYS_LONG = "+16175550104"


class Provider:
    """The SIP provider, in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.carrier = self.do(SipCarrier(self._decide).open())

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        done: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return done.result(20)

    def _decide(self, number: str) -> Script:
        voice = tone(1000, 1.4) + b"\xd5" * 6800
        return {
            ENDS_BY_ITSELF: Script(ring=1, voice=voice, loops=True, talk=5),
            STAYS: Script(ring=1, voice=voice, loops=True),
            STAYS_LONG: Script(ring=1, voice=voice, loops=True),
            BUSY: Script(ring=0.5, final=486),
        }[number]

    def call(self, number: str) -> Call:
        """The latest call to this number."""
        calls = [*self.carrier.past, *self.carrier.calls.values()]
        return next(each for each in reversed(calls) if each.number == number)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self.carrier.close)
        self.do(asyncio.sleep(0.1))  # until the sockets are closed
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture(scope="module")
def house(company: Company, provider: Provider) -> Company:
    """The company, with a switch, a dialer that uses it, and customers for Anna."""
    programs()  # or a skip that says why
    carrier = provider.carrier
    company.settings |= {
        "FURROW_TELEPHONY": "asterisk",
        "FURROW_SWITCH_FOLDER": str(company.folder / "switch"),
        "FURROW_ASTERISK_PORT": str(free_port()),
        "FURROW_AMI_PORT": str(free_port()),
        "FURROW_SIP_ADDRESS": f"127.0.0.1:{process.free_port(socket.SOCK_DGRAM)}",
        "FURROW_TRUNKS": json.dumps(
            [{"name": "provider", "address": f"{carrier.host}:{carrier.port}"}]
        ),
    }
    for name in ("web",):
        (part,) = [each for each in company.parts if each.name == name]
        part.stop()
        company.start(name, "--port", company.address.rsplit(":", 1)[1])
    company.start("asterisk", "run")
    company.start("dialer")
    beating = "SELECT count(*) FROM dialer_heartbeat WHERE beat_at > now() - interval '3 s'"
    company.until(lambda: company.ask(beating) == 1, seconds=60)
    made = company.program("tests.journeys.customers", ENDS_BY_ITSELF, STAYS, BUSY, STAYS_LONG)
    company.people["customers"] = made["customers"]
    return company


def test_an_agent_talks_with_customers_in_the_browser(
    house: Company, provider: Provider, browser: Browser
) -> None:
    desk = house.sign_in(browser, "anna")
    desk.context.grant_permissions(["microphone"])
    phone = open_phone(desk)
    customers: list[int] = house.people["customers"]  # type: ignore[assignment]

    call(desk, customers[0])
    expect(desk.locator("[data-call-state=talking]")).to_be_visible()
    hears = lambda: phone.evaluate(  # noqa: E731
        "document.getElementById('phone-sound').srcObject?.getAudioTracks().length ?? 0"
    )
    until(lambda: hears() == 1)
    expect(desk.locator("[data-line=answered]")).to_be_visible()  # the customer hung up
    expect(phone.locator("[data-phone]")).to_have_attribute("data-phone", "up")  # it stands on
    assert is_loud(provider.call(ENDS_BY_ITSELF)), "the customer heard nobody"
    wrap_up(desk)

    desk.goto(f"/customers/{customers[0]}/")
    desk.get_by_role("button", name="Listen").click()
    player = desk.locator("[data-player]")
    expect(player.locator("svg rect.says").first).to_be_visible()
    until(lambda: desk.evaluate("document.querySelector('[data-player] audio').duration > 3"))
    player.get_by_role("button", name="1.5×").click()
    desk.evaluate("document.querySelector('[data-player] audio').play()")
    until(lambda: desk.evaluate("document.querySelector('[data-player] audio').currentTime > 0.5"))
    assert house.ask("SELECT who FROM audit_event WHERE what = 'recording.heard'") == "anna"

    call(desk, customers[1])
    expect(desk.locator("[data-call-state=talking]")).to_be_visible()
    desk.reload()  # in mid-call: the phone window carries the sound
    expect(desk.locator("[data-call-state=talking]")).to_be_visible()
    stays = provider.call(STAYS)
    stays.heard.clear()
    until(lambda: is_loud(stays))
    desk.keyboard.press("F4")
    expect(desk.locator("[data-line=answered]")).to_be_visible()
    until(stays.ended.is_set)
    wrap_up(desk)

    call(desk, customers[2])
    expect(desk.locator("[data-line=busy]")).to_be_visible()
    desk.keyboard.press("n")  # what the line said is the result
    expect(desk.locator("[data-line=busy]")).to_have_count(0)


def test_a_call_is_held_handed_over_and_taken_over(
    house: Company, provider: Provider, browser: Browser
) -> None:
    anna, ben, lena = (house.sign_in(browser, who) for who in ("anna", "ben", "lena"))
    for page in (anna, ben, lena):
        page.context.grant_permissions(["microphone"])
        open_phone(page)
    ben.goto("/desk/")
    expect(ben.locator(".callbar[data-state=ready]")).to_be_visible()
    lena.goto("/floor/")
    customers: list[int] = house.people["customers"]  # type: ignore[assignment]

    call(anna, customers[3])
    expect(anna.locator("[data-call-state=talking]")).to_be_visible()
    stays = provider.call(STAYS_LONG)
    until(lambda: is_loud(stays))
    anna.keyboard.press("F8")
    expect(anna.locator("[data-call-state=held]")).to_be_visible()
    anna.reload()  # in mid-call
    expect(anna.locator("[data-call-state=held]")).to_be_visible()
    anna.keyboard.press("F8")
    expect(anna.locator("[data-call-state=talking]")).to_be_visible()
    anna.keyboard.press("F7")
    expect(anna.locator(".callbar[data-muted]")).to_be_visible()
    until_quiet(stays)

    anna.keyboard.press("F9")
    anna.get_by_role("searchbox").fill("ben")
    anna.locator("[data-colleague]", has_text="Ben Li").get_by_role(
        "button", name="Ask first"
    ).click()
    expect(ben.locator("[data-call-state=invited]")).to_be_visible()
    ben.keyboard.press("F2")
    expect(anna.locator("[data-call-state=consult]")).to_be_visible()
    anna.keyboard.press("F9")
    expect(ben.locator("[data-call-state=talking]")).to_be_visible()
    expect(ben.get_by_role("heading", name="Customer 4")).to_be_visible()  # screen pop (D2)
    expect(anna.locator(".callbar[data-state=ready]")).to_be_visible()
    stays.heard.clear()
    until(lambda: is_loud(stays))  # Ben's voice: Anna was muted

    seat = lena.locator(f"#seat-{house.people['ben']}")
    expect(seat).to_have_attribute("data-state", "talking")
    seat.get_by_role("button").click()
    lena.get_by_role("button", name="Listen").click()
    expect(lena.locator("[data-supervising=listen]")).to_be_visible()
    expect(ben.locator("[data-supervised=listen]")).to_be_visible()  # the law's default here
    lena.keyboard.press("t")
    lena.locator("#confirm").get_by_role("button", name="Take over").click()
    expect(lena.locator("[data-supervising=own]")).to_be_visible()
    expect(ben.locator(".callbar[data-state=ready]")).to_be_visible()
    stays.heard.clear()
    until(lambda: is_loud(stays))
    lena.get_by_role("link", name="To the desk").click()
    expect(lena.locator("[data-call-state=talking]")).to_be_visible()
    lena.keyboard.press("F4")
    until(stays.ended.is_set)
    wrap_up(lena)
    acts = "SELECT count(*) FROM audit_event WHERE what = 'call.supervised' AND who = 'lena'"
    assert house.ask(acts) == 2


def test_a_refused_microphone_is_explained(house: Company, browser: Browser) -> None:
    page = house.sign_in(browser, "ben")
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () =>"
        " Promise.reject(new DOMException('no', 'NotAllowedError'))"
    )
    page.goto("/phone/")
    expect(page.get_by_role("status")).to_contain_text("may not use the microphone")
    expect(page.get_by_role("button", name="Connect my phone")).to_be_visible()
    assert_accessible(page)


def open_phone(desk: Page) -> Page:
    phone = desk.context.new_page()
    phone.goto("/phone/")
    expect(phone.locator("[data-phone]")).to_have_attribute("data-phone", "up")
    assert_accessible(phone)
    return phone


def call(desk: Page, customer: int) -> None:
    desk.goto(f"/customers/{customer}/")
    desk.keyboard.press("F2")
    desk.wait_for_url("**/desk/**")


def wrap_up(desk: Page) -> None:
    for key in ("1", "g", "q"):  # interested, CP 4, tomorrow
        desk.keyboard.press(key)
        expect(desk.locator(f"input[data-key='{key}']")).to_be_checked()
    desk.keyboard.press("n")
    expect(desk.locator("[data-call-state=ended]")).not_to_be_visible()


def is_loud(call: Call) -> bool:
    return max(map(abs, from_alaw(bytes(call.heard))), default=0) > 1000


def until_quiet(call: Call) -> None:
    """A second in which the provider hears nobody."""

    def heard_nobody() -> bool:
        call.heard.clear()
        time.sleep(1.0)
        return not is_loud(call)

    until(heard_nobody)


def until(condition: Callable[[], object], *, seconds: float = 20) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "it did not come true in time"
        time.sleep(0.05)
