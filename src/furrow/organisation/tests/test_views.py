from datetime import timedelta

import pytest
from django.test import Client

from furrow.audit.actions import record
from furrow.audit.models import Event
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Role

from .make import NOON, PASSWORD, make_agent, make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    return make_user(role=Role.ADMINISTRATOR, username="boss", display_name="The Boss")


@pytest.fixture
def admin(client: Client, boss: User) -> Client:
    client.force_login(boss)
    return client


def test_people_are_found_by_name_team_and_role(admin: Client) -> None:
    team = make_team(name="North")
    lin = make_user(team=team, display_name="Lin Fang")
    make_user(role=Role.QA, display_name="Zhou Min")
    left = make_user(display_name="Sun Lei", is_active=False)

    everybody = admin.get("/people/").content.decode()
    assert "Lin Fang" in everybody
    assert "Sun Lei" not in everybody
    for query in ("q=fang", f"team={team.pk}", "role=agent"):
        page = admin.get(f"/people/?{query}").content.decode()
        assert lin.display_name in page
        assert "Zhou Min" not in page
    assert left.display_name in admin.get("/people/?show=left").content.decode()


def test_a_new_person_may_sign_in(admin: Client) -> None:
    team = make_team()
    answer = admin.post(
        "/people/new/",
        {"username": "lin", "display_name": "Lin", "role": "agent", "team": team.pk,
         "password": PASSWORD},
    )  # fmt: skip

    assert answer.status_code == 302
    assert User.objects.get(username="lin").check_password(PASSWORD)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"team": ""}, "team"),
        ({"password": "short"}, "password"),
        ({"password": "1234567890"}, "password"),
        ({"password": "harbour-lin-2"}, None),
        ({"username": "BOSS"}, "username"),
        ({"username": "a b"}, "username"),
        ({"role": "king"}, "role"),
    ],
)
def test_mistakes_are_told_at_their_field(
    admin: Client, changes: dict[str, str], field: str | None
) -> None:
    data = {"username": "lin", "display_name": "Lin", "role": "agent", "password": PASSWORD}
    answer = admin.post("/people/new/", data | {"team": str(make_team().pk)} | changes)

    if field is None:
        assert answer.status_code == 302
    else:
        assert field in answer.context["form"].errors


def test_changing_role_team_and_access(admin: Client, boss: User) -> None:
    lin = make_agent()
    north = make_team()
    data = {"display_name": "Lin 2", "role": "leader", "team": north.pk, "is_active": ""}

    assert admin.post(f"/people/{lin.pk}/", data).status_code == 302

    lin.refresh_from_db()
    assert (lin.role, lin.team, lin.is_active, lin.display_name) == (
        "leader",
        north,
        False,
        "Lin 2",
    )
    assert "user.changed" in admin.get(f"/people/{lin.pk}/").content.decode()
    refused = admin.post(
        f"/people/{boss.pk}/",
        {"display_name": "x", "role": "manager", "is_active": "on"},
        headers={"HX-Request": "true"},
    )
    assert refused.status_code == 409


def test_a_new_password_follows_the_rules(admin: Client) -> None:
    lin = make_agent()

    assert admin.post(f"/people/{lin.pk}/password/", {"password": "short"}).status_code == 200
    assert admin.post(f"/people/{lin.pk}/password/", {"password": PASSWORD}).status_code == 302

    lin.refresh_from_db()
    assert lin.check_password(PASSWORD)


def test_teams_are_made_once(admin: Client) -> None:
    assert admin.get("/people/teams/new/").status_code == 200
    assert admin.post("/people/teams/new/", {"name": "North"}).status_code == 302
    assert admin.post("/people/teams/new/", {"name": "North"}).status_code == 200
    assert Team.objects.filter(name="North").count() == 1


def test_ones_own_language_and_colours(client: Client) -> None:
    lin = make_agent()
    client.force_login(lin)

    client.post("/me/", {"language": "zh-hans", "theme": "dark"})
    lin.refresh_from_db()
    assert (lin.language, lin.theme) == ("zh-hans", "dark")

    client.post("/me/language/", {"language": "en", "next": "/me/"})
    assert (
        client.post("/me/theme/", {"theme": "light"}, headers={"HX-Request": "true"}).status_code
        == 204
    )
    client.post("/me/theme/", {"theme": "purple"})
    lin.refresh_from_db()
    assert (lin.language, lin.theme) == ("en", "light")
    elsewhere = client.post("/me/language/", {"language": "en", "next": "//evil.example/"})
    assert elsewhere["Location"] == "/"


def test_the_audit_trail_is_filtered_and_paged(admin: Client, boss: User) -> None:
    for n in range(130):
        record("thing.done", of=boss, by="lin", at=NOON + timedelta(minutes=n), n=n)
    record("other.done", of=boss, by="zhou", at=NOON - timedelta(days=3))

    first = admin.get("/audit/?who=lin")
    assert len(first.context["rows"]) == 100
    assert first.context["rows"][0].details == {"n": 129}
    second = admin.get(f"/audit/?{first.context['older']}")
    assert [e.details["n"] for e in second.context["rows"]] == list(range(29, -1, -1))
    assert second.context["older"] == ""

    assert len(admin.get("/audit/?what=other.done").context["rows"]) == 1
    assert first.context["names"] == ["other.done", "thing.done"]
    about = admin.get(f"/audit/?subject=organisation.User:{boss.pk}").context["rows"]
    assert len(about) == 100
    assert len(admin.get("/audit/?until=2026-03-01").context["rows"]) == 1
    assert len(admin.get("/audit/?since=2026-13-99").context["rows"]) == 100
    assert Event.objects.count() == 131


def test_who_may_see_people_and_audit(client: Client) -> None:
    client.force_login(make_agent())

    for url in ("/people/", "/people/new/", "/audit/"):
        assert client.get(url).status_code == 403
    assert client.get("/me/").status_code == 200
    client.logout()
    assert client.get("/audit/").status_code == 302
