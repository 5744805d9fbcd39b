"""Dealing customers out: tried first, with reasons; and what each person takes."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from furrow.customers.filters import is_id
from furrow.customers.models import Customer, CustomerQuerySet
from furrow.customers.queries import filtered, found_by
from furrow.customers.rules import MOST_AT_ONCE
from furrow.organisation.http import Request, requires
from furrow.organisation.models import User
from furrow.organisation.rules import Act
from furrow.ownership.declarations import traits
from furrow.teamwork.actions import deal_customers, save_profile
from furrow.teamwork.forms import ProfileForm
from furrow.teamwork.queries.dealing import (
    Offer,
    held_by,
    new_seed,
    profile_of,
    profiles_of,
    propose,
)
from furrow.teamwork.rules import CannotDeal
from furrow.teamwork.strategies import strategies

from .page import tabs


@requires(Act.ASSIGN_CUSTOMERS)
@require_POST
def deal(request: Request) -> HttpResponse:
    """Deal the customers picked in the list. At first the choice of people; with `dry` what would
    happen; with `go` it happens, by the seed that was shown."""
    post, at = request.POST, timezone.now()
    ids = _pooled(request)
    people = User.objects.visible_to(request.user).agents().select_related("team")
    picked = people.filter(pk__in=filter(is_id, post.getlist("agents"))).order_by("pk")
    seed = post.get("seed", "")
    offer = Offer(
        agents=list(picked),
        seed=int(seed) if is_id(seed) else new_seed(at),
        only_present=bool(post.get("only_present")),
        evens_out=bool(post.get("evens_out")),
        insists=bool(post.get("insists")),
        strategy=post.get("strategy", ""),
    )
    if post.get("go"):
        dealing, _proposal = deal_customers(customer_ids=ids, offer=offer, by=request.user, at=at)
        total, left = sum(dealing.counts.values()), sum(dealing.left.values())
        said = ngettext("%(count)d customer dealt.", "%(count)d customers dealt.", total)
        messages.success(request, said % {"count": total})
        if left:
            messages.warning(request, _("%(count)d stay in the pool.") % {"count": left})
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = {"offer": offer, "pooled": len(ids), "most": MOST_AT_ONCE, "post": post}
    if post.get("dry"):
        if not offer.agents:
            raise CannotDeal(_("Choose at least one agent."), rule="B3")
        context["proposal"] = propose(ids, offer, at=at)
        return render(request, "teamwork/deal.html#proposal", context)
    context |= {
        "people": people.order_by("team__name", "display_name", "pk"),
        "strategies": strategies(),
        "ids": post.getlist("ids"),
        "all": post.get("all", ""),
        "query": post.get("query", ""),
        "text": post.get("q", ""),
    }
    return render(request, "teamwork/deal.html", context)


def _pooled(request: Request) -> list[int]:
    """Ids, in a pool, of the rows picked in the list, or of all that its filters match."""
    text = request.POST.get("q", "").strip()
    chosen: CustomerQuerySet = filtered(request.user, QueryDict(request.POST.get("query", "")))
    if text:
        chosen = found_by(chosen, text, region=settings.DEFAULT_REGION)
    if not request.POST.get("all"):
        chosen = chosen.filter(pk__in=filter(is_id, request.POST.getlist("ids")))
    mine_to_deal = Customer.objects.visible_to(request.user, Act.ASSIGN_CUSTOMERS)
    pooled = chosen.filter(pk__in=mine_to_deal.values("pk")).in_pool().order_by("pk")
    return list(pooled.values_list("pk", flat=True)[:MOST_AT_ONCE])


@requires(Act.ASSIGN_CUSTOMERS)
@require_GET
def profiles(request: Request) -> HttpResponse:
    """What everybody takes when customers are dealt."""
    people = list(
        User.objects.visible_to(request.user)
        .agents()
        .select_related("team")
        .order_by("team__name", "display_name", "pk")
    )
    known, held = profiles_of(people), held_by(people)
    labels = {
        trait.name: (trait.label, dict(trait.choices()) if trait.choices else {})
        for trait in traits()
    }
    rows = []
    for person in people:
        profile = profile_of(person, known)
        takes = [
            (labels[name][0], [labels[name][1].get(value, value) for value in values])
            for name, values in profile.accepts.items()
            if name in labels
        ]
        rows.append((person, profile, held.get(person.pk, 0), takes))
    return render(request, "teamwork/profiles.html", tabs(request, "profiles") | {"rows": rows})


@requires(Act.ASSIGN_CUSTOMERS)
@require_http_methods(["GET", "POST"])
def profile(request: Request, user_id: int) -> HttpResponse:
    """One person's share, limit and traits, in a dialog."""
    person = get_object_or_404(User.objects.visible_to(request.user).agents(), pk=user_id)
    form = ProfileForm(request.POST or None, profile=profile_of(person, profiles_of([person])))
    if request.method == "POST":
        if not form.is_valid():
            raise CannotDeal(str(next(iter(form.errors.values()))[0]), rule="H9")
        save_profile(
            user=person, share=form.cleaned_data["share"], most=form.cleaned_data["most"],
            accepts=form.accepts, by=request.user, at=timezone.now(),
        )  # fmt: skip
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "teamwork/profiles.html#editor", {"person": person, "form": form})
