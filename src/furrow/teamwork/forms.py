"""What people fill in about working together."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from furrow.customers.filters import filters
from furrow.customers.models import Customer
from furrow.organisation.models import User
from furrow.ownership.declarations import traits
from furrow.ownership.forms import trait_field

from .models import Profile
from .rules import TERMS, HandoverReason


class CollaboratorForm(forms.Form):
    user = forms.ModelChoiceField(label=_("Who helps"), queryset=User.objects.none())
    percent = forms.DecimalField(
        label=_("Share of the credit, %"), min_value=0, max_value=100, decimal_places=2, initial=0,
        help_text=_("Counts for sales from now on. 0 = helps without credit."),
    )  # fmt: skip
    until = forms.DateField(
        label=_("Helps until"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    note = forms.CharField(label=_("Note"), max_length=200, required=False)

    def __init__(self, *args: Any, user: User, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.agents().exclude(pk=customer.owner_id or 0)
        self.fields["user"].queryset = people.order_by("display_name", "pk")  # type: ignore[attr-defined]


class TermsForm(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (label, least, most) in TERMS.items():
            self.fields[name] = forms.IntegerField(
                label=str(label), min_value=least, max_value=most
            )


class ProfileForm(forms.Form):
    share = forms.IntegerField(
        label=_("Share"), min_value=0, max_value=1000,
        help_text=_("Against 100, the usual one: 50 gets half as many, 0 nobody."),
    )  # fmt: skip
    most = forms.IntegerField(
        label=_("Most customers"), min_value=0, max_value=1_000_000, required=False,
        help_text=_("Held at one time. Empty = no end."),
    )  # fmt: skip

    def __init__(self, data: Any, *, profile: Profile) -> None:
        initial: dict[str, Any] = {"share": profile.share, "most": profile.most}
        initial |= {trait.name: profile.accepts.get(trait.name, []) for trait in traits()}
        super().__init__(data, initial=initial)
        for trait in traits():
            self.fields[trait.name] = trait_field(
                trait, widget=forms.SelectMultiple(attrs={"data-search": ""})
            )

    @property
    def accepts(self) -> dict[str, list[str]]:
        """Trait -> values, as said."""
        return {trait.name: self.cleaned_data[trait.name] for trait in traits()}


class HandoverForm(forms.Form):
    """Whom, to whom, and which part: the filters of the customers' list, those but the owner's."""

    person = forms.ModelChoiceField(label=_("Whose customers"), queryset=User.objects.none())
    reason = forms.ChoiceField(label=_("Reason"), choices=HandoverReason)
    heirs = forms.ModelMultipleChoiceField(label=_("Who takes over"), queryset=User.objects.none())
    touch_days = forms.IntegerField(
        label=_("Working days to the first touch"), min_value=1, max_value=60
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seen = User.objects.visible_to(user).exclude(username="system").select_related("team")
        people = seen.order_by("display_name", "pk")
        owners = Customer.objects.filter(owner=OuterRef("pk"))
        self.fields["person"].queryset = people.filter(Exists(owners))  # type: ignore[attr-defined]
        heirs = people.filter(pk__in=User.objects.agents().values("pk"))
        self.fields["heirs"].queryset = heirs  # type: ignore[attr-defined]
        for name in ("person", "heirs"):
            self.fields[name].widget.attrs["data-search"] = ""
        self._filters = [known for known in filters() if known.name not in {"owner", "team"}]
        for known in self._filters:
            label = str(known.label)
            if known.choices is not None:
                choices = [("", "—"), *known.choices(user)]
                field: forms.Field = forms.ChoiceField(label=label, choices=choices, required=False)
            else:
                widget = forms.TextInput(attrs={"type": known.input_type})
                field = forms.CharField(label=label, max_length=100, required=False, widget=widget)
            self.fields[f"filter_{known.name}"] = field

    def slice(self) -> list[forms.BoundField]:
        return [self[f"filter_{known.name}"] for known in self._filters]

    @property
    def query(self) -> str:
        """The part, as the list's URL writes it; "" = all."""
        said = {
            known.name: self.cleaned_data[f"filter_{known.name}"].strip() for known in self._filters
        }
        return urlencode({name: value for name, value in said.items() if value})
