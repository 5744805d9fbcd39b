from django.apps import AppConfig


class PipelineConfig(AppConfig):
    name = "furrow.pipeline"

    def ready(self) -> None:
        from furrow.customers.holdings import declare

        from . import actions, queries

        declare("pipeline.Standing.customer", move=actions.move_standing)
        declare("pipeline.StageMove.customer", move=actions.move_moves, tell=queries.tell_moves)
        declare("pipeline.ScoreGiven.customer", move=actions.move_scores, tell=queries.tell_scores)
