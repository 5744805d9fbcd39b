"""The company the journeys are made in, run as a program: `python -m tests.journeys.company`.

Two teams and nobody else's customers. Its law lets the United States be called at any time, as
tests run at night too. Prints an API key that acts as the agent.
"""
# ruff: noqa: E402  # Django has to be set up before its models are imported

import json
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "furrow.config.settings")

import django

django.setup()

from django.utils import timezone

from furrow.campaigns.actions import seed_dispositions
from furrow.compliance.actions import seed_compliance, set_policy
from furrow.compliance.rules import DEFAULT_POLICIES
from furrow.organisation.actions import create_team, create_token, create_user, system_user
from furrow.organisation.models import Team, User
from furrow.organisation.rules import Role

PASSWORD = "only-for-journeys"
PEOPLE = {
    "anna": ("Anna Wang", Role.AGENT, "North"),
    "ben": ("Ben Li", Role.AGENT, "North"),
    "cora": ("Cora Zhao", Role.AGENT, "North"),
    "dora": ("Dora Sun", Role.AGENT, "South"),
    "lena": ("Lena Chen", Role.LEADER, "North"),
    "luis": ("Luis Gao", Role.LEADER, "South"),
    "otto": ("Otto Wu", Role.OPERATIONS, ""),
    "mara": ("Mara Xu", Role.MANAGER, ""),
}


def main() -> dict[str, object]:
    by, at = system_user(), timezone.now()
    seed_compliance(by=by, at=at)
    always = {"weekdays": [0, 1, 2, 3, 4, 5, 6], "from": "00:00", "to": "24:00"}
    for region in ("US", "*"):
        body = {**DEFAULT_POLICIES[region], "windows": [always], "on_holidays": True}
        set_policy(region=region, body=body, note="journeys", by=by, at=at)
    seed_dispositions(name="Standard", by=by, at=at)
    teams = {name: create_team(name=name, by=by, at=at) for name in ("North", "South")}
    people = {
        name: create_user(
            username=name, display_name=shown, role=role, team=teams.get(team),
            password=PASSWORD, by=by, at=at,
        )
        for name, (shown, role, team) in PEOPLE.items()
    }  # fmt: skip
    _token, secret = create_token(name="journeys", user=people["anna"], by=by, at=at)
    return {"token": secret, "people": {name: user.pk for name, user in people.items()}}


if __name__ == "__main__":
    assert not Team.objects.exists()
    assert User.objects.count() <= 1
    sys.stdout.write(json.dumps(main()))
