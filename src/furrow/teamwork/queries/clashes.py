"""Whose a customer is, who else wants it, and what speaks for whom."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, Value, When

from furrow.customers import holdings
from furrow.customers.models import Customer, Number
from furrow.customers.rules import Moment
from furrow.organisation.models import User
from furrow.organisation.rules import Act as Right
from furrow.organisation.rules import Scope
from furrow.ownership.models import Act
from furrow.science.linkage.companies import company_key
from furrow.science.linkage.names import name_key
from furrow.science.linkage.numbers import read_numbers
from furrow.teamwork.models import Clash, ClashQuerySet, ClashStep, Collaboration, LookUp
from furrow.teamwork.rules import (
    UNDECIDED,
    ClashState,
    Ruling,
    Standing,
    may_appeal,
    may_decide,
)

MOST_FOUND = 5  # so many owners are named for one name; more would be a directory
EVIDENCE = frozenset({"call", "followup", "note", "owner", "stage", "score"})
MOST_EVIDENCE = 30


# -- whose is it -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """One customer that fits what was asked: whose it is, and nothing else (B3).

    customer_id  for the machine only; never shown, sent signed
    """

    customer_id: int
    owner: str
    team: str
    owner_id: int | None


def found_by(text: str) -> tuple[bool, list[Found]]:
    """Customers with exactly this number, or exactly this name in any spelling. First, whether a
    number was typed. Part of a name finds nobody, so that nobody can be fished for."""
    numbers = read_numbers(text, region=settings.DEFAULT_REGION).numbers
    if numbers:
        owned = Number.objects.filter(e164__in=numbers).values("customer")
        rows = Customer.objects.filter(pk__in=owned)
    else:
        keys = {key for key in (name_key(text), company_key(text)) if key}
        rows = Customer.objects.filter(name_key__in=keys, merged_into=None)
    found = rows.select_related("owner", "team").order_by("pk")[:MOST_FOUND]
    return bool(numbers), [
        Found(
            customer_id=customer.pk,
            owner=str(customer.owner) if customer.owner else "",
            team=customer.team.name if customer.team else "",
            owner_id=customer.owner_id,
        )
        for customer in found
    ]


def asked_since(user: User, *, since: datetime) -> list[datetime]:
    """When `user` asked whose a customer is, oldest first."""
    asked = LookUp.objects.filter(by=user, at__gt=since).order_by("at")
    return list(asked.values_list("at", flat=True))


# -- clashes ---------------------------------------------------------------------------------------


def last_act_at(customer: Customer) -> datetime | None:
    """When the owner, or who helps, last really worked on the customer since it is the owner's:
    a conversation, a visit, an order (see ownership); never an import or a bare note."""
    if customer.owned_since is None:
        return None
    acts = Act.objects.filter(customer=customer, is_effective=True, at__gte=customer.owned_since)
    return acts.order_by("-at").values_list("at", flat=True).first()


def helps(*, customer_id: int, user: User, at: datetime) -> bool:
    """Whether `user` is a collaborator at `at`."""
    standing = Collaboration.objects.standing(at)
    return standing.filter(customer_id=customer_id, user=user).exists()


def standing_of(clash: Clash, *, user: User) -> Standing:
    """What deciding or appealing depends on, for `user`."""
    scope = user.scope(Right.SETTLE_CLASHES)
    in_reach = scope is Scope.ALL or (
        scope is not Scope.NONE and clash.team_id in user.teams(Right.SETTLE_CLASHES)
    )
    return Standing(
        state=ClashState(clash.state),
        ruling=Ruling(clash.ruling),
        due_at=clash.due_at,
        is_claimant=clash.claimant_id == user.pk,
        is_holder=clash.holder_id == user.pk,
        in_reach=in_reach,
        in_company=scope is Scope.ALL,
        was_appealed=ClashStep.objects.filter(clash=clash, state=ClashState.APPEALED).exists(),
    )


def to_decide(user: User) -> ClashQuerySet:
    """What waits for `user` to decide, the soonest deadline first."""
    scope = user.scope(Right.SETTLE_CLASHES)
    if scope is Scope.NONE:
        return Clash.objects.none()
    waiting = Clash.objects.undecided().exclude(claimant=user).exclude(holder=user)
    if scope is not Scope.ALL:
        teams = user.teams(Right.SETTLE_CLASHES)
        waiting = waiting.filter(state=ClashState.WAITING, team__in=teams)
    return waiting.select_related("customer", "claimant", "holder", "team").order_by("due_at", "pk")


# Managers see first what only they may decide.
_THEIRS_FIRST = Case(
    When(state=ClashState.WAITING, then=Value(1)), default=Value(0), output_field=IntegerField()
)


def next_to_decide(user: User, *, after: int = 0) -> Clash | None:
    """The most urgent clash for `user`, or the one after `after` in that order."""
    rows = list(to_decide(user).order_by(_THEIRS_FIRST, "due_at", "pk")[:200])
    places = {clash.pk: place for place, clash in enumerate(rows)}
    return rows[(places.get(after, -1) + 1) % len(rows)] if rows else None


@dataclass(frozen=True)
class Seen:
    """A clash as one person may see it."""

    clash: Clash
    steps: list[ClashStep]
    evidence: list[Moment]  # only for those who may see the customer
    sees_customer: bool
    can_decide: bool
    can_appeal: bool


def seen_by(clash: Clash, *, user: User, at: datetime) -> Seen:
    """With the customer's timeline as evidence, if `user` may see the customer."""
    sees = Customer.objects.visible_to(user).filter(pk=clash.customer_id).exists()
    standing = standing_of(clash, user=user)
    return Seen(
        clash=clash,
        steps=list(clash.steps.select_related("by").order_by("pk")),
        evidence=evidence_of(clash) if sees else [],
        sees_customer=sees,
        can_decide=may_decide(standing),
        can_appeal=may_appeal(standing, at=at),
    )


