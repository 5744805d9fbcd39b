from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SegmentsConfig(AppConfig):
    name = "furrow.segments"

    def ready(self) -> None:
        from furrow.customers.filters import declare_filter

        from . import queries

        declare_filter(
            "segment", _("Segment"), apply=queries.in_segment, choices=queries.segment_choices
        )
