"""`/live`, `/events`, `/calls/{call_id}/events`, `/calls/{call_id}/listen`: watching and hearing calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from control_api.api_route import Admission, ApiRoute, organization_of
from control_api.documentation import Answers, answers
from control_api.envelope import single
from control_api.event_source import MEDIA_TYPE, EventStreamResponse
from control_api.listen_socket import serve_listener
from control_api.path_ids import path_id
from control_api.schemas_control import ListenOut, render_ticket
from control_api.schemas_shared import Envelope
from control_api.services import CallControlService, LiveBoard, StreamService
from gateway.errors import GatewayError

TAG = "live"

T = TypeVar("T")

LastEventId = Annotated[str | None, Header(max_length=64, description="Go on behind this event.")]

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-Sent Events, described in docs/api.md.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}


def streams_router(
    prefix: str,
    streams: StreamService,
    control: CallControlService,
    board: LiveBoard,
) -> APIRouter:
    """The routes under `prefix`."""
    router = APIRouter(prefix=prefix, tags=[TAG], route_class=ApiRoute)

    @router.get(
        "/live",
        operation_id="stream_live",
        status_code=200,
        response_class=Response,
        responses=_STREAM | answers(Answers.QUERY),
    )
    async def stream_live(request: Request) -> Response:
        """How things stand, once a second: calls and how they sound, room, trunks, failures."""
        snapshots = board.watch(organization_of(request))
        return EventStreamResponse(_while_good(request, snapshots))

    @router.get(
        "/events",
        operation_id="stream_events",
        status_code=200,
        response_class=Response,
        responses=_STREAM | answers(Answers.QUERY),
    )
    async def stream_events(request: Request, last_event_id: LastEventId = None) -> Response:
        """What happens in all calls of the organisation, as Server-Sent Events."""
        items = await streams.of_organization(organization_of(request), last_event_id)
        return EventStreamResponse(_while_good(request, items))

    @router.get(
        "/calls/{call_id}/events",
        operation_id="stream_call_events",
        status_code=200,
        response_class=Response,
        responses=_STREAM | answers(Answers.QUERY, 404),
    )
    async def stream_call_events(
        request: Request, call_id: str, last_event_id: LastEventId = None
    ) -> Response:
        """What happens in one call, as Server-Sent Events; the stream ends with the call."""
        items = await streams.of_call(organization_of(request), path_id(call_id, "call"), last_event_id)
        return EventStreamResponse(_while_good(request, items))

    @router.post(
        "/calls/{call_id}/listen",
        operation_id="listen",
        response_model=Envelope[ListenOut],
        responses=answers(Answers.IDEMPOTENT, 404),
    )
    async def listen(request: Request, call_id: str) -> Response:
        """A WebSocket URL under which both sides of the call can be heard, once."""
        call = path_id(call_id, "call")
        ticket = await control.listen(organization_of(request), call)
        scheme = "wss" if request.url.scheme == "https" else "ws"
        url = f"{scheme}://{request.url.netloc}{prefix}/calls/{call}/listen?token={ticket.token}"
        return single(request, render_ticket(ticket, url))

    return router


async def _while_good(request: Request, items: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """The stream, until the key or the session that opened it is good no more."""
    admission: Admission = request.app.state.admission
    async with aclosing(items):
        async for item in items:
            if not await admission.still_good(request.scope):
                return
            yield item


def listen_route(prefix: str, control: CallControlService) -> WebSocketRoute:
    """The WebSocket behind the URL that `listen` gives. The token is all it asks for."""

    async def connect(socket: WebSocket) -> None:
        try:
            listeners = control.listeners(
                path_id(socket.path_params["call_id"], "call"), socket.query_params.get("token", "")
            )
            listener = listeners.add()
        except GatewayError:
            await socket.close(1008)  # before it was accepted: 403
            return
        try:
            await serve_listener(socket, listener)
        finally:
            listeners.remove(listener)

    return WebSocketRoute(f"{prefix}/calls/{{call_id}}/listen", connect, name="listen_socket")
