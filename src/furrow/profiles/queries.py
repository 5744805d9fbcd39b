"""What to ask next, who stands around a customer, how strong the bond, how complete the records."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from django.db.models import Max
from django.forms import Form

from furrow.acquisition.models import Lead
from furrow.compliance.models import Refusal
from furrow.customers.forms import property_form
from furrow.customers.models import Customer, Number
from furrow.customers.rules import completeness
from furrow.customers.showing import mask_name, shown_to
from furrow.organisation.models import User
from furrow.ownership.models import Act as Deed
from furrow.pipeline.models import Standing
from furrow.pipeline.rules import Stage
from furrow.teamwork.models import Refund, Sale

from .models import Contact
from .rules import POINTS, REMEMBERED, Bond, Step, bond_of, label_of, to_ask

_MOVED = 6  # steps shown
SAMPLED = 5_000  # customers


@dataclass(frozen=True)
class Question:
    """What to ask next, and the form that takes the answer."""

    name: str
    label: str
    form: Form


def question_for(
    customer: Customer, *, user: User, skipped: Collection[str] = (), data: Any = None
) -> Question | None:
    """The most valuable thing missing that `user` may fill in; None when nothing is."""
    shown = shown_to(user, [customer])[0]
    known = {name for name, value in customer.profile.items() if value not in ("", None)}
    known |= {name for name in ("city", "email", "address") if getattr(customer, name)}
    stage = Standing.objects.filter(pk=customer.pk).values_list("stage", flat=True).first()
    while name := to_ask(customer.kind, stage or Stage.SCREENING, known, skipped):
        form = property_form(customer, name, data)
        if form is not None and shown.may_edit(name):
            attrs = form.fields["value"].widget.attrs
            attrs.pop("autofocus", None)
            attrs["data-key"] = "i"
            return Question(name, str(label_of(customer.kind, name)), form)
        known.add(name)
    return None


@dataclass(frozen=True)
class Near:
    """A contact as one person may see it.

    name      masked like that of the records it stands for
    relation  "" where the name is masked: it is free text
    leads_to  the other record; None = there is none, or it is beyond reach
    """

    contact: Contact
    name: str
    relation: str
    leads_to: int | None


@dataclass(frozen=True)
class Around:
    """Who stands around a customer; `others` are the records in which this one is a contact."""

    contacts: list[Near]
    others: list[Near]


def around(customer: Customer, *, user: User) -> Around:
    """Names as `user` is shown them on the records themselves, links only to those within reach."""
    contacts = list(Contact.objects.filter(customer=customer).order_by("role", "id"))
    others = list(
        Contact.objects.visible_to(user)
        .filter(person=customer)
        .select_related("customer")
        .order_by("id")
    )
    people = [one.person_id for one in contacts if one.person_id]
    near = [*Customer.objects.visible_to(user).filter(pk__in=people), *(o.customer for o in others)]
    shown = {one.id: one for one in shown_to(user, [customer, *near])}

    def of_contact(contact: Contact) -> Near:
        person = shown.get(contact.person_id or 0)
        is_shown = not shown[customer.pk].is_nameless and (
            contact.person_id is None or (person is not None and not person.is_nameless)
        )
        name = contact.name if is_shown else mask_name(contact.name)
        return Near(
            contact, name, contact.relation if is_shown else "", person.id if person else None
        )

    def of_other(contact: Contact) -> Near:
        record = shown[contact.customer_id]
        is_shown = not (record.is_nameless or shown[customer.pk].is_nameless)
        return Near(contact, record.name, contact.relation if is_shown else "", record.id)

    return Around([of_contact(one) for one in contacts], [of_other(one) for one in others])


@dataclass(frozen=True)
class Relationship:
    """How strong it is and what moved it, the latest first."""

    bond: Bond
    points: float
    steps: list[Step]


def relationship_of(customer: Customer, *, at: datetime) -> Relationship:
    steps = sorted(_steps(customer, at=at), key=lambda step: step.at, reverse=True)
    bond, points = bond_of(steps, at=at)
    return Relationship(bond, points, steps[:_MOVED])


def _steps(customer: Customer, *, at: datetime) -> list[Step]:
    since = at - REMEMBERED
    happened = [
        (deed_at, "order" if is_deal else strength)
        for deed_at, strength, is_deal in Deed.objects.filter(
            customer=customer, at__gte=since
        ).values_list("at", "strength", "is_deal")
    ]
    sales = Sale.objects.filter(customer=customer, sold_at__gte=since)
    happened += [(sold_at, "sale") for sold_at in sales.values_list("sold_at", flat=True)]
    refunds = Refund.objects.filter(sale__customer=customer, refunded_at__gte=since)
    happened += [(gone_at, "refund") for gone_at in refunds.values_list("refunded_at", flat=True)]
    numbers = Number.objects.filter(customer=customer).values_list("e164", flat=True)
    refusals = Refusal.objects.filter(e164__in=list(numbers), at__gte=since)
    happened += [(said_at, "refusal") for said_at in refusals.values_list("at", flat=True)]
    return [Step(when, *POINTS[what]) for when, what in happened if what in POINTS]


# -- how complete records are --------------------------------------------------------------------


@dataclass(frozen=True)
class Completeness:
    """Of one source's, or one agent's, customers: mean in percent, of so many looked at."""

    name: str
    percent: int
    looked_at: int


@dataclass(frozen=True)
class Complete:
    by_source: list[Completeness]
    by_agent: list[Completeness]
    looked_at: int
    percent: int | None


def completeness_of(*, user: User) -> Complete:
    """How much is known of customers, per source and agent, the emptiest first. From a random
    sample of those `user` may see, however many there are; groups of fewer than five are left out.
    """
    visible = Customer.objects.visible_to(user)
    chosen = list(visible.order_by("pk").values_list("pk", flat=True)[: SAMPLED + 1])
    if len(chosen) > SAMPLED:
        highest = Customer.objects.aggregate(most=Max("pk"))["most"] or 1
        dice = Random(highest)  # noqa: S311
        # Many more ids than are wanted: some are gone, and a leader sees few of all.
        ids = dice.sample(range(1, highest + 1), min(20 * SAMPLED, highest))
        among = list(visible.filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))
        chosen = dice.sample(among, min(SAMPLED, len(among)))
    customers = list(Customer.objects.filter(pk__in=chosen).select_related("owner"))
    found = [one.pk for one in customers]
    numbered = set(Number.objects.filter(customer__in=found).values_list("customer_id", flat=True))
    sources = dict(
        Lead.objects.filter(customer__in=found)
        .order_by("-at", "-id")  # the first origin stays
        .values_list("customer_id", "source__name")
    )
    by_source: dict[str, list[int]] = {}
    by_agent: dict[str, list[int]] = {}
    every = []
    for one in customers:
        basics: Mapping[str, object] = {
            "number": one.pk in numbered, "city": one.city, "address": one.address,
            "email": one.email, "category": one.category,
        }  # fmt: skip
        percent = completeness(one.kind, basics, one.profile)
        every.append(percent)
        if one.pk in sources:
            by_source.setdefault(sources[one.pk], []).append(percent)
        if one.owner is not None:
            by_agent.setdefault(str(one.owner), []).append(percent)
    return Complete(
        _ranked(by_source), _ranked(by_agent), len(every),
        round(sum(every) / len(every)) if every else None,
    )  # fmt: skip


def _ranked(groups: Mapping[str, list[int]]) -> list[Completeness]:
    told = [
        Completeness(name, round(sum(values) / len(values)), len(values))
        for name, values in groups.items()
        if len(values) >= 5
    ]
    return sorted(told, key=lambda one: (one.percent, one.name))
