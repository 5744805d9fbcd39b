"""The made-up shop of the demo: visits by consent become leads, dealt to the first team."""

from datetime import datetime

from furrow.acquisition.actions import create_source
from furrow.acquisition.rules import LegalBasis, SourceKind
from furrow.capture.actions import save_site
from furrow.capture.demo import KEY
from furrow.organisation.models import Team, User


def make_shop(*, by: User, at: datetime) -> None:
    """The site whose pages `furrow collect` serves at /demo-shop/."""
    source = create_source(
        name="演示商店", kind=SourceKind.WEB, legal_basis=LegalBasis.CONSENT, purpose="课程咨询回访",
        team=Team.objects.order_by("pk").first(), is_dealt=True, by=by, at=at,
    )  # fmt: skip
    save_site(name="演示商店", hosts="127.0.0.1\nlocalhost", source=source, key=KEY, by=by, at=at)
