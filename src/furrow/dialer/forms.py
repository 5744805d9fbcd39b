"""What people fill in to try a campaign before it is rolled out."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from furrow.campaigns.actions import PilotDraft
from furrow.campaigns.models import Campaign, ScriptVersion


class PilotForm(forms.Form):
    size = forms.IntegerField(
        label=_("customers of the trial"),
        min_value=10,
        max_value=100_000,
        initial=300,
        help_text=_("Drawn by chance from those who wait; the others are held."),
    )
    good_percent = forms.DecimalField(
        label=_("pays from, %"),
        min_value=Decimal("0.1"),
        max_value=100,
        decimal_places=1,
        initial=Decimal("8.0"),
        help_text=_("Successes of a hundred answered calls."),
        widget=forms.NumberInput(attrs={"step": "0.1"}),
    )
    bad_percent = forms.DecimalField(
        label=_("does not pay at, %"),
        min_value=0,
        max_value=100,
        decimal_places=1,
        initial=Decimal("3.0"),
        widget=forms.NumberInput(attrs={"step": "0.1"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        good, bad = data.get("good_percent"), data.get("bad_percent")
        if good is not None and bad is not None and bad >= good:
            self.add_error("bad_percent", _("It must lie below the rate that pays."))
        return data

    def draft(self) -> PilotDraft:
        return PilotDraft(**self.cleaned_data)


class SecondScriptForm(forms.Form):
    second_script = forms.ModelChoiceField(
        label=_("second script, to compare"),
        queryset=ScriptVersion.objects.none(),
        required=False,
        empty_label=_("none"),
        help_text=_("Every second customer hears it, always the same."),
    )

    def __init__(self, *args: Any, of: Campaign, **kwargs: Any) -> None:
        kwargs["initial"] = {"second_script": of.second_script_id}
        super().__init__(*args, **kwargs)
        field = self.fields["second_script"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        others = ScriptVersion.objects.exclude(pk=of.script_version_id).select_related("script")
        field.queryset = others.order_by("script__name", "-version")
