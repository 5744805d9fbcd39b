"""The places numbers come from."""

from datetime import datetime
from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from furrow.acquisition.models import Source
from furrow.acquisition.rules import CannotImport, LegalBasis, SourceKind
from furrow.audit.actions import record
from furrow.organisation.models import Team, User


class Facts(TypedDict, total=False):
    """What is said about a source; what is left out stays as it is."""

    name: str
    kind: SourceKind
    legal_basis: LegalBasis
    purpose: str
    region: str
    team: Team | None
    is_dealt: bool
    target: dict[str, object]  # rules.Target.stored


@transaction.atomic
def create_source(*, by: User, at: datetime, **facts: Unpack[Facts]) -> Source:
    """Record where numbers come from, on what ground and for what (A5). Raises CannotImport for
    a name that is taken or empty."""
    source = _saved(Source(created_at=at), facts)
    record("source.created", of=source, by=by.username, at=at, **_told(source))
    return source


@transaction.atomic
def change_source(*, source: Source, by: User, at: datetime, **facts: Unpack[Facts]) -> Source:
    """Correct what is said about a source. Raises CannotImport like `create_source`."""
    source = _saved(Source.objects.select_for_update().get(pk=source.pk), facts)
    record("source.changed", of=source, by=by.username, at=at, **_told(source))
    return source


def _told(source: Source) -> dict[str, str]:
    return {"kind": source.kind, "legal_basis": source.legal_basis}


def _saved(source: Source, facts: Facts) -> Source:
    for name, said in facts.items():
        setattr(source, name, said)
    source.name, source.purpose = source.name.strip(), source.purpose.strip()
    source.region = source.region.strip().upper()
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
    return source
