"""The rubric and the other terms, as a form."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from furrow.pipeline.rules import HIGHEST, Score

from .rules import PARTS

_FIELDS = ("zh", "en", "points")


class TermsForm(forms.Form):
    """Points and words of each answer, and what else can be set. `body()` is a version's JSON."""

    holdout = forms.IntegerField(
        label=_("Of a hundred dealt by match, dealt by chance to compare"),
        min_value=5,
        max_value=50,
    )
    uses_times = forms.BooleanField(
        label=_("Order and retries follow the best times"), required=False
    )
    vouched = forms.CharField(
        label=_("Columns known before the call, whatever the guard says"), required=False,
        help_text=_("Names, told apart by commas; for example city, profile:occupation"),
    )  # fmt: skip
    note = forms.CharField(label=_("Why it changes"), max_length=200)

    def __init__(self, body: Mapping[str, Any], data: Any = None) -> None:
        first = {
            "holdout": body["holdout"],
            "uses_times": body["uses_times"],
            "vouched": ", ".join(body["vouched"]),
        }
        super().__init__(data, initial=first)
        self._rubrics = body["rubrics"]
        for score in Score:
            for part in PARTS:
                for i, option in enumerate(self._rubrics[score][part]):
                    name = f"{score}-{part}-{i}"
                    self.fields[f"{name}-zh"] = forms.CharField(
                        label=_("in Chinese"), max_length=20, initial=option["zh"]
                    )
                    self.fields[f"{name}-en"] = forms.CharField(
                        label=_("in English"), max_length=30, initial=option["en"]
                    )
                    self.fields[f"{name}-points"] = forms.IntegerField(
                        label=_("points"), min_value=0, max_value=HIGHEST, initial=option["points"]
                    )

    def rubric_rows(self) -> list[tuple[str, list[tuple[str, list[list[forms.BoundField]]]]]]:
        """(score, [(question, [[zh, en, points], …]), …]) for the page."""
        return [
            (
                str(score.label),
                [
                    (
                        str(PARTS[part]),
                        [
                            [
                                self[f"{score}-{part}-{i}-{field}"]
                                for field in ("zh", "en", "points")
                            ]
                            for i in range(len(self._rubrics[score][part]))
                        ],
                    )
                    for part in PARTS
                ],
            )
            for score in Score
        ]

    def body(self) -> dict[str, Any]:
        said = self.cleaned_data
        rubrics = {
            score.value: {
                part: [
                    {one: said[f"{score}-{part}-{i}-{one}"] for one in _FIELDS}
                    for i in range(len(self._rubrics[score][part]))
                ]
                for part in PARTS
            }
            for score in Score
        }
        return {
            "rubrics": rubrics,
            "holdout": said["holdout"],
            "uses_times": said["uses_times"],
            "vouched": [word.strip() for word in said["vouched"].split(",") if word.strip()],
        }
