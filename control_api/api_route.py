"""What every route of the public API does before its own work: key or session, role, rate limit, idempotency.

It happens before the body is read, so that a stranger cannot make the gateway parse anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from control_api.authentication import (
    CALLER,
    SAFE_METHODS,
    Caller,
    KeyVerifier,
    SessionVerifier,
    authenticate,
    bearer_token,
)
from control_api.forwarding import Forwarding
from control_api.idempotency import Idempotency, IdempotencyStore
from control_api.middleware import RESPONSE_HEADERS
from control_api.rate_limit import RateDecision, RateLimiter
from gateway.errors import ForbiddenError, InvalidRequestError, LimitExceededError
from store.errors import StoreError
from store.user_records import Role

LIVE_READS = ("/quality", "/events", "/sip")
"""Ends of paths under which a call is read from memory, while it goes on."""

ORGANIZATION_SHARE = 5
"""All keys of an organisation together may make this many times the requests of one key."""


class Admission:
    """Decides whether a request may enter."""

    def __init__(
        self,
        keys: KeyVerifier,
        idempotency: IdempotencyStore,
        rate_limit_per_minute: int,
        forwarding: Forwarding | None = None,
        sessions: SessionVerifier | None = None,
    ) -> None:
        self.forwarding = forwarding
        self._sessions = sessions
        self._keys = keys
        self.idempotency = Idempotency(idempotency)
        self._per_key: RateLimiter | None = None
        self._per_organization: RateLimiter | None = None
        if rate_limit_per_minute > 0:
            self._per_key = RateLimiter(rate_limit_per_minute)
            self._per_organization = RateLimiter(rate_limit_per_minute * ORGANIZATION_SHARE)

    async def admit(self, scope: Scope, *, readers_may_change: bool = False) -> Caller:
        """Who makes an admitted request. Raises `UnauthorizedError`, `ForbiddenError` and
        `LimitExceededError`.
        """
        caller = await authenticate(scope, self._keys, self._sessions)
        if self._per_key is not None and self._per_organization is not None:
            now = time.monotonic()
            decision = self._per_key.take(caller.id, now)
            if decision.allowed:
                of_all = self._per_organization.take(caller.organization_id, now)
                if not of_all.allowed:
                    decision = of_all
            scope[RESPONSE_HEADERS].extend(_headers(decision))
            if not decision.allowed:
                raise LimitExceededError(
                    "Too many requests; slow down.", retry_after=decision.retry_after, limit=decision.limit
                )
        if not (readers_may_change or caller.role is Role.ADMIN or scope["method"] in SAFE_METHODS):
            raise ForbiddenError("The role read may look on and change nothing.", code="read_only")
        scope[CALLER] = caller
        return caller

    async def still_good(self, scope: Scope) -> bool:
        """Whether the key or the session of an admitted request is good yet: for what goes on after it."""
        caller: Caller = scope[CALLER]
        try:
            if caller.signed_in is not None:
                return self._sessions is not None and await self._sessions.still_good(caller.signed_in)
            bearer = bearer_token(scope)
            return bearer is not None and await self._keys.verify_key(bearer) is not None
        except StoreError:
            return True  # nobody can say; it was


class ApiRoute(APIRoute):
    """A route behind `Admission`; a POST honours idempotency keys."""

    readers_may_change = False

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        creates = "POST" in (self.methods or ())
        known = frozenset(_query_names(self.dependant))
        # What is about a call as it goes on, and only the node that has it can answer.
        steers = "{call_id}" in self.path_format and (creates or self.path_format.endswith(LIVE_READS))

        async def admitted(request: Request) -> Response:
            admission: Admission = request.app.state.admission
            caller = await admission.admit(request.scope, readers_may_change=self.readers_may_change)
            told: set[str] = set()
            for name, _ in request.query_params.multi_items():
                if name not in known:
                    raise _unknown_parameter(name)
                if name in told:
                    raise InvalidRequestError(f"{name}: is given more than once", field=name)
                told.add(name)
            if steers and admission.forwarding is not None:
                endless = self.path_format.endswith("/events")
                elsewhere = await admission.forwarding.forward(
                    request, caller.organization_id, endless=endless
                )
                if elsewhere is not None:
                    return elsewhere
            if creates:
                return await admission.idempotency.run(caller.organization_id, request, handle)
            return await handle(request)

        return admitted


class OwnRoute(ApiRoute):
    """A route about the caller itself, which the role read may use too."""

    readers_may_change = True


def _query_names(dependant: Dependant) -> Iterator[str]:
    """The query parameters of a route and of what it depends on."""
    yield from (field.alias for field in dependant.query_params)
    for below in dependant.dependencies:
        yield from _query_names(below)


def _unknown_parameter(name: str) -> InvalidRequestError:
    """A misspelt filter must not become a list without one."""
    shown = name[:64].encode("utf-8", "replace").decode()
    return InvalidRequestError(f"{shown}: is not a known query parameter", field=shown)


def organization_of(request: Request) -> str:
    """The organisation of an admitted request."""
    return caller_of(request).organization_id


def caller_of(request: Request) -> Caller:
    """Who makes an admitted request."""
    caller: Caller = request.scope[CALLER]
    return caller


def may_change(request: Request) -> bool:
    """Whether an admitted request comes from somebody who may do more than look on."""
    return caller_of(request).role is Role.ADMIN


def require_admin(request: Request) -> None:
    """Raises `ForbiddenError` when an admitted request comes from somebody who may only look on."""
    if not may_change(request):
        raise ForbiddenError("This is for the role admin.", code="admin_only")


def _headers(decision: RateDecision) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"x-ratelimit-limit", str(decision.limit).encode("ascii")),
        (b"x-ratelimit-remaining", str(decision.remaining).encode("ascii")),
        (b"x-ratelimit-reset", str(decision.reset_after).encode("ascii")),
    )
