from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "furrow.customers"

    def ready(self) -> None:
        from furrow.exports.kinds import declare_kind

        from . import actions, exporting, filters, queries
        from .holdings import declare

        declare(
            "customers.Number.customer",
            move=actions.move_numbers,
            tell=queries.tell_recording,
        )
        declare("customers.Note.customer", move=actions.move_notes, tell=queries.tell_notes)
        declare(
            "customers.OwnershipEvent.customer",
            move=None,
            tell=queries.tell_ownership,
        )
        declare("customers.MergeEvent.kept", move=None, tell=queries.tell_merges)
        declare("customers.MergeEvent.duplicate", move=None)
        filters.declare_own()
        declare_kind(exporting.KIND)
