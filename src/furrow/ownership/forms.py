"""What people fill in to change ownership rules and to leave days out of the count."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from furrow.organisation.models import Team, User
from furrow.organisation.rules import Role
from furrow.rulebooks.forms import ChangeForm

from .declarations import Trait, traits
from .rules import PauseKind, Reach

_MOST_ROWS = 12  # pools
_PERIOD_ROWS = 5  # rows of periods in a pool


def _days(label: Any, *, required: bool = True, most: int = 730, least: int = 0) -> Any:
    return forms.IntegerField(
        label=label, min_value=least, max_value=most, required=required,
        widget=forms.NumberInput(attrs={"class": "form-control is-days", "inputmode": "numeric"}),
    )  # fmt: skip


class HouseForm(forms.Form):
    """What holds for every pool."""

    is_on = forms.BooleanField(
        label=_("Customers return to the pool by themselves"), required=False
    )
    talk_seconds = _days(_("seconds of talk that count as a real conversation"), most=3600)
    taken_days = _days(_("days safe after taking over"), most=365)
    protect_medium = _days(_("days safe after a next step was agreed"), most=365)
    protect_strong = _days(_("days safe after interest, or when a leader keeps it"), most=365)
    protect_order = _days(_("days safe after an order"), most=365)
    soft_hours = _days(_("hours in which a leader may keep it"), most=240)
    gone_hours = _days(_("hours to hand over what a leaver owned"), most=2400)
    warn_days = forms.CharField(
        label=_("warn the owner, days before"),
        max_length=40,
        help_text=_("Several, with spaces: 7 3 1"),
    )
    cool_released = _days(_("days until somebody may claim again what he gave back"), most=365)
    cool_returned = _days(_("days until somebody may claim again what he lost"), most=365)
    rest_owners = _days(_("a customer rests after so many owners"), least=2, most=50)
    rest_days = _days(_("within so many days"), least=1, most=365)
    rest_hours = _days(_("for so many hours"), most=1000)
    farming_releases = _days(_("claims given back unworked that stop claiming"), least=1, most=1000)
    farming_days = _days(_("within so many days"), least=1, most=365)

    def clean_warn_days(self) -> list[int]:
        words = str(self.cleaned_data["warn_days"]).replace(",", " ").replace("，", " ").split()
        if not all(word.isdecimal() and 1 <= int(word) <= 60 for word in words):
            raise forms.ValidationError(_("Whole days from 1 to 60, with spaces between them."))
        return [int(word) for word in words]


class WordsField(forms.CharField):
    """Words told apart by commas, western or Chinese; a list when they are clean."""

    def prepare_value(self, value: Any) -> Any:
        return "，".join(value) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> list[str]:
        said = super().clean(value).replace("，", ",").replace("、", ",").split(",")
        return [word.strip() for word in said if word.strip()]


def trait_field(
    trait: Trait, *, label: str = "", widget: forms.Widget | None = None
) -> forms.Field:
    """Which values of a trait are meant; none chosen means all."""
    label = label or str(trait.label)
    if trait.choices is None:
        help_text = _("Only these, told apart by commas. Empty = all.")
        return WordsField(label=label, max_length=500, required=False, help_text=help_text)
    return forms.MultipleChoiceField(
        label=label,
        choices=trait.choices(),
        required=False,
        widget=widget or forms.SelectMultiple(),
    )


class PoolForm(forms.Form):
    """One pool; a row without a key is a new one, one without a name is left out."""

    key = forms.CharField(required=False, widget=forms.HiddenInput())
    name = forms.CharField(label=_("name"), max_length=80, required=False)
    teams = forms.ModelMultipleChoiceField(
        label=_("teams"), queryset=Team.objects.none(), required=False,
        help_text=_("None chosen: customers of every team."),
    )  # fmt: skip
    seen_by = forms.ChoiceField(label=_("who sees it"), choices=Reach.choices, required=False)
    claimed_by = forms.ChoiceField(label=_("who may claim"), choices=Reach.choices, required=False)
    claims_per_day = _days(_("claims a day"), required=False, most=10_000)
    held_agent = _days(_("most customers of an agent"), required=False, most=100_000)
    held_leader = _days(_("most customers of a leader"), required=False, most=100_000)
    most_unworked = _days(_("most of them unworked"), required=False, least=1, most=100_000)
    protected_percent = _days(_("percent of them protected by results"), required=False, most=100)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["teams"].queryset = Team.objects.order_by("name")  # type: ignore[attr-defined]
        for trait in traits():
            self.fields[f"when_{trait.name}"] = trait_field(trait)


class ClocksForm(forms.Form):
    """Periods for some customers of a pool; an empty row is left out."""

    first_days = _days(_("days for the first conversation"), required=False)
    next_days = _days(_("days until the next one"), required=False)
    deal_days = _days(_("days until a sale"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for trait in traits():
            self.fields[f"when_{trait.name}"] = trait_field(trait)


class RulesForms:
    """All ownership rules as one page of forms; `body()` gives the JSON that `set_rules` takes."""

    def __init__(self, body: Mapping[str, Any], data: Any = None) -> None:
        self.begun_from = body
        self.change = ChangeForm(data, initial={"days": 30})
        self.house = HouseForm(data, initial=_house(body))
        said = [*body["pools"]] if data is None else []
        count = int(data.get("pools") or 0) if data is not None else len(said) + 1
        self.pools: list[tuple[PoolForm, list[ClocksForm]]] = []
        for place in range(min(count, _MOST_ROWS)):
            one = said[place - 1] if said and place else None  # the first row is for a new one
            prefix = f"pool{place}"
            form = PoolForm(data, prefix=prefix, initial=_pool(one) if one else _FRESH)
            rows = [*one["clocks"]] if one else []
            clocks = [
                ClocksForm(
                    data, prefix=f"{prefix}-clocks{row}",
                    initial=_clocks(rows[row - 1]) if rows and 0 < row <= len(rows) else {},
                )
                for row in range(_PERIOD_ROWS)
            ]  # fmt: skip
            self.pools.append((form, clocks))

    def is_valid(self) -> bool:
        forms_ = [self.house, self.change]
        for pool, clocks in self.pools:
            forms_ += [pool, *clocks]
        checked = [form.is_valid() for form in forms_]  # each, so that all mistakes are shown
        return all(checked)

    def body(self) -> dict[str, Any]:
        """The rules as they were posted; parts the page does not show stay as they were."""
        body: dict[str, Any] = deepcopy(dict(self.begun_from))
        house = self.house.cleaned_data
        body |= {
            "is_on": house["is_on"],
            "talk_seconds": house["talk_seconds"],
            "taken_days": house["taken_days"],
            "protect_days": {
                "weak": 0, "medium": house["protect_medium"], "strong": house["protect_strong"],
                "order": house["protect_order"],
            },
            "cool_down_days": {
                "released": house["cool_released"], "returned": house["cool_returned"], "other": 0
            },
            "rest": {
                "owners": house["rest_owners"], "days": house["rest_days"],
                "rest_hours": house["rest_hours"],
            },
            "farming": {
                **body["farming"], "releases": house["farming_releases"],
                "days": house["farming_days"],
            },
            "warn_days": house["warn_days"],
            "soft_hours": house["soft_hours"],
            "gone_hours": house["gone_hours"],
            "pools": [],
        }  # fmt: skip
        for pool, clocks in self.pools:
            given = pool.cleaned_data
            if not given["key"] and not given["name"].strip():
                continue
            body["pools"].append(
                {
                    "key": given["key"] or f"new-{given['name'].strip()}"[:40],
                    "name": given["name"].strip(),
                    "teams": sorted(team.pk for team in given["teams"]),
                    "when": _said(given),
                    "seen_by": given["seen_by"] or "team",
                    "claimed_by": given["claimed_by"] or "team",
                    "claims_per_day": given["claims_per_day"] or 0,
                    "most_held": {
                        "agent": given["held_agent"] or 0, "leader": given["held_leader"] or 0
                    },
                    "most_unworked": given["most_unworked"] or 1,
                    "protected_percent": given["protected_percent"] or 0,
                    "clocks": [
                        {
                            "when": _said(row.cleaned_data),
                            "first_days": row.cleaned_data["first_days"],
                            "next_days": row.cleaned_data["next_days"],
                            "deal_days": row.cleaned_data["deal_days"],
                        }
                        for row in clocks
                        if any(row.cleaned_data.values())
                    ],
                }
            )  # fmt: skip
        return body


def _said(given: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        name.removeprefix("when_"): sorted(values)
        for name, values in given.items()
        if name.startswith("when_") and values
    }


def _house(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "is_on": body["is_on"],
        "talk_seconds": body["talk_seconds"],
        "taken_days": body["taken_days"],
        "protect_medium": body["protect_days"]["medium"],
        "protect_strong": body["protect_days"]["strong"],
        "protect_order": body["protect_days"]["order"],
        "soft_hours": body["soft_hours"],
        "gone_hours": body["gone_hours"],
        "warn_days": " ".join(map(str, body["warn_days"])),
        "cool_released": body["cool_down_days"]["released"],
        "cool_returned": body["cool_down_days"]["returned"],
        "rest_owners": body["rest"]["owners"],
        "rest_days": body["rest"]["days"],
        "rest_hours": body["rest"]["rest_hours"],
        "farming_releases": body["farming"]["releases"],
        "farming_days": body["farming"]["days"],
    }


_FRESH: dict[str, Any] = {
    "seen_by": "team", "claimed_by": "team", "claims_per_day": 30, "held_agent": 1000,
    "held_leader": 1000, "most_unworked": 20, "protected_percent": 30,
}  # fmt: skip


def _pool(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": one["key"],
        "name": one["name"],
        "teams": one["teams"],
        "seen_by": one["seen_by"],
        "claimed_by": one["claimed_by"],
        "claims_per_day": one["claims_per_day"],
        "held_agent": one["most_held"].get("agent"),
        "held_leader": one["most_held"].get("leader"),
        "most_unworked": one["most_unworked"],
        "protected_percent": one["protected_percent"],
        **{f"when_{trait}": values for trait, values in one["when"].items()},
    }


def _clocks(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "first_days": row["first_days"],
        "next_days": row["next_days"],
        "deal_days": row["deal_days"],
        **{f"when_{trait}": values for trait, values in row["when"].items()},
    }


class PauseForm(forms.Form):
    """Leave of one agent, or with nobody chosen an outage for everybody."""

    agent = forms.ModelChoiceField(
        label=_("who"),
        queryset=User.objects.none(),
        required=False,
        empty_label=_("Everybody (an outage)"),
    )
    starts_at = forms.DateTimeField(
        label=_("from"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    ends_at = forms.DateTimeField(
        label=_("until"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    note = forms.CharField(label=_("reason"), max_length=200, required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.visible_to(user).filter(role__in=[Role.AGENT, Role.LEADER])
        self.fields["agent"].queryset = people.order_by("display_name", "id")  # type: ignore[attr-defined]

    @property
    def kind(self) -> PauseKind:
        return PauseKind.LEAVE if self.cleaned_data["agent"] else PauseKind.OUTAGE

    @property
    def span(self) -> tuple[datetime, datetime]:
        return self.cleaned_data["starts_at"], self.cleaned_data["ends_at"]


class MailForm(forms.Form):
    address = forms.EmailField(label=_("e-mail"), max_length=254)
