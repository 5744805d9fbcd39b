"""What bench/inbound.py needs in its house: a hotline, and customers of the agent who call."""
# ruff: noqa: E402  # Django has to be set up before its models are imported

import json
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "furrow.config.settings")

import django

django.setup()

from django.utils import timezone

from furrow.customers.actions import create_customer
from furrow.inbound.actions import HotlineDraft, save_hotline
from furrow.organisation.actions import system_user
from furrow.organisation.models import User


def main(agent_id: int, hotline: str) -> dict[str, int]:
    by, at = system_user(), timezone.now()
    agent = User.objects.select_related("team").get(pk=agent_id)
    assert agent.team is not None
    draft = HotlineDraft(
        e164=hotline, name="Orders", team=agent.team, opens_minute=0, closes_minute=1440,
        weekdays=range(7),
    )  # fmt: skip
    save_hotline(hotline=None, draft=draft, by=by, at=at)
    for n in range(0, 200, 2):
        create_customer(
            name=f"Customer {n}", numbers=[f"+861390012{n:04d}"], owner=agent, by=by, at=at
        )
    return {"customers": 100}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), sys.argv[2])))
