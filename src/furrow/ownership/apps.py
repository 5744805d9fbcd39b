from django.apps import AppConfig


class OwnershipConfig(AppConfig):
    name = "furrow.ownership"

    def ready(self) -> None:
        from furrow.customers.holdings import declare

        from . import actions, queries

        declare("ownership.Act.customer", move=actions.move_acts)
        declare("ownership.Standing.customer", move=actions.move_standing)
        # About the owner of that record: when the record is joined, its owner has it no more.
        declare("ownership.Return.customer", move=None, tell=queries.tell_returns)
        declare("ownership.Losing.customer", move=None)
