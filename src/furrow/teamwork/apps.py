from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TeamworkConfig(AppConfig):
    name = "furrow.teamwork"

    def ready(self) -> None:
        from furrow.customers.entrances import declare_hearer
        from furrow.customers.holdings import declare
        from furrow.customers.ties import declare_tie
        from furrow.ownership.declarations import declare_helpers

        from . import actions
        from .queries import clashes, credit

        declare("teamwork.Clash.customer", move=actions.move_clashes, tell=clashes.tell_clashes)
        declare(
            "teamwork.Collaboration.customer",
            move=actions.move_collaborations,
            tell=credit.tell_collaborations,
        )
        declare("teamwork.Sale.customer", move=actions.move_sales, tell=credit.tell_sales)
        declare("teamwork.HandoverItem.customer", move=actions.move_items)
        declare_tie(
            "collaborator",
            because=_("You help the owner with this customer."),
            customers=credit.tied_customers,
        )
        declare_helpers(
            "SELECT customer_id, user_id FROM teamwork_collaboration"
            " WHERE since <= %(at)s AND until > %(at)s"
            " AND (ended_at IS NULL OR ended_at > %(at)s)"
        )
        declare_hearer(actions.hear_attempt)
