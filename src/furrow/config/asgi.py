"""What an ASGI server is pointed at: the events server. The work is in events.py."""

import importlib
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "furrow.config.settings")
django.setup()

# Imported only now: models need Django to be set up.
application = importlib.import_module("furrow.config.events").application
