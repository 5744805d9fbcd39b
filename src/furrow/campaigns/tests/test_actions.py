from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from furrow.audit.models import Event
from furrow.campaigns.actions import (
    CampaignDraft,
    Dialing,
    change_state,
    create_campaign,
    fill_campaign,
    finish_target,
    pause_drained,
    put_off_target,
    save_script,
    set_agents,
    set_dialing,
    take_out_everywhere,
)
from furrow.campaigns.models import ScriptVersion, Target
from furrow.campaigns.queries import next_target, progress_of, shares_of, waiting_count
from furrow.campaigns.rules import CampaignState, CannotChangeCampaign, DialMode, TargetState
from furrow.compliance.actions import suppress_number
from furrow.compliance.rules import SuppressionKind
from furrow.customers.actions import assign_customer
from furrow.customers.models import Customer, OwnershipEvent
from furrow.customers.rules import OwnerChange
from furrow.customers.tests.make import make_customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import NOON, make_agent, make_team, make_user
from furrow.pipeline.rules import Stage

from .make import make_campaign, make_dispositions, make_script, make_target

pytestmark = pytest.mark.django_db


def draft_for(agents: list[User], **changes: object) -> CampaignDraft:
    by = make_user(role=Role.OPERATIONS)
    made = {
        "name": "Autumn",
        "stage": Stage.SCREENING,
        "script_version": make_script(by=by),
        "disposition_set": make_dispositions(),
        "agents": agents,
        **changes,
    }
    return CampaignDraft(**made)  # type: ignore[arg-type]


def test_customers_of_the_pool_are_shared_evenly_and_each_has_one_owner() -> None:
    team = make_team()
    agents = [make_agent(team=team) for _ in range(3)]
    ops = make_user(role=Role.OPERATIONS)
    for _ in range(10):
        make_customer(team=team)
    campaign = create_campaign(draft=draft_for(agents), by=ops, at=NOON)

    tally = fill_campaign(campaign=campaign, customers=Customer.objects.all(), by=ops, at=NOON)

    assert sorted(tally.values()) == [3, 3, 4]
    assert Customer.objects.filter(owner=None).count() == 0
    assert OwnershipEvent.objects.count() == 10
    assert all(
        target.agent_id == target.customer.owner_id
        for target in Target.objects.select_related("customer")
    )


def test_an_audience_in_the_pool_of_another_team_is_dealt_and_put_in() -> None:
    """Dealing changes owner and team, by which the audience was chosen."""
    team = make_team()
    agent, ops = make_agent(), make_user(role=Role.OPERATIONS)
    pooled = make_customer(team=team)
    campaign = create_campaign(draft=draft_for([agent]), by=ops, at=NOON)
    audience = Customer.objects.in_pool().filter(team=team)

    tally = fill_campaign(campaign=campaign, customers=audience, by=ops, at=NOON)

    assert tally == {agent.pk: 1}
    assert Target.objects.get().customer == pooled


def test_a_customer_owned_outside_the_campaign_is_left_out() -> None:
    agent, stranger = make_agent(), make_agent()
    ops = make_user(role=Role.OPERATIONS)
    mine, theirs = make_customer(owner=agent), make_customer(owner=stranger)
    campaign = create_campaign(draft=draft_for([agent]), by=ops, at=NOON)

    fill_campaign(campaign=campaign, customers=Customer.objects.all(), by=ops, at=NOON)

    assert [t.customer_id for t in Target.objects.all()] == [mine.pk]
    theirs.refresh_from_db()
    assert theirs.owner == stranger


def test_filling_twice_adds_nobody_twice() -> None:
    agent, ops = make_agent(), make_user(role=Role.OPERATIONS)
    make_customer(owner=agent)
    campaign = create_campaign(draft=draft_for([agent]), by=ops, at=NOON)
    for _ in range(2):
        fill_campaign(campaign=campaign, customers=Customer.objects.all(), by=ops, at=NOON)

    assert progress_of([campaign])[campaign.pk].total == 1


