"""Idempotency keys: a retried POST gets the first answer and does nothing again; above all it does not dial
twice.

A key belongs to one organisation, method and path, and is remembered for a day together with a hash of the
body. Only final answers are kept: 2xx and 4xx, but not 429; after those and after 5xx the same key may try
again. Of an answer that is not to be stored (`Cache-Control: no-store`) only that it was given is kept: a
retry does nothing and is told so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from control_api.envelope import JSON
from control_api.errors import (
    IdempotencyInProgressError,
    IdempotencyKeyInvalidError,
    IdempotencyKeyReusedError,
    SecretNotKeptError,
    response_for,
)
from store.idempotency import IdempotencyPhase, IdempotencyState

logger = structlog.get_logger(__name__)

HEADERS = ("x-idempotency-key", "idempotency-key")
MAX_KEY_LENGTH = 255
RETRY_AFTER_SECONDS = 1
PRUNE_INTERVAL = timedelta(hours=1)
REPLAYED_HEADER = "Idempotent-Replayed"
NO_STORE = "no-store"

Handler = Callable[[Request], Awaitable[Response]]


class IdempotencyStore(Protocol):
    """Where keys and answers are kept (`store.idempotency`)."""

    async def begin(self, scope: str, key: str, body_hash: str, now: datetime) -> IdempotencyState: ...

    async def complete(self, scope: str, key: str, status: int, body: bytes) -> None: ...

    async def forget(self, scope: str, key: str) -> None: ...

    async def prune(self, now: datetime) -> int: ...


def idempotency_key(request: Request) -> str | None:
    """The request's idempotency key, or None. Raises `IdempotencyKeyInvalidError`."""
    values = {value for name in HEADERS for value in request.headers.getlist(name)}
    if not values:
        return None
    if len(values) > 1:
        raise IdempotencyKeyInvalidError(
            "X-Idempotency-Key and Idempotency-Key differ; send one.", field="X-Idempotency-Key"
        )
    key = values.pop()
    if not key or len(key) > MAX_KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise IdempotencyKeyInvalidError(
            f"The idempotency key must be 1 to {MAX_KEY_LENGTH} printable ASCII characters.",
            field="X-Idempotency-Key",
        )
    return key


def body_hash(body: bytes) -> str:
    """A hash by which two bodies are the same request: spaces and the order of keys do not count."""
    try:
        canonical = msgspec.json.encode(msgspec.json.decode(body), order="deterministic")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        canonical = body
    return hashlib.sha256(canonical).hexdigest()


class Idempotency:
    """Runs requests, those with a key at most once each."""

    def __init__(
        self, store: IdempotencyStore, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._clock = clock
        self._next_prune = datetime.min.replace(tzinfo=UTC)

    async def run(self, organization_id: str, request: Request, handle: Handler) -> Response:
        """The answer of `handle` to `request`, or the first answer again.

        Raises `IdempotencyKeyReusedError`, `IdempotencyInProgressError`, and what `handle` raises.
        """
        key = idempotency_key(request)
        if key is None:
            return await handle(request)
        now = self._clock()
        await self._prune(now)
        scope = f"{organization_id} {request.method} {request.url.path}"
        state = await self._store.begin(scope, key, body_hash(await request.body()), now)
        if state.phase is IdempotencyPhase.CONFLICT:
            raise IdempotencyKeyReusedError(
                "This idempotency key was used with another request body.", field="X-Idempotency-Key"
            )
        if state.phase is IdempotencyPhase.RUNNING:
            raise IdempotencyInProgressError(
                "The first request with this idempotency key is still running.",
                retry_after=RETRY_AFTER_SECONDS,
            )
        if state.phase is IdempotencyPhase.COMPLETED and state.status is not None:
            return Response(state.body, state.status, {REPLAYED_HEADER: "true"}, JSON)
        return await self._run_and_remember(scope, key, request, handle)

    async def _run_and_remember(self, scope: str, key: str, request: Request, handle: Handler) -> Response:
        # Were we cancelled, nobody would know whether the request took effect: the key then stays taken.
        try:
            response = await handle(request)
        except Exception as error:
            rendered = response_for(request.scope, error)
            if rendered is None:
                await self._store.forget(scope, key)
                raise
            response = rendered
        if response.status_code == 429 or response.status_code >= 500:
            await self._store.forget(scope, key)
            return response
        kept = _not_kept(request) if response.headers.get("cache-control") == NO_STORE else response
        try:
            await self._store.complete(scope, key, kept.status_code, bytes(kept.body))
        except Exception:
            logger.exception("idempotent_answer_not_kept", route=request.url.path)
        return response

    async def _prune(self, now: datetime) -> None:
        """Remove expired keys once in a while; no request depends on it."""
        if now < self._next_prune:
            return
        self._next_prune = now + PRUNE_INTERVAL
        await self._store.prune(now)


def _not_kept(request: Request) -> Response:
    """What a retry gets in place of an answer that held a secret."""
    error = SecretNotKeptError("It was done; the answer held a secret, which was shown once and is not kept.")
    rendered = response_for(request.scope, error)
    assert rendered is not None
    return rendered
