from django import forms
from django.utils.translation import gettext_lazy as _

from furrow.customers.forms import read_phone
from furrow.organisation.models import Team


class PlantForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200)
    number = forms.CharField(
        label=_("Phone number"),
        max_length=60,
        help_text=_(
            "One of your own that rings with you, or nowhere. Nobody can call it from here."
        ),
    )
    city = forms.CharField(label=_("City"), max_length=80, required=False)
    team = forms.ModelChoiceField(
        label=_("Team"),
        queryset=Team.objects.none(),
        required=False,
        help_text=_(
            "Whose people may come upon it. Without one, only those who see the whole company."
        ),
    )

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        teams = Team.objects.filter(is_active=True).order_by("name")
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]

    def clean_number(self) -> str:
        numbers = read_phone(self.cleaned_data["number"]).numbers
        if len(numbers) != 1:
            raise forms.ValidationError(_("Give one number."))
        return numbers[0]
