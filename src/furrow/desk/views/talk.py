"""The lines of a call, handled from the call bar: hold, mute, keys, and somebody else."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from furrow.calls.models import Call
from furrow.compliance.forms import NumberField
from furrow.customers.filters import is_id
from furrow.customers.models import Number
from furrow.desk.queries import current_call
from furrow.dialer.actions import (
    accept_call,
    ask_colleague,
    ask_hold,
    ask_mute,
    ask_outside,
    move_party,
    send_tones,
)
from furrow.dialer.models import Party
from furrow.dialer.queries import colleagues
from furrow.dialer.rules import CannotHandle, Place
from furrow.organisation.http import Request, requires, touched
from furrow.organisation.models import User
from furrow.organisation.rules import Act

KEYS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#")


@requires(Act.USE_DESK)
@require_POST
def hold(request: Request) -> HttpResponse:
    """F8: the customer waits with music, or is back."""
    wanted = bool(request.POST.get("on"))
    ask_hold(call=_call(request), is_held=wanted, by=request.user, at=timezone.now())
    return _done()


@requires(Act.USE_DESK)
@require_POST
def mute(request: Request) -> HttpResponse:
    """F7: nobody hears the agent, or everybody again."""
    wanted = bool(request.POST.get("on"))
    ask_mute(call=_call(request), is_muted=wanted, by=request.user, at=timezone.now())
    return _done()


@requires(Act.USE_DESK)
@require_GET
def keypad(request: Request) -> HttpResponse:
    """F6: the keys of a telephone, in a dialog."""
    return render(request, "desk/keypad.html", {"keys": KEYS})


@requires(Act.USE_DESK)
@require_POST
def tones(request: Request) -> HttpResponse:
    """A key of the keypad. The bar shows none of it, so nothing is told."""
    pressed = request.POST.get("tones", "")
    send_tones(call=_call(request), tones=pressed, by=request.user, at=timezone.now())
    return HttpResponse(status=204)


@requires(Act.USE_DESK)
@require_GET
def transfer(request: Request) -> HttpResponse:
    """F9: who could help, or take the call; `?name=` those whose name holds it."""
    named = request.GET.get("name", "").replace("\0", "").strip()[:60]
    found = colleagues(besides=request.user, named=named, at=timezone.now())
    part = "desk/transfer.html#colleagues" if "name" in request.GET else "desk/transfer.html"
    return render(request, part, {"colleagues": found, "named": named})


@requires(Act.USE_DESK)
@require_POST
def ask(request: Request) -> HttpResponse:
    """Ask a colleague (`colleague`) or ring somebody outside (`number`), to help or to take it."""
    at, call = timezone.now(), _call(request)
    wanted = Place.TAKE_OVER if request.POST.get("at_once") else Place.CONSULT
    if typed := request.POST.get("number", "").strip():
        number = _number(request, typed)
        ask_outside(call=call, number=number, wanted=wanted, by=request.user, at=at)
    else:
        wanted_id = _whole(request.POST, "colleague")
        colleague = get_object_or_404(User.objects.agents(), pk=wanted_id)  # everybody's
        ask_colleague(call=call, colleague=colleague, wanted=wanted, by=request.user, at=at)
    return _done(closes=True)


@requires(Act.USE_DESK)
@require_POST
def party(request: Request, party_id: int) -> HttpResponse:
    """Let somebody in one's own call join, take over or go; or leave another's oneself."""
    wanted = request.POST.get("wanted", "")
    live = Party.objects.visible_to(request.user).live().select_related("call")
    found = get_object_or_404(live, pk=party_id)
    is_own = found.call.agent_id == request.user.pk and not found.is_supervisor
    if not is_own and not (found.user_id == request.user.pk and wanted == Place.GONE):
        raise CannotHandle(_("Only whose call it is may do that."), rule="D1")
    if wanted in {Place.JOIN, Place.TAKE_OVER, Place.GONE}:
        why = "declined" if found.is_asked and not is_own else ""
        move_party(party=found, wanted=Place(wanted), by=request.user, at=timezone.now(), why=why)
    return _done()


@requires(Act.USE_DESK)
@require_POST
def accept(request: Request, party_id: int) -> HttpResponse:
    """A colleague's call is offered: yes. Too late is no error."""
    mine = Party.objects.visible_to(request.user).filter(user=request.user)
    asked = get_object_or_404(mine, pk=party_id)
    accept_call(party=asked, by=request.user, at=timezone.now())
    return _done()


def _call(request: Request) -> Call:
    call = current_call(request.user)
    if call is None:
        raise CannotHandle(_("You talk with nobody just now."), rule="D1")
    return call


def _number(request: Request, typed: str) -> Number:
    """A number somebody typed, as far as it is known and this person may see whose it is."""
    try:
        e164 = NumberField().clean(typed)
    except ValidationError as wrong:
        raise CannotHandle(wrong.messages[0], rule="D4") from wrong
    number = Number.objects.visible_to(request.user).filter(e164=e164).first()
    if number is None:
        raise CannotHandle(
            _(
                "Nobody you may call has this number. Add it to a customer first: a call without"
                " a permission does not exist."
            ),
            rule="D4",
        )
    touched(request, number.customer_id)
    return number


def _done(*, closes: bool = False) -> HttpResponse:
    """Only the bar shows what the lines do: it reads itself anew."""
    told = "furrow:call, furrow:close" if closes else "furrow:call"
    return HttpResponse(status=204, headers={"HX-Trigger": told})


def _whole(data: QueryDict, name: str) -> int:
    text = data.get(name) or ""
    return int(text) if is_id(text) else 0
