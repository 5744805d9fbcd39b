"""Customers of Anna's with the given numbers: `python -m tests.journeys.customers +1… +1…`."""
# ruff: noqa: E402  # Django has to be set up before its models are imported

import json
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "furrow.config.settings")

import django

django.setup()

from django.utils import timezone

from furrow.customers.actions import create_customer
from furrow.organisation.actions import system_user
from furrow.organisation.models import User


def main(numbers: list[str]) -> list[int]:
    anna = User.objects.get(username="anna")
    return [
        create_customer(
            name=f"Customer {n}",
            numbers=[number],
            team=anna.team,
            owner=anna,
            by=system_user(),
            at=timezone.now(),
        ).pk
        for n, number in enumerate(numbers, 1)
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"customers": main(sys.argv[1:])}))
