"""Working together across capabilities: what hangs on a customer goes with it, and who helps may
call."""

from datetime import timedelta

import pytest

from furrow.acquisition.tests.make import carry_out, make_list
from furrow.calls.models import Call
from furrow.campaigns.tests.make import make_campaign, make_target
from furrow.customers.tests.make import make_customer
from furrow.dialer.actions import start_call
from furrow.followups.tests.make import make_followup
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_agent, make_team, make_user
from furrow.permits.actions import request_permit
from furrow.permits.rules import NotPermitted
from furrow.permits.tests.make import MORNING, make_callable
from furrow.pipeline.tests.make import make_standing
from furrow.teamwork.actions import (
    decide_clash,
    hand_chunk,
    plan_handover,
    save_profile,
    start_handover,
)
from furrow.teamwork.models import Clash, Handover
from furrow.teamwork.queries.dealing import Offer, propose
from furrow.teamwork.queries.handing import brief_of
from furrow.teamwork.rules import Entrance, HandoverReason, Ruling
from furrow.teamwork.tests.make import make_clash, make_collaboration, make_leader_of

pytestmark = pytest.mark.django_db


def _hand_over(person: User, heir: User) -> Handover:
    by = make_user(role=Role.MANAGER)
    handover = plan_handover(
        person=person, reason=HandoverReason.LEAVING, heirs=[heir], touch_days=3, seed=1, by=by,
        at=MORNING,
    )  # fmt: skip
    start_handover(handover=handover, freezes=True, by=by, at=MORNING)
    while hand_chunk(handover_id=handover.pk, at=MORNING):
        pass
    return handover


def test_promises_and_places_in_campaigns_go_to_the_heir() -> None:
    team = make_team()
    person, heir = make_agent(team=team), make_agent(team=team)
    customer = make_customer(owner=person)
    followup = make_followup(customer=customer, agent=person)
    campaign = make_campaign(agent=person)
    target = make_target(campaign=campaign, customer=customer, agent=person)

    handover = _hand_over(person, heir)

    followup.refresh_from_db()
    target.refresh_from_db()
    assert (followup.assigned_to, target.agent) == (heir, heir)
    assert heir in campaign.agents.all()
    brief = brief_of(handover.items.get(), at=MORNING)
    assert [moment.kind for moment in brief.promises] == ["followup"]


def test_a_decided_clash_moves_the_promise_too() -> None:
    clash = make_clash()
    followup = make_followup(customer=clash.customer, agent=clash.holder)

    decide_clash(
        clash=clash, ruling=Ruling.CLAIMANT, by=make_leader_of(clash.holder), at=clash.opened_at
    )

    followup.refresh_from_db()
    assert followup.assigned_to == clash.claimant


def test_a_collaborator_passes_the_gate_until_the_agreement_ends() -> None:
    owner = make_agent()
    number, _agent = make_callable(agent=owner)
    agreed = make_collaboration(customer=number.customer, at=MORNING - timedelta(days=1), days=2)
    stranger = make_agent()

    def may(agent: User, hours: int = 0) -> bool:
        at = MORNING + timedelta(hours=hours)
        decision, _permit = request_permit(number=number, agent=agent, by=agent, at=at)
        return decision.is_allowed

    assert not may(stranger)
    assert may(agreed.user)
    assert not may(agreed.user, hours=48)


@pytest.mark.django_db(transaction=True)
def test_calling_somebody_elses_customer_is_a_clash() -> None:
    owner = make_agent()
    number, _agent = make_callable(agent=owner)
    caller = make_agent()

    with pytest.raises(NotPermitted):
        start_call(number=number, agent=caller, by=caller, at=MORNING)

    assert not Call.objects.exists()
    assert Clash.objects.get().entrance == Entrance.CALL


def test_a_list_that_brings_somebodys_customer_takes_nobody_and_is_written_down() -> None:
    owner = make_agent()
    customer = make_customer(name="张伟", numbers=["+8613800138001"], owner=owner)

    carry_out(make_list([("张伟", "13800138001"), ("李娜", "13800138002")]))

    customer.refresh_from_db()
    clash = Clash.objects.get()
    assert customer.owner == owner
    assert (clash.customer, clash.entrance, clash.state) == (customer, "import", "closed")
    assert clash.grounds == "no_claim"


def test_the_stage_is_a_trait_customers_are_matched_by() -> None:
    customer = make_customer()
    make_standing(customer=customer, by=make_agent())
    fits, other = make_agent(), make_agent()
    by = make_user(role=Role.MANAGER)
    stage = customer.standing.stage
    for person, values in ((fits, [stage]), (other, ["retention"])):
        save_profile(
            user=person, share=100, most=None, accepts={"stage": values}, by=by, at=MORNING
        )

    given = propose([customer.pk], Offer(agents=[fits, other], seed=1), at=MORNING).deal.given

    assert given == {customer.pk: fits.pk}
