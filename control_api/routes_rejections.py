"""`/rejections`: calls that were refused before they became one, and why."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import listing
from control_api.paging import Limit, Offset
from control_api.routes_routing import TAG
from control_api.schemas_shared import ListEnvelope, ResponseModel, Timestamp
from gateway.rejections import Rejection, Rejections
from gateway.timestamps import timestamp


class RejectionOut(ResponseModel):
    """An INVITE that was refused."""

    at: Timestamp
    rule: str = Field(description="What refused it, such as `unknown_trunk`.", examples=["unknown_trunk"])
    sip_status: int = Field(description="All that the caller was told; 0: nothing.")
    message: str
    looked_up: str | None = Field(description="What was looked up.")
    fix: str | None = Field(description="What would put it right.")
    source: str = Field(description="Address and port that it came from.")
    called: str | None
    caller: str | None
    sip_call_id: str | None
    user_agent: str | None


def rejections_router(prefix: str, rejections: Rejections) -> APIRouter:
    """The route `{prefix}/rejections`."""
    router = APIRouter(prefix=f"{prefix}/rejections", tags=[TAG], route_class=ApiRoute)

    @router.get(
        "",
        operation_id="list_rejections",
        response_model=ListEnvelope[RejectionOut],
        responses=answers(Answers.QUERY),
    )
    async def list_rejections(request: Request, limit: Limit = 50, offset: Offset = 0) -> Response:
        """Inbound calls that were refused lately, newest first: which rule refused, what was looked up, and
        what would put it right. Kept in memory, the newest 200."""
        return listing(request, rejections.list(organization_of(request), limit, offset), _render)

    return router


def _render(rejection: Rejection) -> dict[str, Any]:
    return {
        "at": timestamp(rejection.at),
        "rule": rejection.rule,
        "sip_status": rejection.sip_status,
        "message": rejection.message,
        "looked_up": rejection.looked_up,
        "fix": rejection.fix,
        "source": rejection.source,
        "called": rejection.called,
        "caller": rejection.caller,
        "sip_call_id": rejection.sip_call_id,
        "user_agent": rejection.user_agent,
    }
