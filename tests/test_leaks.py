"""Every answer of every page and endpoint, read as every role: no whole number, no field the role
is not shown, nothing of a customer beyond its reach. And each address answers as if such a customer
did not exist."""

import json
import re
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.calls.tests.make import make_call
from furrow.customers.models import Customer, Number
from furrow.customers.showing import shown_to
from furrow.customers.tests.make import make_customer, number_of
from furrow.followups.models import FollowUp
from furrow.followups.rules import Reason
from furrow.followups.tests.make import make_followup
from furrow.inbound.models import Hotline
from furrow.inbound.tests.make import make_arrival, make_hotline
from furrow.linkage.models import Pair
from furrow.organisation.actions import create_token
from furrow.organisation.models import Team, User
from furrow.organisation.rights import Field, Showing
from furrow.organisation.rules import Act, OwnerState, Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user
from furrow.ownership.models import Return
from furrow.ownership.rules import Clock
from furrow.pipeline.models import HandOff
from furrow.pipeline.rules import Stage
from furrow.profiles.actions import add_contact
from furrow.profiles.rules import Role as Part
from furrow.recordings.actions import store_recording
from furrow.recordings.models import Recording
from furrow.sightings.models import Sighting
from furrow.teamwork.models import Clash
from furrow.teamwork.rules import ClashState, Entrance
from furrow.teamwork.tests.make import make_collaboration, make_item
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
    things: dict[str, int]  # what hangs on the customer, by the name addresses call it


@dataclass(frozen=True)
class Company:
    team: Team
    agent: User
    known: list[Known]


def make_known(
    n: int, state: OwnerState, *, owner: User | None, team: Team | None, folder: Path
) -> Known:
    digits = f"154{n}7318{n}46"
    secrets = {
        Field.NAME: f"欧阳识{n}",
        Field.EMAIL: f"liu.known{n}@mail{n}.example",
        Field.ADDRESS: f"云{n}城山水区无名大道{n}7号院",
        Field.PRIVATE: f"1961-0{n}-1{n}",
        Field.PROFILE: f"灯塔看守{n}",
    }
    customer = make_customer(
        name=secrets[Field.NAME], numbers=[f"+86{digits}"], address=secrets[Field.ADDRESS],
        profile={"birthday": secrets[Field.PRIVATE], "occupation": secrets[Field.PROFILE]},
        owner=owner, team=team,
    )  # fmt: skip
    customer.email = secrets[Field.EMAIL]
    customer.save()
    spelled = re.compile(r"[ \-]?".join(digits))
    things = make_things(customer, owner or make_agent(team=team), folder)
    return Known(customer, state, customer.name, secrets, spelled, things)


def make_things(customer: Customer, agent: User, folder: Path) -> dict[str, int]:
    """A call with its sound, a promise, a return on its way, a clash: each about this customer."""
    call = make_call(agent=agent, customer=customer, state=CallState.ENDED)
    sound = folder / f"{call.pk}.wav"
    with wave.open(str(sound), "wb") as made:
        made.setparams((2, 2, 8000, 0, "NONE", ""))
        made.writeframes(b"\1\0\2\0" * 8000)
    store_recording(call_id=call.pk, file=sound, seconds=1, at=NOON)
    made_return = Return.objects.create(
        customer=customer, owner=agent, clock=Clock.NEXT, last_on=NOON.date(), rule_version=0,
        announced_at=NOON, until_at=NOON + timedelta(days=1),
    )  # fmt: skip
    item = make_item(customer=customer, heir=agent)
    return {
        "customer_id": customer.pk,
        "number_id": number_of(customer).pk,
        "call_id": call.pk,
        "followup_id": make_followup(agent=agent, customer=customer).pk,
        "return_id": made_return.pk,
        "item_id": item.pk,
        "handover_id": item.handover_id,
        "clash_id": Clash.objects.create(
            customer=customer, claimant=make_agent(), holder=agent, entrance=Entrance.FORM,
            opened_at=NOON, last_at=NOON, due_at=NOON, state=ClashState.WAITING,
        ).pk,
    }  # fmt: skip


def make_mentions(customer: Customer, *, agent: User) -> None:
    """A call to our hotline, a hand-off to the agent's team, and, of whom nobody owns, a call-back
    by the agent: rows one sees whose customer one may not."""
    at, team = timezone.now(), agent.team
    hotline = Hotline.objects.filter(team=team).first() or make_hotline(team=team)
    make_arrival(hotline=hotline, customer=customer, at=at)
    HandOff.objects.create(
        customer=customer, from_stage=Stage.SCREENING, to_stage=Stage.ACQUISITION, team=team,
        sent_by=agent, sent_at=at, due_at=at + timedelta(days=1),
    )  # fmt: skip
    if customer.owner is None:
        due = FollowUp.objects.filter(customer=customer)
        due.update(assigned_to=agent, reason=Reason.CALLED_US, due_at=at - timedelta(hours=1))


