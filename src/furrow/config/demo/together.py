"""People of the demo who work together: clashes, collaborators, credit, a profile or two."""

from datetime import datetime, timedelta

from furrow.customers.models import Customer
from furrow.organisation.models import User
from furrow.organisation.rules import Role
from furrow.teamwork.actions import (
    add_collaborator,
    claw_back,
    credit_sale,
    record_clash,
    save_profile,
)
from furrow.teamwork.rules import Entrance

WORDS = ("展会上先认识的", "客户主动打电话找我", "")


def make_together(*, by: User, at: datetime) -> None:
    """In each team: two colleagues want customers of a third, one helps for a share, and some of
    the customers have bought."""
    leaders = User.objects.filter(role=Role.LEADER).order_by("pk")
    for place, leader in enumerate(leaders):
        agents = list(User.objects.filter(role=Role.AGENT, team=leader.team).order_by("pk")[:3])
        if len(agents) < 3:
            continue
        owner, helper, other = agents
        theirs = list(Customer.objects.filter(owner=owner).order_by("pk")[:8])
        for turn, customer in enumerate(theirs[:2]):
            record_clash(
                customer_id=customer.pk, entrance=(Entrance.FORM, Entrance.LOOK_UP)[turn],
                words=WORDS[(place + turn) % 3], by=(helper, other)[turn], at=at,
            )  # fmt: skip
        for customer in theirs[2:4]:
            add_collaborator(
                customer=customer, user=helper, share=3000, until=at + timedelta(days=60),
                note="协助演示产品", by=owner, at=at - timedelta(days=20),
            )  # fmt: skip
        for turn, customer in enumerate(theirs[2:7]):
            order = f"SO-{place + 1}{turn + 1:03d}"
            credit_sale(
                order_ref=order, customer=customer, amount_minor=128_00 * (turn + 1) * (place + 2),
                sold_at=at - timedelta(days=turn), by=by, at=at,
            )  # fmt: skip
            if turn == 0:
                claw_back(
                    order_ref=order, refund_ref=f"R-{order}", amount_minor=100_00,
                    refunded_at=at, by=by, at=at,
                )  # fmt: skip
        save_profile(
            user=helper, share=60, most=400, accepts={"city": ["上海", "苏州", "杭州"]},
            by=leader, at=at,
        )  # fmt: skip
