"""What the gate looks at, and what it would say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from furrow.common.phone import destination_of, mask, zone, zones_of_number
from furrow.compliance.areas import area_of, zones_of_address
from furrow.compliance.queries import (
    days_for,
    is_suppressed,
    last_consent,
    last_refusal,
    policy_for,
    registers_listing,
    standing_suppressions,
    suppressions_told,
)
from furrow.compliance.rules import EVERYWHERE_ELSE, Basis, Policy, SuppressionKind, country_of
from furrow.customers.models import Customer, Number
from furrow.customers.rules import Moment
from furrow.organisation.models import User
from furrow.organisation.rules import Act, Scope
from furrow.teamwork.queries.clashes import helps

from .models import Denial, Permit
from .objections import Asked, objections_to
from .rules import (
    CHECK_NAMES,
    CampaignWindow,
    ConsentGiven,
    Decision,
    Facts,
    Purpose,
    decide,
    destination,
    next_no,
)

# How far ahead the next opening is looked for; a day more on each side for time zones.
_DAYS_AHEAD = timedelta(days=402)


def facts_for(
    *,
    number: Number,
    agent: User | None,
    campaign: CampaignWindow | None,
    purpose: Purpose = Purpose.SALES,
    numbers: list[str] | None = None,
    at: datetime,
) -> Facts:
    """Everything the gate asks about, as it stands now.

    numbers  all of the customer's, when the caller has just read them

    Inside `request_permit` the customer's row is locked, so the answer still holds when the
    permit is stored; elsewhere it is what would be said now. Ten queries, about 5 ms.
    """
    customer = number.customer
    numbers = numbers_of(customer) if numbers is None else numbers
    area = area_of(number.e164, number.region)
    policy = policy_for(region=area, at=at)
    today = at.date()
    dialled = _dialled(number=number, customer=customer, policy=policy, at=at)
    open_permits = list(
        Permit.objects.open()
        .alive(at)
        .filter(Q(customer=customer) | Q(agent=agent) if agent else Q(customer=customer))
        .select_related("agent")
        .order_by("pk")
    )
    with_customer = [p for p in open_permits if p.customer_id == customer.pk]
    return Facts(
        suppressions=[
            (SuppressionKind(s.kind), s.reason, s.until)
            for s in standing_suppressions(e164=number.e164, others=numbers, at=at)
        ],
        policy=policy,
        zones=zones_for(number, customer),
        days=days_for(
            region=area, since=today - timedelta(days=1), until=today + _DAYS_AHEAD
        ),
        number_dialled_at=[spent for number_id, _customer, spent in dialled
                           if number_id == number.pk],
        customer_dialled_at=[spent for _number, customer_id, spent in dialled
                             if customer_id == customer.pk],
        refused_at=last_refusal(e164s=numbers, at=at),
        owner_id=customer.owner_id,
        owner_name=str(customer.owner) if customer.owner else "",
        agent_id=agent.pk if agent else None,
        agent_is_active=agent is not None and agent.is_active,
        agent_may_call=agent is not None and agent.can(Act.USE_DESK),
        may_call_unowned=agent is not None
        and customer.owner_id is None
        and _may_call_unowned(agent, customer),
        on_the_line=_who(with_customer[0]) if with_customer else None,
        agent_is_on_the_line=any(agent and p.agent_id == agent.pk for p in open_permits),
        campaign=campaign,
        purpose=purpose,
        is_collaborator=agent is not None and _helps(agent, customer, at=at),
        consent=_consent_of(number.e164, numbers, purpose, at),
        registers=registers_listing(e164=number.e164, region=number.region),
        objections=objections_to(
            Asked(customer.pk, purpose, campaign.stage if campaign else "", at)
        ),
        destination=destination_of(number.e164),
        is_country_called=is_destination_called(number.e164, policy),
    )  # fmt: skip


def zones_for(number: Number, customer: Customer) -> list[ZoneInfo]:
    """Every clock the customer may live by: the number's, all those of its prefix, the address's.

    The number's own first; it is the one people are told.
    """
    names = [
        number.time_zone,
        *zones_of_number(number.e164),
        *zones_of_address(f"{customer.city} {customer.address}"),
    ]
    return list(dict.fromkeys(zone(name) for name in names))


def _consent_of(
    e164: str, numbers: list[str], purpose: Purpose, at: datetime
) -> ConsentGiven | None:
    word = last_consent(e164=e164, others=numbers, purpose=purpose, at=at)
    if word is None:
        return None
    return ConsentGiven(word.is_given, word.at, word.until, is_sure=word.basis != Basis.WEB)


def _helps(agent: User, customer: Customer, *, at: datetime) -> bool:
    """Whether the agent works with the owner, somebody else, on this customer (B5)."""
    is_others = customer.owner_id is not None and customer.owner_id != agent.pk
    return is_others and helps(customer_id=customer.pk, user=agent, at=at)


def _who(asked: Permit | Denial) -> str:
    """The agent, or the dialer that dialled for whoever would be free."""
    return str(asked.agent) if asked.agent else _("The dialer")


def _dialled(
    *, number: Number, customer: Customer, policy: Policy, at: datetime
) -> Sequence[tuple[int, int, datetime]]:
    """(number, customer, when) of each call that a cap may count: all campaigns, all agents."""
    caps = (*policy.number_caps, *policy.customer_caps)
    longest = max((cap.within for cap in caps), default=timedelta(0))
    rows = Permit.objects.filter(Q(number=number) | Q(customer=customer), spent_at__gt=at - longest)
    return [
        (number_id, customer_id, spent_at)
        for number_id, customer_id, spent_at in rows.order_by("pk").values_list(
            "number_id", "customer_id", "spent_at"
        )
        if spent_at is not None
    ]


def numbers_of(customer: Customer) -> list[str]:
    """E.164, the oldest first."""
    return list(customer.numbers.order_by("pk").values_list("e164", flat=True))


def is_destination_called(e164: str, policy: Policy) -> bool:
    """Whether the country of a number is one we call, by the setting or by rules of its own."""
    region = destination_of(e164).region
    if settings.COUNTRIES:
        return region in settings.COUNTRIES
    return region == settings.DEFAULT_REGION or (
        policy.region != EVERYWHERE_ELSE and country_of(policy.region) == region
    )


def is_payable(number: Number, *, at: datetime) -> bool:
    """Whether the gate would ever let anybody dial it, for all it would cost."""
    policy = policy_for(region=area_of(number.e164, number.region), at=at)
    is_called = is_destination_called(number.e164, policy)
    return destination(destination_of(number.e164), is_called=is_called).ok


def is_forbidden(number: Number, *, at: datetime) -> bool:
    """Whether the do-not-call list stands against this number at `at`, or against its person."""
    return is_suppressed(e164=number.e164, others=numbers_of(number.customer), at=at)


def _may_call_unowned(agent: User, customer: Customer) -> bool:
    """Leaders may call their team's pool; agents claim first, so that one person answers for it."""
    match agent.scope(Act.VIEW_CUSTOMERS):
        case Scope.ALL:
            return True
        case Scope.SUBTREE | Scope.TEAM:
            return customer.team_id in agent.teams(Act.VIEW_CUSTOMERS)
        case _:
            return False


