"""What the collecting server is pointed at. The work is in capture's loop."""

import importlib
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "furrow.config.settings")
django.setup()

# Imported only now: models need Django to be set up.
application = importlib.import_module("furrow.capture.loop").application
