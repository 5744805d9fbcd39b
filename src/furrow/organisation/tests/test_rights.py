from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from furrow.audit.models import Event
from furrow.organisation.actions import CannotChangePeople, change_rights, change_team
from furrow.organisation.models import RightsVersion, User, rights_in_force
from furrow.organisation.rights import (
    DEFAULT,
    CannotChangeRights,
    Field,
    Limit,
    Rights,
    Showing,
    changes_between,
    check_changes,
    differences,
    rights_with,
    scopes_for,
)
from furrow.organisation.rules import Act, OwnerState, Role, Scope

from .make import NOON, make_agent, make_team, make_user

CHANGES: dict[str, Any] = {
    "acts": {"agent": {"import": "all"}, "leader": {"view_customers": "team"}},
    "fields": {"agent": {"pool": {"email": "hidden"}}},
    "limits": {"agent": {"views": 20}},
}


def changed(**changes: Any) -> Rights:
    return rights_with(changes, version=0)


def test_every_role_has_an_answer_for_every_field_and_limit() -> None:
    for role in Role:
        assert set(DEFAULT.limits[role]) == set(Limit)
        for state in OwnerState:
            assert set(DEFAULT.fields[role][state]) == set(Field)


def test_changes_lie_over_the_codes_table_and_come_back_as_they_went_in() -> None:
    rights = rights_with(CHANGES, version=7)

    assert rights.acts[Role.AGENT][Act.IMPORT] is Scope.ALL
    assert rights.acts[Role.AGENT][Act.VIEW_CUSTOMERS] is Scope.OWN
    assert rights.fields[Role.AGENT][OwnerState.POOL][Field.EMAIL] is Showing.HIDDEN
    assert rights.limits[Role.AGENT][Limit.VIEWS] == 20
    assert changes_between(DEFAULT, rights) == CHANGES
    assert len(differences(DEFAULT, rights)) == 4


def test_what_nobody_knows_any_more_is_passed_over() -> None:
    rights = changed(acts={"agent": {"fly": "all"}, "pilot": {"import": "all"}})

    assert differences(DEFAULT, rights) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"acts": {"administrator": {"import": "none"}}},
        {"acts": {"manager": {"edit_rights": "all"}}},
        {"acts": {"agent": {"manage_people": "all"}}},
        {"acts": {"agent": {"import": "team"}}},  # imports are the company's or nobody's
        {"fields": {"administrator": {"own": {"email": "hidden"}}}},
        {"limits": {"agent": {"views": -1}}},
        {"limits": {"nobody": {"views": 1}}},
    ],
)
def test_some_rights_stay_as_they_are(changes: dict[str, Any]) -> None:
    with pytest.raises(CannotChangeRights):
        check_changes(changes)


def test_what_is_had_or_not_has_no_teams() -> None:
    assert scopes_for(Act.IMPORT) == [Scope.NONE, Scope.ALL]
    assert scopes_for(Act.USE_DESK) == [Scope.NONE, Scope.OWN]
    assert scopes_for(Act.VIEW_CUSTOMERS) == list(Scope)


@pytest.mark.django_db
class TestChanging:
    def change(self, by: User, *, version: int = 0, reason: str = "a try") -> RightsVersion | None:
        return change_rights(
            rights=rights_with(CHANGES, version=0), reason=reason, version=version, by=by, at=NOON
        )

    def test_changed_rights_hold_at_once_and_are_written_down(self) -> None:
        agent, administrator = make_agent(), make_user(role=Role.ADMINISTRATOR)
        assert not agent.can(Act.IMPORT)

        made = self.change(administrator)

        assert made is not None
        assert agent.can(Act.IMPORT)
        assert agent.limit(Limit.VIEWS) == 20
        event = Event.objects.get(what="rights.changed")
        assert (event.who, event.details["changes"]) == (administrator.username, CHANGES)

    def test_the_same_rights_make_no_version(self) -> None:
        administrator = make_user(role=Role.ADMINISTRATOR)
        first = self.change(administrator)

        assert first is not None
        assert self.change(administrator, version=first.pk) is None

    def test_who_has_not_seen_the_newest_version_is_told(self) -> None:
        administrator = make_user(role=Role.ADMINISTRATOR)
        self.change(administrator)

        with pytest.raises(CannotChangeRights, match="meanwhile"):
            self.change(administrator)

    def test_a_change_needs_a_reason(self) -> None:
        with pytest.raises(CannotChangeRights, match="why"):
            self.change(make_user(role=Role.ADMINISTRATOR), reason=" ")

    def test_a_version_is_never_changed(self) -> None:
        self.change(make_user(role=Role.ADMINISTRATOR))

        with pytest.raises(DatabaseError, match="never_changed"), transaction.atomic():
            RightsVersion.objects.update(reason="another")


@pytest.mark.django_db
@pytest.mark.parametrize("table", ["acts", "fields", "limits"])
def test_the_page_shows_a_table_and_changes_it(client: Client, table: str) -> None:
    administrator = make_user(role=Role.ADMINISTRATOR)
    client.force_login(administrator)
    cells = {
        "acts": {"agent.import": "all"},
        "fields": {"agent.pool.email": "hidden"},
        "limits": {"agent.views": "20"},
    }[table]
    address = f"{reverse('rights')}?table={table}"
    assert client.get(address).status_code == 200

    answer = client.post(address, {**cells, "reason": "a try", "version": "0"}, follow=True)

    assert answer.status_code == 200
    wanted = {table: CHANGES[table]}
    if table == "acts":
        wanted = {"acts": {"agent": {"import": "all"}}}
    assert changes_between(DEFAULT, rights_in_force()) == wanted
    assert b"a try" in answer.content
    client.post(address, {"reset": "1", "reason": "back", "version": rights_in_force().version})
    assert replace(rights_in_force(), version=0) == DEFAULT


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("table", "cells"), [("acts", {"agent.import": "team"}), ("limits", {"agent.views": "many"})]
)
def test_the_page_refuses_nonsense(client: Client, table: str, cells: dict[str, str]) -> None:
    client.force_login(make_user(role=Role.ADMINISTRATOR))

    answer = client.post(
        f"{reverse('rights')}?table={table}", {**cells, "reason": "a try", "version": "0"}
    )

    assert answer.status_code == 409
    assert rights_in_force() == DEFAULT


@pytest.mark.django_db
def test_a_team_goes_below_another_but_never_below_itself() -> None:
    by = make_user(role=Role.MANAGER)
    top, middle, low = make_team(), make_team(), make_team()
    change_team(team=middle, name="Middle", parent=top, by=by, at=NOON)
    change_team(team=low, name="Low", parent=middle, by=by, at=NOON)

    with pytest.raises(CannotChangePeople):
        change_team(team=top, name="Top", parent=low, by=by, at=NOON)
    leader = make_user(role=Role.LEADER, team=top)
    assert set(leader.teams(Act.VIEW_CUSTOMERS)) == {top.pk, middle.pk, low.pk}


@pytest.mark.django_db
def test_a_team_is_changed_on_the_page_of_people(client: Client) -> None:
    client.force_login(make_user(role=Role.MANAGER))
    above, team = make_team(name="Above"), make_team(name="Below")

    assert client.get(reverse("team-edit", args=[team.pk])).status_code == 200
    client.post(reverse("team-edit", args=[team.pk]), {"name": "Renamed", "parent": above.pk})

    team.refresh_from_db()
    assert (team.name, team.parent) == ("Renamed", above)
    page = client.get(reverse("people")).content.decode()
    assert page.index("Above") < page.index("Renamed")
