"""The demo shop, dealt to Anna's team: `python -m tests.journeys.shop`."""
# ruff: noqa: E402  # Django has to be set up before its models are imported

import json
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "furrow.config.settings")

import django

django.setup()

from django.utils import timezone

from furrow.acquisition.actions import create_source
from furrow.acquisition.rules import LegalBasis, SourceKind
from furrow.capture.actions import save_site
from furrow.capture.demo import KEY
from furrow.organisation.actions import system_user
from furrow.organisation.models import Team


def main() -> dict[str, object]:
    by, at = system_user(), timezone.now()
    source = create_source(
        name="Evening School", kind=SourceKind.WEB, legal_basis=LegalBasis.CONSENT,
        purpose="To answer questions about courses", region="US",
        team=Team.objects.get(name="North"), is_dealt=True, by=by, at=at,
    )  # fmt: skip
    site = save_site(name="Evening School", hosts="127.0.0.1", source=source, key=KEY, by=by, at=at)
    return {"site": site.pk}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
