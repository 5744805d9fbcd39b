"""What administrators fill in to let machines in and to tell them."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from furrow.organisation.models import User

from .rules import EVENTS


class TokenForm(forms.Form):
    name = forms.CharField(
        label=_("name"), max_length=80, help_text=_("Which system will use it: “CRM”, “website”.")
    )
    user = forms.ModelChoiceField(
        label=_("acts as"),
        queryset=User.objects.none(),
        help_text=_("It can do what this person may do, and no more."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        people = User.objects.working().order_by("display_name", "username")
        self.fields["user"].queryset = people  # type: ignore[attr-defined]


class EndpointForm(forms.Form):
    url = forms.URLField(
        label=_("address"),
        max_length=500,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )
    wants = forms.MultipleChoiceField(
        label=_("events"),
        choices=[(name, name) for name in EVENTS],
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text=_("None chosen = all of them."),
    )
