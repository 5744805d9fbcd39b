"""What people fill in about sources and lists."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from furrow.customers.rules import Kind
from furrow.organisation.models import Team, User

from .models import Source
from .rules import LegalBasis, SourceKind, Target

REGIONS = [
    ("", _("As set for this system")),
    ("CN", _("China")),
    ("HK", _("Hong Kong")),
    ("TW", _("Taiwan")),
    ("SG", _("Singapore")),
    ("US", _("United States")),
    ("GB", _("United Kingdom")),
    ("FR", _("France")),
    ("DE", _("Germany")),
    ("JP", _("Japan")),
]
KINDS = [("", _("Decide row by row")), *Kind.choices]


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]  # no subscript at run time
    target_kind = forms.ChoiceField(
        label=_("Wanted"), choices=[("", _("People and organisations")), *Kind.choices],
        required=False,
    )  # fmt: skip
    target_cities = forms.CharField(
        label=_("Wanted cities"),
        required=False,
        help_text=_("With commas between; empty wants every city."),
    )
    target_categories = forms.CharField(
        label=_("Wanted categories"), required=False, help_text=_("Likewise.")
    )

    class Meta:
        model = Source
        fields = ("name", "kind", "legal_basis", "purpose", "region", "team", "is_dealt")
        widgets = {  # noqa: RUF012  Django reads it once
            "kind": forms.Select(choices=SourceKind.choices),
            "legal_basis": forms.Select(choices=LegalBasis.choices),
            "region": forms.Select(choices=REGIONS),
        }
        help_texts = {  # noqa: RUF012
            "legal_basis": _("On what ground we may keep and call these numbers."),
            "purpose": _("What these people were told their data is for. Agents can say it."),
            "region": _("How a number without country code is read."),
            "team": _("Those who come one by one: by web, form or machine."),
            "is_dealt": _("To people of the team who are at work, by their shares and wishes."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wanted = Target.read(self.instance.target)
        self.initial = {
            **self.initial,
            "target_kind": wanted.kind,
            "target_cities": ", ".join(wanted.cities),
            "target_categories": ", ".join(wanted.categories),
        }

    @property
    def target(self) -> dict[str, object]:
        said = self.cleaned_data
        return Target(
            kind=said["target_kind"],
            cities=_words(said["target_cities"]),
            categories=_words(said["target_categories"]),
        ).stored


def _words(text: str) -> tuple[str, ...]:
    """Words between commas of any keyboard, each once."""
    words = (word.strip() for word in re.split(r"[,，、;；]", text))
    return tuple(dict.fromkeys(word for word in words if word))


class ReturnForm(forms.Form):
    """A list goes back to its seller."""

    reason = forms.CharField(label=_("Why it is returned"), max_length=200)
    refund = forms.DecimalField(
        label=_("Refunded, in yuan"),
        required=False,
        min_value=0,
        decimal_places=2,
        max_digits=12,
        widget=forms.NumberInput(attrs={"step": "0.01"}),
    )

    @property
    def refunded_minor(self) -> int:
        return int((self.cleaned_data["refund"] or Decimal(0)) * 100)


class UploadForm(forms.Form):
    source = forms.ModelChoiceField(
        label=_("Source"),
        queryset=Source.objects.none(),
        required=False,
        empty_label=_("A new source"),
    )
    file = forms.FileField(
        label=_("File"),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.xls,.xlsb,.ods"}),
        help_text=_("CSV, TSV, text with | or ;, XLSX or XLS, in any usual encoding."),
    )
    team = forms.ModelChoiceField(
        label=_("Team whose pool they enter"),
        queryset=Team.objects.none(),
        required=False,
        empty_label=_("The company's pool"),
    )
    kind = forms.ChoiceField(label=_("These are"), choices=KINDS, required=False)
    cost = forms.DecimalField(
        label=_("What the list cost, in yuan"),
        required=False,
        min_value=0,
        decimal_places=2,
        max_digits=12,
        widget=forms.NumberInput(attrs={"step": "0.01"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sources, teams = self.fields["source"], self.fields["team"]
        assert isinstance(sources, forms.ModelChoiceField)  # noqa: S101
        assert isinstance(teams, forms.ModelChoiceField)  # noqa: S101
        sources.queryset = Source.objects.visible_to(user).order_by("name")
        teams.queryset = Team.objects.visible_to(user).filter(is_active=True).order_by("name")

    @property
    def cost_minor(self) -> int:
        return int((self.cleaned_data["cost"] or Decimal(0)) * 100)
