"""The main job, as its users do it: from two lists to calls, the floor, the day and the morning.

Everything happens in browsers, against real processes. The database is only read, to know what
is true; once it is written, where a night has to pass.
"""

import csv
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import APIResponse, Browser, Locator, Page, Route, expect

from tests.journeys import guides
from tests.journeys.axe import assert_accessible
from tests.journeys.conftest import Company

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not guides.exist(), reason="needs ../shared/data/er-fodors-zagats beside the repository"
    ),
]

AGENTS = ("Anna Wang", "Ben Li", "Cora Zhao")


SCRIPT = "Lunch"
OPENING = "Good day, may I ask who plans your lunches?"
PURPOSE = "To tell restaurants about tables"


def test_from_two_lists_to_the_day_and_the_next_morning(
    company: Company, browser: Browser, tmp_path: Path
) -> None:
    found = guides.write(tmp_path)
    otto = company.sign_in(browser, "otto")
    import_fodors(otto, company, found)
    import_zagat(otto, company, found)
    assert_joined(company, found)

    write_script(otto)
    make_campaign(otto, "Lunch tables")
    first, second, third, fourth, fifth = assert_one_owner_each(company)
    company.dial(
        {first.e164: "talks", second.e164: "stays", third.e164: "rings_out", fourth.e164: "talks"}
    )

    lena = company.sign_in(browser, "lena")
    lena.goto("/floor/")
    desk = Desk(company.sign_in(browser, "anna"), lena)
    desk.shows(first, at_first=True)
    desk.calls(first)
    desk.hears_the_customer_hang_up()
    desk.presses("1", "g", "q")  # interested, CP 4, tomorrow
    desk.goes_on_to(second)

    desk.calls(second)
    desk.hangs_up()
    desk.presses("3")
    desk.promises(days=5)
    desk.goes_on_to(third)

    desk.is_not_answered()
    desk.goes_on_to(fourth)  # N alone

    desk.calls(fourth)
    desk.hears_the_customer_hang_up()
    desk.presses("9")  # do not call
    desk.goes_on_to(fifth)
    desk.has_never_reloaded()
    assert_stored(company, [first, second, third, fourth])

    make_campaign(otto, "Dinner tables")
    assert_never_again(company, desk.page, fourth)
    read_the_day(company.sign_in(browser, "mara"))
    pass_days(company, 6)
    follow_up_in_the_morning(desk.page, promised=second, interested=first)
    read_the_record(desk.page, fourth)


@dataclass(frozen=True)
class Waiting:
    """A customer who waits for the agent in the campaign."""

    pk: int
    name: str
    number: int
    e164: str


# -- operations: two lists, one company ------------------------------------------------------------


def upload(page: Page, source: str, file: Path) -> None:
    page.goto("/lists/")
    page.get_by_role("link", name="Import a list").first.click()
    page.locator("[name=file]").set_input_files(file)
    page.locator("[name=new-name]").fill(source)
    page.locator("[name=new-legal_basis]").select_option(label="Lawfully published by the customer")
    page.locator("[name=new-purpose]").fill(PURPOSE)
    page.locator("[name=new-region]").select_option(label="United States")
    page.get_by_role("button", name="Upload").click()


def check_and_import(page: Page, *, rows: int) -> None:
    page.get_by_role("button", name="Check every row").click()
    expect(page.get_by_text(f"of {rows} rows can be imported")).to_be_visible(timeout=90_000)


def meaning(page: Page, column: str) -> Locator:
    return page.get_by_role("combobox", name=column, exact=True)


def import_fodors(page: Page, company: Company, found: guides.Guides) -> None:
    """Every column is guessed; one row is broken; the dry run changes nothing."""
    rows = found.sizes["fodors"]
    upload(page, "Fodor's guide", found.files["fodors"])
    for column, field in (("name", "name"), ("phone", "phone"), ("addr", "address")):
        expect(meaning(page, column)).to_have_value(field)
    check_and_import(page, rows=rows)
    assert company.ask("SELECT count(*) FROM customers_customer") == 0
    broken = page.locator("#rows-problem tbody tr")
    expect(broken.filter(has_text="nowhere diner")).to_contain_text(re.compile("number", re.I))
    assert_accessible(page)
    page.get_by_role("button", name=re.compile(r"Import \d+ rows")).click()
    expect(page.locator(".headline")).to_contain_text(f"{rows} rows =")
    assert company.ask("SELECT count(*) FROM customers_customer") > 400


