"""What people fill in to change any book's rules."""

from django import forms
from django.utils.translation import gettext_lazy as _


class ChangeForm(forms.Form):
    """Why, from when, and how much of the past to try the rules on."""

    note = forms.CharField(
        label=_("why it changes"),
        max_length=200,
        required=False,  # to try them; saving asks for it
        help_text=_("Kept with the version."),
    )
    from_at = forms.DateTimeField(
        label=_("in force from"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Leave empty for now."),
    )
    days = forms.IntegerField(
        label=_("try it on the last days"), min_value=1, max_value=180, initial=30
    )
