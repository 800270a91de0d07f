"""`/webrtc/sessions` and `/webrtc/ice-servers`: how a browser joins its call (WHIP, RFC 9725; trickle ICE,
RFC 8840), described in docs/browser-calls.md.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from control_api.authentication import bearer_token
from control_api.documentation import Answers, answers
from control_api.envelope import single
from control_api.errors import UnsupportedMediaTypeError
from control_api.schemas_shared import Envelope
from control_api.schemas_webrtc import IceServersOut
from control_api.signalling_route import SignallingRoute, preflight
from gateway.browser_calls.errors import (
    PreconditionFailedError,
    PreconditionRequiredError,
    TokenUnknownError,
)
from gateway.browser_calls.service import BrowserCalls
from gateway.ice_servers import IceServers, ice_server_json, link_headers

TAG = "webrtc"

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
ANY_ETAG = "*"
SESSIONS = "/webrtc/sessions"

_Responses = dict[int | str, dict[str, Any]]
_ANONYMOUS: list[dict[str, list[str]]] = []
_TEXT = {"schema": {"type": "string"}}
_JOINED: _Responses = {201: {"description": "Our answer.", "content": {SDP: _TEXT}}}
_UPDATED: _Responses = {
    200: {"description": "The answer to a restart of ICE.", "content": {FRAGMENT: _TEXT}},
    204: {"description": "Candidates were taken."},
}
_LEFT: _Responses = {200: {"description": "The call is over, or was."}}


def _takes(kind: str) -> dict[str, Any]:
    return {
        "security": _ANONYMOUS,
        "requestBody": {"required": True, "content": {kind: _TEXT}},
    }


def webrtc_router(prefix: str, calls: BrowserCalls, ice_servers: IceServers) -> APIRouter:
    """The routes under `prefix`."""
    router = APIRouter(prefix=prefix, tags=[TAG], route_class=SignallingRoute)

    @router.post(
        SESSIONS,
        operation_id="join_browser_call",
        status_code=201,
        response_class=Response,
        responses=_JOINED | answers(Answers.BODY, 410, 415, 502),
        openapi_extra=_takes(SDP),
    )
    async def join_browser_call(request: Request) -> Response:
        """Join a call by its token: the body is the browser's offer, the answer ours (WHIP). `Location` is
        the session's address, `ETag` names the ICE session, `Link` the servers for ICE. The token is used up.
        """
        _require_kind(request, SDP)
        token = _token(request)
        joined = await calls.join(
            token,
            await request.body(),
            origin=request.headers.get("origin"),
            peer_host=request.client.host if request.client is not None else "",
        )
        headers = {
            "Location": f"{prefix}{SESSIONS}/{joined.secret}",
            "ETag": joined.etag,
            "Accept-Patch": FRAGMENT,
            "Cache-Control": "no-store",
        }
        links = link_headers(ice_servers.for_call(joined.call_id))
        if links:
            headers["Link"] = ", ".join(links)
        return Response(joined.answer, 201, headers, SDP)

    @router.patch(
        SESSIONS + "/{session}",
        operation_id="update_browser_session",
        status_code=200,
        response_class=Response,
        responses=_UPDATED | answers(Answers.BODY, 404, 412, 415, 428),
        openapi_extra=_takes(FRAGMENT),
    )
    async def update_browser_session(request: Request, session: str) -> Response:
        """More candidates of the browser, with the ICE session's `ETag` in `If-Match`; or new credentials,
        with `If-Match: *`, when its network has changed: ICE begins anew, the call goes on.
        """
        _require_kind(request, FRAGMENT)
        found = calls.live_session(session)
        wanted = request.headers.get("if-match")
        if wanted is None:
            raise PreconditionRequiredError("Name the ICE session by If-Match, or send * to restart it.")
        if wanted.strip() not in (ANY_ETAG, found.etag):
            raise PreconditionFailedError("The ICE session that If-Match names has been replaced.")
        restart = found.take_fragment(await request.body(), restarts=wanted.strip() == ANY_ETAG)
        if restart is None:
            return Response(status_code=204)
        return Response(restart.fragment, 200, {"ETag": found.etag, "Cache-Control": "no-store"}, FRAGMENT)

    @router.delete(
        SESSIONS + "/{session}",
        operation_id="leave_browser_call",
        status_code=200,
        response_class=Response,
        responses=_LEFT | answers(Answers.PLAIN, 404),
        openapi_extra={"security": _ANONYMOUS},
    )
    async def leave_browser_call(request: Request, session: str) -> Response:
        """Hang up."""
        calls.session(session).leave()
        return Response(status_code=200)

    @router.get(
        "/webrtc/ice-servers",
        operation_id="browser_ice_servers",
        response_model=Envelope[IceServersOut],
        responses=answers(Answers.PLAIN, 410),
        openapi_extra={"security": _ANONYMOUS},
    )
    async def browser_ice_servers(request: Request) -> Response:
        """The STUN and TURN servers for a call, with credentials of its own, and whom the page will talk to.
        Takes the call's token, which is not used up.
        """
        holder = calls.holder(_token(request))
        servers = [ice_server_json(server) for server in ice_servers.for_call(holder.call.id)]
        response = single(request, {"ice_servers": servers, "agent_name": holder.agent_name})
        response.headers["Cache-Control"] = "no-store"
        return response

    for path in (SESSIONS, SESSIONS + "/{session}", "/webrtc/ice-servers"):
        router.add_route(prefix + path, preflight, methods=["OPTIONS"], include_in_schema=False)
    return router


def _token(request: Request) -> str:
    """Raises `TokenUnknownError`."""
    token = bearer_token(request.scope)
    if token is None:
        raise TokenUnknownError("Send the call's token: Authorization: Bearer TOKEN")
    return token


def _require_kind(request: Request, kind: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != kind:
        raise UnsupportedMediaTypeError(f"The body has to be {kind}.")
