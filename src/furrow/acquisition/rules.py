"""Words of where customers come from, and how a row's problem is said. No database."""

from collections.abc import Mapping

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class SourceKind(TextChoices):
    FILE = "file", _("File")
    BOUGHT = "bought", _("Bought list")
    FORM = "form", _("Form")
    API = "api", _("API")
    REFERRAL = "referral", _("Referral")
    EVENT = "event", _("Event")
    INBOUND = "inbound", _("Inbound call")


class LegalBasis(TextChoices):
    """On what ground the number may be kept and called (I1)."""

    CONSENT = "consent", _("Consent")
    CONTRACT = "contract", _("Contract")
    PUBLIC = "public", _("Lawfully published by the customer")
    INTEREST = "interest", _("Legitimate interest")


class BatchState(TextChoices):
    UPLOADED = "uploaded", _("Uploaded")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked")
    IMPORTING = "importing", _("Being imported")
    DONE = "done", _("Imported")
    FAILED = "failed", _("Failed")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


class RowState(TextChoices):
    READ = "read", _("Read")
    CREATED = "created", _("New customer")
    JOINED = "joined", _("Joined to a known customer")
    SKIPPED = "skipped", _("Skipped")
    FAILED = "failed", _("Not importable")


PROBLEMS: Mapping[str, str | Promise] = {
    "no_name": _("No name."),
    "no_number": _("No phone number."),
    "number_lost": _("The spreadsheet has lost the number's last digits (1.38E+10)."),
    "number_unreadable": _("This is not a phone number."),
    "number_impossible": _("No such number can exist: wrong length or unknown area."),
    "number_placeholder": _("A placeholder, not a number."),
    "ragged": _("The row has more cells than the header."),
    "several_customers": _("Its numbers belong to different customers already."),
}
