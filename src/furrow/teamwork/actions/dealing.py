"""Customers of the pool go to people, by share, room and what suits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.customers.actions import Move, move_owners
from furrow.customers.rules import OwnerChange
from furrow.organisation.models import User
from furrow.organisation.rules import Act
from furrow.ownership.declarations import traits
from furrow.teamwork.models import Dealing, Profile
from furrow.teamwork.queries.dealing import Offer, Proposal, propose, still_pooled
from furrow.teamwork.rules import CannotDeal
from furrow.teamwork.strategies import strategy_named


@transaction.atomic
def deal_customers(
    *, customer_ids: Sequence[int], offer: Offer, by: User, at: datetime
) -> tuple[Dealing, Proposal]:
    """Deal those of the customers who are in a pool, in this order. Who was claimed in the
    meantime is passed over; nobody is given twice.

    Raises CannotDeal without people.
    """
    if not offer.agents:
        raise CannotDeal(_("Choose at least one agent."), rule="B3")
    for agent in offer.agents:
        if not agent.can(Act.USE_DESK):
            raise CannotDeal(
                _("%(person)s does not look after customers. Choose an agent or a leader.")
                % {"person": agent},
                rule="B3",
            )
    # One dealing at a time: room and today's shares are counted once.
    people = User.objects.filter(pk__in=[agent.pk for agent in offer.agents]).order_by("pk")
    list(people.select_for_update(no_key=True).values_list("pk"))
    proposal = propose(still_pooled(customer_ids), offer, at=at)
    given = proposal.deal.given
    moved = move_owners(
        moves=[Move(pk, None, person) for pk, person in given.items()],
        change=OwnerChange.ALLOCATED, by=by, at=at,
    )  # fmt: skip
    counts = Counter(str(person) for pk, person in given.items() if pk in moved)
    left = Counter(" ".join(sorted(set(why.values()))) for why in proposal.deal.left.values())
    dealing = Dealing.objects.create(by=by, at=at, seed=offer.seed, counts=counts, left=left)
    strategy = strategy_named(offer.strategy)
    if strategy and proposal.dealt:
        really = {pk: person for pk, person in given.items() if pk in moved}
        strategy.keep(dealing, proposal.dealt, really, at)
    record(
        "customers.dealt", of=dealing, by=by.username, at=at,
        counts=counts, left=sum(left.values()), seed=offer.seed, strategy=offer.strategy,
    )  # fmt: skip
    return dealing, proposal


@transaction.atomic
def save_profile(
    *,
    user: User,
    share: int,
    most: int | None,
    accepts: Mapping[str, Sequence[str]],
    by: User,
    at: datetime,
) -> Profile:
    """What somebody takes when customers are dealt.

    share    against 100, the usual one; 0 takes nobody
    most     customers held at most; None = no end
    accepts  trait -> values; an empty list, or none, accepts every value
    """
    if not 0 <= share <= 1000:
        raise CannotDeal(_("A share lies between 0 and 1000; 100 is the usual one."), rule="H9")
    known = {trait.name for trait in traits()}
    kept = {
        name: sorted({value.strip() for value in values if value.strip()})
        for name, values in accepts.items()
        if name in known
    }
    profile, _made = Profile.objects.update_or_create(
        user=user,
        defaults={
            "share": share, "most": most,
            "accepts": {name: values for name, values in kept.items() if values},
        },
    )  # fmt: skip
    record(
        "profile.saved", of=user, by=by.username, at=at,
        share=share, most=most, accepts=profile.accepts,
    )  # fmt: skip
    return profile
