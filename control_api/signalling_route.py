"""Routes that a page's own script uses, without a key: the secret of a call is the credential.

Scripts of every origin may ask (CORS), since nothing that a browser adds by itself, such as a cookie, lets
anybody in. A request about a call on another node is given to that node.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from control_api.authentication import bearer_token
from control_api.middleware import RESPONSE_HEADERS
from control_api.rate_limit import RateLimiter
from gateway.browser_calls.credentials import call_of
from gateway.errors import LimitExceededError
from gateway.widgets.doors import address_group

REQUESTS_PER_MINUTE = 600
"""From one address: candidates of many calls behind one router, but no search for a secret."""

CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"Location, ETag, Link, Retry-After, X-Request-Id"),
)
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match, X-Request-Id",
    "Access-Control-Max-Age": "7200",
}

_addresses = RateLimiter(REQUESTS_PER_MINUTE, burst=REQUESTS_PER_MINUTE)


class SignallingRoute(APIRoute):
    """A route for scripts of any origin."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def admitted(request: Request) -> Response:
            request.scope[RESPONSE_HEADERS].extend(CORS)
            take_turn(request)
            secret = request.path_params.get("session") or bearer_token(request.scope)
            call_id = call_of(secret) if secret is not None else None
            forwarding = request.app.state.admission.forwarding
            if call_id is not None and forwarding is not None:
                elsewhere = await forwarding.forward_by_id(request, call_id)
                if elsewhere is not None:
                    answer: Response = elsewhere
                    return answer
            return await handle(request)

        return admitted


def take_turn(connection: HTTPConnection) -> None:
    """Count a request or a socket against its address. Raises `LimitExceededError`."""
    address = connection.client.host if connection.client is not None else ""
    decision = _addresses.take(address_group(address), time.monotonic())
    if not decision.allowed:
        raise LimitExceededError("Too many requests; slow down.", retry_after=decision.retry_after)


async def preflight(request: Request) -> Response:
    """What a browser asks before a script's request goes out."""
    request.scope[RESPONSE_HEADERS].append(CORS[0])
    return Response(status_code=204, headers=PREFLIGHT)
