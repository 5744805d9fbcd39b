"""What people fill in to suppress a number and to set calling rules."""

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from furrow.science.linkage.numbers import read_numbers

from .models import Suppression
from .rules import Basis, DayKind, Purpose, SuppressionKind

WEEKDAYS = (
    (0, _("Mon")),
    (1, _("Tue")),
    (2, _("Wed")),
    (3, _("Thu")),
    (4, _("Fri")),
    (5, _("Sat")),
    (6, _("Sun")),
)
UNITS = ((1, _("minutes")), (60, _("hours")), (1440, _("days")))


class NumberField(forms.CharField):
    """One phone number in any spelling; cleaned to E.164."""

    default_error_messages: ClassVar = {
        "not_a_number": _("This is not a phone number. Write it with its area or country code."),
        "several": _("These are several numbers. Enter one at a time."),
    }

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if not text:
            return ""
        numbers = read_numbers(text, region=settings.DEFAULT_REGION).numbers
        if not numbers:
            raise forms.ValidationError(self.error_messages["not_a_number"])
        if len(numbers) > 1:
            raise forms.ValidationError(self.error_messages["several"])
        return numbers[0]


class SuppressForm(forms.Form):
    number = NumberField(
        label=_("number"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
    )
    kind = forms.ChoiceField(
        label=_("why"), choices=SuppressionKind, initial=SuppressionKind.OPTED_OUT
    )
    reason = forms.CharField(
        label=_("reason"),
        max_length=300,
        required=False,
        help_text=_("Shown to whoever tries to call. No phone numbers, please."),
    )
    until = forms.DateField(
        label=_("ends on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Leave empty for good."),
    )


class LiftForm(forms.Form):
    reason = forms.CharField(
        label=_("reason"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Who asked for it, and how. It is kept with the number."),
    )


class SearchForm(forms.Form):
    """Four digits, or a whole number in any spelling; posted, so it never stands in an address."""

    number = forms.CharField(max_length=40)

    def find(self) -> Any:
        text = self.cleaned_data["number"].strip()
        if len(text) == 4 and text.isascii() and text.isdecimal():
            return Suppression.objects.ending(text)
        found = read_numbers(text, region=settings.DEFAULT_REGION).numbers
        return Suppression.objects.filter(e164__in=found)


class PolicyForm(forms.Form):
    on_holidays = forms.BooleanField(
        label=_("Calls are allowed on public holidays"), required=False
    )
    silence_after_refusal_days = forms.IntegerField(
        label=_("days of silence after a refusal"), min_value=0, max_value=3650
    )
    consent_for = forms.MultipleChoiceField(
        label=_("only with consent, calls about"),
        choices=Purpose,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    tells_of_listening = forms.BooleanField(
        label=_("Agents see it when a supervisor listens to their call"),
        required=False,
        help_text=_(
            "By the rules of the company's own region; the law differs from place to place."
        ),
    )
    source = forms.CharField(
        label=_("source"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The law, notice or house rule these figures come from."),
    )
    note = forms.CharField(
        label=_("why it changes"), max_length=200, help_text=_("Kept with the version.")
    )
    from_at = forms.DateTimeField(
        label=_("in force from"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Leave empty for now. It replaces any version planned before."),
    )


class WindowForm(forms.Form):
    """One calling window; a row without weekdays is left out."""

    weekdays = forms.TypedMultipleChoiceField(
        label=_("weekdays"),
        choices=WEEKDAYS,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    opens = forms.TimeField(
        label=_("from"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    closes = forms.TimeField(
        label=_("until"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=_("00:00 = midnight"),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not given.get("weekdays"):
            return given
        opens, closes = given.get("opens"), given.get("closes")
        if opens is None and "opens" not in self.errors:
            self.add_error("opens", _("Say from when."))
        elif closes is None and "closes" not in self.errors:
            self.add_error("closes", _("Say until when."))
        elif opens and closes and closes != time(0) and opens >= closes:
            self.add_error("closes", _("The end must come after the beginning."))
        return given


def _small() -> forms.NumberInput:
    return forms.NumberInput(attrs={"class": "form-control w-auto"})


class CapForm(forms.Form):
    """At most so many calls within so long; an empty row is left out."""

    most = forms.IntegerField(
        label=_("at most"), min_value=1, max_value=1000, required=False, widget=_small()
    )
    within = forms.IntegerField(
        label=_("calls within"), min_value=1, max_value=1000, required=False, widget=_small()
    )
    unit = forms.TypedChoiceField(
        label=_("unit"),
        choices=UNITS,
        coerce=int,
        required=False,
        widget=forms.Select(attrs={"class": "form-select w-auto", "aria-label": _("unit")}),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        most, within = given.get("most"), given.get("within")
        if most and not within and "within" not in self.errors:
            self.add_error("within", _("Say within how long."))
        if within and not most and "most" not in self.errors:
            self.add_error("most", _("Say how many calls."))
        return given


WindowForms = forms.formset_factory(WindowForm, extra=2, max_num=8)
CapForms = forms.formset_factory(CapForm, extra=2, max_num=6)


class PolicyForms:
    """A region's rules as one page of forms; `body()` gives the JSON that `set_policy` takes."""

    def __init__(self, body: Mapping[str, Any], data: Any = None) -> None:
        self._began_as = body
        if data is not None:
            body = {}  # what was posted counts, whatever it began from
        self.policy = PolicyForm(
            data,
            initial={
                "on_holidays": body.get("on_holidays", False),
                "silence_after_refusal_days": body.get("silence_after_refusal_days", 14),
                "source": body.get("source", ""),
                "consent_for": body.get("consent_for", []),
                "tells_of_listening": body.get("tells_of_listening", True),
            },
        )
        self.windows = WindowForms(
            data,
            prefix="windows",
            initial=[
                {
                    "weekdays": w["weekdays"],
                    "opens": w["from"],
                    "closes": "00:00" if w["to"] == "24:00" else w["to"],
                }
                for w in body.get("windows", [])
            ],
        )
        self.number_caps = _caps("number_caps", body, data)
        self.customer_caps = _caps("customer_caps", body, data)

    def is_valid(self) -> bool:
        parts = (self.policy, self.windows, self.number_caps, self.customer_caps)
        checked = [part.is_valid() for part in parts]  # each, so that all mistakes are shown
        return all(checked)

    def body(self) -> dict[str, Any]:
        given = self.policy.cleaned_data
        body: dict[str, Any] = {
            "windows": [
                {
                    "weekdays": window["weekdays"],
                    "from": f"{window['opens']:%H:%M}",
                    "to": "24:00" if window["closes"] == time(0) else f"{window['closes']:%H:%M}",
                }
                for window in self.windows.cleaned_data
                if window.get("weekdays")
            ],
            "on_holidays": given["on_holidays"],
            "number_caps": _caps_given(self.number_caps),
            "customer_caps": _caps_given(self.customer_caps),
            "silence_after_refusal_days": given["silence_after_refusal_days"],
            "consent_for": given["consent_for"],
            "tells_of_listening": given["tells_of_listening"],
            "source": given["source"],
        }
        # A figure somebody changed no longer has the source it began with.
        kept = {
            figure: source
            for figure, source in self._began_as.get("sources", {}).items()
            if figure not in body or body[figure] == self._began_as.get(figure)
        }
        return body | {
            name: value
            for name, value in (
                ("sources", kept),
                ("registers", self._began_as.get("registers")),
                ("pack", self._began_as.get("pack")),
            )
            if value
        }

    @property
    def note(self) -> str:
        return str(self.policy.cleaned_data["note"])

    @property
    def from_at(self) -> datetime | None:
        begins: datetime | None = self.policy.cleaned_data["from_at"]
        return begins


def _caps(name: str, body: Mapping[str, Any], data: Any) -> Any:
    initial = []
    for cap in body.get(name, []):
        span = timedelta(minutes=cap["minutes"])
        unit = next(u for u, _name in reversed(UNITS) if not span % timedelta(minutes=u))
        initial.append({"most": cap["most"], "within": cap["minutes"] // unit, "unit": unit})
    return CapForms(data, prefix=name, initial=initial)


def _caps_given(forms_: Any) -> list[dict[str, int]]:
    return [
        {"most": cap["most"], "minutes": cap["within"] * cap["unit"]}
        for cap in forms_.cleaned_data
        if cap.get("most")
    ]


class ConsentForm(forms.Form):
    """What a customer said about being called for a purpose, and where the proof lies."""

    purpose = forms.ChoiceField(label=_("calls about"), choices=Purpose)
    word = forms.ChoiceField(
        label=_("the customer"), choices=[("given", _("agreed")), ("withdrawn", _("took it back"))]
    )
    basis = forms.ChoiceField(
        label=_("how"), choices=[one for one in Basis.choices if one[0] != Basis.WEB]
    )
    evidence = forms.CharField(
        label=_("where the proof lies"),
        max_length=300,
        required=False,
        help_text=_("A form, a letter, a recording. No phone numbers, please."),
    )


class RegisterForm(forms.Form):
    """A do-not-call register to import: whose, where it holds, and the file."""

    name = forms.CharField(
        label=_("name"), max_length=60, help_text=_("Such as TPS. The same name replaces it.")
    )
    region = forms.RegexField(
        r"^([A-Za-z]{2}|\*)$",
        label=_("region"),
        initial="*",
        help_text=_("Two letters, such as GB, or * for everywhere."),
        widget=forms.TextInput(attrs={"maxlength": 2}),
    )
    refresh_days = forms.IntegerField(
        label=_("good for days"),
        min_value=1,
        max_value=3650,
        required=False,
        help_text=_("Then a newer copy is asked for. Empty = for good."),
    )
    file = forms.FileField(
        label=_("file"),
        help_text=_("One number, or one SHA-256 in hex, per line; the first column counts."),
    )
    is_whole = forms.BooleanField(
        label=_("The file is the whole register: what it no longer names is dropped"),
        required=False,
        initial=True,
    )

    def clean_region(self) -> str:
        return str(self.cleaned_data["region"]).upper()

    def lines(self) -> Iterator[str]:
        """The file's lines, whatever encoding; what is not text is no number."""
        return (line.decode("utf-8", "replace") for line in self.cleaned_data["file"])


class DayForm(forms.Form):
    on = forms.DateField(label=_("day"), widget=forms.DateInput(attrs={"type": "date"}))
    kind = forms.ChoiceField(
        label=_("is a"), choices=[*DayKind.choices, ("", _("Ordinary day"))], required=False
    )
    name = forms.CharField(label=_("name"), max_length=60, required=False)
