"""The call bar while somebody talks, and the call bar of whom they ask."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.calls.tests.make import make_call
from furrow.compliance.actions import set_policy
from furrow.customers.tests.make import make_customer
from furrow.dialer.actions import note_fetched, note_party_up, note_placed
from furrow.dialer.models import Party, Talk
from furrow.dialer.rules import Place
from furrow.organisation.models import Presence, User
from furrow.organisation.rules import PresenceState, Role
from furrow.organisation.tests.make import make_agent, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def call() -> Call:
    return make_call(agent=here(make_agent(), PresenceState.TALKING), state=CallState.TALKING)


@pytest.fixture
def anna(client: Client, call: Call) -> Client:
    client.force_login(call.talker)
    return client


def here(user: User, state: PresenceState = PresenceState.READY) -> User:
    at = timezone.now()
    Presence.objects.update_or_create(
        user=user, defaults={"state": state, "since": at, "seen_at": at}
    )
    return user


def bar(client: Client) -> tuple[str, list[str]]:
    """What the bar says the line does, and the keys it offers."""
    page = client.get("/desk/bar/").content.decode()
    found = re.search(r'data-call-state="(\w+)"', page)
    return (found[1] if found else ""), sorted(re.findall(r'data-key="(F\d+)"', page))


def place(where: Place) -> None:
    party = Party.objects.live().get()
    note_fetched(party_id=party.pk, leg=f"call-{party.call_id}-party-{party.pk}", up_at=None)
    note_party_up(party_id=party.pk, at=timezone.now())
    note_placed(party_id=party.pk, place=where, at=timezone.now())


def test_hold_shows_what_the_line_does_also_after_a_reload(anna: Client, call: Call) -> None:
    assert bar(anna) == ("talking", ["F4", "F6", "F7", "F8", "F9"])

    assert anna.post("/desk/hold/", {"on": "1"}).status_code == 204
    assert bar(anna)[0] == "talking"  # wanted, and not done yet
    Talk.objects.filter(pk=call.pk).update(is_held=True, held_at=timezone.now())

    assert bar(anna)[0] == "held"
    assert 'data-call-state="held"' in anna.get("/desk/").content.decode()


def test_tones_are_keys_of_a_telephone_and_nothing_else(anna: Client, call: Call) -> None:
    assert 'data-key="#"' in anna.get("/desk/keypad/").content.decode()
    assert anna.post("/desk/tones/", {"tones": "#"}).status_code == 204
    assert anna.post("/desk/tones/", {"tones": "drop"}).status_code == 409
    assert Talk.objects.get(pk=call.pk).tones == "#"


def test_a_colleague_is_asked_answers_and_gets_the_call(anna: Client, call: Call) -> None:
    ben = here(make_user(role=Role.AGENT, username="ben"))
    away = here(make_user(role=Role.AGENT, username="carla"), PresenceState.AWAY)
    bens = Client()
    bens.force_login(ben)

    shown = anna.get("/desk/transfer/", {"name": "b"}).content.decode()
    assert f'data-colleague="{ben.pk}"' in shown
    assert f'data-colleague="{away.pk}"' not in shown
    assert anna.post("/desk/ask/", {"colleague": str(away.pk)}).status_code == 409
    answer = anna.post("/desk/ask/", {"colleague": str(ben.pk)})
    assert answer.headers["HX-Trigger"] == "furrow:call, furrow:close"
    assert bar(anna) == ("asking", ["F4", "F7", "F8"])
    assert bar(bens) == ("invited", ["F2"])

    party = Party.objects.get()
    assert bens.post(f"/desk/accept/{party.pk}/").status_code == 204
    place(Place.CONSULT)
    assert bar(anna) == ("consult", ["F10", "F4", "F7", "F8", "F9"])
    assert bar(bens) == ("helping", ["F4"])
    assert bens.get(f"/customers/{call.customer_id}/").status_code == 200

    assert anna.post(f"/desk/party/{party.pk}/", {"wanted": "take_over"}).status_code == 204
    place(Place.TAKE_OVER)
    assert bar(bens)[0] == "talking"
    assert bar(anna)[0] != "talking"


def test_nobody_moves_others_through_somebody_elses_call(client: Client, call: Call) -> None:
    ben = here(make_agent())
    annas = Client()
    annas.force_login(call.talker)
    annas.post("/desk/ask/", {"colleague": str(ben.pk)})
    party = Party.objects.get()
    stranger = Client()
    stranger.force_login(make_agent())
    bens = Client()
    bens.force_login(ben)

    assert stranger.post(f"/desk/party/{party.pk}/", {"wanted": "gone"}).status_code == 404
    assert stranger.post(f"/desk/accept/{party.pk}/").status_code == 404
    assert bens.post(f"/desk/party/{party.pk}/", {"wanted": "take_over"}).status_code == 409
    assert bens.post(f"/desk/party/{party.pk}/", {"wanted": "gone"}).status_code == 204
    assert Party.objects.get().wanted == Place.GONE


def test_a_number_nobody_knows_is_not_rung(anna: Client) -> None:
    for number in ("13800138000", "not a number"):
        answer = anna.post("/desk/ask/", {"number": number})
        assert answer.status_code == 409
    make_customer(owner=make_agent(), numbers=["+8613800138000"])
    assert anna.post("/desk/ask/", {"number": "13800138000"}).status_code == 409
    assert not Party.objects.exists()


@pytest.mark.parametrize("tells", [True, False])
def test_whether_listening_is_told_is_a_rule_of_the_region(
    anna: Client, call: Call, tells: bool
) -> None:
    manager = make_user(role=Role.MANAGER)
    body = {"windows": [{"weekdays": [0], "from": "09:00", "to": "20:00"}]}
    set_policy(
        region="CN", body=body | {"tells_of_listening": tells}, note="", by=manager,
        at=timezone.now() - timedelta(days=1),
    )  # fmt: skip
    leader = here(make_user(role=Role.LEADER, team=call.talker.team))
    Party.objects.create(
        call=call, user=leader, is_supervisor=True, wanted=Place.LISTEN, asked_by=leader,
        asked_at=timezone.now(), accepted_at=timezone.now(),
    )  # fmt: skip
    place(Place.LISTEN)

    assert ("data-supervised" in anna.get("/desk/bar/").content.decode()) is tells
