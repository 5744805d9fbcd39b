"""What the desk's form says, read strictly: a wrong field is refused, never guessed."""

from datetime import datetime

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from furrow.calls.models import Call
from furrow.campaigns.models import Disposition
from furrow.common.phone import zone
from furrow.customers.filters import is_id
from furrow.followups.queries import BOOK
from furrow.followups.rules import Promise
from furrow.pipeline.rules import check_score
from furrow.rulebooks.queries import rules_at

from .actions import WrapUp
from .queries import Seat, suggested
from .rules import STEP_BY_CODE, CannotFinish, due_of


class WrapUpForm:
    """Reads the wrap-up of one call.

    Fields: disposition (id; may be empty when the line's word suggests one), cp, pi (0–5 or empty),
    next (a step's code or empty), due (local date and time, or empty; then it is a promise),
    remark, promise (places in the rules' list, several).
    """

    def __init__(self, data: QueryDict, *, call: Call, seat: Seat | None, at: datetime) -> None:
        self.data = data
        self.call = call
        self.seat = seat if seat and seat.call == call else None
        self.at = at

    def result(self) -> WrapUp:
        """Raises CannotFinish or BadScore saying what is missing or wrong."""
        due_at, is_promise = self._due()
        return WrapUp(
            disposition=self._disposition(),
            cp=self._score("cp"),
            pi=self._score("pi"),
            due_at=due_at,
            is_promise=is_promise,
            remark=(self.data.get("remark") or "").strip()[:1000],
            promises=self._promises(),
        )

    def _promises(self) -> list[Promise]:
        """Those ticked, by their place in the rules."""
        offered = rules_at(BOOK, self.at).promises
        ticked = {int(one) for one in self.data.getlist("promise") if one.isdecimal()}
        return [promise for place, promise in enumerate(offered, start=1) if place in ticked]

    def _disposition(self) -> Disposition:
        given = self.data.get("disposition") or ""
        offered = self.seat.dispositions if self.seat else []
        chosen = next((d for d in offered if str(d.pk) == given), None)
        if chosen is None and not given and self.seat is not None:
            chosen = suggested(self.seat)
        if chosen is None:
            raise CannotFinish(_("Choose what came of the call (keys 1 to 9)."), rule="E3")
        return chosen

    def _score(self, name: str) -> int | None:
        given = self.data.get(name) or ""
        if not given:
            return None
        value = int(given) if is_id(given) else -1
        check_score(value)
        return value

    def _due(self) -> tuple[datetime | None, bool]:
        """When, and whether the customer was promised that very time."""
        if exact := self.data.get("due"):
            try:
                moment = parse_datetime(exact)
            except ValueError:  # a date no calendar has
                moment = None
            if moment is None:
                raise CannotFinish(_("This is not a date and time."), rule="E3")
            if timezone.is_naive(moment):
                moment = timezone.make_aware(moment)
            return moment, True
        step = STEP_BY_CODE.get(self.data.get("next") or "")
        if step is None:
            return None, False
        local_now = self.at.astimezone(zone(self.call.number.time_zone))
        return due_of(step, local_now=local_now), False
