"""What may be taken away, and how a file is known again. No tables, no clock."""

import re
from collections.abc import Mapping
from datetime import timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused


class ExportState(TextChoices):
    ASKED = "asked", _("Waits for approval")
    APPROVED = "approved", _("Being written")
    READY = "ready", _("Ready to download")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Failed")
    EXPIRED = "expired", _("Deleted")


MOVES: Mapping[ExportState, frozenset[ExportState]] = {
    ExportState.ASKED: frozenset({ExportState.APPROVED, ExportState.REFUSED}),
    ExportState.APPROVED: frozenset({ExportState.READY, ExportState.FAILED}),
    ExportState.READY: frozenset({ExportState.EXPIRED}),
    ExportState.REFUSED: frozenset(),
    ExportState.FAILED: frozenset(),
    ExportState.EXPIRED: frozenset(),
}

KEPT_FOR = timedelta(days=3)  # then the file is deleted, and the request may be made again
LINK_SECONDS = 60  # a link to the file, from the click on Download
BAITS = 3  # planted records in each file: another three of them in each


class CannotExport(Refused):
    """This may not be taken away, not so, or not by this person."""


def check_eyes(*, asked_by: int, decided_by: int) -> None:
    """Four eyes: nobody decides about his own export."""
    if asked_by == decided_by:
        raise CannotExport(
            _t("Nobody approves an export of his own. Ask somebody else who may approve."),
            rule="I2",
        )


def check_quota(*, taken: int, rows: int, limit: int) -> None:
    """Raise CannotExport when these rows would be more than a day allows."""
    if taken + rows > limit:
        raise CannotExport(
            _t("You may take %(limit)s rows away in a day, and have taken %(taken)s; this would be "
               "%(rows)s more. Narrow it down, wait until tomorrow, or ask an administrator to "
               "raise the limit under “Roles and rights”.")
            % {"limit": f"{limit:,}", "taken": f"{taken:,}", "rows": f"{rows:,}"},
            rule="I2",
        )  # fmt: skip


# -- marks -----------------------------------------------------------------------------------------

_BITS = 32
_ZERO, _ONE, _EDGE = "\u200b", "\u200c", "\u2060"
_HIDDEN = re.compile(f"{_EDGE}([{_ZERO}{_ONE}]{{{_BITS}}}){_EDGE}")
_SEEN = re.compile(r"FX-(\d{1,18})-([0-9a-f]{8})")


def hidden_mark(mark: int) -> str:
    """32 bits in characters no screen shows; they stay in a cell that is copied elsewhere.

    >>> find_marks("王芳" + hidden_mark(0xC0FFEE))
    {12648430}
    """
    bits = f"{mark:0{_BITS}b}"
    return _EDGE + "".join(_ONE if bit == "1" else _ZERO for bit in bits) + _EDGE


def seen_mark(export_id: int, mark: int) -> str:
    """The mark everybody can read, in the last column of each row."""
    return f"FX-{export_id}-{mark:08x}"


def find_marks(text: str) -> set[int]:
    """Every mark in a text, hidden or seen."""
    hidden = {
        int("".join("1" if bit == _ONE else "0" for bit in bits), 2)
        for bits in _HIDDEN.findall(text)
    }
    return hidden | {int(mark, 16) for _id, mark in _SEEN.findall(text)}
