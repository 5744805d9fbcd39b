from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LearningConfig(AppConfig):
    name = "furrow.learning"

    def ready(self) -> None:
        from furrow.customers.holdings import declare
        from furrow.teamwork.strategies import declare_strategy

        from . import actions, matching

        declare("learning.Suggestion.customer", move=actions.move_suggestions)
        declare("learning.Match.customer", move=actions.move_matches)
        declare_strategy("match", _("By match"), change=matching.deal_by_match, keep=matching.keep)