def may_call(
    *,
    number: Number,
    agent: User | None,
    campaign: CampaignWindow | None = None,
    purpose: Purpose = Purpose.SALES,
    at: datetime,
) -> Decision:
    """What the gate would say now. Changes nothing, promises nothing: the answer may be
    different a moment later, and only a permit counts."""
    facts = facts_for(number=number, agent=agent, campaign=campaign, purpose=purpose, at=at)
    decision = decide(facts, at=at)
    if decision.is_allowed:
        return replace(decision, changes_at=next_no(facts, at=at))
    return decision


@dataclass(frozen=True)
class CheckTold:
    """One check as the panel lists it; `ok` None = not asked, an earlier one said no."""

    name: str | Promise
    ok: bool | None


def checks_told(decision: Decision) -> list[CheckTold]:
    """Every check in the order asked, with its answer."""
    answered = {answer.check: answer.ok for answer in decision.answers}
    return [CheckTold(name, answered.get(check)) for check, name in CHECK_NAMES.items()]


def tell_denials(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    """Calls the gate did not allow, newest first."""
    rows = Denial.objects.filter(customer=customer).select_related("agent").order_by("-at", "-pk")
    if before is not None:
        rows = rows.filter(at__lt=before)
    return [
        Moment(
            at=row.at,
            kind="denial",
            title=_("Call not allowed: %(check)s")
            % {"check": CHECK_NAMES.get(row.check_name, row.check_name)},
            body=_("Rule %(rule)s") % {"rule": row.rule},
            by=_who(row),
            anchor=f"permits.Denial:{row.pk}",
        )
        for row in rows[:most]
    ]


def tell_suppressions(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    """What was put on and taken off the do-not-call list, newest first.

    Suppressions are kept by number, below customers; this capability knows both.
    """
    moments: list[Moment] = []
    for told in suppressions_told(numbers_of(customer)):
        names = {"kind": SuppressionKind(told.kind).label, "number": mask(told.e164)}
        moments.append(
            Moment(
                at=told.at,
                kind="suppression",
                title=_("%(number)s must not be called: %(kind)s") % names,
                body=told.reason,
                by=told.by,
                anchor=f"compliance.Suppression:{told.pk}",
            )
        )
        if told.lifted_at is not None:
            moments.append(
                Moment(
                    at=told.lifted_at,
                    kind="suppression",
                    title=_("%(number)s may be called again: %(kind)s") % names,
                    body=_(told.lifted_reason),
                    by=told.lifted_by,
                    anchor=f"compliance.Suppression:{told.pk}:lifted",
                )
            )
    moments = [m for m in moments if before is None or m.at < before]
    return sorted(moments, key=lambda m: m.at, reverse=True)[:most]
