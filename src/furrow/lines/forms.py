"""What people fill in to keep pools of caller ids."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from furrow.campaigns.models import Campaign
from furrow.campaigns.rules import CampaignState
from furrow.science.linkage.numbers import read_numbers

from .actions import PoolDraft
from .models import Pool


class PoolForm(forms.Form):
    name = forms.CharField(label=_("name"), max_length=60)
    region = forms.CharField(
        label=_("for calls to"),
        max_length=5,
        initial="*",
        help_text=_("A region such as CN or US-FL, or * for everywhere."),
    )
    most_per_hour = forms.IntegerField(
        label=_("calls per number and hour"), min_value=1, max_value=10_000, initial=60
    )
    most_per_day = forms.IntegerField(
        label=_("calls per number and day"), min_value=1, max_value=100_000, initial=300
    )
    rest_days = forms.IntegerField(
        label=_("days of rest"),
        min_value=1,
        max_value=365,
        initial=7,
        help_text=_("For a number whose calls are answered ever less."),
    )
    campaigns = forms.ModelMultipleChoiceField(
        label=_("campaigns"),
        queryset=Campaign.objects.none(),
        required=False,
        widget=forms.SelectMultiple(attrs={"data-search": ""}),
        help_text=_("Empty = for every campaign."),
    )
    is_active = forms.BooleanField(label=_("In use"), required=False, initial=True)

    def __init__(self, *args: Any, of: Pool | None = None, **kwargs: Any) -> None:
        if of is not None:
            kwargs["initial"] = {
                name: getattr(of, name) for name in self.base_fields if name != "campaigns"
            } | {"campaigns": list(of.campaigns.order_by("name"))}
        super().__init__(*args, **kwargs)
        field = self.fields["campaigns"]
        assert isinstance(field, forms.ModelMultipleChoiceField)  # noqa: S101
        field.queryset = Campaign.objects.exclude(state=CampaignState.ENDED).order_by("name")

    def draft(self) -> PoolDraft:
        data = {**self.cleaned_data, "region": self.cleaned_data["region"].strip().upper()}
        return PoolDraft(**{**data, "campaigns": list(data["campaigns"])})


class NumbersForm(forms.Form):
    numbers = forms.CharField(
        label=_("numbers"),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("One per line, in any spelling."),
    )
    proof = forms.CharField(
        label=_("proof that they are ours"),
        max_length=120,
        help_text=_("Contract, account or order with the carrier."),
    )

    def clean_numbers(self) -> list[str]:
        found: list[str] = []
        for line in str(self.cleaned_data["numbers"]).splitlines():
            if line.strip():
                numbers = read_numbers(line, region=settings.DEFAULT_REGION).numbers
                if not numbers:
                    raise forms.ValidationError(
                        _("“%(line)s” is not a phone number."), params={"line": line.strip()}
                    )
                found += numbers
        return found
