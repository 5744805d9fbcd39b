import pytest
from django.test import Client

from furrow.audit.models import Event
from furrow.customers.models import Customer, Note, Number, SavedView
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_team, make_user

from .make import make_customer, number_of

HTMX = {"HX-Request": "true"}
pytestmark = pytest.mark.django_db


def sign_in(client: Client, role: Role = Role.OPERATIONS, **given: object) -> User:
    user = make_user(role=role, **given)  # type: ignore[arg-type]
    client.force_login(user)
    return user


def text(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined, no-any-return]


# -- the list --------------------------------------------------------------------------------------


def test_the_list_shows_masked_numbers_and_keeps_names_out_of_urls(client: Client) -> None:
    sign_in(client)
    make_customer(name="王伟芳", numbers=["+8613800138000"], city="深圳")

    page = text(client.get("/customers/?city=深圳&sort=name"))

    assert "王伟芳" in page
    assert "138****8000" in page
    assert "13800138000" not in page
    assert text(client.get("/customers/?city=深圳&count=1")).strip() == "1 customer"
    assert text(client.get("/customers/?city=上海&count=1")).strip() == "0 customers"


def test_finding_answers_the_list_alone(client: Client) -> None:
    sign_in(client)
    make_customer(name="王伟芳"), make_customer(name="李明")

    part = text(client.post("/customers/", {"q": "伟芳"}, headers=HTMX))

    assert part.strip().startswith('<form id="list"')
    assert "王伟芳" in part
    assert "李明" not in part


def test_the_filters_offer_what_one_may_choose(client: Client) -> None:
    team = make_team(name="North")
    sign_in(client, Role.LEADER, team=team)
    colleague, stranger = make_agent(team=team), make_agent()
    dialog = text(client.get("/customers/filters/?owner=pool", headers=HTMX))
    assert '<option value="pool" selected>' in dialog
    assert str(colleague) in dialog
    assert str(stranger) not in dialog
    page = text(client.get(f"/customers/?owner={colleague.pk}"))
    assert f"Owner: {colleague}" in page


def test_an_empty_list_says_what_to_do(client: Client) -> None:
    sign_in(client)
    assert "No customers yet" in text(client.get("/customers/"))
    assert "Nobody matches" in text(client.get("/customers/?city=x"))


