"""The places numbers come from."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from furrow.acquisition.models import Source
from furrow.acquisition.rules import CannotImport, LegalBasis, SourceKind
from furrow.audit.actions import record
from furrow.organisation.models import User


@transaction.atomic
def create_source(
    *,
    name: str,
    kind: SourceKind = SourceKind.FILE,
    legal_basis: LegalBasis = LegalBasis.CONSENT,
    purpose: str = "",
    region: str = "",
    by: User,
    at: datetime,
) -> Source:
    """Record where numbers come from, on what ground and for what (A5). Raises CannotImport for
    a name that is taken or empty."""
    source = Source(created_at=at)
    _fill(source, name, kind, legal_basis, purpose, region)
    record("source.created", of=source, by=by.username, at=at, kind=kind, legal_basis=legal_basis)
    return source


@transaction.atomic
def change_source(
    *,
    source: Source,
    name: str,
    kind: SourceKind,
    legal_basis: LegalBasis,
    purpose: str,
    region: str,
    by: User,
    at: datetime,
) -> Source:
    """Correct what is said about a source. Raises CannotImport like `create_source`."""
    source = Source.objects.select_for_update().get(pk=source.pk)
    _fill(source, name, kind, legal_basis, purpose, region)
    record("source.changed", of=source, by=by.username, at=at, kind=kind, legal_basis=legal_basis)
    return source


def _fill(
    source: Source,
    name: str,
    kind: SourceKind,
    legal_basis: LegalBasis,
    purpose: str,
    region: str,
) -> None:
    source.name, source.kind, source.legal_basis = name.strip(), kind, legal_basis
    source.purpose, source.region = purpose.strip(), region.strip().upper()
    if not source.name:
        raise CannotImport(_("Give the source a name."), rule="A5")
    try:
        with transaction.atomic():
            source.save()
    except IntegrityError:
        raise CannotImport(
            _("There is a source “%(name)s” already. Choose it, or another name.")
            % {"name": source.name},
            rule="A5",
        ) from None