def test_a_script_version_cannot_be_changed() -> None:
    version = make_script(by=make_user(role=Role.OPERATIONS))

    with pytest.raises(DatabaseError), transaction.atomic():
        ScriptVersion.objects.filter(pk=version.pk).update(body={"opening": "Hello."})


def test_refilling_gives_who_changed_hands_to_the_new_owner() -> None:
    old, new = make_agent(), make_agent()
    ops = make_user(role=Role.OPERATIONS)
    customer, done = make_customer(owner=old), make_customer(owner=old)
    campaign = create_campaign(draft=draft_for([old, new]), by=ops, at=NOON)
    fill_campaign(campaign=campaign, customers=Customer.objects.all(), by=ops, at=NOON)
    finish_target(campaign_id=campaign.pk, customer_id=done.pk, at=NOON)
    Target.objects.filter(customer=customer).update(attempts=2)
    for moved in (customer, done):
        assign_customer(customer=moved, to=new, change=OwnerChange.TRANSFERRED, by=ops, at=NOON)

    tally = fill_campaign(campaign=campaign, customers=Customer.objects.all(), by=ops, at=NOON)

    assert tally == {old.pk: 0, new.pk: 1}
    target = Target.objects.get(customer=customer)
    assert (target.agent, target.attempts) == (new, 2)
    assert Target.objects.get(customer=done).agent == old  # what is done stays with who did it
    assert Event.objects.filter(what="campaign.filled").latest("pk").details["added"] == 0


def test_a_campaign_without_agents_or_hours_is_refused() -> None:
    ops = make_user(role=Role.OPERATIONS)
    with pytest.raises(CannotChangeCampaign, match="agent"):
        create_campaign(draft=draft_for([]), by=ops, at=NOON)
    with pytest.raises(CannotChangeCampaign, match="hours"):
        create_campaign(
            draft=draft_for([make_agent()], opens_minute=600, closes_minute=600), by=ops, at=NOON
        )


def test_an_empty_campaign_cannot_start_and_an_ended_one_cannot_go_on() -> None:
    agent = make_agent()
    campaign = make_campaign(agent=agent, state=CampaignState.DRAFT)
    with pytest.raises(CannotChangeCampaign, match="Nobody"):
        change_state(campaign=campaign, to=CampaignState.RUNNING, by=agent, at=NOON)
    make_target(campaign=campaign, customer=make_customer(owner=agent), agent=agent)
    campaign = change_state(campaign=campaign, to=CampaignState.RUNNING, by=agent, at=NOON)
    campaign = change_state(campaign=campaign, to=CampaignState.ENDED, by=agent, at=NOON)
    with pytest.raises(CannotChangeCampaign):
        change_state(campaign=campaign, to=CampaignState.RUNNING, by=agent, at=NOON)


def test_the_queue_gives_the_highest_potential_first_and_respects_putting_off() -> None:
    agent = make_agent()
    campaign = make_campaign(agent=agent)
    low, high = make_customer(owner=agent), make_customer(owner=agent)
    make_target(campaign=campaign, customer=low, agent=agent, priority=1)
    make_target(campaign=campaign, customer=high, agent=agent, priority=4)

    first = next_target(agent=agent, at=NOON)
    assert first is not None
    assert first.customer == high
    put_off_target(campaign_id=campaign.pk, customer_id=high.pk, until=NOON + timedelta(hours=4))
    second = next_target(agent=agent, at=NOON)
    assert second is not None
    assert second.customer == low
    assert waiting_count(agent=agent, at=NOON) == 1
    assert waiting_count(agent=agent, at=NOON + timedelta(hours=4)) == 2


def test_a_paused_campaign_gives_nobody() -> None:
    agent = make_agent()
    campaign = make_campaign(agent=agent, state=CampaignState.PAUSED)
    make_target(campaign=campaign, customer=make_customer(owner=agent), agent=agent)

    assert next_target(agent=agent, at=NOON) is None


