from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FollowUpsConfig(AppConfig):
    name = "furrow.followups"

    def ready(self) -> None:
        from furrow.acquisition.arrivals import declare_hearer
        from furrow.customers.filters import declare_filter
        from furrow.customers.holdings import declare
        from furrow.ownership.declarations import declare_exemption
        from furrow.permits.objections import declare_objection
        from furrow.teamwork.duties import declare_duty

        from . import queries
        from .actions import answer_lead, hand_on, move_followups, move_rest
        from .queries import tell_followups

        declare("followups.FollowUp.customer", move=move_followups, tell=tell_followups)
        declare_hearer(answer_lead)
        declare("followups.Rest.customer", move=move_rest)
        declare_objection("rest", queries.rests)
        declare_filter(
            "quiet", _("Nobody reached out"), apply=queries.quiet_since,
            choices=queries.quiet_choices,
        )  # fmt: skip
        # By a call, and soon: nobody keeps a customer by promising.
        declare_exemption(
            "promise",
            _("a promised follow-up is still to come"),
            sql="SELECT customer_id FROM followups_followup WHERE done_at IS NULL"
            " AND reason = 'promise' AND after_call_id IS NOT NULL AND due_at > %(at)s"
            " AND due_at <= planned_at + interval '30 days'",
        )
        declare_duty("followups", move=hand_on)
