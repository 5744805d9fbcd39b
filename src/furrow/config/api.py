"""The machine's door: one API, assembled from what each capability offers."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from furrow.acquisition.api import router as acquisition
from furrow.calls.api import router as calls
from furrow.common.refusal import Refused
from furrow.compliance.api import router as compliance
from furrow.customers.api import router as customers
from furrow.desk.api import router as desk
from furrow.dialer.api import router as dialer
from furrow.organisation.tokens import ByToken
from furrow.ownership.api import router as ownership
from furrow.permits.api import router as permits
from furrow.pipeline.api import router as pipeline
from furrow.teamwork.api import router as teamwork

DESCRIPTION = """\
Sign in with `Authorization: Bearer furrow_…`; an administrator makes keys under *Integrations*.
A key acts as its user, within the user's role. Numbers are E.164 going in and masked coming out.
Lists page by key: pass `next_after` back as `after`, of calls `next_before` as `before`. A rule
that says no is a 409 naming the rule (`D4`), the reason, and where there is one the moment the
answer may change.
"""

# What any endpoint may answer beside its own result.
PROBLEMS = {
    "400": "The request could not be read.",
    "401": "No key, or not a living one.",
    "403": "The key's user lacks this right (I3).",
    "404": "There is none, or the key's user may not see it.",
    "409": "A rule said no.",
    "422": "A value is missing or wrong; `detail` says where.",
    "429": "Too many requests; `Retry-After` says how long to wait.",
}
_PROBLEM = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {"description": "what went wrong; for 422 a list, one entry per field"},
        "rule": {"type": "string", "description": "the rule that said no"},
        "next_at": {
            "type": "string",
            "format": "date-time",
            "nullable": True,
            "description": "when the answer may change",
        },
    },
}


class Api(NinjaAPI):
    """NinjaAPI whose published contract names the answers every endpoint shares."""

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**kwargs)
        schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
        body = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for operations in schema["paths"].values():
            for operation in operations.values():
                for status, words in PROBLEMS.items():
                    operation["responses"].setdefault(
                        status, {"description": words, "content": body}
                    )
        return schema


api = Api(
    title="Furrow",
    version="1",
    description=DESCRIPTION,
    auth=ByToken(),
    docs_url=None,
    urls_namespace="api",
)
for prefix, router in (
    ("/customers", customers),
    ("/customers", ownership),
    ("/customers", pipeline),
    ("/customers", permits),
    ("/sales", teamwork),
    ("/leads", acquisition),
    ("/suppressions", compliance),
    ("/calls", dialer),
    ("/calls", desk),
    ("/calls", calls),
):
    api.add_router(prefix, router)


@api.exception_handler(Refused)
def refused(request: HttpRequest, refusal: Refused) -> HttpResponse:
    """409, or 403 for a missing right, with the rule and when the answer may change."""
    next_at = getattr(refusal, "next_at", None)
    body = {"detail": refusal.message, "rule": refusal.rule, "next_at": next_at}
    return api.create_response(request, body, status=refusal.status)
