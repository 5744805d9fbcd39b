from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "furrow.campaigns"

    def ready(self) -> None:
        from furrow.customers.holdings import declare
        from furrow.teamwork.duties import declare_duty

        from .actions import hand_on, move_targets

        declare("campaigns.Target.customer", move=move_targets)
        declare_duty("targets", move=hand_on)
