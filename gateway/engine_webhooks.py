"""What the engine tells us of its calls: verified, then given to whom it concerns.

The signature is HMAC-SHA256 over the body and the timestamp, in lower-case hexadecimal; there may be several,
one for each secret. What is too old is refused, so that a message that somebody has kept is of no use. The
same message may come twice: what it says is a state, and takes effect once.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog

from gateway.errors import ForbiddenError, InvalidRequestError
from gateway.web_calls import WebCalls
from media.ultravox.rest import EngineCallStatus
from store.calls import CallRepository

log = structlog.get_logger(__name__)

WINDOW = timedelta(minutes=5)
MAX_SIGNATURES = 10

_CLOCK = re.compile(r"(\d+):(\d{2}):(\d{2}(?:\.\d+)?)")


class _Call(EngineCallStatus, frozen=True, rename="camel"):
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class _Message(msgspec.Struct, frozen=True):
    event: str
    call: _Call


class EngineWebhooks:
    """Takes the engine's webhooks and a call's own callbacks, which look alike."""

    def __init__(
        self,
        secret: str | None,
        calls: CallRepository,
        web_calls: WebCalls,
        catch_up: Callable[[], Awaitable[None]],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`catch_up` writes what is still to be stored of calls."""
        self._secret = secret
        self._calls = calls
        self._web_calls = web_calls
        self._catch_up = catch_up
        self._now = now

    async def take(self, body: bytes, timestamp: str | None, signatures: str | None) -> None:
        """Raises `ForbiddenError` for what is not the engine's, `InvalidRequestError` for what cannot be
        read.
        """
        self._verify(body, timestamp or "", (signatures or "").split(","))
        try:
            message = msgspec.json.decode(body, type=_Message)
        except msgspec.MsgspecError as error:
            raise InvalidRequestError(f"The message cannot be read: {error}", field="call") from error
        call_id = message.call.metadata.get("call_id")
        if not isinstance(call_id, str):
            return  # a call of somebody else's on the same account
        await self._web_calls.told(call_id, message.call)
        billed_ms = duration_ms(message.call.billed_duration)
        if billed_ms is not None:
            await self._billed(call_id, message.call.call_id, billed_ms)

    async def _billed(self, call_id: str, engine_call_id: str, billed_ms: int) -> None:
        await self._catch_up()
        if not await self._calls.record_billed(call_id, engine_call_id, billed_ms):
            log.info("bill_of_unknown_call", call_id=call_id, engine_call_id=engine_call_id)

    def _verify(self, body: bytes, timestamp: str, signatures: Sequence[str]) -> None:
        if self._secret is None:
            raise ForbiddenError("No secret is set (engine.webhook_secret).", code="webhook_refused")
        try:
            sent = datetime.fromisoformat(timestamp)
        except ValueError as error:
            raise ForbiddenError("The timestamp cannot be read.", code="webhook_refused") from error
        if sent.tzinfo is None:
            sent = sent.replace(tzinfo=UTC)
        if abs(self._now() - sent) > WINDOW:
            raise ForbiddenError("The message is too old.", code="webhook_refused")
        expected = signature(self._secret, body, timestamp).encode()
        given = [each.strip().encode("utf-8", "replace") for each in signatures[:MAX_SIGNATURES]]
        if not any(hmac.compare_digest(expected, each) for each in given):
            raise ForbiddenError("The signature is not ours.", code="webhook_refused")


def signature(secret: str, body: bytes, timestamp: str) -> str:
    """What the engine signs a message with."""
    return hmac.new(secret.encode(), body + timestamp.encode(), hashlib.sha256).hexdigest()


def duration_ms(text: str | None) -> int | None:
    """A billed duration: `66s`, or `0:01:06`. None when there is none, or it cannot be read."""
    if text is None:
        return None
    clock = _CLOCK.fullmatch(text)
    try:
        if clock is not None:
            seconds = int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
        else:
            seconds = float(text.removesuffix("s"))
    except ValueError:
        return None
    return round(seconds * 1000) if math.isfinite(seconds) and seconds >= 0 else None
