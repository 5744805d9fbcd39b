from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OwnershipConfig(AppConfig):
    name = "furrow.ownership"

    def ready(self) -> None:
        from furrow.customers.holdings import declare

        from . import actions, queries
        from .declarations import declare_condition

        declare("ownership.Act.customer", move=actions.move_acts)
        declare("ownership.Standing.customer", move=actions.move_standing)
        # About the owner of that record: when the record is joined, its owner has it no more.
        declare("ownership.Return.customer", move=None, tell=queries.tell_returns)
        declare("ownership.Losing.customer", move=None)
        declare_condition(
            "region",
            _("Region"),
            sql="SELECT customer_id, region AS value FROM customers_number WHERE is_primary",
            choices=queries.regions,
        )
