"""The way from the floor into a call that is on."""

import pytest
from django.test import Client
from django.utils import timezone

from furrow.audit.models import Event
from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.calls.tests.make import make_call
from furrow.customers.tests.make import make_customer
from furrow.dialer.actions import note_fetched, note_party_up, note_placed
from furrow.dialer.models import Party
from furrow.dialer.rules import Place
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import PresenceState, Role
from furrow.organisation.tests.make import make_agent, make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def call() -> Call:
    agent = make_agent()
    at = timezone.now()
    told = {"state": PresenceState.TALKING, "since": at, "seen_at": at}
    Presence.objects.update_or_create(user=agent, defaults=told)
    return make_call(agent=agent, customer=make_customer(owner=agent), state=CallState.TALKING)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def place(where: Place) -> None:
    party = Party.objects.live().get()
    note_fetched(party_id=party.pk, leg=f"call-{party.call_id}-party-{party.pk}", up_at=None)
    note_party_up(party_id=party.pk, at=timezone.now())
    note_placed(party_id=party.pk, place=where, at=timezone.now())


def test_a_leader_goes_from_the_floor_into_a_call_and_takes_it_over(call: Call) -> None:
    leader = make_user(role=Role.LEADER, team=call.talker.team)
    client = signed_in(leader)
    agents = f"/floor/agents/{call.agent_id}/"

    assert agents in client.get("/floor/").content.decode()
    ways = client.get(agents).content.decode()
    assert [f'"wanted": "{way}"' in ways for way in ("listen", "whisper", "take_over")] == [
        True
    ] * 3
    assert client.post(f"/floor/calls/{call.pk}/", {"wanted": "listen"}).status_code == 204
    assert 'data-supervising=""' in client.get("/floor/bar/").content.decode()
    place(Place.LISTEN)
    assert 'data-supervising="listen"' in client.get("/floor/bar/").content.decode()
    assert "data-supervised" in signed_in(call.talker).get("/desk/bar/").content.decode()

    client.post(f"/floor/calls/{call.pk}/", {"wanted": "take_over"})
    place(Place.TAKE_OVER)

    assert 'data-supervising="own"' in client.get("/floor/bar/").content.decode()
    assert 'data-call-state="talking"' in client.get("/desk/bar/").content.decode()
    steps = Event.objects.filter(what="call.supervised").order_by("pk")
    assert [event.details["wanted"] for event in steps] == ["listen", "take_over"]


def test_leaving_is_always_possible_and_harmless_twice(call: Call) -> None:
    client = signed_in(make_user(role=Role.LEADER, team=call.talker.team))
    client.post(f"/floor/calls/{call.pk}/", {"wanted": "join"})
    place(Place.JOIN)

    for _ in range(2):
        assert client.post(f"/floor/calls/{call.pk}/", {"wanted": "gone"}).status_code == 204

    assert Party.objects.get().wanted == Place.GONE


def test_who_only_listens_is_offered_no_more(call: Call) -> None:
    client = signed_in(make_user(role=Role.QA))

    ways = client.get(f"/floor/agents/{call.agent_id}/").content.decode()
    assert '"wanted": "listen"' in ways
    assert '"wanted": "whisper"' not in ways
    assert client.post(f"/floor/calls/{call.pk}/", {"wanted": "whisper"}).status_code == 409


def test_another_teams_leader_finds_no_way_in(call: Call) -> None:
    client = signed_in(make_user(role=Role.LEADER, team=make_team()))

    assert client.get(f"/floor/agents/{call.agent_id}/").status_code == 404
    assert client.post(f"/floor/calls/{call.pk}/", {"wanted": "listen"}).status_code == 404
    assert not Party.objects.exists()


def test_the_wall_shows_no_way_in(call: Call) -> None:
    client = signed_in(make_user(role=Role.LEADER, team=call.talker.team))

    assert "/floor/agents/" not in client.get("/floor/?wall=1").content.decode()
