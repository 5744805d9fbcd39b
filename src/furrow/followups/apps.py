from django.apps import AppConfig


class FollowUpsConfig(AppConfig):
    name = "furrow.followups"

    def ready(self) -> None:
        from furrow.customers.holdings import declare
        from furrow.teamwork.duties import declare_duty

        from .actions import hand_on, move_followups
        from .queries import tell_followups

        declare("followups.FollowUp.customer", move=move_followups, tell=tell_followups)
        declare_duty("followups", move=hand_on)
