from django.apps import AppConfig


class CaptureConfig(AppConfig):
    name = "furrow.capture"

    def ready(self) -> None:
        from furrow.customers.holdings import declare

        from . import actions, queries

        declare("capture.Visitor.customer", move=actions.move_visitors, tell=queries.tell_visits)
