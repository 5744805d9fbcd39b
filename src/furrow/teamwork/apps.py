from django.apps import AppConfig


class TeamworkConfig(AppConfig):
    name = "furrow.teamwork"

    def ready(self) -> None:
        from furrow.customers.holdings import declare

        from . import actions

        declare("teamwork.Clash.customer", move=actions.move_clashes)
        declare("teamwork.Collaboration.customer", move=actions.move_collaborations)
        declare("teamwork.Sale.customer", move=actions.move_sales)
        declare("teamwork.HandoverItem.customer", move=actions.move_items)