@pytest.fixture
def company(tmp_path: Path, settings: LazySettings) -> Company:
    settings.RECORDINGS_FOLDER = tmp_path / "kept"
    team, other = make_team(name="First"), make_team(name="Second")
    agent, colleague = make_agent(team=team), make_agent(team=team)
    stranger = make_agent(team=other)
    states: list[tuple[OwnerState, User | None, Team | None]] = [
        (OwnerState.OWN, agent, None),
        (OwnerState.TEAM, colleague, None),
        (OwnerState.POOL, None, team),
        (OwnerState.OTHER, stranger, None),
        (OwnerState.OTHER, None, other),
        (OwnerState.COLLABORATOR, stranger, None),
    ]
    known = [
        make_known(n, state, owner=owner, team=its_team, folder=tmp_path)
        for n, (state, owner, its_team) in enumerate(states, 1)
    ]
    make_collaboration(customer=known[-1].customer, user=agent)
    for one, another in permutations(known, 2):  # each is around each, by name
        contact = add_contact(
            customer=one.customer, name=another.name, role=Part.USER, person=another.customer,
            by=agent, at=NOON,
        )  # fmt: skip
        one.things["contact_id"] = contact.pk
    for one in known:
        make_mentions(one.customer, agent=agent)
    Pair.objects.create(
        left=known[2].customer, right=known[3].customer, weight=9,
        reasons=[], found_at=NOON,
    )  # fmt: skip
    return Company(team, agent, known)


def test_the_company_stands_to_the_agent_as_it_says(company: Company) -> None:
    for known in company.known:
        [shown] = shown_to(company.agent, [known.customer])
        if known.state is not OwnerState.OTHER:
            assert shown.standing.state is known.state


def test_who_is_named_in_passing_is_named_as_in_the_list(client: Client, company: Company) -> None:
    client.force_login(company.agent)
    for page in ("followups", "handoffs"):
        text = text_of(client.get(reverse(page)))
        pooled = company.known[2]
        assert "欧**" in text, page
        assert pooled.name not in text, page
    client.force_login(make_user(role=Role.LEADER, team=company.team))
    text = text_of(client.get(reverse("callers")))
    own, beyond = company.known[0], company.known[3]
    assert "欧**" in text
    assert own.name in text
    assert beyond.name not in text


def person(role: Role, company: Company) -> User:
    return company.agent if role is Role.AGENT else make_user(role=role, team=company.team)


def check(text: str, *, user: User, company: Company, where: str) -> None:
    """Nothing in `text` that `user` may not be told."""
    visible = {one.pk for one in Customer.objects.visible_to(user)}
    for known in company.known:
        assert not known.number.search(text), f"{where}: a whole number"
        if known.customer.pk not in visible:
            told = [one for one in known.secrets.values() if one in text]
            assert not told, f"{where}: beyond reach"
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
    real = {**known.things, "user_id": user.pk, "name": "email"}
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
        is_of_one = not company.known[0].things.keys().isdisjoint(_arguments(page))
        for known in company.known if is_of_one else company.known[:1]:
            for address in addresses(page, known, user):
                answer = client.get(address)
                check(text_of(answer), user=user, company=company, where=f"{role} GET {address}")


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_no_desk_tells_more_of_a_customer_put_on_it(
    client: Client, company: Company, role: Role
) -> None:
    user = person(role, company)
    client.force_login(user)
    Call.objects.filter(is_inbound=False).update(agent=make_agent())  # else it shows one
    for known in company.known:
        for address in (
            f"{reverse('desk')}?customer={known.customer.pk}",
            f"{reverse('desk-bar')}?seat={known.customer.pk}&picked=1",
        ):
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


def _named(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


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
            address = path.format_map({**dict.fromkeys(_named(path), 1), **known.things})
            text = text_of(_api(client, secret, method, address, {}))
            check(text, user=user, company=company, where=f"{role} GET {address}")
    for known in company.known:
        answer = _api(client, secret, "post", "/api/v1/customers/find", {"text": known.name})
        check(text_of(answer), user=user, company=company, where=f"{role} find")


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_a_page_of_a_customer_beyond_reach_is_not_there(
    client: Client, company: Company, role: Role
) -> None:
    """Every page of a customer × role × owner state: visible customers only."""
    user = person(role, company)
    client.force_login(user)
    visible = {one.pk for one in Customer.objects.visible_to(user)}
    for page, known in product(OF_CUSTOMERS, company.known):
        may = user.can(page.callback.act)  # type: ignore[attr-defined]
        before = transaction.savepoint()
        for address in addresses(page, known, user):
            statuses = {client.get(address).status_code, client.post(address).status_code}
            if not may:
                assert statuses == {403}, address
            elif known.customer.pk not in visible:
                assert statuses <= {404, 405}, (address, known.state)
            else:
                assert max(statuses) < 500, address
        transaction.savepoint_rollback(before)  # what was done to this one is undone


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


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_a_call_is_heard_by_those_who_see_its_customer_and_its_player_names_no_number(
    client: Client, company: Company, role: Role
) -> None:
    user = person(role, company)
    client.force_login(user)
    heard = set(Recording.objects.visible_to(user).values_list("call_id", flat=True))
    for known in company.known:
        call = known.things["call_id"]
        player = client.post(reverse("recording-listen", args=[call]))
        text = text_of(player)
        check(text, user=user, company=company, where=f"{role} listen")
        if not user.can(Act.LISTEN):
            assert player.status_code == 403
        elif call not in heard:
            assert player.status_code == 404
        else:
            address = text.split('src="')[1].split('"')[0]
            sound = client.get(address)
            assert sound.status_code == 200
            text_of(sound)  # read to its end, as a player does
            assert not known.number.search(json.dumps(dict(sound.headers)) + address)
            client.force_login(make_user(role=role, team=make_team()))
            assert client.get(address).status_code == 404, "an address serves one person"
            client.force_login(user)
