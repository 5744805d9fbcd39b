from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils.translation import override

from furrow.campaigns.actions import change_state
from furrow.campaigns.rules import CampaignState, DialMode
from furrow.compliance.actions import set_policy
from furrow.compliance.tests.make import WEEK, make_body
from furrow.dialer.models import Heartbeat
from furrow.dialer.why import why_nobody
from furrow.lines.tests.make import make_pool
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_user

from .make import make_dialled_campaign, make_pooled, make_session

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # Monday, 10:00 in Shanghai
HOUR = timedelta(hours=1)


def alive(at: datetime) -> None:
    Heartbeat.objects.update_or_create(name="dialer", defaults={"started_at": at, "beat_at": at})


def test_each_filter_says_how_many_are_left_and_the_gate_why_not() -> None:
    by = make_user()
    windows = [{"weekdays": WEEK, "from": "12:00", "to": "20:00"}]
    set_policy(region="CN", body=make_body(windows=windows), note="", by=by, at=AT)
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    targets = [make_pooled(campaign=campaign) for _ in range(4)]
    targets[0].not_before = AT + HOUR
    targets[1].attempts = campaign.most_attempts
    for target in targets[:2]:
        target.save()

    with override("en"):
        why = why_nobody(campaign, at=AT)

    assert [step.left for step in why.funnel] == [4, 4, 3, 2, 2]
    assert (why.asked, why.allowed) == (2, 0)
    assert [(str(name), n) for name, n in why.refused] == [("Within calling hours", 2)]
    assert why.next_at == AT + 2 * HOUR
    texts = " ".join(cause.text for cause in why.causes)
    assert "no sign of life" in texts
    assert "takes calls" in texts


def test_nothing_stands_in_the_way_of_a_campaign_at_work() -> None:
    at = datetime.now(UTC)
    always = [{"weekdays": WEEK, "from": "00:00", "to": "24:00"}]
    body = make_body(windows=always, on_holidays=True)
    set_policy(region="CN", body=body, note="", by=make_user(), at=at - HOUR)
    campaign = make_dialled_campaign(mode=DialMode.PREDICTIVE)
    make_pooled(campaign=campaign)
    alive(at)
    agent = campaign.agents.get()
    make_session(agent=agent)
    agent.presence.state = "ready"
    agent.presence.save()

    assert why_nobody(campaign, at=at).causes == ()

    pool = make_pool(numbers=1)
    pool.caller_ids.update(resting_until=at + HOUR)
    [cause] = why_nobody(campaign, at=at).causes
    assert cause.next_at == at + HOUR


def test_the_page_says_it_first(client: Client) -> None:
    campaign = make_dialled_campaign(mode=DialMode.PROGRESSIVE)
    by = make_user(role=Role.OPERATIONS)
    change_state(campaign=campaign, to=CampaignState.PAUSED, by=by, at=AT)
    client.force_login(by)

    page = client.get(f"/campaigns/{campaign.pk}/why/").content.decode()

    assert "it takes nobody" in page
    part = client.get(f"/campaigns/{campaign.pk}/why/", headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
