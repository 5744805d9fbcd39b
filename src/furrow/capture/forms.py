"""What people fill in about web sites, and about when a visit makes a lead."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from furrow.acquisition.models import Source
from furrow.organisation.models import User

from .models import Site


class SiteForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80)
    hosts = forms.CharField(
        label=_("Its hosts"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One per line, such as shop.example.com. Pages of other hosts are not heard."),
    )
    source = forms.ModelChoiceField(
        label=_("Source"),
        queryset=Source.objects.none(),
        help_text=_("Says the legal basis, and whose pool they enter."),
    )
    is_on = forms.BooleanField(label=_("Collects"), required=False, initial=True)

    def __init__(self, *args: Any, user: User, of: Site | None = None, **kwargs: Any) -> None:
        if of is not None:
            kwargs["initial"] = {
                "name": of.name, "hosts": "\n".join(of.hosts), "source": of.source_id,
                "is_on": of.is_on,
            }  # fmt: skip
        super().__init__(*args, **kwargs)
        sources = self.fields["source"]
        assert isinstance(sources, forms.ModelChoiceField)  # noqa: S101
        sources.queryset = Source.objects.visible_to(user).order_by("name")


class RulesForm(forms.Form):
    seconds = forms.IntegerField(
        label=_("Seconds on one page"),
        required=False,
        help_text=_("Longer than this makes a lead. Empty: that alone is nothing."),
    )
    visits = forms.IntegerField(
        label=_("Visits"), required=False, help_text=_("So many make a lead. Empty: likewise.")
    )
    days = forms.IntegerField(label=_("within days"))
    gap_minutes = forms.IntegerField(
        label=_("Minutes between visits"),
        help_text=_("After so long without a sign the next page is another visit."),
    )
    keep_days = forms.IntegerField(
        label=_("Days visits are kept"),
        help_text=_("Then they are deleted, with numbers that made no lead."),
    )
    note = forms.CharField(
        label=_("why it changes"), max_length=200, help_text=_("Kept with the version.")
    )
    asked = forms.BooleanField(
        label=_("Asking to be called is enough"),
        required=False,
    )

    @property
    def body(self) -> dict[str, Any]:
        return {name: said for name, said in self.cleaned_data.items() if name != "note"}
