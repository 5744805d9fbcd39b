from django.apps import AppConfig


class PermitsConfig(AppConfig):
    name = "furrow.permits"

    def ready(self) -> None:
        from furrow.customers.holdings import declare

        from .actions import move_denials, move_permits
        from .queries import tell_denials, tell_suppressions

        # Suppressions know no customer; they are told here, where numbers and customers meet.
        declare("permits.Permit.customer", move=move_permits, tell=tell_suppressions)
        declare("permits.Denial.customer", move=move_denials, tell=tell_denials)
