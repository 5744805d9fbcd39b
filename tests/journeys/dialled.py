"""A running campaign that dials by itself, run as a program: `python -m tests.journeys.dialled`.

    dialled MODE AGENT ENDING…      one customer for each ending (the number's last digits)

Preview customers are the agent's, the others nobody's. Prints the campaign's id and the numbers.
"""
# ruff: noqa: E402  # Django has to be set up before its models are imported

import json
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "furrow.config.settings")

import django

django.setup()

from django.utils import timezone

from furrow.campaigns.actions import (
    CampaignDraft,
    Dialing,
    change_state,
    make_campaign,
    save_script,
)
from furrow.campaigns.models import DispositionSet
from furrow.campaigns.rules import CampaignState, DialMode
from furrow.customers.actions import create_customer
from furrow.customers.models import Customer
from furrow.organisation.actions import system_user
from furrow.organisation.models import User
from furrow.pipeline.rules import Stage

NAMES = ("Ada Stone", "Bob Reed", "Cleo Hart", "Dan Ford", "Eve Marsh", "Finn Cole", "Gus Lane")


def main(mode: str, username: str, *endings: str) -> dict[str, object]:
    by, at = system_user(), timezone.now()
    agent = User.objects.get(username=username)
    numbers = [f"+1202555{(int(ending) + i * 100) % 10000:04d}" for i, ending in enumerate(endings)]
    people = [
        create_customer(
            name=NAMES[(int(ending) - 1) % len(NAMES)], numbers=[number],
            owner=agent if mode == DialMode.PREVIEW else None, team=agent.team, by=by, at=at,
        )
        for ending, number in zip(endings, numbers, strict=True)
    ]  # fmt: skip
    named = f"Spring, {mode}, {username}"
    body = {"opening": f"Hello, this is a {mode} campaign.", "steps": [], "objections": []}
    campaign, _got = make_campaign(
        draft=CampaignDraft(
            name=named,
            stage=Stage.SCREENING,
            script_version=save_script(name=named, body=body, by=by, at=at),
            disposition_set=DispositionSet.objects.get(),
            agents=[agent],
            team=agent.team,
            opens_minute=0,
            closes_minute=24 * 60,
            dialing=Dialing(dial_mode=DialMode(mode), preview_seconds=8, small_team=0),
        ),
        customers=Customer.objects.filter(pk__in=[person.pk for person in people]),
        by=by,
        at=at,
    )
    change_state(campaign=campaign, to=CampaignState.RUNNING, by=by, at=at)
    return {"campaign": campaign.pk, "numbers": numbers}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
