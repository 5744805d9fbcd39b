"""Every answer of every page and endpoint, read as every role: no whole number, no field the role
is not shown, nothing of a customer beyond its reach. And each address answers as if such a customer
did not exist."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from furrow.customers.models import Customer, Number
from furrow.customers.showing import shown_to
from furrow.customers.tests.make import make_customer, number_of
from furrow.organisation.actions import create_token
from furrow.organisation.models import Team, User
from furrow.organisation.rights import Field, Showing
from furrow.organisation.rules import OwnerState, Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user
from furrow.sightings.models import Sighting
from tests.test_access import ENDPOINTS, NOBODY, PAGES, _arguments

pytestmark = pytest.mark.django_db

# What a browser may be told at a person's explicit wish, written down: not part of reading pages.
REVEALS = {"number-reveal"}


@dataclass(frozen=True)
class Known:
    """A customer whose every fact can be recognised wherever it turns up."""

    customer: Customer
    state: OwnerState  # for an agent of the first team
    name: str
    secrets: dict[Field, str]
    number: re.Pattern[str]


@dataclass(frozen=True)
class Company:
    team: Team
    agent: User
    known: list[Known]


def make_known(n: int, state: OwnerState, *, owner: User | None, team: Team | None) -> Known:
    digits = f"154{n}7318{n}46"
    secrets = {
        Field.EMAIL: f"liu.known{n}@mail{n}.example",
        Field.ADDRESS: f"云{n}城山水区无名大道{n}7号院",
        Field.PRIVATE: f"1961-0{n}-1{n}",
        Field.PROFILE: f"灯塔看守{n}",
    }
    customer = make_customer(
        name=f"欧阳识{n}", numbers=[f"+86{digits}"], address=secrets[Field.ADDRESS],
        profile={"birthday": secrets[Field.PRIVATE], "occupation": secrets[Field.PROFILE]},
        owner=owner, team=team,
    )  # fmt: skip
    customer.email = secrets[Field.EMAIL]
    customer.save()
    spelled = re.compile(r"[ \-]?".join(digits))
    return Known(customer, state, customer.name, secrets, spelled)


@pytest.fixture
def company() -> Company:
    team, other = make_team(name="First"), make_team(name="Second")
    agent, colleague = make_agent(team=team), make_agent(team=team)
    stranger = make_agent(team=other)
    known = [
        make_known(1, OwnerState.OWN, owner=agent, team=None),
        make_known(2, OwnerState.TEAM, owner=colleague, team=None),
        make_known(3, OwnerState.POOL, owner=None, team=team),
        make_known(4, OwnerState.OTHER, owner=stranger, team=None),
        make_known(5, OwnerState.OTHER, owner=None, team=other),
    ]
    return Company(team, agent, known)


def person(role: Role, company: Company) -> User:
    return company.agent if role is Role.AGENT else make_user(role=role, team=company.team)


def check(text: str, *, user: User, company: Company, where: str) -> None:
    """Nothing in `text` that `user` may not be told."""
    visible = {one.pk for one in Customer.objects.visible_to(user)}
    for known in company.known:
        assert not known.number.search(text), f"{where}: a whole number"
        if known.customer.pk not in visible:
            told = [known.name, *known.secrets.values()]
            assert not [one for one in told if one in text], f"{where}: beyond reach"
            continue
        shown = shown_to(user, [known.customer])[0]
        for field, secret in known.secrets.items():
            if shown.showings[field] is not Showing.SHOWN:
                assert secret not in text, f"{where}: {field} of {shown.standing.state}"
        if known.secrets[Field.EMAIL] in text:
            assert Sighting.objects.filter(user=user, customer=known.customer).exists(), (
                f"{where}: told of a customer, and wrote nobody down"
            )


def text_of(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode("utf-8", "replace") + json.dumps(dict(answer.headers))


def addresses(page: URLPattern, known: Known, user: User) -> Iterator[str]:
    """The page for this customer; for pages about other things, for the things there are."""
    real = {
        "customer_id": known.customer.pk,
        "number_id": number_of(known.customer).pk,
        "user_id": user.pk,
        "name": "email",
    }
    kwargs = {name: real.get(name, 1 if given == NOBODY else given)
              for name, given in _arguments(page).items()}  # fmt: skip
    yield reverse(str(page.name), kwargs=kwargs)


SIMPLE = [page for page in PAGES if page.name not in REVEALS]
OF_CUSTOMERS = [page for page in SIMPLE if "customer_id" in _arguments(page)]


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_no_page_tells_more_than_the_role_is_shown(
    client: Client, company: Company, role: Role
) -> None:
    user = person(role, company)
    client.force_login(user)
    for page in SIMPLE:
        of_customers = page in OF_CUSTOMERS
        for known in company.known if of_customers else company.known[:1]:
            for address in addresses(page, known, user):
                answer = client.get(address)
                check(text_of(answer), user=user, company=company, where=f"{role} GET {address}")


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_no_search_tells_more_than_the_role_is_shown(
    client: Client, company: Company, role: Role
) -> None:
    user = person(role, company)
    client.force_login(user)
    for known in company.known:
        e164 = Number.objects.get(customer=known.customer).e164
        for typed in (known.name, e164[-4:], e164):
            for name, data in (
                ("customers", {"q": typed}),
                ("search", {"q": typed}),
                ("number-check", {"number": typed}),
                ("customers-export", {"q": typed, "all": "1", "query": ""}),
            ):
                text = text_of(client.post(reverse(name), data))
                text = text.replace(typed, "")  # what was typed may be said back
                check(text, user=user, company=company, where=f"{role} POST {name}")


def _api(client: Client, secret: str, method: str, path: str, body: dict[str, Any]) -> Any:
    return client.generic(
        method.upper(), path, json.dumps(body), content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )  # fmt: skip


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_no_endpoint_tells_more_than_the_role_is_shown(
    client: Client, company: Company, role: Role
) -> None:
    user = person(role, company)
    _token, secret = create_token(name="test", user=user, by=user, at=NOON)
    for method, path, _operation in ENDPOINTS:
        if method != "get":
            continue
        for known in company.known:
            address = path.replace("{customer_id}", str(known.customer.pk))
            address = re.sub(r"{\w+}", "1", address)
            text = text_of(_api(client, secret, method, address, {}))
            check(text, user=user, company=company, where=f"{role} GET {address}")
    for known in company.known:
        answer = _api(client, secret, "post", "/api/v1/customers/find", {"text": known.name})
        check(text_of(answer), user=user, company=company, where=f"{role} find")


@pytest.mark.parametrize("role", list(Role), ids=str)
@pytest.mark.parametrize("page", OF_CUSTOMERS, ids=lambda page: page.name)
def test_a_page_of_a_customer_beyond_reach_is_not_there(
    client: Client, company: Company, role: Role, page: URLPattern
) -> None:
    """Every page of a customer × role × owner state: visible customers only."""
    user = person(role, company)
    client.force_login(user)
    may = user.can(page.callback.act)  # type: ignore[attr-defined]
    visible = {one.pk for one in Customer.objects.visible_to(user)}
    for known in company.known:
        for address in addresses(page, known, user):
            statuses = {client.get(address).status_code, client.post(address).status_code}
            if not may:
                assert statuses == {403}, address
            elif known.customer.pk not in visible:
                assert statuses <= {404, 405}, (address, known.state)
            else:
                assert max(statuses) < 500, address


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_an_endpoint_of_a_customer_beyond_reach_is_not_there(
    client: Client, company: Company, role: Role
) -> None:
    user = person(role, company)
    _token, secret = create_token(name="test", user=user, by=user, at=NOON)
    visible = {one.pk for one in Customer.objects.visible_to(user)}
    asked = 0
    for method, path, _operation in ENDPOINTS:
        if "{customer_id}" not in path:
            continue
        for known in company.known:
            address = path.replace("{customer_id}", str(known.customer.pk))
            status = _api(client, secret, method, address, {"text": "x", "number": "1"}).status_code
            asked += 1
            if known.customer.pk not in visible:
                assert status in {403, 404, 422}, (address, known.state, status)
    assert asked
