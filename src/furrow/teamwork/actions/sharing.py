"""Working on one customer together: until when, and for what share."""

from dataclasses import asdict
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from furrow.audit.actions import record
from furrow.common.realtime import publish
from furrow.customers.models import Customer
from furrow.organisation.models import User
from furrow.organisation.rules import Act
from furrow.teamwork.models import Collaboration, TermsVersion
from furrow.teamwork.queries.terms import terms_at
from furrow.teamwork.rules import TERMS, CannotShare, Terms, check_share


@transaction.atomic
def add_collaborator(
    *,
    customer: Customer,
    user: User,
    share: int,
    until: datetime,
    note: str = "",
    by: User,
    at: datetime,
) -> Collaboration:
    """Let `user` see the customer, and call, until then. The share counts for sales from now on.

    share  hundredths of a percent of the credit; 0 = helps without credit

    Raises CannotShare when it does not fit beside what was agreed with others.
    """
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    if customer.owner_id is None:
        raise CannotShare(_("Nobody owns this customer. Claim it first."), rule="B5")
    if customer.owner_id == user.pk:
        raise CannotShare(_("The owner needs no agreement with himself."), rule="B5")
    if not user.can(Act.USE_DESK):
        raise CannotShare(
            _("%(person)s does not look after customers. Choose an agent or a leader.")
            % {"person": user},
            rule="B5",
        )
    # One that ran out makes room for a new one.
    mine = Collaboration.objects.filter(customer=customer, ended_at=None)
    mine.filter(until__lte=at).update(ended_at=at)
    others = list(Collaboration.objects.standing(at).filter(customer=customer))
    if any(other.user_id == user.pk for other in others):
        raise CannotShare(
            _("%(person)s helps with this customer already. End that first.") % {"person": user},
            rule="B5",
        )
    check_share(
        share=share, agreed=sum(other.share for other in others), helpers=len(others),
        terms=terms_at(at), until=until, at=at,
    )  # fmt: skip
    agreed = Collaboration.objects.create(
        customer=customer, user=user, share=share, note=note.strip()[:200],
        since=at, until=until, by=by,
    )  # fmt: skip
    record(
        "collaboration.agreed", of=agreed, by=by.username, at=at,
        customer=customer.pk, user=user.pk, share=share, until=until,
    )  # fmt: skip
    publish("clash", topics=[f"user:{user.pk}"], customer=customer.pk)
    return agreed


@transaction.atomic
def end_collaboration(*, collaboration: Collaboration, by: User, at: datetime) -> bool:
    """From now on without. False if it had ended."""
    ended = Collaboration.objects.filter(pk=collaboration.pk, ended_at=None).update(ended_at=at)
    if ended:
        record("collaboration.ended", of=collaboration, by=by.username, at=at)
    return bool(ended)


def end_collaborations_of(person: User, *, by: User, at: datetime) -> int:
    """Somebody who leaves helps nobody any more. Returns how many ended."""
    ended = Collaboration.objects.filter(user=person, ended_at=None).update(ended_at=at)
    if ended:
        record("collaborations.ended", of=person, by=by.username, at=at, many=ended)
    return ended


@transaction.atomic
def save_terms(*, terms: Terms, by: User, at: datetime) -> TermsVersion:
    """New terms, from now on; what was decided under earlier ones stays. Raises CannotShare for
    a number outside its range."""
    for name, value in asdict(terms).items():
        label, least, most = TERMS[name]
        if not least <= value <= most:
            raise CannotShare(
                _("%(what)s: from %(least)d to %(most)d.")
                % {"what": label, "least": least, "most": most},
                rule="B3",
            )
    version = TermsVersion.objects.create(body=asdict(terms), by=by, at=at)
    record("terms.saved", of=version, by=by.username, at=at, **asdict(terms))
    return version
