"""What people fill in to make a campaign, a script and its dispositions."""

import re
from collections.abc import Sequence
from datetime import time
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from furrow.organisation.models import Team, User
from furrow.pipeline.rules import Stage

from .actions import CampaignDraft, Dialing
from .models import Campaign, DispositionSet, ScriptVersion
from .queries import ListShare
from .rules import DialMode

_TEXT = {"class": "form-control"}
_PICK = {"class": "form-select"}


class DialingForm(forms.Form):
    """How a campaign dials; a part of the new campaign's form, and a dialog of its own later."""

    dial_mode = forms.ChoiceField(
        label=_("dial mode"),
        choices=DialMode,
        initial=DialMode.MANUAL,
        widget=forms.Select(attrs=_PICK),
    )
    preview_seconds = forms.IntegerField(
        label=_("seconds of preview"),
        min_value=0,
        max_value=600,
        initial=30,
        widget=forms.NumberInput(attrs=_TEXT),
        help_text=_("Then the number is dialled by itself; 0 waits for the agent."),
    )
    abandon_percent = forms.DecimalField(
        label=_("abandon limit, %"),
        min_value=0,
        max_value=5,
        decimal_places=1,
        initial=Decimal("2.5"),
        widget=forms.NumberInput(attrs={**_TEXT, "step": "0.1"}),
        help_text=_("Of the calls people answer, so many may find no agent within 2 s."),
    )
    abandon_window_hours = forms.IntegerField(
        label=_("hours the limit is counted over"),
        min_value=1,
        max_value=720,
        initial=24,
        widget=forms.NumberInput(attrs=_TEXT),
        help_text=_("As the law counts: 24 in the UK, 720 in the US."),
    )
    machine_error_percent = forms.DecimalField(
        label=_("people taken for machines, %"),
        min_value=0,
        max_value=50,
        decimal_places=1,
        initial=Decimal("2.0"),
        widget=forms.NumberInput(attrs={**_TEXT, "step": "0.1"}),
        help_text=_("They are counted as abandoned, as an estimate."),
    )
    small_team = forms.IntegerField(
        label=_("small team, agents"),
        min_value=0,
        max_value=50,
        initial=5,
        widget=forms.NumberInput(attrs=_TEXT),
        help_text=_("With fewer agents at work, predictive dials one line for each free agent."),
    )
    callback_minutes = forms.IntegerField(
        label=_("minutes a call-back waits for its agent"),
        min_value=0,
        max_value=240,
        initial=5,
        widget=forms.NumberInput(attrs=_TEXT),
        help_text=_("Then anybody of the team keeps the promise."),
    )
    ring_seconds = forms.IntegerField(
        label=_("seconds to ring"),
        min_value=15,
        max_value=60,
        initial=30,
        widget=forms.NumberInput(attrs=_TEXT),
    )
    most_attempts = forms.IntegerField(
        label=_("attempts per customer"),
        min_value=1,
        max_value=50,
        initial=6,
        widget=forms.NumberInput(attrs=_TEXT),
    )
    attempts_per_slot = forms.IntegerField(
        label=_("attempts per part of the day"),
        min_value=1,
        max_value=50,
        initial=1,
        widget=forms.NumberInput(attrs=_TEXT),
        help_text=_("Morning, noon, afternoon and evening, the customer's time."),
    )
    weight = forms.IntegerField(
        label=_("weight"),
        min_value=1,
        max_value=10,
        initial=5,
        widget=forms.NumberInput(attrs=_TEXT),
        help_text=_("Its part of an agent's time beside the agent's other campaigns, 1 to 10."),
    )

    def __init__(self, *args: Any, of: Campaign | None = None, **kwargs: Any) -> None:
        if of is not None:
            kwargs["initial"] = {name: getattr(of, name) for name in self.base_fields}
        super().__init__(*args, **kwargs)
        self._of = of

    def dialing(self) -> Dialing:
        """What was filled in; what the form does not ask stays as it is."""
        kept: dict[str, Any] = {}
        if self._of is not None:
            kept = {name: getattr(self._of, name) for name in ("slots", "retry_minutes", "mix")}
        data = self.cleaned_data
        return Dialing(**{**data, "dial_mode": DialMode(data["dial_mode"]), **kept})


class AgentsForm(forms.Form):
    """Who works on a campaign."""

    agents_chosen = forms.ModelMultipleChoiceField(
        label=_("agents"),
        queryset=User.objects.none(),
        widget=forms.SelectMultiple(attrs={**_PICK, "data-search": ""}),
    )

    def __init__(self, *args: Any, user: User, of: Campaign, **kwargs: Any) -> None:
        chosen = of.agents.order_by("pk")
        kwargs["initial"] = {"agents_chosen": list(chosen)}
        super().__init__(*args, **kwargs)
        field = self.fields["agents_chosen"]
        assert isinstance(field, forms.ModelMultipleChoiceField)  # noqa: S101
        may_choose = User.objects.visible_to(user).agents() | User.objects.filter(pk__in=chosen)
        field.queryset = may_choose.distinct().order_by("team__name", "display_name")

    def agents(self) -> list[User]:
        return list(self.cleaned_data["agents_chosen"])


class MixForm(forms.Form):
    """What part of the calls goes to each list of a campaign: one field per list."""

    def __init__(self, *args: Any, lists: Sequence[ListShare], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for one in lists:
            self.fields[f"list_{one.source_id}"] = forms.IntegerField(
                label=one.name,
                min_value=0,
                max_value=100,
                required=False,
                initial=one.share,
                widget=forms.NumberInput(attrs=_TEXT),
            )

    def mix(self) -> list[dict[str, int]]:
        """Lists with a share; none given means by priority alone."""
        return [
            {"source": int(name.removeprefix("list_")), "share": share}
            for name, share in self.cleaned_data.items()
            if share
        ]


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

    def draft(self, dialing: Dialing) -> CampaignDraft:
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
            dialing=dialing,
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
