from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from furrow.audit.models import Event
from furrow.calls.models import Call
from furrow.calls.rules import CallState
from furrow.calls.tests.make import make_call
from furrow.campaigns.actions import PilotDraft, conclude_pilot, set_second_script, start_pilot
from furrow.campaigns.models import Campaign, Pilot, Target
from furrow.campaigns.rules import (
    CampaignState,
    CannotChangeCampaign,
    DialMode,
    PilotVerdict,
    arm_of,
)
from furrow.campaigns.tests.make import make_script
from furrow.dialer.actions import judge_pilots
from furrow.dialer.trials import splits_of, trial_of
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_user

from .make import make_dialled_campaign, make_pooled

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
DRAFT = PilotDraft(size=10, good_percent=Decimal(30), bad_percent=Decimal(5))


def make_campaign_of(customers: int) -> Campaign:
    campaign = make_dialled_campaign(mode=DialMode.PROGRESSIVE)
    for _ in range(customers):
        make_pooled(campaign=campaign)
    return campaign


def called(campaign: Campaign, *, answered: int, good: int) -> None:
    """So many answered calls with a result, the first `good` of them judged worth selling to."""
    agent = campaign.agents.get()
    for n in range(answered):
        call = make_call(agent=agent, campaign=campaign, state=CallState.ENDED)
        key = campaign.disposition_set.dispositions.first()
        Call.objects.filter(pk=call.pk).update(
            wrapped_at=NOON, disposition=key, cp=4 if n < good else 1
        )


def states(campaign: Campaign) -> tuple[int, int]:
    held = Target.objects.filter(campaign=campaign, state="held").count()
    return Target.objects.filter(campaign=campaign, state="waiting").count(), held


def test_a_trial_calls_a_part_and_a_go_gives_the_rest_back() -> None:
    campaign, by = make_campaign_of(14), make_user(role=Role.OPERATIONS)

    pilot = start_pilot(campaign=campaign, draft=DRAFT, by=by, at=AT)

    assert states(campaign) == (10, 4)
    with pytest.raises(CannotChangeCampaign):
        start_pilot(campaign=campaign, draft=DRAFT, by=by, at=AT)

    def conclude(verdict: PilotVerdict) -> bool:
        return conclude_pilot(pilot=pilot, verdict=verdict, trials=9, successes=5, by=by, at=AT)

    assert conclude(PilotVerdict.GO)
    assert not conclude(PilotVerdict.STOP)
    assert states(campaign) == (14, 0)


def test_the_numbers_decide_and_a_stop_pauses_the_campaign() -> None:
    campaign, by = make_campaign_of(14), make_user(role=Role.OPERATIONS)
    pilot = start_pilot(campaign=campaign, draft=DRAFT, by=by, at=AT - timedelta(hours=1))
    assert judge_pilots(at=AT) == 0
    called(campaign, answered=30, good=0)

    assert trial_of(pilot).verdict is PilotVerdict.STOP
    assert judge_pilots(at=AT) == 1

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED
    assert states(campaign) == (10, 4)
    assert Event.objects.get(what="pilot.decided").details["trials"] == 30
    assert judge_pilots(at=AT) == 0


def test_two_scripts_are_heard_by_half_each_and_compared() -> None:
    campaign, by = make_campaign_of(1), make_user(role=Role.OPERATIONS)
    set_second_script(campaign=campaign, script=make_script(by=by), by=by, at=AT)
    campaign = Campaign.objects.get(pk=campaign.pk)
    called(campaign, answered=12, good=6)

    halves = [arm_of(campaign.pk, customer) for customer in range(1000)]
    assert 430 < sum(halves) < 570
    [scripts] = [s for s in splits_of(campaign, at=AT + timedelta(days=1)) if s.is_drawn]
    assert sum(side.arm.trials for side in scripts.sides) == 12
    assert not any(side.is_decided for side in scripts.sides)


def test_the_page_starts_shows_and_decides_a_trial(client: Client) -> None:
    campaign = make_campaign_of(12)
    client.force_login(make_user(role=Role.OPERATIONS))
    url = f"/campaigns/{campaign.pk}/pilot/"
    assert "Try it first" in client.get(url).content.decode()

    wrong = client.post(f"{url}start/", {"size": 10, "good_percent": "3", "bad_percent": "8"})
    assert "below the rate" in wrong.content.decode()
    client.post(f"{url}start/", {"size": 10, "good_percent": "8", "bad_percent": "3"})
    assert "Too early to tell" in client.get(url).content.decode()
    client.post(f"{url}decide/", {"verdict": "go"})
    assert Pilot.objects.get().verdict == "go"
