from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OwnershipConfig(AppConfig):
    name = "furrow.ownership"

    def ready(self) -> None:
        from furrow.customers.holdings import declare

        from . import actions, queries
        from .declarations import declare_trait

        declare("ownership.Act.customer", move=actions.move_acts)
        declare("ownership.Standing.customer", move=actions.move_standing)
        # About the owner of that record: when the record is joined, its owner has it no more.
        declare("ownership.Return.customer", move=None, tell=queries.tell_returns)
        declare("ownership.Losing.customer", move=None)
        declare_trait(
            "region",
            _("Region"),
            sql="SELECT customer_id, region AS value FROM customers_number WHERE is_primary",
            choices=queries.regions,
        )
        for name, label, value in (
            ("city", _("City"), "city"),
            ("category", _("Category"), "category"),
            ("language", _("Language"), "profile ->> 'language'"),
        ):
            sql = f"SELECT id AS customer_id, {value} AS value FROM customers_customer"  # noqa: S608
            declare_trait(name, label, sql=sql)
