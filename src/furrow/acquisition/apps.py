from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AcquisitionConfig(AppConfig):
    name = "furrow.acquisition"

    def ready(self) -> None:
        from furrow.customers.filters import declare_filter
        from furrow.customers.holdings import declare
        from furrow.ownership.declarations import declare_trait

        from . import actions, queries

        declare("acquisition.Lead.customer", move=actions.move_leads, tell=queries.tell_leads)
        declare("acquisition.Row.customer", move=actions.move_rows)
        declare_trait(
            "source",
            _("Source"),
            sql="SELECT DISTINCT ON (customer_id) customer_id, source_id::text AS value"
            " FROM acquisition_lead ORDER BY customer_id, at, id",
            choices=queries.sources,
        )
        declare_filter(
            "source", _("Source"), apply=queries.from_source, choices=queries.source_choices
        )
