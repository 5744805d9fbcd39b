"""A lead is screened, handed to another team, refused twice, sold, and revisited each week."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.axe import assert_accessible
from tests.journeys.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(600)]

NUMBER = "+12125550177"
NAME = "Rosa Vale"


def test_a_lead_is_screened_handed_over_refused_twice_sold_and_revisited(
    company: Company, browser: Browser
) -> None:
    give_acquisition_to_south(company.sign_in(browser, "mara"))
    customer = company.program("tests.journeys.stages", "lead", NUMBER)["customer"]
    company.dial({NUMBER: "talks"})

    anna = company.sign_in(browser, "anna")
    call(anna, customer)
    press(anna, "1", "g", "q")  # interested, CP 4, tomorrow
    save(anna)
    stands(company, "acquisition")

    dora = company.sign_in(browser, "dora")
    accept(dora)
    owner = company.ask("SELECT owner_id FROM customers_customer WHERE id = %s", customer)
    assert owner == company.people["dora"]
    assert company.ask(PLANNED + " AND assigned_to_id = %s", owner) == 1

    reasons = []
    for number in (1, 2):
        call(dora, customer)
        press(dora, "5")
        save(dora)
        dora.goto(f"/customers/{customer}/")
        expect(dora.locator("#followup-panel")).to_contain_text(f"Refused {number} of 7 times")
        reasons.append(company.ask("SELECT note FROM followups_followup WHERE done_at IS NULL"))
        pass_days(company, 40)
    assert len(set(reasons)) == 2
    dora.goto("/")
    expect(dora.locator("#overdue")).to_contain_text(NAME)
    expect(dora.locator("#overdue")).to_contain_text(reasons[1])
    assert_accessible(dora)

    call(dora, customer)
    press(dora, "2")
    save(dora)
    stands(company, "retention")
    for _week in (1, 2):
        pass_days(company, 7)
        assert company.program("tests.journeys.stages", "night")["just_bought"] == 1
        assert company.ask(PLANNED + " AND policy = 'just_bought'") == 1
        dora.goto("/followups/?within=7")
        expect(dora.locator("#today")).to_contain_text("Regular revisit")
        dora.locator("#today").get_by_title("Done without a call").click()
        expect(dora.locator("#today tbody tr")).to_have_count(0)
    differing = """SELECT count(*) FROM pipeline_standing AS now WHERE stage IS DISTINCT FROM (
        SELECT to_stage FROM pipeline_stagemove AS move WHERE move.customer_id = now.customer_id
        AND counts ORDER BY at DESC, id DESC LIMIT 1)"""
    assert company.ask(differing) == 0


PLANNED = "SELECT count(*) FROM followups_followup WHERE done_at IS NULL"


def give_acquisition_to_south(mara: Page) -> None:
    """The manager tries the rule on the past, then saves it."""
    mara.goto("/stages/")
    mara.locator("[name=acquisition-team]").select_option(label="South")
    mara.get_by_role("button", name="Try on the past").click()
    expect(mara.locator("#trial")).to_be_visible()
    assert_accessible(mara)
    mara.locator("[name=note]").fill("South closes")
    mara.get_by_role("button", name="Save as a new version").click()
    expect(mara.get_by_text("Version 1 is saved")).to_be_visible()
    mara.goto("/followup-rules/")
    assert_accessible(mara)


def call(agent: Page, customer: int) -> None:
    agent.goto(f"/desk/?customer={customer}")
    expect(agent.get_by_role("heading", level=1)).to_have_text(NAME)
    expect(agent.get_by_text("You may call")).to_be_visible()
    agent.keyboard.press("F2")
    expect(agent.locator("[data-call-state=ended]")).to_be_visible()
    expect(agent.locator("[data-line=answered]")).to_be_visible()


def press(agent: Page, *keys: str) -> None:
    for key in keys:
        agent.keyboard.press(key)
        expect(agent.locator(f"input[data-key='{key}']")).to_be_checked()


def save(agent: Page) -> None:
    agent.keyboard.press("n")
    expect(agent.locator("[data-state=ready].callbar")).to_be_visible()


def accept(dora: Page) -> None:
    dora.goto("/handoffs/")
    expect(dora.locator("tbody tr")).to_contain_text("Screening → Acquisition")
    assert_accessible(dora)
    dora.locator("tbody input[name=ids]").check()  # the name is told to whoever has the customer
    dora.get_by_role("button", name="Accept those ticked").click()
    expect(dora.get_by_text("1 customer accepted")).to_be_visible()


def stands(company: Company, stage: str) -> None:
    assert company.ask("SELECT stage FROM pipeline_standing") == stage


def pass_days(company: Company, days: int) -> None:
    """Nobody can wait for weeks here, so what happened moves back."""
    moved = {
        "calls_call": "queued_at dialed_at ringing_at answered_at connected_at ended_at wrapped_at",
        "permits_permit": "issued_at expires_at spent_at closed_at",
        "compliance_refusal": "at",
        "followups_followup": "planned_at due_at",
        "customers_customer": "created_at last_touch_at owned_since",
        "ownership_standing": "effective_at dealt_at",
        "rulebooks_run": "at finished_at",
    }
    for table, columns in moved.items():
        changes = [f"{c} = {c} - make_interval(days => {days})" for c in columns.split()]
        if table == "rulebooks_run":
            changes.append(f'"on" = "on" - {days}')
        statement = f"UPDATE {table} SET {', '.join(changes)}"
        company.do(f"DO $$ BEGIN SET LOCAL session_replication_role = replica; {statement}; END $$")
