from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "furrow.campaigns"

    def ready(self) -> None:
        from furrow.customers.holdings import declare

        from .actions import move_targets

        declare("campaigns.Target.customer", move=move_targets)
