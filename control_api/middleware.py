"""The outermost layer, in plain ASGI: request ids, the size of bodies, the number of requests at once, what
is counted, and the last word when something breaks.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control_api.envelope import REQUEST_ID
from control_api.errors import INTERNAL_ERROR_MESSAGE, error_response

logger = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1_048_576
"""The largest request body; the largest legitimate one, an agent with a long prompt, is a few hundred
kilobytes."""

MAX_REQUESTS_AT_ONCE = 1_000
"""Requests in progress beyond which new ones are answered 503: the API must not starve the calls'
signalling."""

RESPONSE_HEADERS = "trunkline.response_headers"
"""Key of the ASGI scope for headers (pairs of bytes) that whoever handles the request wants on its
response."""

_request_id = re.compile(r"[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}")


class HttpMetrics:
    """What is counted about HTTP. Labels are route templates, never paths, so that their number stays
    small."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "trunkline_http_requests",
            "HTTP requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "trunkline_http_request_seconds",
            "From the request's head to the end of its response.",
            ["route"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
            registry=registry,
        )
        self._in_progress = Gauge(
            "trunkline_http_requests_in_progress", "HTTP requests being handled.", registry=registry
        )
        self._refused = Counter(
            "trunkline_http_requests_refused",
            "HTTP requests answered 503 because too many were in progress.",
            registry=registry,
        )
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def in_progress(self, change: int) -> None:
        self._in_progress.inc(change)

    def refused(self) -> None:
        self._refused.inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one response. Children are kept here because looking them up by label is the dear part."""
        key = (method, route, status)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._requests.labels(method, route, str(status))
        counter.inc()
        histogram = self._histograms.get(route)
        if histogram is None:
            histogram = self._histograms[route] = self._seconds.labels(route)
        histogram.observe(seconds)


def new_request_id(given: bytes | None) -> str:
    """The id of a request: the client's own if it is a UUID (hyphens may be missing), else a new one."""
    if given is not None and len(given) <= 36:
        text = given.decode("latin-1")
        if _request_id.fullmatch(text):
            return str(uuid.UUID(text))
    return str(uuid.uuid4())


class EdgeMiddleware:
    """Wraps the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: HttpMetrics,
        max_body_bytes: int = MAX_BODY_BYTES,
        body_limits: Mapping[str, int] | None = None,
        max_requests_at_once: int = MAX_REQUESTS_AT_ONCE,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._body_limits = dict(body_limits or {})  # by path, where files are sent
        self._max_requests_at_once = max_requests_at_once
        self._in_progress = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        given_id: bytes | None = None
        length: bytes | None = None
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given_id = value
            elif name == b"content-length":
                length = value
        request_id = scope[REQUEST_ID] = new_request_id(given_id)
        extra: list[tuple[bytes, bytes]] = [(b"x-request-id", request_id.encode("ascii"))]
        scope[RESPONSE_HEADERS] = extra
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *extra]
            try:
                await send(message)
            except Exception as error:
                raise ClientDisconnect from error  # the server raises what its transport raises

        self._in_progress += 1
        self._metrics.in_progress(1)
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            if self._in_progress > self._max_requests_at_once:
                self._metrics.refused()
                await self._refuse(scope, receive, send_with_headers)
            else:
                limited = self._limit_body(scope["path"], length, receive)
                await self._app(scope, limited, send_with_headers)
        except ClientDisconnect:
            pass  # nobody is left to answer
        except Exception:
            logger.exception("request_crashed", method=scope["method"], route=route_of(scope))
            if status:  # too late for an answer; the server cuts the connection
                raise
            response = error_response(scope, 500, "internal_error", INTERNAL_ERROR_MESSAGE)
            await response(scope, receive, send_with_headers)
        finally:
            structlog.contextvars.unbind_contextvars("request_id")
            self._in_progress -= 1
            self._metrics.in_progress(-1)
            self._metrics.answered(
                method_of(scope), route_of(scope), status or 499, time.perf_counter() - begun
            )

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = error_response(
            scope,
            503,
            "unavailable",
            "Too many requests are in progress; try again shortly.",
            {"retry_after": 1},
            {"Retry-After": "1"},
        )
        await response(scope, receive, send)

    def _limit_body(self, path: str, length: bytes | None, receive: Receive) -> Receive:
        """`receive`, failing with 413 as soon as the body is known to be too large."""
        limit = self._body_limits.get(path, self._max_body_bytes)
        announced = int(length) if length is not None and length.isdigit() else 0
        received = 0

        async def limited() -> Message:
            nonlocal received
            if announced > limit:
                raise _too_large(limit)
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    raise _too_large(limit)
            return message

        return limited


def _too_large(limit: int) -> HTTPException:
    # An HTTPException is what FastAPI lets through while it reads a body; anything else becomes a 400.
    return HTTPException(413, f"The request body is larger than {limit} bytes.", {"Connection": "close"})


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def method_of(scope: Scope) -> str:
    """The method as a metric label: a client cannot make new ones up."""
    method: str = scope["method"]
    return method if method in _METHODS else "other"


def route_of(scope: Scope) -> str:
    """The route's template (`/api/public/v1/calls/{call_id}`) or `unmatched`."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else "unmatched"
