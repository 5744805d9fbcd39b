"""What people fill in to keep a hotline."""

from datetime import time
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from furrow.compliance.forms import WEEKDAYS
from furrow.organisation.models import Team
from furrow.science.linkage.numbers import read_numbers

from .actions import HotlineDraft
from .models import Hotline

_CLOCK = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class HotlineForm(forms.Form):
    e164 = forms.CharField(
        label=_("number that people call"), max_length=30, help_text=_("In any spelling.")
    )
    name = forms.CharField(
        label=_("name"), max_length=60, help_text=_("What the agent reads when it rings.")
    )
    team = forms.ModelChoiceField(label=_("team that answers"), queryset=Team.objects.none())
    callback_team = forms.ModelChoiceField(
        label=_("team that calls back"),
        queryset=Team.objects.none(),
        required=False,
        empty_label=_("the same team"),
        help_text=_("Whom nobody talked to. Customers with an owner are called back by the owner."),
    )
    opens = forms.TimeField(label=_("opens"), initial=time(9, 0), widget=_CLOCK)
    closes = forms.TimeField(
        label=_("closes"),
        initial=time(18, 0),
        widget=_CLOCK,
        help_text=_("00:00 means midnight at the end of the day."),
    )
    weekdays = forms.TypedMultipleChoiceField(
        label=_("on these days"),
        choices=WEEKDAYS,
        coerce=int,
        initial=[0, 1, 2, 3, 4],
        widget=forms.CheckboxSelectMultiple,
    )
    ring_seconds = forms.IntegerField(
        label=_("rings at one agent, seconds"), min_value=5, max_value=60, initial=15
    )
    queue_seconds = forms.IntegerField(
        label=_("longest wait, seconds"),
        min_value=0,
        max_value=1800,
        initial=60,
        help_text=_("Then the caller is promised to be called back."),
    )
    announcement = forms.CharField(
        label=_("announcement"),
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("What callers hear while they wait: the sound “queue”."),
    )
    promise = forms.CharField(
        label=_("promise to call back"),
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("What they hear before we hang up: the sound “callback”."),
    )
    is_active = forms.BooleanField(label=_("In use"), required=False, initial=True)

    def __init__(self, *args: Any, of: Hotline | None = None, **kwargs: Any) -> None:
        if of is not None:
            kwargs["initial"] = {
                name: getattr(of, name)
                for name in self.base_fields
                if name not in ("opens", "closes")
            } | {"opens": _clock(of.opens_minute), "closes": _clock(of.closes_minute)}
        super().__init__(*args, **kwargs)
        for name in ("team", "callback_team"):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
            field.queryset = Team.objects.order_by("name")

    def clean_e164(self) -> str:
        numbers = read_numbers(self.cleaned_data["e164"], region=settings.DEFAULT_REGION).numbers
        if not numbers:
            raise forms.ValidationError(_("This is not a phone number."))
        return numbers[0]

    def draft(self) -> HotlineDraft:
        data = dict(self.cleaned_data)
        opens, closes = data.pop("opens"), data.pop("closes")
        return HotlineDraft(
            opens_minute=_minute(opens), closes_minute=_minute(closes) or 24 * 60, **data
        )


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _clock(minute: int) -> time:
    return time(minute // 60 % 24, minute % 60)
