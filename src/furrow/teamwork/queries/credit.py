"""Who is owed what."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from furrow.customers.models import Customer, OwnershipEvent
from furrow.customers.rules import Moment
from furrow.organisation.models import User
from furrow.organisation.rules import Act, Scope
from furrow.teamwork.models import Collaboration, CollaborationQuerySet, Credit, Sale
from furrow.teamwork.rules import Part, percent_of


def tied_customers(user: User) -> list[int]:
    """Ids of the customers `user` helps with now, by the database's clock."""
    mine = Collaboration.objects.standing_now().filter(user=user)
    return list(mine.order_by().values_list("customer_id", flat=True))


def collaborators_of(customer: Customer, *, at: datetime) -> CollaborationQuerySet:
    """Who helps with a customer, the longest first."""
    standing = Collaboration.objects.standing(at).filter(customer=customer)
    return standing.select_related("user", "user__team").order_by("since", "pk")


def helpers_at(customer: Customer, at: datetime) -> list[tuple[int, int]]:
    """(person, share) of those who helped at `at`, in the order in which they were agreed."""
    standing = Collaboration.objects.standing(at).filter(customer=customer).order_by("since", "pk")
    shares: dict[int, int] = {}
    for person, share in standing.values_list("user_id", "share"):
        shares.setdefault(person, share)  # joined records may both have had the same helper
    return list(shares.items())


def owner_at(customer: Customer, at: datetime) -> int | None:
    """Who owned a customer at `at`, by the ledger of owners; None = nobody."""
    events = OwnershipEvent.objects.filter(customer=customer)
    last = events.filter(at__lte=at).order_by("-at", "-pk").first()
    if last is not None:
        return last.to_owner_id
    first = events.order_by("at", "pk").first()
    return first.from_owner_id if first is not None else customer.owner_id


def left_of(sale: Sale) -> list[Part]:
    """What each still has of a sale after its refunds, in the order of the ledger."""
    lines = Credit.objects.filter(sale=sale, refund=None).order_by("pk")
    sums = Credit.objects.filter(sale=sale).order_by().values_list("user_id")
    left = dict(sums.annotate(sum=Sum("amount_minor")))
    return [Part(line.user_id, line.share, left[line.user_id]) for line in lines]


@dataclass(frozen=True)
class Earned:
    """One person's credit in a period, in one currency. `person` None is the house."""

    person: User | None
    currency: str
    sales: int
    credited_minor: int
    clawed_back_minor: int

    @property
    def net_minor(self) -> int:
        return self.credited_minor + self.clawed_back_minor


def earned(*, user: User, since: datetime, until: datetime) -> list[Earned]:
    """By person, whose credit `user` may see, written in [since, until); the highest first."""
    lines = Credit.objects.filter(at__gte=since, at__lt=until)
    scope = user.scope(Act.VIEW_CREDIT)
    if scope is Scope.OWN:
        lines = lines.filter(user=user)
    elif scope is not Scope.ALL:
        lines = lines.filter(user__team__in=user.teams(Act.VIEW_CREDIT))
    sums = (
        lines.order_by()
        .values_list("user_id", "sale__currency")
        .annotate(
            sales=Count("sale", filter=Q(refund=None)),
            credited=Sum("amount_minor", filter=Q(refund=None), default=0),
            back=Sum("amount_minor", filter=Q(refund__isnull=False), default=0),
        )
    )
    rows = list(sums)
    people = User.objects.in_bulk({row[0] for row in rows if row[0]})
    found = [
        Earned(people.get(person or 0), currency, sales, credited, back)
        for person, currency, sales, credited, back in rows
    ]
    return sorted(found, key=lambda one: -one.net_minor)


@dataclass(frozen=True)
class SaleLine:
    """A sale with what each still has of it."""

    sale: Sale
    parts: list[tuple[User | None, Part]]
    refunded_minor: int


def newest_sales(*, user: User, most: int = 50) -> list[SaleLine]:
    """The newest sales whose credit `user` may see, in whole or in part."""
    sales = list(
        Sale.objects.visible_to(user).select_related("customer").order_by("-at", "-pk")[:most]
    )
    credits = Credit.objects.filter(sale__in=sales).select_related("user").order_by("pk")
    lines: dict[int, dict[int | None, Part]] = {sale.pk: {} for sale in sales}
    people: dict[int | None, User | None] = {}
    for credit in credits:
        people[credit.user_id] = credit.user
        had = lines[credit.sale_id].get(credit.user_id)
        amount = credit.amount_minor + (had.amount_minor if had else 0)
        lines[credit.sale_id][credit.user_id] = Part(credit.user_id, credit.share, amount)
    return [
        SaleLine(
            sale=sale,
            parts=[(people[pk], part) for pk, part in lines[sale.pk].items()],
            refunded_minor=sale.amount_minor
            - sum(part.amount_minor for part in lines[sale.pk].values()),
        )
        for sale in sales
    ]


def tell_sales(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    """For the timeline: what the customer bought."""
    sales = Sale.objects.filter(customer=customer)
    if before is not None:
        sales = sales.filter(sold_at__lt=before)
    return [
        Moment(
            at=sale.sold_at,
            kind="sale",
            title=_("Sale: %(currency)s %(amount)s")
            % {"currency": sale.currency, "amount": f"{sale.amount_minor / 100:,.2f}"},
            body=sale.order_ref,
            anchor=f"teamwork.Sale:{sale.pk}",
        )
        for sale in sales.order_by("-sold_at", "-pk")[:most]
    ]


def tell_collaborations(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    """For the timeline: who began to help, for what share."""
    agreed = Collaboration.objects.filter(customer=customer)
    if before is not None:
        agreed = agreed.filter(since__lt=before)
    return [
        Moment(
            at=one.since,
            kind="collaborator",
            title=_("%(person)s helps until %(until)s, %(share)s of the credit")
            % {
                "person": one.user,
                "until": timezone.localdate(one.until).isoformat(),
                "share": percent_of(one.share),
            },
            body=one.note,
            by=str(one.by),
            anchor=f"teamwork.Collaboration:{one.pk}",
        )
        for one in agreed.select_related("user", "by").order_by("-since", "-pk")[:most]
    ]
