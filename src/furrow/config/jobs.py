"""How procrastinate runs here."""

from procrastinate import App


def on_app_ready(app: App) -> None:
    """Nothing to add: tasks register themselves from each capability's tasks.py."""