def evidence_of(clash: Clash) -> list[Moment]:
    """The newest calls, follow-ups, notes and changes of owner of the customer."""
    return holdings.timeline(clash.customer, before=None, most=MOST_EVIDENCE, kinds=EVIDENCE)


def clashes_of(user: User) -> ClashQuerySet:
    """Those `user` may see, the latest attempt first."""
    seen = Clash.objects.visible_to(user).select_related("customer", "claimant", "holder", "team")
    return seen.order_by("-last_at", "-pk")


def overdue(at: datetime) -> ClashQuerySet:
    """Whose deadline has passed: leaders' decisions, and chances to appeal."""
    return Clash.objects.filter(
        state__in=[ClashState.WAITING, ClashState.DECIDED], due_at__lt=at
    ).order_by("pk")


def tell_clashes(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    """For the timeline: who wanted the customer, and what was decided."""
    steps = ClashStep.objects.filter(clash__customer=customer)
    if before is not None:
        steps = steps.filter(at__lt=before)
    newest = steps.select_related("by", "clash__claimant").order_by("-at", "-pk")[:most]
    return [
        Moment(
            at=step.at,
            kind="clash",
            title=step.title,
            body=step.words,
            by=str(step.by),
            anchor=f"teamwork.ClashStep:{step.pk}",
        )
        for step in newest
    ]


def waiting_for(user: User, *, at: datetime) -> dict[str, int]:
    """How much waits for `user`: clashes to decide, decisions that may be appealed, first touches
    due within a day. At most 100 of each are counted."""
    mine = Q(claimant=user, ruling=Ruling.HOLDER) | Q(holder=user, ruling=Ruling.CLAIMANT)
    appealed = ClashStep.objects.filter(clash=OuterRef("pk"), state=ClashState.APPEALED)
    lost = Clash.objects.filter(mine, ~Exists(appealed), state=ClashState.DECIDED, due_at__gte=at)
    against = Clash.objects.filter(holder=user, state__in=UNDECIDED)
    decides = to_decide(user)
    if user.scope(Right.SETTLE_CLASHES) is Scope.ALL:  # a leader decides first
        decides = decides.exclude(state=ClashState.WAITING)
    return {
        "to_decide": decides[:100].count(),
        "to_appeal": lost[:100].count(),
        "against_me": against[:100].count(),
    }
