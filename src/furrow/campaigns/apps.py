from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    name = "furrow.campaigns"

    def ready(self) -> None:
        from furrow.customers.holdings import declare
        from furrow.ownership.declarations import declare_pauses
        from furrow.pipeline.declarations import declare_part
        from furrow.teamwork.duties import declare_duty

        from .actions import hand_on, move_targets
        from .queries import disposition_choices, script_choices

        declare("campaigns.Target.customer", move=move_targets)
        # While a campaign is paused, days do not count for whoever waits in it.
        declare_pauses(
            "SELECT target.customer_id, span.starts_at, span.ends_at"
            " FROM campaigns_target AS target JOIN ("
            "  SELECT pgh_obj_id, state, pgh_created_at AS starts_at,"
            "   lead(pgh_created_at) OVER (PARTITION BY pgh_obj_id ORDER BY pgh_id) AS ends_at"
            "  FROM campaigns_campaignevent"
            " ) AS span ON span.pgh_obj_id = target.campaign_id AND span.state = 'paused'"
            " WHERE target.state = 'waiting'"
        )
        declare_duty("targets", move=hand_on)
        declare_part("script", _("Script"), choices=script_choices)
        declare_part("dispositions", _("Dispositions"), choices=disposition_choices)