def import_zagat(page: Page, company: Company, found: guides.Guides) -> None:
    """Its headers mislead; a person says what they mean, and the check finds who is known."""
    rows = found.sizes["zagat"]
    upload(page, "Zagat's guide", found.files["zagat"])
    correct = ("name", "address", "phone", "city", "category")
    for column, field in zip(guides.ZAGAT, correct, strict=True):
        meaning(page, column).select_option(field)
    check_and_import(page, rows=rows)
    expect(page.locator("#rows-known")).to_contain_text("Matches, because")
    page.get_by_role("button", name=re.compile(r"Import \d+ rows")).click()
    expect(page.locator(".headline")).to_contain_text(f"{rows} rows =")


def assert_joined(company: Company, found: guides.Guides) -> None:
    """The same restaurant in both guides is one customer with two origins."""
    places = company.rows(
        """SELECT s.name, l.line, l.customer_id FROM acquisition_lead AS l
        JOIN acquisition_source AS s ON s.id = l.source_id"""
    )
    customer = {(name[:3].lower(), line): pk for name, line, pk in places}
    at = {
        restaurant: customer.get((guide[:3], line))
        for restaurant, (guide, line) in found.where.items()
    }
    joined = {(one, other) for one, other in found.pairs if at[one] and at[one] == at[other]}
    together: dict[int, tuple[list[int], list[int]]] = {}
    for restaurant, pk in at.items():
        if pk is not None:
            guide = found.where[restaurant][0]
            together.setdefault(pk, ([], []))[guide == "zagat"].append(restaurant)
    false = {
        pair
        for ours, theirs in together.values()
        for pair in product(ours, theirs)
        if pair not in found.pairs and pair[::-1] not in found.pairs
    }
    assert len(joined) >= 108, f"{len(joined)} of {len(found.pairs)} joined"
    assert len(false) <= 2, false


# -- operations: a campaign ------------------------------------------------------------------------


def write_script(page: Page) -> None:
    page.goto("/campaigns/")
    page.get_by_role("link", name="Scripts").click()
    page.get_by_role("link", name="New script").click()
    page.get_by_label("Name").fill(SCRIPT)
    page.get_by_label("Opening").fill(OPENING)
    page.get_by_label("Steps").fill("Need: How many guests come at noon?")
    page.get_by_label("Objections").fill("No time => When may I call again?")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name=SCRIPT)).to_be_visible()


def make_campaign(page: Page, name: str) -> None:
    """From a filter by source, for three agents, round the clock; and start it."""
    page.goto("/customers/")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.locator("[name=source]").select_option(label="Fodor's guide")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("button", name="Fodor's guide")).to_be_visible()
    page.get_by_role("link", name="Make a campaign of these").click()
    page.locator("[name=name]").fill(name)
    scripts = page.locator("[name=script_version]")
    script = scripts.locator("option").filter(has_text=SCRIPT).get_attribute("value")
    scripts.select_option(script)
    page.locator("[name=disposition_set]").select_option(label="Standard")
    page.locator("[name=opens]").fill("00:00")
    page.locator("[name=closes]").fill("00:00")
    page.locator("[name=target_attempts_per_agent_day]").fill("120")
    page.locator("[name=target_conversions]").fill("5")
    for agent in AGENTS:
        page.locator(".ts-control input").fill(agent)
        page.locator(".ts-dropdown [role=option]").filter(has_text=agent).click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Make the campaign and share out its customers").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    for agent in AGENTS:
        expect(page.get_by_role("row", name=agent)).to_be_visible()
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".page-head .chip")).to_have_text("Running")


def assert_one_owner_each(company: Company) -> list[Waiting]:
    """Shared evenly, nobody with two owners; returns those who wait for Anna, the next first."""
    shares = company.rows(
        """SELECT u.display_name, count(*) FROM campaigns_target AS t
        JOIN customers_customer AS c ON c.id = t.customer_id
        JOIN organisation_user AS u ON u.id = c.owner_id AND u.id = t.agent_id
        GROUP BY 1 ORDER BY 1"""
    )
    assert [name for name, _n in shares] == list(AGENTS)
    counts = [n for _name, n in shares]
    assert max(counts) - min(counts) <= 1, shares
    assert sum(counts) == company.ask("SELECT count(*) FROM campaigns_target")
    waiting = company.rows(
        """SELECT c.id, c.name, n.id, n.e164 FROM campaigns_target AS t
        JOIN customers_customer AS c ON c.id = t.customer_id
        JOIN customers_number AS n ON n.customer_id = c.id AND n.is_primary
        WHERE t.agent_id = %s ORDER BY t.id LIMIT 5""",
        company.people["anna"],
    )
    return [Waiting(*row) for row in waiting]


# -- the agent, and the leader who watches ---------------------------------------------------------


