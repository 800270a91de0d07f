"""Delivers call events: signed, retried with doubling pauses, bounded in number.

Both the account's webhooks and a call's own `callbacks` get `{"event": ..., "call": {...}}`, with
`X-Ultravox-Webhook-Timestamp` and `X-Ultravox-Webhook-Signature` (hex HMAC-SHA256 over body and timestamp).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp
import msgspec
import structlog

from local_engine.durations import format_timestamp, utc_now
from local_engine.records import CallRecord, WebhookRecord
from local_engine.views import call_view

logger = structlog.get_logger(__name__)

MAX_DELIVERIES = 2000
MAX_CONCURRENT = 32
MAX_ATTEMPTS = 11
FIRST_RETRY_S = 30.0
TIMEOUT_S = 10.0
MAX_FAILURES_KEPT = 20
# A call's own callbacks know these three events only.
_CALLBACKS = {"call.joined": "joined", "call.ended": "ended", "call.billed": "billed"}

_ENCODER = msgspec.json.Encoder()


def signature_headers(body: bytes, timestamp: str, secrets: Sequence[str]) -> dict[str, str]:
    """The two signature headers; one signature per secret, comma-separated."""
    signatures = [
        hmac.new(secret.encode(), body + timestamp.encode(), hashlib.sha256).hexdigest() for secret in secrets
    ]
    headers = {"X-Ultravox-Webhook-Timestamp": timestamp}
    if signatures:
        headers["X-Ultravox-Webhook-Signature"] = ",".join(signatures)
    return headers


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one address."""

    url: str
    body: bytes
    secrets: tuple[str, ...]
    hook: WebhookRecord | None


def deliveries(event: str, record: CallRecord, hooks: Mapping[str, WebhookRecord]) -> list[Delivery]:
    """Who is to be told of `event`: the webhooks that ask for it, and the call's own callback."""
    chosen = [
        hook for hook in hooks.values() if event in hook.events and hook.agent_id in (None, record.agent_id)
    ]
    callbacks = record.settings.callbacks
    callback = (
        getattr(callbacks, _CALLBACKS[event]) if callbacks is not None and event in _CALLBACKS else None
    )
    if not chosen and callback is None:
        return []
    body = _ENCODER.encode({"event": event, "call": call_view(record)})
    made = [Delivery(hook.url, body, hook.secrets, hook) for hook in chosen]
    if callback is not None:
        made.append(Delivery(callback.url, body, tuple(callback.secrets or ()), None))
    return made


class WebhookSender:
    """Sends deliveries. Beyond `MAX_DELIVERIES` under way the newest is dropped and counted."""

    def __init__(self, hooks: Mapping[str, WebhookRecord], *, first_retry_s: float = FIRST_RETRY_S) -> None:
        self._hooks = hooks
        self._first_retry_s = first_retry_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(MAX_CONCURRENT)
        self._session: aiohttp.ClientSession | None = None
        self.delivered = 0
        self.dropped = 0

    def on_call_event(self, event: str, record: CallRecord) -> None:
        """A call was created, joined, ended or billed."""
        for delivery in deliveries(event, record, self._hooks):
            if len(self._tasks) >= MAX_DELIVERIES:
                self.dropped += 1
                logger.warning("webhook dropped", call_id=record.call_id, webhook_event=event)
                continue
            task = asyncio.get_running_loop().create_task(self._deliver(delivery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _deliver(self, delivery: Delivery) -> None:
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                await asyncio.sleep(self._first_retry_s * 2 ** (attempt - 1))
            failure = await self._post(delivery)
            if delivery.hook is not None:
                _note_outcome(delivery.hook, failure)
            if failure is None:
                self.delivered += 1
                return
        self.dropped += 1

    async def _post(self, delivery: Delivery) -> str | None:
        """Why it failed, or `None`."""
        timestamp = format_timestamp(utc_now())
        headers = {
            "Content-Type": "application/json",
            **signature_headers(delivery.body, timestamp, delivery.secrets),
        }
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        try:
            async with (
                self._gate,
                self._session.post(delivery.url, data=delivery.body, headers=headers) as response,
            ):
                return None if 200 <= response.status < 300 else f"HTTP {response.status}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}"[:200]


def _note_outcome(hook: WebhookRecord, failure: str | None) -> None:
    unhealthy = failure is not None
    if unhealthy != hook.unhealthy:
        hook.unhealthy = unhealthy
        hook.last_change = utc_now()
    if failure is not None:
        hook.failures.append((format_timestamp(utc_now()), failure))
        del hook.failures[:-MAX_FAILURES_KEPT]