def test_finishing_and_taking_out_happen_once() -> None:
    agent = make_agent()
    campaign, customer = make_campaign(agent=agent), make_customer(owner=agent)
    make_target(campaign=campaign, customer=customer, agent=agent)

    assert finish_target(campaign_id=campaign.pk, customer_id=customer.pk, at=NOON)
    assert not finish_target(campaign_id=campaign.pk, customer_id=customer.pk, at=NOON)
    assert take_out_everywhere(customer_id=customer.pk, at=NOON) == 0
    assert Target.objects.get().state == TargetState.DONE
    [share] = shares_of(campaign)
    assert (share.waiting, share.done) == (0, 1)


def test_saving_a_script_makes_the_next_version_and_keeps_the_old() -> None:
    ops = make_user(role=Role.OPERATIONS)
    first = save_script(name="Greeting", body={"opening": "Hello"}, by=ops, at=NOON)
    second = save_script(name="Greeting", body={"opening": "Good day"}, by=ops, at=NOON)

    assert (first.version, second.version) == (1, 2)
    first.refresh_from_db()
    assert first.body == {"opening": "Hello"}


def test_whom_nobody_may_call_is_neither_taken_in_nor_given_to_an_agent() -> None:
    agent, ops = make_agent(), make_user(role=Role.OPERATIONS)
    suppressed, fine = make_customer(), make_customer()
    make_customer(numbers=[])
    suppress_number(
        e164=suppressed.numbers.get().e164, kind=SuppressionKind.OPTED_OUT, origin="person",
        by=ops, at=NOON,
    )  # fmt: skip
    campaign = create_campaign(draft=draft_for([agent]), by=ops, at=NOON)

    tally = fill_campaign(campaign=campaign, customers=Customer.objects.all(), by=ops, at=NOON)

    assert tally == {agent.pk: 1}
    assert list(Customer.objects.filter(owner=agent)) == [fine]


def test_a_draining_campaign_takes_nobody_new_and_pauses_once_nobody_is_called() -> None:
    agent = make_agent()
    ops = make_user(role=Role.OPERATIONS)
    campaign = make_campaign(agent=agent)
    make_target(campaign=campaign, customer=make_customer(owner=agent), agent=agent)
    campaign = change_state(campaign=campaign, to=CampaignState.DRAINING, by=ops, at=NOON)

    assert campaign.may_dial
    assert next_target(agent=agent, at=NOON) is None
    assert pause_drained(busy=[campaign.pk], by=ops, at=NOON) == 0
    assert pause_drained(busy=[], by=ops, at=NOON) == 1
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED


def test_how_a_campaign_dials_changes_at_once_and_within_reason() -> None:
    ops = make_user(role=Role.OPERATIONS)
    campaign = make_campaign(agent=make_agent())

    changed = set_dialing(
        campaign=campaign, dialing=Dialing(dial_mode=DialMode.PREDICTIVE), by=ops, at=NOON
    )

    assert changed.dial_mode == DialMode.PREDICTIVE
    assert Event.objects.filter(what="campaign.dialing_changed").count() == 1
    with pytest.raises(CannotChangeCampaign):
        set_dialing(campaign=campaign, dialing=Dialing(ring_seconds=5), by=ops, at=NOON)


def test_a_campaign_gets_and_loses_agents() -> None:
    first, second = make_agent(), make_agent()
    ops = make_user(role=Role.OPERATIONS)
    campaign = make_campaign(agent=first)

    assert set_agents(campaign=campaign, agents=[second], by=ops, at=NOON) == (1, 1)
    assert list(campaign.agents.order_by("pk")) == [second]
    with pytest.raises(CannotChangeCampaign):
        set_agents(campaign=campaign, agents=[], by=ops, at=NOON)
