from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PipelineConfig(AppConfig):
    name = "furrow.pipeline"

    def ready(self) -> None:
        from furrow.acquisition.arrivals import declare_welcome
        from furrow.customers.columns import declare_column
        from furrow.customers.filters import declare_filter
        from furrow.customers.holdings import declare
        from furrow.ownership.declarations import declare_trait
        from furrow.permits.objections import declare_objection

        from . import actions, queries
        from .rules import HIGHEST, LOWEST, Stage

        declare_welcome(actions.enter_pipeline)
        declare("pipeline.Standing.customer", move=actions.move_standing)
        declare("pipeline.StageMove.customer", move=actions.move_moves, tell=queries.tell_moves)
        declare("pipeline.HandOff.customer", move=actions.move_handoffs)
        declare("pipeline.ScoreGiven.customer", move=actions.move_scores, tell=queries.tell_scores)
        declare_objection("stage", queries.stage_does_not_fit)
        declare_filter("stage", _("Stage"), apply=queries.at_stage, choices=queries.stage_choices)
        declare_filter("cp", _("CP"), apply=queries.with_cp_from, choices=queries.cp_choices)
        declare_filter("level", _("Level"), apply=queries.in_level, choices=queries.level_choices)
        declare_filter("out", _("Taken out"), apply=queries.is_out, choices=queries.out_choices)
        declare_column("stage", _("Stage"), cells=queries.stage_cells)
        declare_trait(
            "stage",
            _("Stage"),
            sql="SELECT customer_id, stage AS value FROM pipeline_standing",
            choices=lambda: Stage.choices,
        )
        declare_trait(
            "cp",
            _("CP"),
            sql="SELECT customer_id, cp::text AS value FROM pipeline_standing WHERE cp IS NOT NULL",
            choices=lambda: [(str(cp), str(cp)) for cp in range(LOWEST, HIGHEST + 1)],
        )
        declare_trait(
            "level",
            _("Level"),
            sql="SELECT customer_id, level::text AS value FROM pipeline_standing"
            " WHERE level IS NOT NULL",
            choices=lambda: [(str(level), f"L{level}") for level in range(LOWEST, HIGHEST + 1)],
        )
        declare_column("cp", _("CP"), cells=queries.cp_cells)
        declare_column("level", _("Level"), cells=queries.level_cells)
