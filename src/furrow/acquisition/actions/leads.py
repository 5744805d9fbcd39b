"""A chance that comes one by one: from a form, a machine, a call."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from furrow.acquisition.arrivals import tell_all, welcome_all
from furrow.acquisition.models import Lead, Row, Source
from furrow.acquisition.rules import FILLABLE, Basis, Candidate, CannotImport, Finding, judge
from furrow.audit.actions import record
from furrow.compliance.actions import note_consent
from furrow.compliance.rules import Basis as Consented
from furrow.compliance.rules import Purpose
from furrow.customers.actions import add_number, create_customer, update_customer
from furrow.customers.models import Customer
from furrow.customers.rules import CustomerDraft
from furrow.linkage.queries import matches_for, record_of
from furrow.linkage.rules import Probe, telling
from furrow.organisation.models import Team, User
from furrow.teamwork.actions import deal_customers
from furrow.teamwork.queries.dealing import Offer

from .checking import owners_of

NO_BASIS = Basis()


@transaction.atomic
def add_lead(
    *,
    source: Source,
    draft: CustomerDraft,
    given: Mapping[str, object],
    basis: Basis = NO_BASIS,
    team: Team | None = None,
    owner: User | None = None,
    is_new: bool = False,
    is_public: bool = False,
    by: User,
    at: datetime,
) -> Lead:
    """The one door for whoever comes one by one: by web, form, machine or call. A new customer, or
    one more origin of somebody known.

    given  every fact as it came, kept with the lead
    basis  how it came and on what ground; a consent is noted for each number (I1)
    team   whose pool a new customer enters, unless the source says so
    owner  who recorded it, if a person did: first come, first owned (B3). Somebody known stays
           whose they are. A customer in a pool is dealt at once where the source says so.
    is_new  nobody has the number, and nothing else is known to compare with others
    is_public  the door is open to everybody: nobody vouches that number, name and e-mail are one
           person's. So only who has the number is the same customer, and the consent is noted as
           unconfirmed (see compliance.queries.last_consent)

    Raises CannotImport when nobody could be called, or the numbers are two customers'; and
    NumberTaken when somebody else records the number in the same instant: asking again helps.
    """
    if not draft.numbers:
        raise CannotImport(_("A lead needs at least one phone number."), rule="A4")
    probe = Probe(
        record_of(
            0, draft.name, draft.numbers, city=draft.city, address=draft.address,
            email=draft.email, details={k: str(v) for k, v in draft.profile.items()},
        )
    )  # fmt: skip
    matches = [] if is_new else matches_for([probe]).get(0, [])
    if is_public:
        matches = [match for match in matches if match.shares_number]
    verdict = judge(
        Candidate(("c", match.customer_id), match.shares_number, match.comparison)
        for match in matches
    )
    if verdict.problem:
        raise CannotImport(
            _("These numbers belong to different customers already. Merge them first."), rule="B1"
        )
    team = source.team or team
    # One by one nobody can be asked: whoever has the number is the customer (B1).
    shares = next((match for match in matches if match.shares_number), None)
    if verdict.finding in (Finding.KNOWN, Finding.DOUBT) and (
        verdict.finding == Finding.KNOWN or shares
    ):
        chosen = shares or matches[0]
        customer = Customer.objects.get(pk=chosen.customer_id)
        owners = owners_of(draft.numbers)
        changes, is_first = enrich(customer, draft, owners=owners, by=by, at=at), False
        reasons = telling(chosen.comparison)
    else:
        customer = create_customer(
            name=draft.name, numbers=draft.numbers, kind=draft.kind, city=draft.city,
            address=draft.address, email=draft.email, category=draft.category,
            profile=draft.profile, team=team, owner=owner, by=by, at=at,
        )  # fmt: skip
        welcome_all(customer_ids=[customer.pk], by=by, at=at)
        changes, is_first, reasons = {}, True, []
    lead = Lead.objects.create(
        customer=customer, source=source, given=dict(given), is_first=is_first,
        changes=changes, match_reasons=reasons, basis=basis.stored, at=at,
    )  # fmt: skip
    record("lead.added", of=lead, by=by.username, at=at, customer=customer.pk, source=source.pk)
    how = Consented.WEB if is_public else Consented.FORM
    _note_consent(lead, draft.numbers, basis, how=how, by=by)
    if source.is_dealt:
        _deal(customer, by=by, at=at)
    tell_all(lead=lead, by=by, at=at)
    return lead


def _note_consent(
    lead: Lead, numbers: Sequence[str], basis: Basis, *, how: Consented, by: User
) -> None:
    if basis.consented_at is None:
        return
    purposes = [Purpose.SALES, *([Purpose.CALLBACK] if basis.asked else [])]
    for e164 in numbers:
        for purpose in purposes:
            note_consent(
                e164=e164, purpose=purpose, is_given=True, basis=how,
                evidence=f"{basis.site}{basis.page}"[:300], origin=f"lead:{lead.pk}", by=by,
                at=basis.consented_at,
            )  # fmt: skip


def _deal(customer: Customer, *, by: User, at: datetime) -> None:
    """To somebody of the customer's team who is at work now; without such a one it waits in the
    pool."""
    people = list(User.objects.agents().filter(team=customer.team_id, is_active=True))
    if customer.team_id is None or not people:
        return
    offer = Offer(agents=people, seed=customer.pk, only_present=True)
    deal_customers(customer_ids=[customer.pk], offer=offer, by=by, at=at)
    customer.refresh_from_db(fields=["owner", "owned_since"])


def enrich(
    customer: Customer,
    draft: CustomerDraft,
    *,
    owners: Mapping[str, int],
    overwrite: bool = False,
    by: User,
    at: datetime,
) -> dict[str, object]:
    """Add to a customer what another origin knows more.

    owners     whose each number is already; these are not added
    overwrite  whether what is said differently by now is replaced too
    returns    what was changed, so that it can be taken back; see Lead.changes
    """
    added = [
        add_number(customer=customer, e164=e164, by=by, at=at).pk
        for e164 in draft.numbers
        if e164 not in owners
    ]
    changed: dict[str, Any] = {
        name: [known, said]
        for name in FILLABLE
        if _counts(said := getattr(draft, name), known := getattr(customer, name), overwrite)
    }
    details = {
        key: [known, said]
        for key, said in draft.profile.items()
        if _counts(said, known := customer.profile.get(key, ""), overwrite)
    }
    if changed or details:
        changes: dict[str, object] = {name: said for name, (_was, said) in changed.items()}
        if details:
            changes["profile"] = {key: said for key, (_was, said) in details.items()}
        fresh = update_customer(customer=customer, changes=changes, by=by, at=at)
        for name in changes:
            setattr(customer, name, getattr(fresh, name))
    if details:
        changed["profile"] = details
    return {what: value for what, value in {"numbers": added, "set": changed}.items() if value}


def _counts(said: object, known: object, overwrite: bool) -> bool:
    return bool(said) and said != known and (overwrite or not known)


def move_leads(duplicate: Customer, kept: Customer) -> None:
    """Every origin follows the merge: the kept customer answers where both numbers came from."""
    Lead.objects.filter(customer=duplicate).update(customer=kept)


def move_rows(duplicate: Customer, kept: Customer) -> None:
    Row.objects.filter(customer=duplicate).update(customer=kept)
