"""What every request of a visitor's page passes before its own work: the address's rate, door, origin.

A page holds no key, so what it may do follows from the origin that its browser names. Answers may be read by
a page of an allowed origin alone (the CORS protocol of the Fetch standard), preflights are answered for such
a page alone, and nothing of a body is read before.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from control_api.middleware import RESPONSE_HEADERS
from control_api.rate_limit import RateLimiter
from gateway.errors import LimitExceededError
from gateway.widgets.doors import Door, address_group

ANY_DOOR_PER_MINUTE = 120
"""Requests of one address at all doors, refused ones and preflights too: guessing costs us no more."""

PREFLIGHT_KEPT_S = 600

DOOR = "trunkline.door"
"""Key of the ASGI scope under which the request's `Door` stands once it is let in."""

FindDoor = Callable[[str], Awaitable[Door]]


class VisitorRates:
    """How often one address may come. Buckets of doors that grant the same number a minute lie together."""

    def __init__(self) -> None:
        self._any = RateLimiter(ANY_DOOR_PER_MINUTE)
        self._doors: dict[int, RateLimiter] = {}

    def take_any(self, address: str) -> None:
        """Raises `LimitExceededError`."""
        _take(self._any, address_group(address))

    def take(self, door: Door, address: str) -> None:
        """One call through this door. Raises `LimitExceededError`."""
        per_minute = door.calls_per_minute
        limiter = self._doors.get(per_minute)
        if limiter is None:
            limiter = self._doors[per_minute] = RateLimiter(per_minute)
        _take(limiter, f"{door.caps[0].name} {address_group(address)}")


def _take(limiter: RateLimiter, subject: str) -> None:
    decision = limiter.take(subject, time.monotonic())
    if not decision.allowed:
        raise LimitExceededError(
            "Too many calls from this address; wait a moment.",
            retry_after=decision.retry_after,
            limit=decision.limit,
        )


def visitor_route(find: FindDoor, rates: VisitorRates) -> type[APIRoute]:
    """The class of the routes whose path parameter `door` names a door."""

    class VisitorRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def admitted(request: Request) -> Response:
                scope = request.scope
                scope[RESPONSE_HEADERS].append((b"vary", b"Origin"))
                rates.take_any(address_of(request))
                door = await find(request.path_params["door"])
                origin = door.require_origin(request.headers.get("origin"))
                _let_read(scope, origin)
                if request.method == "OPTIONS":
                    return preflight_answer()
                door.require_enabled()
                rates.take(door, address_of(request))
                scope[DOOR] = door
                return await handle(request)

            return admitted

    return VisitorRoute


def address_of(request: Request) -> str:
    """The visitor's address, as a trusted proxy tells it."""
    return request.client.host if request.client is not None else ""


def preflight_answer() -> Response:
    """What a page of an allowed origin may send."""
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Content-Type",
            "Access-Control-Max-Age": str(PREFLIGHT_KEPT_S),
        },
    )


def _let_read(scope: Scope, origin: str) -> None:
    scope[RESPONSE_HEADERS].extend(
        (
            (b"access-control-allow-origin", origin.encode("ascii")),
            (b"access-control-expose-headers", b"Retry-After, X-Request-Id"),
        )
    )
