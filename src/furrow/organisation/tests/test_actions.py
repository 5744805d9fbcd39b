import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from furrow.audit.models import Event
from furrow.organisation.actions import (
    CannotChangePeople,
    change_user,
    create_token,
    create_user,
    mark_token_used,
    revoke_token,
    set_password,
    set_presence,
    sign_off_silent,
    system_user,
)
from furrow.organisation.models import ApiToken, Presence, User
from furrow.organisation.rules import Act, PresenceState, Role, Scope

from .make import NOON, PASSWORD, make_agent, make_team, make_user

pytestmark = pytest.mark.django_db


def test_creating_somebody_is_recorded_without_the_password() -> None:
    by = make_user(role=Role.ADMINISTRATOR)

    user = create_user(
        username="lin", display_name="Lin", role=Role.AGENT, team=make_team(),
        password=PASSWORD, by=by, at=NOON,
    )  # fmt: skip

    assert user.check_password(PASSWORD)
    assert Presence.objects.get(user=user).state == PresenceState.OFFLINE
    event = Event.objects.about(user).get()
    assert (event.what, event.who) == ("user.created", by.username)
    assert PASSWORD not in str(event.details)


@pytest.mark.parametrize("role", [Role.AGENT, Role.LEADER])
def test_agents_and_leaders_cannot_be_without_a_team(role: Role) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(username="x", role=role)


@pytest.mark.parametrize(("role", "is_active"), [(Role.MANAGER, True), (Role.ADMINISTRATOR, False)])
def test_the_last_administrator_stays(role: Role, is_active: bool) -> None:
    boss = make_user(role=Role.ADMINISTRATOR)
    make_user(role=Role.ADMINISTRATOR, is_active=False)

    with pytest.raises(CannotChangePeople):
        change_user(user=boss, role=role, team=None, is_active=is_active, by=boss, at=NOON)

    make_user(role=Role.ADMINISTRATOR)
    change_user(user=boss, role=role, team=None, is_active=is_active, by=boss, at=NOON)
    assert Event.objects.filter(what="user.changed").count() == 1


def test_only_administrators_make_and_change_administrators() -> None:
    boss, manager = make_user(role=Role.ADMINISTRATOR), make_user(role=Role.MANAGER)
    agent = make_agent()

    with pytest.raises(CannotChangePeople):
        create_user(
            username="mole", display_name="Mole", role=Role.ADMINISTRATOR, team=None,
            password=PASSWORD, by=manager, at=NOON,
        )  # fmt: skip
    with pytest.raises(CannotChangePeople):
        change_user(
            user=manager, role=Role.ADMINISTRATOR, team=None, is_active=True, by=manager, at=NOON
        )
    with pytest.raises(CannotChangePeople):
        change_user(
            user=boss, role=Role.AGENT, team=agent.team, is_active=True, by=manager, at=NOON
        )
    with pytest.raises(CannotChangePeople):
        set_password(user=boss, password=PASSWORD, by=manager, at=NOON)

    set_password(user=agent, password=PASSWORD, by=manager, at=NOON)
    assert agent.check_password(PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_two_administrators_demoting_each_other_leave_one() -> None:
    bosses = [make_user(role=Role.ADMINISTRATOR) for _ in range(2)]
    start = threading.Barrier(2)

    def demote(which: int) -> bool:
        try:
            connection.ensure_connection()
            start.wait()
            change_user(
                user=bosses[which], role=Role.MANAGER, team=None, is_active=True,
                by=bosses[1 - which], at=NOON,
            )  # fmt: skip
        except CannotChangePeople:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(demote, range(2))) == [False, True]
    assert User.objects.filter(role=Role.ADMINISTRATOR).count() == 1


def test_somebody_deactivated_may_do_nothing() -> None:
    user = make_user(role=Role.MANAGER, is_active=False)

    assert all(user.scope(act) is Scope.NONE for act in Act)


def test_silent_agents_are_signed_off_once() -> None:
    silent, present = make_agent(), make_agent()
    set_presence(user=silent, state=PresenceState.READY, at=NOON)
    set_presence(user=present, state=PresenceState.READY, at=NOON + timedelta(minutes=2))

    assert sign_off_silent(at=NOON + timedelta(minutes=2)) == 1
    assert sign_off_silent(at=NOON + timedelta(minutes=2)) == 0

    assert Presence.objects.get(user=silent).state == PresenceState.OFFLINE
    assert Presence.objects.get(user=present).state == PresenceState.READY


def test_a_keys_secret_is_told_once_and_kept_as_a_digest() -> None:
    user = make_user(role=Role.ADMINISTRATOR)

    token, secret = create_token(name="CRM", user=user, by=user, at=NOON)

    assert secret not in str(ApiToken.objects.filter(pk=token.pk).values())
    revoke_token(token=token, by=user, at=NOON)
    revoke_token(token=token, by=user, at=NOON)
    assert Event.objects.filter(what="token.revoked").count() == 1


def test_a_keys_use_is_written_at_most_once_a_minute() -> None:
    user = make_user(role=Role.ADMINISTRATOR)
    token, _secret = create_token(name="CRM", user=user, by=user, at=NOON)
    for seconds in (0, 30, 59, 61):
        mark_token_used(token=token, at=NOON + timedelta(seconds=seconds))

    token.refresh_from_db()
    assert token.last_used_at == NOON + timedelta(seconds=61)


def test_the_system_user_cannot_sign_in() -> None:
    assert system_user() == system_user()
    assert not system_user().has_usable_password()
