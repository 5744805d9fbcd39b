"""What people fill in to change the stages."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from furrow.organisation.models import Team, User
from furrow.ownership.declarations import traits
from furrow.ownership.forms import trait_field
from furrow.rulebooks.forms import ChangeForm

from .declarations import part_choices
from .rules import HIGHEST, MOVES, ExitOn, Stage

_EXITS = 3  # ways out of a stage
_PICK = {"class": "form-select"}


def _number(label: Any, *, most: int, least: int = 0, **more: Any) -> Any:
    return forms.IntegerField(
        label=label, min_value=least, max_value=most,
        widget=forms.NumberInput(attrs={"class": "form-control is-days", "inputmode": "numeric"}),
        **more,
    )  # fmt: skip


class StageForm(forms.Form):
    """One stage: whose it is, what a campaign of it begins with, who enters, what leads on."""

    team = forms.ChoiceField(
        label=_("team"), required=False,
        help_text=_("With a team, customers sent here wait until it accepts them."),
    )  # fmt: skip
    accept_hours = _number(_("hours to accept a hand-off"), least=1, most=720)
    script = forms.ChoiceField(label=_("script"), required=False)
    dispositions = forms.ChoiceField(label=_("dispositions"), required=False)
    calls_a_day = _number(_("calls per agent and day"), most=2000)
    pass_percent = _number(_("percent to go on rather than out"), most=100)

    def __init__(self, *args: Any, stage: Stage, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stage = stage
        teams = Team.objects.order_by("name").values_list("pk", "name")
        self._choose("team", _("Everybody’s"), teams)
        for part in ("script", "dispositions"):
            self._choose(part, _("None"), part_choices(part))
        for trait in traits():
            if trait.name not in {"stage", "cp", "level"}:  # nobody new has them
                self.fields[f"when_{trait.name}"] = trait_field(
                    trait, label=str(trait.label)
                )  # fmt: skip
        ways = [("", "–"), *ExitOn.choices]
        to = [(one.value, one.label) for one in Stage if one in MOVES[stage]]
        for place in range(_EXITS):
            self.fields[f"on{place}"] = forms.ChoiceField(
                label=_("goes on by"), choices=ways, required=False, widget=forms.Select(_PICK)
            )
            self.fields[f"least{place}"] = _number(_("at least"), most=HIGHEST, required=False)
            self.fields[f"to{place}"] = forms.ChoiceField(
                label=_("to"), choices=to, required=False, widget=forms.Select(_PICK)
            )

    def _choose(self, name: str, nothing: Any, choices: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [("", nothing), *choices]

    def own_fields(self) -> list[forms.BoundField]:
        others = ("on", "least", "to", "when_")
        return [field for field in self if not field.name.startswith(others)]

    def entry_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name.startswith("when_")]

    def begins_with(self) -> bool:
        """Whether anybody begins here but by default."""
        return any(field.value() for field in self.entry_fields())

    def exits(self) -> list[tuple[forms.BoundField, ...]]:
        return [
            tuple(self[f"{name}{place}"] for name in ("on", "least", "to"))
            for place in range(_EXITS)
        ]

    def said(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            **{name: data[name] for name in ("accept_hours", "calls_a_day", "pass_percent")},
            "team": int(data["team"]) if data["team"] else None,
            "script": int(data["script"] or 0),
            "dispositions": int(data["dispositions"] or 0),
            "enters": {
                name.removeprefix("when_"): sorted(values)
                for name, values in data.items()
                if name.startswith("when_") and values
            },
            "exits": [
                {
                    "on": data[f"on{place}"],
                    "least": data[f"least{place}"] or 0,
                    "to": data[f"to{place}"],
                }
                for place in range(_EXITS)
                if data[f"on{place}"]
            ],
        }


class HouseForm(forms.Form):
    """What holds for every stage."""

    no_intent_cp = _number(_("a CP up to this takes out; -1: none does"), least=-1, most=HIGHEST)
    level_days = _number(_("days of payments that make the level"), least=1, most=3650)
    levels = forms.CharField(
        label=_("yuan from which L1 to L5 begin"),
        max_length=80,
        help_text=_("Five amounts with spaces between them."),
    )

    def clean_levels(self) -> list[int]:
        words = str(self.cleaned_data["levels"]).replace(",", " ").replace("，", " ").split()
        amounts = [int(word) for word in words if word.isdecimal()]
        if len(amounts) != HIGHEST or len(words) != HIGHEST or amounts != sorted(set(amounts)):
            raise forms.ValidationError(_("Five whole amounts, each more than the one before."))
        return amounts


class StagesForms:
    """All rules of the pipeline as one page of forms; `body()` gives the JSON."""

    def __init__(self, body: Mapping[str, Any], data: Any = None) -> None:
        self.begun_from = body
        self.change = ChangeForm(data, initial={"days": 30})
        self.house = HouseForm(data, initial={**body, "levels": " ".join(map(str, body["levels"]))})
        self.stages = [
            StageForm(
                data, prefix=stage.value, stage=stage, initial=_initial(body["stages"][stage])
            )
            for stage in Stage
        ]

    def is_valid(self) -> bool:
        checked = [form.is_valid() for form in (self.change, self.house, *self.stages)]
        return all(checked)

    def body(self) -> dict[str, Any]:
        house = self.house.cleaned_data
        return {
            **deepcopy(dict(self.begun_from)),
            **house,
            "stages": {form.stage.value: form.said() for form in self.stages},
        }


def _initial(said: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in said.items() if name not in {"enters", "exits"}}
    shown |= {f"when_{trait}": values for trait, values in said["enters"].items()}
    for place, one in enumerate(said["exits"][:_EXITS]):
        shown |= {f"{name}{place}": one[name] for name in ("on", "least", "to")}
    return shown


class AcceptForm(forms.Form):
    """Which hand-offs, and who looks after the customers."""

    to = forms.ModelChoiceField(
        label=_("looked after by"), queryset=User.objects.none(), required=False,
        empty_label=_("Me"),
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["to"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = User.objects.visible_to(user).agents().order_by("display_name", "id")
