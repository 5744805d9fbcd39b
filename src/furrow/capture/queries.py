"""Answers about web sites, their visitors, and which rules hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Max, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from furrow.customers.models import Customer
from furrow.customers.rules import Moment
from furrow.organisation.models import User
from furrow.rulebooks.rules import Book

from .models import Enquiry, Site, View, Visit, Visitor
from .rules import DEFAULT_BODY, Rules, Seen, rules_from

JUDGED_EVERY = timedelta(minutes=1)
BOOK: Book[Rules] = Book(name="capture", rule="A1", default=DEFAULT_BODY, read=rules_from)


@dataclass(frozen=True)
class OpenSite:
    """What the collecting process has to know of a site."""

    pk: int
    hosts: frozenset[str]


def open_sites() -> dict[str, OpenSite]:
    """The sites that collect, by key."""
    return {
        site.key: OpenSite(site.pk, frozenset(site.hosts))
        for site in Site.objects.filter(is_on=True)
    }


def seen_of(enquiry: Enquiry, *, since: datetime) -> Seen:
    """What the rules ask of whoever left this number; visits before `since` do not count."""
    asked = bool(enquiry.given.get("asked"))
    if enquiry.visitor_id is None:
        return Seen(asked=asked)
    longest = (
        View.objects.filter(visitor=enquiry.visitor_id, at__gte=since).order_by("-seconds").first()
    )
    visits = Visit.objects.filter(visitor=enquiry.visitor_id, started_at__gte=since)
    return Seen(
        seconds=longest.seconds if longest else 0,
        page=longest.page if longest else "",
        visits=list(visits.order_by("started_at").values_list("started_at", flat=True)),
        asked=asked,
    )


def to_judge(rules: Rules, *, at: datetime, most: int = 200) -> list[Enquiry]:
    """Enquiries without a lead, never judged, or by other rules, or before their visitor did more;
    the longest neglected first, and each at most every JUDGED_EVERY: so one visitor who does
    something each second keeps nobody waiting."""
    waiting = Enquiry.objects.filter(lead=None, problem="").filter(
        Q(judged_at=None) | ~Q(judged_by=rules.version) | Q(judged_at__lt=F("visitor__last_at"))
    )
    due = waiting.filter(Q(judged_at=None) | Q(judged_at__lte=at - JUDGED_EVERY))
    order = F("judged_at").asc(nulls_first=True)
    return list(due.select_related("site__source__team").order_by(order, "pk")[:most])


# -- the page ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SiteTally:
    """What a site brought in a period."""

    site: Site
    visitors: int
    visits: int
    longest_seconds: int
    enquiries: int
    leads: int
    waiting: int  # numbers left that no rule made a lead yet, whenever they came


def tally_sites(*, user: User, since: datetime) -> list[SiteTally]:
    """Every site by name, from `since` on. Four statements."""
    sites = Site.objects.visible_to(user).select_related("source__team").order_by("name")
    visits = (
        Visit.objects.filter(started_at__gte=since)
        .order_by()
        .values_list("visitor__site")
        .annotate(
            n=Count("id"), people=Count("visitor", distinct=True), most=Max("longest_seconds")
        )
    )
    seen = {pk: (n, people, most) for pk, n, people, most in visits}
    enquiries = (
        Enquiry.objects.filter(at__gte=since)
        .order_by()
        .values_list("site")
        .annotate(n=Count("id"), leads=Count("lead"))
    )
    asked = {pk: (n, leads) for pk, n, leads in enquiries}
    waiting = dict(
        Enquiry.objects.filter(lead=None, problem="")
        .order_by()
        .values_list("site")
        .annotate(n=Count("id"))
    )
    return [
        SiteTally(
            site, seen.get(site.pk, (0, 0, 0))[1], seen.get(site.pk, (0, 0, 0))[0],
            seen.get(site.pk, (0, 0, 0))[2], *asked.get(site.pk, (0, 0)),
            waiting=waiting.get(site.pk, 0),
        )
        for site in sites
    ]  # fmt: skip


def leads_by_rule(*, since: datetime) -> Mapping[str, int]:
    """Which rule made how many of the leads since then."""
    made = Enquiry.objects.filter(at__gte=since, lead__isnull=False).order_by()
    return dict(made.values_list("lead__basis__rule").annotate(n=Count("id")))


# -- what is told of a customer (see customers.holdings) -----------------------------------------


def tell_visits(customer: Customer, before: datetime | None, most: int) -> list[Moment]:
    visits = Visit.objects.filter(visitor__in=Visitor.objects.filter(customer=customer))
    if before is not None:
        visits = visits.filter(started_at__lt=before)
    return [
        Moment(
            at=visit.started_at,
            kind="web",
            title=_("Visited %(site)s") % {"site": visit.visitor.site.name},
            body=_told(visit),
            anchor=f"capture.Visit:{visit.pk}",
        )
        for visit in visits.select_related("visitor__site").order_by("-started_at", "-id")[:most]
    ]


def _told(visit: Visit) -> str:
    pages = ngettext("%(count)d page", "%(count)d pages", visit.views) % {"count": visit.views}
    stay = _("at most %(seconds)d s on one") % {"seconds": visit.longest_seconds}
    return ", ".join([visit.entry_page, pages, stay])
