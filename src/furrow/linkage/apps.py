from django.apps import AppConfig


class LinkageConfig(AppConfig):
    name = "furrow.linkage"

    def ready(self) -> None:
        from furrow.customers.holdings import declare

        from .actions import move_pairs

        declare("linkage.Pair.left", move=move_pairs)
        declare("linkage.Pair.right", move=move_pairs)  # finds nothing left to move
