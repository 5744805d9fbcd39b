"""What people fill in about a customer."""

from copy import deepcopy
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from furrow.organisation.models import Team, User
from furrow.organisation.rules import Act, Scope
from furrow.science.linkage.numbers import NumberReading, read_numbers

from .models import Customer
from .rules import BASICS, FACTS, Fact, Kind

_PROBLEMS = {
    "lost": _("A spreadsheet has cut this number short. Look it up again."),
    "placeholder": _("This is a placeholder, not a number."),
    "unreadable": _("This is not a phone number."),
    "impossible": _("No such number can exist: wrong length or unknown area."),
}


def read_phone(text: str) -> NumberReading:
    """The numbers typed, in any spelling. Raises ValidationError, in words, for what is none."""
    reading = read_numbers(text, region=settings.DEFAULT_REGION)
    if reading.problem in _PROBLEMS:
        raise ValidationError(_PROBLEMS[reading.problem])
    return reading


class CustomerForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200)
    kind = forms.ChoiceField(label=_("Kind"), choices=Kind, initial=Kind.PERSON)
    number = forms.CharField(
        label=_("Phone numbers"),
        max_length=200,
        required=False,
        help_text=_("In any spelling; several are told apart by commas."),
    )
    city = forms.CharField(label=_("City"), max_length=80, required=False)
    address = forms.CharField(label=_("Address"), max_length=300, required=False)
    email = forms.EmailField(label=_("E-mail"), max_length=200, required=False)
    category = forms.CharField(label=_("Category"), max_length=80, required=False)
    team = forms.ModelChoiceField(
        label=_("Team"),
        queryset=Team.objects.none(),
        required=False,
        help_text=_("Whose pool the customer belongs to."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs["autofocus"] = True
        if user.scope(Act.EDIT_CUSTOMERS) is Scope.ALL:
            teams = Team.objects.visible_to(user).filter(is_active=True).order_by("name")
            self.fields["team"].queryset = teams  # type: ignore[attr-defined]
        else:
            del self.fields["team"]  # an agent's own customer belongs to the agent's team

    def clean_number(self) -> tuple[str, ...]:
        return read_phone(self.cleaned_data["number"]).numbers


class NumberForm(forms.Form):
    number = forms.CharField(label=_("Phone number"), max_length=60)
    label = forms.CharField(label=_("Label"), max_length=20, required=False)

    def clean_number(self) -> NumberReading:
        reading = read_phone(self.cleaned_data["number"])
        if len(reading.numbers) != 1:
            raise ValidationError(gettext("Give one number at a time."))
        return reading


def property_form(customer: Customer, name: str, data: Any = None) -> forms.Form | None:
    """A form of one field, "value", for one property of a customer; None for unknown names."""
    fact = next((fact for fact in FACTS[Kind(customer.kind)] if fact.name == name), None)
    if name in BASICS:
        field = deepcopy(CustomerForm.base_fields[name])
        given = getattr(customer, name)
    elif fact is not None:
        field = _fact_field(fact)
        given = customer.profile.get(name, "")
    else:
        return None
    form = forms.Form(data, initial={"value": given})
    css = "form-select" if isinstance(field, forms.ChoiceField) else "form-control"
    label = str(BASICS[name] if fact is None else fact.label)
    field.widget.attrs |= {"class": css, "autofocus": True, "aria-label": label}
    form.fields["value"] = field
    return form


def _fact_field(fact: Fact) -> forms.Field:
    if fact.choices:
        return forms.ChoiceField(choices=[("", "—"), *fact.choices], required=False)
    if fact.input_type == "date":
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        return forms.DateField(widget=widget, required=False)
    return forms.CharField(max_length=300, required=False)
