from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CallsConfig(AppConfig):
    name = "furrow.calls"

    def ready(self) -> None:
        from furrow.customers.holdings import declare
        from furrow.customers.ties import declare_tie
        from furrow.permits.objections import declare_objection

        from .actions import move_calls
        from .queries import is_calling_us, tell_calls, tied_customers

        declare("calls.Call.customer", move=move_calls, tell=tell_calls)
        declare_tie(
            "call", because=_("You are in a call with this customer."), customers=tied_customers
        )
        declare_objection("calling", is_calling_us)
