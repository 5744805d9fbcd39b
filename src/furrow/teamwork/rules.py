"""Who decides between two who want one customer, how credit is cut, and what a hand-over owes.
No database, no clock, no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from furrow.common.refusal import Refused
from furrow.compliance.rules import DayKind
from furrow.science.allocation import split


class CannotSettle(Refused):
    """This clash cannot be decided, or appealed, by this person now."""


class CannotShare(Refused):
    """These people cannot work on this customer together like this."""


class CannotCredit(Refused):
    """A sale or a refund that does not fit what was told before."""


class CannotHandOver(Refused):
    """These customers cannot be handed over like this."""


class CannotDeal(Refused):
    """Customers cannot be dealt like this."""


class TooManyQuestions(Refused):
    """Asking whose somebody is, too often in an hour."""

    next_at: datetime


@dataclass(frozen=True)
class Terms:
    """What the company agreed about working together, in one version.

    keep_days        an owner who really worked on the customer within so many days keeps it (B3)
    decide_days      working days a leader has to decide a clash; then it goes to the managers
    appeal_days      working days in which a decision may be appealed, once
    lookups_per_hour how often one person may ask whose somebody is
    touch_days       working days within which a new owner reaches out after a hand-over (B6)
    most_helpers     collaborators one customer may have at once
    """

    keep_days: int = 14
    decide_days: int = 3
    appeal_days: int = 3
    lookups_per_hour: int = 30
    touch_days: int = 3
    most_helpers: int = 5


# What each may be set to: from, to.
TERMS: Mapping[str, tuple[str | Promise, int, int]] = {
    "keep_days": (_("Days after a real touch in which the owner keeps a customer by rule"), 0, 365),
    "decide_days": (_("Working days a leader has to decide a clash"), 1, 30),
    "appeal_days": (_("Working days in which a decision may be appealed"), 1, 30),
    "lookups_per_hour": (_("Questions “whose is it?” per person and hour"), 1, 1000),
    "touch_days": (_("Working days to the first touch after a hand-over"), 1, 60),
    "most_helpers": (_("Collaborators one customer may have at once"), 0, 20),
}
assert list(TERMS) == [field.name for field in fields(Terms)]  # noqa: S101


def after_working_days(start: datetime, days: int, calendar: Mapping[date, DayKind]) -> datetime:
    """The same time of day, `days` working days after `start`, in the zone of `start`.

    calendar  holidays and make-up workdays; other Saturdays and Sundays are free
    """
    moment = start
    while days > 0:
        moment += timedelta(days=1)
        kind = calendar.get(moment.date())
        if kind is None:
            kind = DayKind.WORKDAY if moment.weekday() < 5 else DayKind.HOLIDAY
        days -= kind == DayKind.WORKDAY
    return moment


# -- clashes ---------------------------------------------------------------------------------------


class Entrance(TextChoices):
    """How somebody came to want a customer who has an owner (B3)."""

    FORM = "form", _("Recording a customer")
    LOOK_UP = "lookup", _("Asking whose it is")
    IMPORT = "import", _("Importing a list")
    API = "api", _("Another system")
    CALL = "call", _("Making a call")


class ClashState(TextChoices):
    WAITING = "waiting", _("Waits for the leader")
    ESCALATED = "escalated", _("Waits for a manager")
    DECIDED = "decided", _("Decided, may be appealed")
    APPEALED = "appealed", _("Appealed, waits for a manager")
    CLOSED = "closed", _("Closed")


# Somebody has to decide these.
UNDECIDED = (ClashState.WAITING, ClashState.ESCALATED, ClashState.APPEALED)
# A further attempt by the same person belongs to these; later ones are a clash of their own.
LIVING = (*UNDECIDED, ClashState.DECIDED)


class Ruling(TextChoices):
    NONE = "", _("Not decided")
    HOLDER = "holder", _("The owner keeps the customer")
    CLAIMANT = "claimant", _("The customer goes to the one who asked")


class Grounds(TextChoices):
    """Why a clash was decided as it was."""

    NONE = "", ""
    WORKED = "worked", _("The owner really worked on the customer lately")
    NO_CLAIM = "no_claim", _("An import or another system takes no customer from its owner")
    PERSON = "person", _("Decided by a person")
    MOOT = "moot", _("The customer has changed hands in the meantime")


def rule_of(
    *, can_own: bool, last_act_at: datetime | None, terms: Terms, at: datetime
) -> Grounds | None:
    """On what grounds the owner keeps a customer by rule; None = somebody has to decide.

    can_own      whether the one who asks looks after customers at all
    last_act_at  when the owner last really worked on the customer; None = never
    """
    if not can_own:
        return Grounds.NO_CLAIM
    if last_act_at is not None and at - last_act_at <= timedelta(days=terms.keep_days):
        return Grounds.WORKED
    return None


@dataclass(frozen=True)
class Standing:
    """What deciding or appealing a clash depends on.

    in_reach   whether the person's right to settle clashes reaches this customer
    in_company whether it reaches the whole company, as a manager's does
    """

    state: ClashState
    ruling: Ruling
    due_at: datetime | None
    is_claimant: bool
    is_holder: bool
    in_reach: bool
    in_company: bool
    was_appealed: bool


def may_decide(standing: Standing) -> bool:
    """A leader decides first, never in his own matter; appeals and what is overdue, a manager."""
    if standing.is_claimant or standing.is_holder:
        return False
    if standing.state == ClashState.WAITING:
        return standing.in_reach
    return standing.state in UNDECIDED and standing.in_company


def check_decide(standing: Standing) -> None:
    """Raise CannotSettle unless this person may decide now."""
    if may_decide(standing):
        return
    if standing.state not in UNDECIDED:
        raise CannotSettle(
            _t("This clash is decided. The one it was decided against may appeal."), rule="B3"
        )
    if standing.is_claimant or standing.is_holder:
        raise CannotSettle(
            _t("Nobody decides in a matter of their own. A manager does."), rule="B3"
        )
    raise CannotSettle(_t("A manager decides this one."), rule="B3")


def may_appeal(standing: Standing, *, at: datetime) -> bool:
    """The one it was decided against, once, in time."""
    loses = (standing.is_claimant and standing.ruling == Ruling.HOLDER) or (
        standing.is_holder and standing.ruling == Ruling.CLAIMANT
    )
    in_time = standing.due_at is not None and at <= standing.due_at
    is_open = standing.state == ClashState.DECIDED and not standing.was_appealed
    return loses and in_time and is_open


def check_appeal(standing: Standing, *, words: str, at: datetime) -> None:
    """Raise CannotSettle unless this person may appeal now, and says why."""
    if not may_appeal(standing, at=at):
        raise CannotSettle(
            _t("Only the one it was decided against may appeal: once, and before the deadline."),
            rule="B3",
        )
    if not words.strip():
        raise CannotSettle(_t("Say why: a manager reads it beside the evidence."), rule="B3")


# -- shares ----------------------------------------------------------------------------------------

WHOLE = 10_000  # shares are counted in hundredths of a percent


def percent_of(share: int) -> str:
    """A share as people read it: 3000 is "30 %", 3333 is "33.33 %"."""
    return f"{share / 100:.2f}".rstrip("0").rstrip(".") + " %"


def check_share(
    *, share: int, agreed: int, helpers: int, terms: Terms, until: datetime, at: datetime
) -> None:
    """Raise CannotShare unless another collaborator fits beside those there are.

    share    of the credit, in hundredths of a percent; 0 = helps without credit
    agreed   what the other collaborators have, in the same measure
    """
    if helpers >= terms.most_helpers:
        raise CannotShare(
            _t("A customer has at most %(most)d collaborators. End one first.")
            % {"most": terms.most_helpers},
            rule="B5",
        )
    if not 0 <= share <= WHOLE or share + agreed > WHOLE:
        raise CannotShare(
            _t("All shares together are at most 100 %%; %(left)s is left.")
            % {"left": percent_of(WHOLE - agreed)},
            rule="B5",
        )
    if not at < until <= at + timedelta(days=366):
        raise CannotShare(_t("Choose a last day ahead, within a year."), rule="B5")


@dataclass(frozen=True)
class Part:
    """What one person gets of a sale; `person` None is the house, when nobody owned the customer.

    share  in hundredths of a percent; all parts of a sale sum to WHOLE
    """

    person: int | None
    share: int
    amount_minor: int


def parts_of_sale(
    *, amount_minor: int, owner: int | None, helpers: Sequence[tuple[int, int]]
) -> list[Part]:
    """How the credit for a sale is cut: the agreed shares, and the rest to the owner.

    helpers  (person, share in hundredths of a percent), each person once, together <= WHOLE

    The parts sum to the sale to the cent, by largest remainders; the owner's comes first, so that
    of equal remainders the owner gets the odd cent.
    """
    rest = WHOLE - sum(share for _person, share in helpers)
    shares = [(owner, rest), *helpers]
    amounts = split(amount_minor, [share for _person, share in shares])
    return [
        Part(person, share, amount)
        for (person, share), amount in zip(shares, amounts, strict=True)
        if share
    ]


def parts_of_refund(*, amount_minor: int, left: Sequence[int]) -> list[int]:
    """What each gives back of a refund: by what each still has of the sale, to the cent.

    left  what each was credited less what was taken back already, >= 0, together >= the refund
    A sale refunded whole, in whatever steps, leaves everybody with exactly nothing.
    """
    if not amount_minor:
        return [0] * len(left)
    return split(amount_minor, left)


# -- handing over ----------------------------------------------------------------------------------


class HandoverReason(TextChoices):
    LEAVING = "leaving", _("Leaves the company")
    PROMOTED = "promoted", _("Takes on other work")
    OVERLOAD = "overload", _("Has too many customers")


class HandoverState(TextChoices):
    PLANNED = "planned", _("Planned")
    RUNNING = "running", _("Running")
    DONE = "done", _("Completed")
    CANCELLED = "cancelled", _("Cancelled")


class ItemState(TextChoices):
    PLANNED = "planned", _("Planned")
    MOVED = "moved", _("With the heir")
    PASSED = "passed", _("Left: changed hands in the meantime")
    UNPLACED = "unplaced", _("Nobody had room")


def check_transition(*, is_whole: bool, reason: HandoverReason, freezes: bool) -> None:
    """Raise CannotHandOver for freezing somebody who stays."""
    if freezes and reason != HandoverReason.LEAVING:
        raise CannotHandOver(
            _t("Only somebody who leaves is signed out. Choose that reason, or leave them in."),
            rule="B6",
        )
    if freezes and not is_whole:
        raise CannotHandOver(
            _t("Somebody who leaves hands over everything. Remove the filter."), rule="B6"
        )


# -- why somebody was not dealt to anybody ---------------------------------------------------------

WHY_NOT: Mapping[str, str | Promise] = {
    "absent": _("is not at work now"),
    "share": _("takes no share"),
    "full": _("has no room left"),
}
