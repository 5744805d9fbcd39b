import re
from datetime import timedelta

import pytest
from django.test import Client

from furrow.customers import holdings
from furrow.customers.actions import add_note, merge_customers
from furrow.customers.models import Customer
from furrow.customers.rules import Moment
from furrow.customers.tests.make import make_customer, number_of
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user

HTMX = {"HX-Request": "true"}
pytestmark = pytest.mark.django_db


def page_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_a_record_shows_its_three_columns(client: Client) -> None:
    agent = make_agent()
    client.force_login(agent)
    customer = make_customer(
        name="王伟芳", numbers=["+8613800138000"], owner=agent, profile={"hobbies": "茶"}
    )
    add_note(customer=customer, text="call after six", by=agent, at=NOON)

    page = page_of(client, f"/customers/{customer.pk}/")

    for words in ("王伟芳", "138****8000", "茶", "call after six", str(agent), "13 % complete"):
        assert words in page
    assert "13800138000" not in page
    assert f"/permits/panel/{customer.pk}/" in page


@pytest.mark.parametrize(
    ("role", "edits", "calls", "reveals"),
    [
        (Role.AGENT, True, True, False),
        (Role.LEADER, True, True, True),
        (Role.QA, False, False, False),
        (Role.OPERATIONS, True, False, True),
        (Role.MANAGER, True, False, True),
    ],
)
def test_each_role_is_offered_what_it_may_do(
    client: Client, role: Role, edits: bool, calls: bool, reveals: bool
) -> None:
    team = make_team()
    client.force_login(make_user(role=role, team=team))
    customer = make_customer(team=team)
    page = page_of(client, f"/customers/{customer.pk}/")
    assert ("/edit/city/" in page) == edits
    assert ('data-key="F2"' in page) == calls
    assert ("/reveal/" in page) == reveals


def test_a_stranger_finds_no_record(client: Client) -> None:
    client.force_login(make_agent())
    assert client.get(f"/customers/{make_customer().pk}/").status_code == 404


def test_a_merged_record_leads_to_the_kept_one(client: Client) -> None:
    user = make_user(role=Role.OPERATIONS)
    client.force_login(user)
    kept, duplicate = make_customer(), make_customer()
    merge_customers(duplicate=duplicate, into=kept, by=user, at=NOON)
    response = client.get(f"/customers/{duplicate.pk}/")
    assert (response.status_code, response.headers["Location"]) == (302, f"/customers/{kept.pk}/")
    client.force_login(make_agent())
    assert client.get(f"/customers/{duplicate.pk}/").status_code == 404


def test_next_and_previous_keep_the_place_in_the_list(client: Client) -> None:
    client.force_login(make_user(role=Role.OPERATIONS))
    first, outside, second, third = (
        make_customer(name=name, city=city)
        for name, city in [("A", "x"), ("B", "y"), ("C", "x"), ("D", "x")]
    )
    listed = "city%3Dx%26sort%3Dname"
    page = page_of(client, f"/customers/{second.pk}/?list={listed}")
    assert f"/customers/{first.pk}/?list={listed}" in page
    assert f"/customers/{third.pk}/?list={listed}" in page
    assert f"/customers/{outside.pk}/" not in page


def test_the_timeline_goes_on_where_it_stopped_and_loses_no_twins(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("furrow.desk.views.record._MOMENTS", 2)
    user = make_user(role=Role.OPERATIONS)
    client.force_login(user)
    customer = make_customer(at=NOON - timedelta(days=9))
    for hour, text in [(0, "n0"), (1, "n1"), (1, "n2"), (2, "n3")]:
        at = NOON + timedelta(hours=hour)
        add_note(customer=customer, text=text, by=user, at=at)

    url = f"/customers/{customer.pk}/timeline/?show=notes"
    first = page_of(client, url)
    earlier = re.search(r"before=([^&\"]+)", first)
    assert earlier is not None
    rest = page_of(client, f"{url}&before={earlier[1]}")

    notes = re.findall(r'<div class="note">(n\d)</div>', first + rest)
    assert sorted(notes) == ["n0", "n1", "n2", "n3"]
    assert 'id="timeline"' in first
    assert 'id="timeline"' not in rest


def test_a_timeline_is_cut_after_the_last_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(customer: Customer, before: object, most: int) -> list[Moment]:
        moments = [Moment(at=NOON - timedelta(hours=h), kind="x", title=str(h)) for h in (0, 1, 1)]
        return moments[:most]

    monkeypatch.setattr(holdings, "_tellers", {"a": tell, "b": tell})
    told = holdings.timeline(Customer(), before=None, most=2)
    assert [moment.title for moment in told] == ["0", "0"]
    told = holdings.timeline(Customer(), before=None, most=3)
    assert [moment.title for moment in told] == ["0", "0", "1", "1", "1", "1"]
    assert holdings.timeline(Customer(), before=None, most=3, kinds={"y"}) == []


# -- search ----------------------------------------------------------------------------------------


def search(client: Client, text: str) -> str:
    response = client.post("/search/", {"q": text}, headers=HTMX)
    assert response.status_code == 200
    return response.content.decode()


def test_search_finds_customers_pages_and_actions(client: Client) -> None:
    agent = make_agent()
    client.force_login(agent)
    customer = make_customer(name="王伟芳", numbers=["+8613800138000"], owner=agent)
    hit = f'href="/customers/{customer.pk}/"'
    for text in ("伟芳", "8000", "138 0013 8000"):
        assert hit in search(client, text)
        assert "13800138000" not in search(client, text)
    assert hit not in search(client, "李")
    assert 'href="/desk/"' in search(client, "desk")
    assert 'href="/desk/"' not in search(client, "people")
    assert 'href="/customers/new/"' in search(client, "record")
    assert 'href="/desk/"' in search(client, "")


def test_search_names_the_owner_of_a_number_that_is_not_mine(client: Client) -> None:
    theirs = make_customer(name="Secret Name", owner=make_user(display_name="Li Na"))
    client.force_login(make_agent())
    answer = search(client, number_of(theirs).e164)
    assert "Li Na" in answer
    assert "Secret" not in answer
    assert f'href="/customers/{theirs.pk}/"' not in answer
