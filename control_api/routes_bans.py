"""`/bans`: sources that the gateway does not listen to for a time."""

from __future__ import annotations

from time import monotonic
from typing import Any, Protocol

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
from gateway.defence.bans import Ban, Bans
from gateway.errors import ForbiddenError
from gateway.timestamps import timestamp


class BanOut(ResponseModel):
    """A source of SIP that is not listened to."""

    source: str = Field(description="An address; of IPv6 a network.", examples=["203.0.113.9"])
    reason: str
    since: Timestamp
    until: Timestamp
    dropped: int = Field(description="Requests from there since.")


class Organizations(Protocol):
    """Knows who shares the gateway."""

    async def is_alone(self, organization_id: str, /) -> bool: ...


def bans_router(prefix: str, bans: Bans, organizations: Organizations) -> APIRouter:
    """The routes under `{prefix}/bans`."""
    router = APIRouter(prefix=f"{prefix}/bans", tags=[TAG], route_class=ApiRoute)

    @router.get(
        "",
        operation_id="list_bans",
        response_model=ListEnvelope[BanOut],
        responses=answers(Answers.QUERY),
    )
    async def list_bans(request: Request, limit: Limit = 50, offset: Offset = 0) -> Response:
        """Sources that this gateway does not listen to for a time, newest first: scanners, and strangers who
        tried too often."""
        return listing(request, bans.list(limit, offset, monotonic()), _render)

    @router.delete(
        "/{source}",
        status_code=204,
        operation_id="lift_ban",
        response_class=Response,
        responses=answers(Answers.PLAIN, 404),
    )
    async def lift_ban(request: Request, source: str) -> Response:
        """Listen to a source again; `source` is an address in it. For an organisation that has the gateway to
        itself: a ban guards all who share one."""
        if not await organizations.is_alone(organization_of(request)):
            raise ForbiddenError(
                "Other organisations share this gateway. A trunk that takes the source's network lets it in.",
                code="shared_gateway",
            )
        bans.lift(source)
        return Response(status_code=204)

    return router


def _render(ban: Ban) -> dict[str, Any]:
    return {
        "source": ban.source,
        "reason": ban.reason,
        "since": timestamp(ban.since),
        "until": timestamp(ban.until),
        "dropped": ban.dropped,
    }
