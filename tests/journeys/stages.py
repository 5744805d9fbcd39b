"""A lead of Anna's and a campaign for each stage: `python -m tests.journeys.stages lead +1…`; and
one night's reminders: `python -m tests.journeys.stages night`."""
# ruff: noqa: E402  # Django has to be set up before its models are imported

import json
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "furrow.config.settings")

import django

django.setup()

from django.utils import timezone

from furrow.campaigns.models import Campaign, DispositionSet
from furrow.campaigns.tests.make import make_campaign
from furrow.customers.tests.make import make_customer
from furrow.followups.actions import remind_of_everybody
from furrow.organisation.models import User
from furrow.pipeline.actions import enter_pipeline
from furrow.pipeline.rules import Stage


def lead(number: str) -> dict[str, object]:
    at, anna = timezone.now(), User.objects.get(username="anna")
    customer = make_customer(name="Rosa Vale", numbers=[number], owner=anna, at=at)
    enter_pipeline(customer_ids=[customer.pk], by=anna, at=at)
    results = DispositionSet.objects.get()
    for who, stage in (("anna", Stage.SCREENING), ("dora", Stage.ACQUISITION)):
        agent = User.objects.get(username=who)
        campaign = make_campaign(agent=agent, name=str(stage.label), dispositions=results)
        Campaign.objects.filter(pk=campaign.pk).update(stage=stage)
    return {"customer": customer.pk}


def night() -> dict[str, object]:
    run = remind_of_everybody(at=timezone.now())
    return run.found if run else {}


if __name__ == "__main__":
    word, *rest = sys.argv[1:]
    sys.stdout.write(json.dumps(lead(*rest) if word == "lead" else night()))
