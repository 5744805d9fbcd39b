"""What people fill in about sources and lists."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from furrow.customers.rules import Kind
from furrow.organisation.models import Team, User

from .models import Source
from .rules import LegalBasis, SourceKind

_TEXT = {"class": "form-control"}
_PICK = {"class": "form-select"}
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
    class Meta:
        model = Source
        fields = ("name", "kind", "legal_basis", "purpose", "region")
        widgets = {  # noqa: RUF012  Django reads it once
            "name": forms.TextInput(attrs=_TEXT),
            "kind": forms.Select(attrs=_PICK, choices=SourceKind.choices),
            "legal_basis": forms.Select(attrs=_PICK, choices=LegalBasis.choices),
            "purpose": forms.TextInput(attrs=_TEXT),
            "region": forms.Select(attrs=_PICK, choices=REGIONS),
        }
        help_texts = {  # noqa: RUF012
            "legal_basis": _("On what ground we may keep and call these numbers."),
            "purpose": _("What these people were told their data is for. Agents can say it."),
            "region": _("How a number without country code is read."),
        }


class UploadForm(forms.Form):
    source = forms.ModelChoiceField(
        label=_("Source"),
        queryset=Source.objects.none(),
        required=False,
        empty_label=_("A new source"),
        widget=forms.Select(attrs=_PICK),
    )
    file = forms.FileField(
        label=pgettext_lazy("a file to upload", "file"),
        widget=forms.FileInput(attrs={**_TEXT, "accept": ".csv,.tsv,.txt,.xlsx,.xls,.xlsb,.ods"}),
        help_text=_("CSV, TSV, text with | or ;, XLSX or XLS, in any usual encoding."),
    )
    team = forms.ModelChoiceField(
        label=_("team whose pool they enter"),
        queryset=Team.objects.none(),
        required=False,
        empty_label=_("The company's pool"),
        widget=forms.Select(attrs=_PICK),
    )
    kind = forms.ChoiceField(
        label=_("these are"), choices=KINDS, required=False, widget=forms.Select(attrs=_PICK)
    )
    cost = forms.DecimalField(
        label=_("what the list cost, in yuan"),
        required=False,
        min_value=0,
        decimal_places=2,
        max_digits=12,
        widget=forms.NumberInput(attrs={**_TEXT, "step": "0.01"}),
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