def test_pages_lead_on_and_back(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(client)
    first, *_middle, last = [make_customer(name=f"N{i}", numbers=[]) for i in range(51)]
    page = client.get("/customers/")
    assert f"/customers/{first.pk}/" not in text(page)
    following = text(client.get(f"/customers/?after={page.context['page'].after}"))
    assert f"/customers/{first.pk}/" in following
    assert f"/customers/{last.pk}/" not in following


def test_an_agent_sees_own_and_pool_and_no_bulk_bar(client: Client) -> None:
    team = make_team()
    agent = sign_in(client, Role.AGENT, team=team)
    mine, theirs = make_customer(owner=agent), make_customer(owner=make_agent(team=team))
    page = text(client.get("/customers/"))
    assert f"/customers/{mine.pk}/" in page
    assert f"/customers/{theirs.pk}/" not in page
    assert 'class="bulk"' not in page


def test_views_are_kept_and_shared(client: Client) -> None:
    team = make_team()
    leader = sign_in(client, Role.LEADER, team=team)
    client.post("/customers/views/", {"name": "Pool", "query": "owner=pool&after=7", "team": "1"})
    view = SavedView.objects.get()
    assert (view.query, view.team) == ("owner=pool", team)
    sign_in(client, Role.AGENT, team=team)
    assert "Pool" in text(client.get("/customers/"))
    assert client.post(f"/customers/views/{view.pk}/delete/").status_code == 404
    client.force_login(leader)
    client.post(f"/customers/views/{view.pk}/delete/")
    assert not SavedView.objects.exists()


def test_an_export_is_asked_for_with_the_chosen_rows_by_filter_or_by_id(client: Client) -> None:
    sign_in(client, Role.MANAGER)
    ticked = make_customer(name="张伟")
    make_customer(name="王芳")

    by_filter = client.post("/customers/export/", {"all": "1", "query": "owner=pool"})
    by_hand = client.post("/customers/export/", {"ids": ticked.pk, "query": ""})
    by_name = client.post("/customers/export/", {"all": "1", "q": "王芳", "query": ""})

    assert b'name="query" value="owner=pool"' in by_filter.content
    assert b"2 rows" in by_filter.content
    assert f'name="ids" value="{ticked.pk}"'.encode() in by_hand.content
    assert b"1 row" in by_name.content
    assert "王芳" not in by_name.content.decode()  # what was typed goes nowhere


@pytest.mark.parametrize("role", [Role.AGENT, Role.LEADER, Role.QA])
def test_others_export_nothing(client: Client, role: Role) -> None:
    sign_in(client, role)
    assert client.post("/customers/export/", {"all": "1"}).status_code == 403


# -- recording -------------------------------------------------------------------------------------


def test_an_agent_who_records_a_customer_owns_it(client: Client) -> None:
    agent = sign_in(client, Role.AGENT)
    form = {"name": "王伟", "kind": "person", "number": "０１３８ 0013 8000 / 13900139000"}
    form["number"] = "138-0013-8000，13900139000"

    response = client.post("/customers/new/", form)

    customer = Customer.objects.get()
    assert response.headers["Location"] == f"/customers/{customer.pk}/"
    assert (customer.owner, customer.team) == (agent, agent.team)
    assert set(Number.objects.values_list("e164", flat=True)) == {
        "+8613800138000", "+8613900139000",
    }  # fmt: skip


def test_operations_record_into_a_pool(client: Client) -> None:
    sign_in(client, Role.OPERATIONS)
    team = make_team()
    client.post("/customers/new/", {"name": "王伟", "kind": "person", "team": team.pk})
    customer = Customer.objects.get()
    assert (customer.owner, customer.team) == (None, team)


def test_a_bad_number_comes_back_with_the_form(client: Client) -> None:
    sign_in(client)
    page = client.post("/customers/new/", {"name": "王", "kind": "person", "number": "1.38E+10"})
    assert page.status_code == 200
    assert "spreadsheet has cut" in text(page)


def test_a_taken_number_is_refused_by_its_rule(client: Client) -> None:
    sign_in(client)
    taken = number_of(make_customer(owner=make_user(display_name="Li Na"))).e164
    page = client.post("/customers/new/", {"name": "王", "kind": "person", "number": taken})
    assert page.status_code == 409
    assert "Li Na" in text(page)


def test_the_number_check_says_whose_and_no_more(client: Client) -> None:
    sign_in(client, Role.AGENT)
    known = make_customer(name="Secret Name", owner=make_user(display_name="Li Na"))
    part = text(client.post("/customers/number-check/", {"number": number_of(known).e164}))
    assert "Li Na" in part
    assert "Secret" not in part
    assert number_of(known).e164[-8:] not in part
    assert "not known yet" in text(
        client.post("/customers/number-check/", {"number": "13800138000"})
    )
    assert "not a phone number" in text(client.post("/customers/number-check/", {"number": "abc"}))
    assert [e.details for e in Event.objects.filter(what="number.looked_up").order_by("id")] == [
        {"is_known": True}, {"is_known": False},
    ]  # fmt: skip


# -- parts of a record -----------------------------------------------------------------------------


def test_a_property_is_edited_in_place(client: Client) -> None:
    sign_in(client)
    customer = make_customer()
    url = f"/customers/{customer.pk}/edit/birthday/"
    assert 'type="date"' in text(client.get(url, headers=HTMX))
    part = text(client.post(url, {"value": "1980-05-01"}, headers=HTMX))
    assert part.strip().startswith('<section id="properties">')
    customer.refresh_from_db()
    assert customer.profile == {"birthday": "1980-05-01"}
    client.post(url, {"value": ""}, headers=HTMX)
    customer.refresh_from_db()
    assert customer.profile == {}


@pytest.mark.parametrize(("name", "value"), [("name", ""), ("email", "x"), ("kind", "robot")])
def test_a_value_that_does_not_fit_is_refused(client: Client, name: str, value: str) -> None:
    sign_in(client)
    url = f"/customers/{make_customer().pk}/edit/{name}/"
    assert client.get(url, headers=HTMX).status_code == 200
    assert client.post(url, {"value": value}, headers=HTMX).status_code == 409


def test_unknown_properties_are_not_found(client: Client) -> None:
    sign_in(client)
    assert client.get(f"/customers/{make_customer().pk}/edit/owner/").status_code == 404


def test_a_note_is_kept_and_the_timeline_told(client: Client) -> None:
    agent = sign_in(client, Role.AGENT)
    customer = make_customer(owner=agent)
    response = client.post(f"/customers/{customer.pk}/note/", {"text": " hello "}, headers=HTMX)
    assert response.headers["HX-Trigger"] == "furrow:timeline"
    assert (Note.objects.get().text, Note.objects.get().by) == ("hello", agent)
    assert client.post(f"/customers/{customer.pk}/note/", {"text": " "}).status_code == 409


def test_a_number_is_revealed_to_those_who_may_and_written_down(client: Client) -> None:
    team = make_team()
    leader = sign_in(client, Role.LEADER, team=team)
    number = number_of(make_customer(team=team, numbers=["+8613800138000"]))
    response = client.post(f"/customers/numbers/{number.pk}/reveal/", headers=HTMX)
    assert "138 0013 8000" in text(response)
    assert response.headers["Cache-Control"] == "no-store"
    assert Event.objects.about(number).get().who == leader.username
    sign_in(client, Role.AGENT, team=team)
    assert client.post(f"/customers/numbers/{number.pk}/reveal/").status_code == 403
    sign_in(client, Role.LEADER)
    assert client.post(f"/customers/numbers/{number.pk}/reveal/").status_code == 404
    assert client.get(f"/customers/numbers/{number.pk}/reveal/").status_code == 405


def test_a_stranger_finds_nothing(client: Client) -> None:
    sign_in(client, Role.AGENT)
    customer = make_customer()
    for path in ("note", "claim", "release", "numbers"):
        assert client.post(f"/customers/{customer.pk}/{path}/", {"text": "x"}).status_code == 404
