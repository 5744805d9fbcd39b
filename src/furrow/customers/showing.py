"""What of a customer one person is shown: the one serialiser.

Lists, records, search, exports, the API, duplicate checks and recordings all take a customer's
contact points and facts from here, so that a right changed in one table holds everywhere.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from furrow.organisation.models import Team, User
from furrow.organisation.rights import Field, Showing
from furrow.organisation.rules import Act, OwnerState, Scope

from .models import Customer
from .rules import FIELD_OF_BASIC, FIELD_OF_FACT
from .ties import Tie, ties

DOTS = "•••"


@dataclass(frozen=True)
class Standing:
    """How a person stands to a customer, and by which tie if by one."""

    state: OwnerState
    tie: Tie | None = None


@dataclass(frozen=True)
class Shown:
    """A customer as one person may see it. Read fields from here, not from the customer."""

    customer: Customer
    standing: Standing
    showings: Mapping[Field, Showing]

    # What everybody who may see the customer is shown.
    @property
    def id(self) -> int:
        return self.customer.pk

    @property
    def kind(self) -> str:
        return self.customer.kind

    @property
    def city(self) -> str:
        return self.customer.city

    @property
    def category(self) -> str:
        return self.customer.category

    @property
    def team_id(self) -> int | None:
        return self.customer.team_id

    @property
    def owned_since(self) -> datetime | None:
        return self.customer.owned_since

    @property
    def created_at(self) -> datetime:
        return self.customer.created_at

    @property
    def last_touch_at(self) -> datetime | None:
        return self.customer.last_touch_at

    # What depends on who looks.
    @property
    def name(self) -> str:
        """Masked until claimed, of a pooled customer before somebody who may claim it."""
        is_shown = self.showings[Field.NAME] is Showing.SHOWN
        return self.customer.name if is_shown else mask_name(self.customer.name)

    @property
    def is_nameless(self) -> bool:
        return self.showings[Field.NAME] is not Showing.SHOWN

    @property
    def email(self) -> str:
        return self._of(Field.EMAIL, self.customer.email, mask_email)

    @property
    def address(self) -> str:
        return self._of(Field.ADDRESS, self.customer.address, mask_address)

    @property
    def profile(self) -> dict[str, object]:
        """The facts by name; masked ones are dots, hidden ones are absent."""
        facts = {}
        for name, value in self.customer.profile.items():
            showing = self.showings[FIELD_OF_FACT.get(name, Field.PRIVATE)]
            if showing is Showing.SHOWN:
                facts[name] = value
            elif showing is Showing.MASKED and value not in ("", None):
                facts[name] = DOTS
        return facts

    @property
    def owner(self) -> str | None:
        return self.customer.owner.username if self.customer.owner else None

    def may_edit(self, name: str) -> bool:
        """Whether a basic field or fact may be typed into: shown, or nothing known to be seen."""
        field = FIELD_OF_BASIC.get(name) or FIELD_OF_FACT.get(name)
        if field is None or self.showings[field] is Showing.SHOWN:
            return True
        known = getattr(self.customer, name, "") if name in FIELD_OF_BASIC else ""
        return not (known or self.customer.profile.get(name))

    @property
    def is_whole(self) -> bool:
        """Whether every field is shown: then what a list said of the customer may be, too."""
        return all(showing is Showing.SHOWN for showing in self.showings.values())

    def _of(self, field: Field, value: str, masked: Callable[[str], str]) -> str:
        match self.showings[field]:
            case Showing.SHOWN:
                return value
            case Showing.MASKED:
                return masked(value) if value else ""
            case _:
                return ""


def mask_name(value: str) -> str:
    """
    >>> mask_name("欧阳识")
    '欧**'
    """
    return f"{value[:1]}**"


def mask_email(value: str) -> str:
    """
    >>> mask_email("wang.fang@example.com")
    'w•••@example.com'
    """
    name, at, domain = value.partition("@")
    return f"{name[:1]}{DOTS}{at}{domain}" if at else DOTS


def mask_address(value: str) -> str:
    """
    >>> mask_address("深圳市福田区深南大道1号")
    '深圳市福田区•••'
    """
    return f"{value[:6]}{DOTS}" if len(value) > 8 else f"{value[:2]}{DOTS}"


def shown_to(user: User, customers: Iterable[Customer]) -> list[Shown]:
    """These customers as `user` may see them, in their order. They are the user's to see already:
    start from `.visible_to(user)`. One query for each kind of tie, whatever their number."""
    tied = {pk: tie for tie in ties() for pk in tie.customers(user)}
    reached = set(user.teams(Act.VIEW_CUSTOMERS))
    showings = user.showings()

    def standing(customer: Customer) -> Standing:
        if customer.owner_id == user.pk:
            return Standing(OwnerState.OWN)
        if tie := tied.get(customer.pk):
            return Standing(tie.state, tie)
        if customer.owner_id is None:
            return Standing(OwnerState.POOL)
        is_near = customer.team_id in reached
        return Standing(OwnerState.TEAM if is_near else OwnerState.OTHER)

    found = []
    for customer in customers:
        stands = standing(customer)
        found.append(Shown(customer, stands, showings[stands.state]))
    return found


def name_for(user: User, customers: Iterable[Customer]) -> None:
    """Give each customer `shown_name`: what `user` may be told where a row about something else,
    a call-back or a hand-off, names its customer. Masked, too, where the customer is beyond reach.

    Two queries and one for each kind of tie, whatever their number.
    """
    named = list(customers)
    ids = {customer.pk for customer in named}
    reach = Customer.objects.visible_to(user).filter(pk__in=ids)
    visible = set(reach.order_by().values_list("pk", flat=True)) if ids else set()
    for shown in shown_to(user, named) if visible else ():
        if shown.id in visible:
            shown.customer.shown_name = shown.name
    for customer in named:
        if customer.pk not in visible:
            customer.shown_name = mask_name(customer.name)


@dataclass(frozen=True)
class Access:
    """Why somebody may do something with a customer, in words, or why not."""

    is_allowed: bool
    because: str
    withheld: str  # what is masked or hidden, in a sentence; "" = nothing

    @property
    def sentence(self) -> str:
        return " ".join(part for part in (self.because, self.withheld) if part)


def access_of(customer: Customer, *, user: User, act: Act = Act.VIEW_CUSTOMERS) -> Access:
    """ "Why can I see this?", and what of it is kept back. Asks the scope function itself, so the
    answer cannot differ from what lists and records do."""
    if not Customer.objects.visible_to(user, act).filter(pk=customer.pk).exists():
        return Access(False, _why_not(customer, user=user, act=act), "")
    return access_to(shown_to(user, [customer])[0], user=user, act=act)


def access_to(shown: Shown, *, user: User, act: Act = Act.VIEW_CUSTOMERS) -> Access:
    """The same for a customer known to be within reach of `act`; asks nothing twice."""
    return Access(True, _why(shown, user=user, act=act), _withheld(shown))


def _why(shown: Shown, *, user: User, act: Act) -> str:
    customer, role = shown.customer, user.get_role_display()
    if shown.standing.state is OwnerState.OWN:
        return _("You see this because you look after this customer.")
    if shown.standing.tie is not None:
        return str(shown.standing.tie.because)
    if user.scope(act) is Scope.ALL:
        return _("You see this because your role (%(role)s) reaches the whole company.") % {
            "role": role
        }
    team = str(customer.team or "")
    if customer.owner_id is None:
        return _("You see this because it waits in the pool of %(team)s.") % {"team": team}
    if customer.team_id == user.team_id:
        return _("You see this because you lead %(team)s.") % {"team": team}
    return _("You see this because %(team)s stands below the team you lead.") % {"team": team}


def _why_not(customer: Customer, *, user: User, act: Act) -> str:
    scope = user.scope(act)
    if scope is Scope.NONE:
        return _("Your role does not include “%(act)s”. Ask an administrator.") % {"act": act.label}
    if customer.owner_id is not None:
        return _("This customer belongs to %(owner)s, beyond what your role reaches.") % {
            "owner": customer.owner
        }
    team = Team.objects.filter(pk=customer.team_id or 0).first()
    return _("This customer waits in the pool of %(team)s, beyond what your role reaches.") % {
        "team": team or _("the company")
    }


def _withheld(shown: Shown) -> str:
    kept = [
        str(field.label)
        for field, showing in shown.showings.items()
        if showing is not Showing.SHOWN
    ]
    if not kept:
        return ""
    return _("Kept back for your role here: %(fields)s.") % {"fields": "; ".join(kept)}
