"""What people type to plan a follow-up, and to change the rules of all."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from furrow.calls.rules import Outcome
from furrow.rulebooks.forms import ChangeForm

from .rules import Channel, Reason

_MOST_ROWS = 8  # policies, promises
_TEXT = {"class": "form-control"}


class PlanForm(forms.Form):
    due_at = forms.DateTimeField(
        label=_("due"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "form-control"}),
        input_formats=["%Y-%m-%dT%H:%M"],
    )
    reason = forms.ChoiceField(
        label=_("reason"),
        choices=[
            one for one in Reason.choices if one[0] != Reason.CALLED_US
        ],  # only a call says so
        initial=Reason.OTHER,
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    channel = forms.ChoiceField(
        label=_("channel"),
        choices=Channel,
        initial=Channel.CALL,
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    note = forms.CharField(
        label=_("note"),
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs={"class": "form-control"}),
    )


def _number(label: Any, *, least: int = 0, most: int, required: bool = True) -> Any:
    return forms.IntegerField(
        label=label, min_value=least, max_value=most, required=required,
        widget=forms.NumberInput(attrs={"class": "form-control is-days", "inputmode": "numeric"}),
    )  # fmt: skip


class HouseForm(forms.Form):
    """Refusals, and what holds for everybody."""

    is_on = forms.BooleanField(label=_("Revisits are planned by themselves"), required=False)
    forgotten_days = _number(
        _("days untouched that nobody may go without a reminder"), least=7, most=365
    )
    per_agent_day = _number(_("revisits planned for an agent and day"), least=1, most=1000)
    most = _number(_("refusals until the customer rests"), least=1, most=20)
    least_days = _number(_("days after a refusal, at least"), least=1, most=365)
    most_days = _number(_("days after a refusal, at most"), least=1, most=365)
    rest_days = _number(_("days of rest in the pool"), most=3650)
    reasons = forms.CharField(
        label=_("fresh reasons to call, one a line"),
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 7}),
        max_length=2000,
        help_text=_("The first after the first refusal, and so on."),
    )


class RetryForm(forms.Form):
    """After what the line said; no attempts: it is not tried again."""

    minutes = _number(_("minutes to wait"), least=1, most=43_200, required=False)
    attempts = _number(_("attempts in all"), most=50, required=False)

    def __init__(self, *args: Any, outcome: Outcome, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outcome = outcome


class RevisitForm(forms.Form):
    """One policy; a row without a name is left out."""

    key = forms.CharField(required=False, widget=forms.HiddenInput())
    name = forms.CharField(
        label=_("customers who"),
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs=_TEXT),
    )
    bought_days = _number(_("bought within days"), most=3650, required=False)
    pi_from = _number(_("PI of at least"), most=5, required=False)
    every_days = _number(_("a touch every days"), least=1, most=365, required=False)


class PromiseForm(forms.Form):
    """Something to promise by one tick; a row without a name is left out."""

    name = forms.CharField(
        label=_("promise"), max_length=80, required=False, widget=forms.TextInput(attrs=_TEXT)
    )
    channel = forms.ChoiceField(
        label=_("channel"),
        choices=Channel,
        required=False,
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    hours = _number(_("within hours"), least=1, most=2400, required=False)


class RulesForms:
    """All follow-up rules as one page of forms; `body()` gives the JSON."""

    def __init__(self, body: Mapping[str, Any], data: Any = None) -> None:
        refusals = body["refusals"]
        self.change = ChangeForm(data, initial={"days": 30})
        self.house = HouseForm(
            data,
            initial={
                **body,
                **refusals,
                "reasons": "\n".join(gettext(one) for one in refusals["reasons"]),
            },
        )
        self.retries = [
            RetryForm(
                data, prefix=f"retry-{outcome}", outcome=outcome,
                initial=body["retries"].get(outcome.value, {}),
            )
            for outcome in Outcome
            if outcome is not Outcome.ANSWERED and outcome is not Outcome.EMPTY_NUMBER
        ]  # fmt: skip
        self.revisits = [
            RevisitForm(data, prefix=f"revisit-{place}", initial=_named(said))
            for place, said in _rows(body["revisits"])
        ]
        self.promises = [
            PromiseForm(data, prefix=f"promise-{place}", initial=_named(said))
            for place, said in _rows(body["promises"])
        ]

    def is_valid(self) -> bool:
        rows = (*self.retries, *self.revisits, *self.promises)
        checked = [form.is_valid() for form in (self.change, self.house, *rows)]
        return all(checked)

    def body(self) -> dict[str, Any]:
        house = self.house.cleaned_data
        return {
            **{name: house[name] for name in ("is_on", "forgotten_days", "per_agent_day")},
            "refusals": {
                **{n: house[n] for n in ("most", "least_days", "most_days", "rest_days")},
                "reasons": [one.strip() for one in house["reasons"].splitlines() if one.strip()],
            },
            "retries": {
                form.outcome.value: {
                    name: form.cleaned_data[name] or 1 for name in ("minutes", "attempts")
                }
                for form in self.retries
                if form.cleaned_data["attempts"]
            },
            "revisits": [
                {
                    **form.cleaned_data,
                    "key": form.cleaned_data["key"] or f"row{place}",
                    "every_days": form.cleaned_data["every_days"] or 1,
                }
                for place, form in enumerate(self.revisits)
                if form.cleaned_data["name"].strip()
            ],
            "promises": [
                {**form.cleaned_data, "hours": form.cleaned_data["hours"] or 24}
                for form in self.promises
                if form.cleaned_data["name"].strip()
            ],
        }


def _rows(said: list[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any]]]:
    return [(n, said[n] if n < len(said) else {}) for n in range(min(len(said) + 1, _MOST_ROWS))]


def _named(said: Mapping[str, Any]) -> dict[str, Any]:
    """Names that Furrow starts with are shown in the reader's language."""
    return {**said, "name": gettext(said["name"])} if said else {}
