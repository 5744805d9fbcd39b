"""What people type to plan a follow-up."""

from django import forms
from django.utils.translation import gettext_lazy as _

from .rules import Reason


class PlanForm(forms.Form):
    due_at = forms.DateTimeField(
        label=_("due"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "form-control"}),
        input_formats=["%Y-%m-%dT%H:%M"],
    )
    reason = forms.ChoiceField(
        label=_("reason"),
        choices=Reason,
        initial=Reason.OTHER,
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    note = forms.CharField(
        label=_("note"),
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs={"class": "form-control"}),
    )
