from django.apps import AppConfig


class CallsConfig(AppConfig):
    name = "furrow.calls"

    def ready(self) -> None:
        from furrow.customers.holdings import declare

        from .actions import move_calls
        from .queries import tell_calls

        declare("calls.Call.customer", move=move_calls, tell=tell_calls)
