"""What people fill in to make a campaign, a script and its dispositions."""

import re
from datetime import time
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from furrow.organisation.models import Team, User
from furrow.pipeline.rules import Stage

from .actions import CampaignDraft
from .models import Campaign, DispositionSet, ScriptVersion

_TEXT = {"class": "form-control"}
_PICK = {"class": "form-select"}


class CampaignForm(forms.Form):
    name = forms.CharField(label=_("name"), max_length=80, widget=forms.TextInput(attrs=_TEXT))
    stage = forms.ChoiceField(label=_("stage"), choices=Stage, widget=forms.Select(attrs=_PICK))
    product = forms.CharField(
        label=_("product"), max_length=80, required=False, widget=forms.TextInput(attrs=_TEXT)
    )
    script_version = forms.ModelChoiceField(
        label=_("script"),
        queryset=ScriptVersion.objects.none(),
        widget=forms.Select(attrs=_PICK),
    )
    disposition_set = forms.ModelChoiceField(
        label=_("dispositions"),
        queryset=DispositionSet.objects.none(),
        widget=forms.Select(attrs=_PICK),
    )
    opens = forms.TimeField(
        label=_("calls from"),
        initial=time(9, 0),
        widget=forms.TimeInput(attrs={**_TEXT, "type": "time"}, format="%H:%M"),
        help_text=_("The customer's own time. The law's hours apply as well."),
    )
    closes = forms.TimeField(
        label=_("until"),
        initial=time(20, 0),
        widget=forms.TimeInput(attrs={**_TEXT, "type": "time"}, format="%H:%M"),
        help_text=_("00:00 means midnight at the end of the day."),
    )
    agents = forms.ModelMultipleChoiceField(
        label=_("agents"),
        queryset=User.objects.none(),
        widget=forms.SelectMultiple(attrs={**_PICK, "data-search": ""}),
    )
    team = forms.ModelChoiceField(
        label=_("team"),
        queryset=Team.objects.none(),
        required=False,
        widget=forms.Select(attrs=_PICK),
    )
    target_attempts_per_agent_day = forms.IntegerField(
        label=_("calls per agent and day"),
        min_value=1,
        max_value=1000,
        initial=150,
        widget=forms.NumberInput(attrs=_TEXT),
    )
    target_conversions = forms.IntegerField(
        label=_("conversions in all"),
        min_value=0,
        initial=0,
        widget=forms.NumberInput(attrs=_TEXT),
    )
    audience = forms.CharField(required=False, max_length=500, widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        latest = ScriptVersion.objects.select_related("script").order_by("script__name", "-version")
        self._choose("script_version", latest)
        self._choose("disposition_set", DispositionSet.objects.order_by("name"))
        self._choose(
            "agents", User.objects.visible_to(user).agents().order_by("team__name", "display_name")
        )
        self._choose("team", Team.objects.visible_to(user).order_by("name"))

    def _choose(self, name: str, queryset: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = queryset
        if field.required and name != "agents":
            # Where there is a choice of one, or a newest, it is chosen already.
            field.empty_label = None

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        if Campaign.objects.filter(name=name).exists():
            raise forms.ValidationError(_("There is a campaign of this name. Choose another."))
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("opens") is not None and data.get("closes") is not None:
            opens, closes = _minute(data["opens"]), _minute(data["closes"]) or 24 * 60
            if opens >= closes:
                self.add_error("closes", _("The hours must open before they close."))
        return data

    def draft(self) -> CampaignDraft:
        data = self.cleaned_data
        return CampaignDraft(
            name=data["name"],
            stage=Stage(data["stage"]),
            product=data["product"],
            script_version=data["script_version"],
            disposition_set=data["disposition_set"],
            agents=list(data["agents"]),
            opens_minute=_minute(data["opens"]),
            closes_minute=_minute(data["closes"]) or 24 * 60,
            team=data["team"],
            audience=data["audience"],
            target_attempts_per_agent_day=data["target_attempts_per_agent_day"],
            target_conversions=data["target_conversions"],
        )


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute


class ScriptForm(forms.Form):
    """A script as text: the opening, steps as "title: words", objections as "when => say"."""

    name = forms.CharField(label=_("name"), max_length=80, widget=forms.TextInput(attrs=_TEXT))
    opening = forms.CharField(
        label=_("opening"), max_length=2000, widget=forms.Textarea(attrs={**_TEXT, "rows": 3})
    )
    steps = forms.CharField(
        label=_("steps"),
        required=False,
        max_length=8000,
        help_text=_("One step per line: title: what to say"),
        widget=forms.Textarea(attrs={**_TEXT, "rows": 6}),
    )
    objections = forms.CharField(
        label=_("objections"),
        required=False,
        max_length=8000,
        help_text=_("One per line: what the customer says => what to answer"),
        widget=forms.Textarea(attrs={**_TEXT, "rows": 6}),
    )

    def _pairs(self, name: str, mark: str, keys: tuple[str, str]) -> list[dict[str, str]]:
        pairs = []
        for number, line in enumerate(self.cleaned_data[name].splitlines(), start=1):
            if not line.strip():
                continue
            # A Chinese keyboard writes the colon full-width; what is said keeps its own.
            parts = re.split(mark.replace(":", "[:：]"), line, maxsplit=1)
            if len(parts) < 2 or not all(part.strip() for part in parts):
                raise forms.ValidationError(
                    _("Line %(number)d lacks “%(mark)s” between its two parts."),
                    params={"number": number, "mark": mark},
                )
            pairs.append({key: part.strip() for key, part in zip(keys, parts, strict=True)})
        return pairs

    def clean_steps(self) -> list[dict[str, str]]:
        return self._pairs("steps", ":", ("title", "say"))

    def clean_objections(self) -> list[dict[str, str]]:
        return self._pairs("objections", "=>", ("when", "say"))

    def body(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "opening": data["opening"],
            "steps": data["steps"],
            "objections": data["objections"],
        }


def as_text(body: dict[str, Any]) -> dict[str, str]:
    """A stored script as the form's text, to edit it into its next version."""
    return {
        "opening": body.get("opening", ""),
        "steps": "\n".join(f"{s['title']}: {s['say']}" for s in body.get("steps", [])),
        "objections": "\n".join(f"{o['when']} => {o['say']}" for o in body.get("objections", [])),
    }
