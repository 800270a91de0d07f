"""What somebody who watches a call, or all calls, gets to see, in order: where things stand, then each event
as it happens, and how the call sounds every few seconds. A call's stream ends with the call.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from time import monotonic

from gateway.call_quality import CallQuality
from gateway.calls import CallService
from gateway.errors import GatewayError
from gateway.event_bus import CallEvent, EventBus, EventsDropped
from store.records import CallRecord, CallStatus, TimelineEvent

QUALITY_INTERVAL_S = 5.0
HEARTBEAT_INTERVAL_S = 15.0

TERMINAL = frozenset(str(status) for status in CallStatus if status.terminal)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing happened, but the connection lives."""


StreamItem = CallRecord | TimelineEvent | CallEvent | EventsDropped | CallQuality | Heartbeat


class EventStreams:
    """Opens streams over the bus."""

    def __init__(self, bus: EventBus, calls: CallService) -> None:
        self._bus = bus
        self._calls = calls

    async def of_call(
        self, organization_id: str, call_id: str, after: str | None
    ) -> AsyncGenerator[StreamItem]:
        """One call's stream. `after`: the last event that was seen. Raises `NotFoundError` and
        `LimitExceededError` before anything else.
        """
        await self._calls.get(organization_id, call_id)
        self._bus.require_room(organization_id)
        return self._call_items(organization_id, call_id, after)

    async def of_organization(self, organization_id: str, after: str | None) -> AsyncGenerator[StreamItem]:
        """The stream of all calls of an organisation. Raises `LimitExceededError`."""
        self._bus.require_room(organization_id)
        return self._all_items(organization_id, after)

    async def _call_items(
        self, organization_id: str, call_id: str, after: str | None
    ) -> AsyncGenerator[StreamItem]:
        subscription = self._bus.subscribe(organization_id, call_id=call_id, after=after)
        try:
            record = await self._calls.get(organization_id, call_id)
            # From here to the first yield nothing else runs: no step is missed, none comes twice.
            steps = () if after is not None else await self._calls.timeline(organization_id, call_id)
            if after is None:
                subscription.clear()
            yield record
            for step in steps:
                yield step
            over = record.status.terminal
            quality_at = monotonic()
            heartbeat_at = monotonic() + HEARTBEAT_INTERVAL_S
            while not self._bus.closed:
                item = await subscription.next(0 if over else max(0.0, quality_at - monotonic()))
                if item is not None:
                    yield item
                    if isinstance(item, CallEvent) and item.kind == "status":
                        over = over or item.data["status"] in TERMINAL
                elif over:
                    return
                now = monotonic()
                if now >= quality_at and not over:
                    quality_at = now + QUALITY_INTERVAL_S
                    quality = await self._quality(organization_id, call_id)
                    if quality is not None and quality.legs:
                        heartbeat_at = now + HEARTBEAT_INTERVAL_S
                        yield quality
                        over = not quality.live
                if now >= heartbeat_at:
                    heartbeat_at = now + HEARTBEAT_INTERVAL_S
                    yield Heartbeat()
        finally:
            self._bus.unsubscribe(subscription)

    async def _all_items(self, organization_id: str, after: str | None) -> AsyncGenerator[StreamItem]:
        subscription = self._bus.subscribe(organization_id, after=after)
        try:
            yield Heartbeat()  # the client sees at once that it is connected
            while not self._bus.closed:
                yield await subscription.next(HEARTBEAT_INTERVAL_S) or Heartbeat()
        finally:
            self._bus.unsubscribe(subscription)

    async def _quality(self, organization_id: str, call_id: str) -> CallQuality | None:
        try:
            return await self._calls.quality(organization_id, call_id)
        except (GatewayError, TimeoutError):
            return None
