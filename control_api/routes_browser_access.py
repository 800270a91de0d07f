"""How browser calls are begun: `POST /webrtc/call` with a key, a token for a visitor's page without one."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from control_api.api_route import ApiRoute, organization_of
from control_api.documentation import WITHOUT_KEY, Answers, answers
from control_api.envelope import json_response, single
from control_api.idempotency import NO_STORE
from control_api.routes_call_page import join_link
from control_api.schemas_shared import Envelope
from control_api.schemas_widgets import (
    BrowserCallCreate,
    BrowserCallOut,
    VisitorCallCreate,
    VisitorCallOut,
)
from control_api.visitor_route import DOOR, VisitorRates, address_of, visitor_route
from gateway.timestamps import timestamp
from gateway.widgets.doors import Door, Doors
from gateway.widgets.visits import Visits

TAG = "browser calls"


def browser_call_router(prefix: str, visits: Visits, public_url: str | None) -> APIRouter:
    """`{prefix}/webrtc/call`. `public_url`: what links begin with; None: the address that was asked."""
    router = APIRouter(prefix=f"{prefix}/webrtc", tags=[TAG], route_class=ApiRoute)

    @router.post(
        "/call",
        status_code=201,
        operation_id="create_browser_call",
        response_model=BrowserCallOut,
        responses=answers(Answers.BODY, 404, 502),
    )
    async def create_browser_call(request: Request, body: BrowserCallCreate) -> Response:
        """Make a call for a browser. Give its `joinUrl` to the page of your visitor; it joins once. It opens
        our call page, or is the engine's own when the agent's `browser_mode` is `direct`.
        """
        made = await visits.of_owner(organization_of(request), body.agent_id, body.variables)
        join_url = made.engine_url
        if made.token is not None:
            join_url = join_link(request, public_url, made.token)
        content = {"joinUrl": join_url, "callId": made.record.id, "agentName": made.agent_name}
        answer = json_response(content, 201)
        answer.headers["Cache-Control"] = NO_STORE
        return answer

    return router


def visitor_routers(
    prefix: str, doors: Doors, visits: Visits, public_url: str | None
) -> tuple[APIRouter, ...]:
    """`{prefix}/webrtc/widgets/{door}/token` and `{prefix}/webrtc/agents/{door}/token`."""
    rates = VisitorRates()
    found = []
    for kind, find in (("widget", doors.of_widget), ("agent", doors.of_agent)):
        router = APIRouter(
            prefix=f"{prefix}/webrtc/{kind}s", tags=[TAG], route_class=visitor_route(find, rates)
        )
        _add_token_routes(router, prefix, kind, visits, public_url)
        found.append(router)
    return tuple(found)


def _add_token_routes(
    router: APIRouter, prefix: str, kind: str, visits: Visits, public_url: str | None
) -> None:
    @router.post(
        "/{door}/token",
        status_code=201,
        operation_id=f"start_{kind}_call",
        response_model=Envelope[VisitorCallOut],
        responses=answers(Answers.VISITOR, 404, 502),
        openapi_extra=WITHOUT_KEY,
    )
    async def start_call(request: Request, door: str, body: VisitorCallCreate | None = None) -> Response:
        """For a page without a key: a token that joins one call, if the page's origin is an allowed one."""
        entered: Door = request.scope[DOOR]
        made = await visits.of_visitor(
            entered,
            origin=request.headers["origin"],
            address=address_of(request),
            variables={} if body is None else body.variables,
        )
        base = f"{_base(request, public_url)}{prefix}/webrtc"
        data = {
            "token": made.token,
            "call_id": made.record.id,
            "agent_name": entered.agent.name,
            "expires_at": timestamp(made.expires_at),
            "ice_servers_url": f"{base}/ice-servers",
            "sessions_url": f"{base}/sessions",
        }
        answer = single(request, data, 201)
        answer.headers["Cache-Control"] = NO_STORE
        return answer

    @router.options("/{door}/token", include_in_schema=False)
    async def may_start_call(request: Request, door: str) -> Response:
        """Answered by the route's class."""
        return Response(status_code=204)


def _base(request: Request, public_url: str | None) -> str:
    return (public_url or str(request.base_url)).rstrip("/")
