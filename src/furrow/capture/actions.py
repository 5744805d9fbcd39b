"""Everything that changes sites, and what visitors did."""

import json
import logging
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils.translation import gettext as _

from furrow.acquisition.actions import add_lead
from furrow.acquisition.models import Lead, Source
from furrow.acquisition.rules import Basis
from furrow.audit.actions import record
from furrow.common.refusal import Refused
from furrow.common.sql import load_sql
from furrow.customers.models import Customer
from furrow.customers.rules import CustomerDraft, Kind, NumberTaken
from furrow.organisation.models import User
from furrow.rulebooks.queries import rules_at
from furrow.science.linkage.numbers import read_numbers

from .models import Enquiry, Site, View, Visit, Visitor
from .queries import BOOK, seen_of, to_judge
from .rules import CannotCapture, Rules, Seen, most_within, read_hosts, rule_met

log = logging.getLogger("furrow.capture")

TAKEN_AT_ONCE = 20_000  # hits in one transaction
_FORGOTTEN_AT_ONCE = 5_000


# -- sites -----------------------------------------------------------------------------


@transaction.atomic
def save_site(
    *,
    site: Site | None = None,
    name: str,
    hosts: str,
    source: Source,
    is_on: bool = True,
    key: str = "",
    by: User,
    at: datetime,
) -> Site:
    """Record a web site of ours, or change one.

    hosts  whose pages may tell us, one per line
    key    what stands in its pages; made up when empty

    Raises CannotCapture for a name that is taken or empty, or what is no host.
    """
    site = site or Site(key=key or secrets.token_hex(6), created_at=at)
    site.name, site.hosts, site.source, site.is_on = name.strip(), read_hosts(hosts), source, is_on
    if not site.name:
        raise CannotCapture(_("Give the site a name."), rule="A1")
    try:
        with transaction.atomic():
            site.save()
    except IntegrityError:
        raise CannotCapture(
            _("There is a site “%(name)s” already.") % {"name": site.name}, rule="A1"
        ) from None
    record(
        "site.saved", of=site, by=by.username, at=at,
        hosts=site.hosts, source=source.pk, is_on=is_on,
    )  # fmt: skip
    return site


# -- hits ------------------------------------------------------------------------------------------


@transaction.atomic
def digest_hits(*, most: int = TAKEN_AT_ONCE, at: datetime) -> int:
    """Make visits and enquiries of the hits that wait; returns how many were taken. Killed in the
    middle it has done nothing. About 25,000 hits a second."""
    gap = rules_at(BOOK, at).gap_minutes
    with connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.capture", "digest"), {"most": most, "gap": gap})
        while cursor.nextset():  # the last of its statements answers
            pass
        [taken, forget] = cursor.fetchone() or [0, "[]"]
    keys: dict[int, set[str]] = {}
    for site, key in json.loads(forget):
        keys.setdefault(site, set()).add(key)
    for site, named in keys.items():
        _forget(Visitor.objects.filter(site=site, key__in=named).values_list("pk", flat=True))
    return int(taken)


@transaction.atomic
def judge_enquiry(*, enquiry: Enquiry, rules: Rules, by: User, at: datetime) -> bool:
    """Make a lead of an enquiry if a rule says so by now. Judged twice, it makes one."""
    waiting = (
        Enquiry.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("site__source__team")
        .filter(pk=enquiry.pk, lead=None, problem="")
        .first()
    )
    if waiting is None:
        return False
    enquiry = waiting
    enquiry.judged_at, enquiry.judged_by = at, rules.version
    try:
        with transaction.atomic():
            seen = seen_of(enquiry, since=at - timedelta(days=rules.keep_days))
            if rule := rule_met(seen, rules):
                enquiry.lead = _become_lead(enquiry, rule, seen, rules, by=by, at=at)
    except (NumberTaken, OperationalError):
        enquiry.judged_by = None  # somebody else was at it in this instant: asked again
    except Refused as refusal:
        enquiry.problem = str(refusal.message)[:300]
    except Exception as problem:
        # Anybody may send a form: whatever one of them breaks, the others become leads. Its
        # message may hold what was typed, so the log has the kind alone.
        log.error("enquiry %s makes no lead: %s", enquiry.pk, type(problem).__name__)
        enquiry.problem = _("It could not be recorded (%(kind)s).") % {
            "kind": type(problem).__name__
        }
    enquiry.save()
    return enquiry.lead_id is not None


def _become_lead(
    enquiry: Enquiry, rule: str, seen: Seen, rules: Rules, *, by: User, at: datetime
) -> Lead:
    given, source = enquiry.given, enquiry.site.source
    region = source.region or settings.DEFAULT_REGION
    numbers = read_numbers(given["phone"], region=region).numbers
    company = given.get("company", "")
    draft = CustomerDraft(
        name=given.get("name") or company or _("Visitor of %(site)s") % {"site": enquiry.site.name},
        kind=Kind.PERSON if given.get("name") or not company else Kind.ORGANISATION,
        numbers=tuple(numbers[:1]), city=given.get("city", ""), email=given.get("email", ""),
    )  # fmt: skip
    basis = Basis(
        rule=rule, version=rules.version, seconds=seen.seconds,
        visits=most_within(seen.visits, days=rules.days), days=rules.days,
        site=enquiry.site.hosts[0], page=seen.page if rule == "stay" else enquiry.page,
        asked=seen.asked, consented_at=enquiry.at, words=given["words"],
    )  # fmt: skip
    told = {name: value for name, value in given.items() if name not in ("words", "asked")}
    lead = add_lead(
        source=source, draft=draft, given=told, basis=basis, is_public=True, by=by, at=at
    )
    if enquiry.visitor_id is not None:
        Visitor.objects.filter(pk=enquiry.visitor_id).update(customer=lead.customer)
    return lead


def judge_waiting(*, by: User, at: datetime) -> int:
    """Judge every enquiry about which something new is known; returns how many became leads."""
    rules = rules_at(BOOK, at)
    waiting = to_judge(rules, at=at)
    return sum(judge_enquiry(enquiry=one, rules=rules, by=by, at=at) for one in waiting)


# -- the end of it -------------------------------------------------------------------------------


def forget_old(*, by: User, at: datetime) -> int:
    """Delete visits, and numbers that made no lead, once they are older than the rules keep them
    (I1). In chunks; safe to be killed and run again. Returns how many visitors went."""
    before = at - timedelta(days=rules_at(BOOK, at).keep_days)
    gone = 0
    Enquiry.objects.filter(at__lt=before, lead=None).delete()
    while ids := _oldest(before):
        with transaction.atomic():
            _forget(ids)
        gone += len(ids)
    if gone:
        record("capture.forgotten", of=by, by=by.username, at=at, visitors=gone)
    return gone


def _forget(visitors: Iterable[int]) -> None:
    """With all they did, in four statements however many they are; a number one of them left stays
    with the consent it came with."""
    ids = list(visitors)
    if ids:
        View.objects.filter(visitor__in=ids).delete()
        Visit.objects.filter(visitor__in=ids).delete()
        Enquiry.objects.filter(visitor__in=ids).update(visitor=None)
        Visitor.objects.filter(pk__in=ids)._raw_delete(Visitor.objects.db)


def _oldest(before: datetime) -> Sequence[int]:
    old = Visitor.objects.filter(last_at__lt=before).order_by("last_at")
    return list(old.values_list("pk", flat=True)[:_FORGOTTEN_AT_ONCE])


def move_visitors(duplicate: Customer, kept: Customer) -> None:
    Visitor.objects.filter(customer=duplicate).update(customer=kept)