class Desk:
    """An agent who works by keys, and a leader who looks on from another browser."""

    def __init__(self, page: Page, leader: Page) -> None:
        self.page = page
        self.leader = leader
        self.seat = leader.locator(".seat").filter(has_text="Anna Wang")
        for watched in (page, leader):
            watched.evaluate("window.neverReloaded = true")

    def shows(self, customer: Waiting, *, at_first: bool = False) -> None:
        """Who it is, where the number came from, what to say; never the number itself."""
        page = self.page
        if at_first:
            with page.expect_event("load"):  # or the mark would be set on the page that goes
                page.get_by_role("link", name="Desk").first.click()
            page.evaluate("window.neverReloaded = true")
        expect(page.get_by_role("heading", level=1)).to_have_text(customer.name)
        expect(page.locator("[data-number]")).to_contain_text(customer.e164[-4:])
        expect(page.locator("[data-number]")).to_contain_text("****")
        expect(page.locator("#origins")).to_contain_text("Fodor's guide")
        expect(page.locator("#origins")).to_contain_text(PURPOSE)
        expect(page.get_by_text("You may call")).to_be_visible()
        expect(page.locator(".script")).to_contain_text(OPENING)
        digits = re.sub(r"\D+", "", re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", page.content()))
        assert customer.e164[2:] not in digits
        if at_first:
            expect(self.seat).to_have_attribute("data-state", "ready")
            assert_accessible(page)

    def calls(self, customer: Waiting) -> None:
        self.page.keyboard.press("F2")
        self.line_is("ringing")
        self.line_is("talking")
        expect(self.page.locator(".callbar")).to_contain_text(customer.name)
        expect(self.seat).to_have_attribute("data-state", "talking")
        expect(self.seat).to_contain_text(customer.name)
        expect(self.leader.locator("[data-count=talking]")).to_have_text("1")

    def line_is(self, state: str) -> None:
        expect(self.page.locator(f"[data-call-state={state}]")).to_be_visible()

    def hears_the_customer_hang_up(self) -> None:
        self.line_is("ended")
        expect(self.page.locator("[data-line=answered]")).to_be_visible()
        expect(self.seat).to_have_attribute("data-state", "wrapup")

    def hangs_up(self) -> None:
        self.page.keyboard.press("F4")
        self.hears_the_customer_hang_up()

    def is_not_answered(self) -> None:
        self.page.keyboard.press("F2")
        self.line_is("ringing")
        self.line_is("ended")
        expect(self.page.locator("[data-line=no_answer]")).to_contain_text("Not reached")

    def presses(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            expect(self.page.locator(f"input[data-key='{key}']")).to_be_checked()

    def promises(self, *, days: int) -> None:
        """P leads to the field; Escape leads out of it."""
        at = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=days)
        self.page.keyboard.press("p")
        field = self.page.locator("[name=due]")
        expect(field).to_be_focused()
        field.fill(at.strftime("%Y-%m-%dT10:30"))
        self.page.keyboard.press("Escape")

    def goes_on_to(self, customer: Waiting) -> None:
        """N. The call bar's news of the old customer arrive late, as on a slow network."""
        late: list[tuple[Route, APIResponse]] = []
        is_there = False

        def hold(route: Route) -> None:
            if is_there:
                route.continue_()
            else:
                late.append((route, route.fetch()))

        self.page.route("**/desk/bar/*", hold)
        self.page.keyboard.press("n")
        expect(self.page.get_by_role("heading", level=1)).to_have_text(customer.name)
        is_there = True
        while late:
            route, answer = late.pop()
            route.fulfill(response=answer)
        self.page.unroute("**/desk/bar/*", hold)
        expect(self.seat).to_have_attribute("data-state", "ready")
        self.shows(customer)

    def has_never_reloaded(self) -> None:
        for watched in (self.page, self.leader):
            assert watched.evaluate("window.neverReloaded === true")
        expect(self.seat).to_contain_text("4 calls, 3 answered, 0 sold")
        expect(self.leader.locator("[data-count=attempts]")).to_have_text("4")
        assert_accessible(self.leader)


def assert_stored(company: Company, called: list[Waiting]) -> None:
    """What the keys said, the line said, and what follows from them."""
    stored = company.rows(
        """SELECT c.customer_id, c.outcome, d.key, c.cp, f.reason, c.permit_id IS NOT NULL
        FROM calls_call AS c LEFT JOIN campaigns_disposition AS d ON d.id = c.disposition_id
        LEFT JOIN followups_followup AS f ON f.after_call_id = c.id ORDER BY c.id"""
    )
    first, second, third, fourth = (customer.pk for customer in called)
    assert stored == [
        (first, "answered", 1, 4, "interest", True),
        (second, "answered", 3, None, "promise", True),
        (third, "no_answer", 6, None, None, True),
        (fourth, "answered", 9, None, None, True),
    ]
    later = "SELECT not_before > now() FROM campaigns_target WHERE customer_id = %s"
    assert company.ask(later, third)


# -- never again -----------------------------------------------------------------------------------


def assert_never_again(company: Company, page: Page, customer: Waiting) -> None:
    """Every path to a suppressed number says no, and names the rule."""
    page.goto(f"/desk/?customer={customer.pk}")
    expect(page.get_by_text("This number must not be called").first).to_be_visible()
    page.keyboard.press("F2")
    refusal = page.locator("#messages .message.is-bad")
    expect(refusal).to_contain_text("Asked not to be called")
    expect(refusal).to_contain_text("Rule C4")

    other = company.ask("SELECT id FROM campaigns_campaign WHERE name = 'Dinner tables'")
    for body in ({"number": customer.number}, {"customer": customer.pk, "campaign": other}):
        status, said = call_now(company, body)
        assert status == 409, said
        assert said["rule"] == "C4"
    assert company.ask("SELECT count(*) FROM calls_call") == 4
    assert not company.ask(
        "SELECT count(*) FROM campaigns_target WHERE customer_id = %s AND state = 'waiting'",
        customer.pk,
    ), "a campaign still wants to call a suppressed number"


def call_now(company: Company, body: dict[str, object]) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(  # noqa: S310
        f"{company.address}/api/v1/calls/now",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {company.token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


# -- the manager's day, the agent's morning, the customer's record ---------------------------------


def read_the_day(page: Page) -> None:
    page.goto("/reports/day/")
    expect(page.locator("#headline")).to_contain_text(re.compile("[a-z]{3}"))
    expect(page.locator(".tile").filter(has_text="Calls").first).to_contain_text("4")
    agent = page.locator("#by-agent tbody tr").filter(has_text="Anna Wang")
    expect(agent.locator("td")).to_have_text(
        ["Anna Wang", "4", "3", re.compile("75"), re.compile(r"\d"), "1", "0", re.compile("0")]
    )
    expect(page.locator("#by-source tbody tr").filter(has_text="Fodor's guide")).to_be_visible()
    expect(page.locator("#by-hour, #by-cp").first).to_be_visible()
    expect(page.locator("figure.chart canvas, figure.chart svg").first).to_be_visible()
    with page.expect_download() as downloading:
        page.locator("#by-agent").get_by_role("button", name="CSV").click()
    text = downloading.value.path().read_text("utf-8-sig")
    header, *rows = csv.reader(text.splitlines())
    assert header[1:3] == ["Calls", "Answered"]
    assert [row[:3] for row in rows] == [["Anna Wang", "4", "3"]]
    assert_accessible(page)


def pass_days(company: Company, days: int) -> None:
    """Nobody can wait for a night here, so what was planned moves nearer."""
    company.do(
        """UPDATE followups_followup SET due_at = due_at - make_interval(days => %s),
        planned_at = planned_at - make_interval(days => %s)""",
        days, days,
    )  # fmt: skip


def follow_up_in_the_morning(page: Page, *, promised: Waiting, interested: Waiting) -> None:
    """Promises come first, even those due later; the desk begins with them."""
    page.goto("/followups/")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text(promised.name)
    expect(rows.nth(0)).to_contain_text("Promised")
    expect(rows.nth(0)).to_contain_text("10:30")
    expect(rows.nth(1)).to_contain_text(interested.name)
    expect(rows.nth(1)).to_contain_text("Showed interest")
    expect(page.get_by_text("2 overdue")).to_be_visible()
    page.goto("/desk/")
    expect(page.get_by_role("heading", level=1)).to_have_text(promised.name)
    expect(page.locator(".middle .notice")).to_contain_text("Promised")


def read_the_record(page: Page, customer: Waiting) -> None:
    """All that happened to a customer, on one timeline."""
    page.goto(f"/customers/{customer.pk}/")
    page.locator("[name=text]").fill("Asked us politely, so we shall not call.")
    page.get_by_role("button", name="Add note").click()
    timeline = page.locator("#timeline")
    expect(timeline).to_contain_text("Asked us politely, so we shall not call.")
    for said in ("Fodor's guide", "Anna Wang", "Do not call", "must not be called"):
        expect(timeline).to_contain_text(re.compile(said, re.I))
    expect(page.get_by_text("Rule C4").first).to_be_visible()
    page.keyboard.press("F2")
    expect(page.locator("#messages .message.is-bad")).to_contain_text("Rule C4")
    assert_accessible(page)
    page.goto("/customers/")
    expect(page.locator("#list tbody tr").first).to_be_visible()
    assert_accessible(page)
