"""Call control and streams over calls in memory: what is asked for is kept, nothing is done."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from gateway.call_actions import Side
from gateway.call_control import ListenTicket, RecordingVerb
from gateway.errors import ConflictError, NotFoundError
from gateway.event_stream import StreamItem
from gateway.listening import CallListeners
from gateway.transfers.plan import TransferPlan
from store.records import CallRecord, CallStatus
from tests.control_api.in_memory_calls import InMemoryCalls

EXPIRES_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class InMemoryControl:
    def __init__(self, calls: InMemoryCalls) -> None:
        self._calls = calls
        self.asked: list[tuple[Any, ...]] = []
        self.switched: list[bool] = []
        self.call_listeners = CallListeners(self.switched.append)
        self.tokens = {"good"}

    async def say(
        self, organization_id: str, call_id: str, text: str, *, uninterruptible: bool, urgency: str
    ) -> CallRecord:
        return await self._ask(organization_id, call_id, "say", text, uninterruptible, urgency)

    async def message(self, organization_id: str, call_id: str, text: str, *, urgency: str) -> CallRecord:
        return await self._ask(organization_id, call_id, "message", text, urgency)

    async def play(
        self,
        organization_id: str,
        call_id: str,
        *,
        path: str | None,
        url: str | None,
        loop: bool,
        volume: float,
    ) -> CallRecord:
        return await self._ask(organization_id, call_id, "play", path, url, loop, volume)

    async def stop_play(self, organization_id: str, call_id: str) -> CallRecord:
        return await self._ask(organization_id, call_id, "stop-play")

    async def mute(self, organization_id: str, call_id: str, side: Side, *, muted: bool) -> CallRecord:
        return await self._ask(organization_id, call_id, "mute" if muted else "unmute", str(side))

    async def hold(self, organization_id: str, call_id: str, *, held: bool) -> CallRecord:
        return await self._ask(organization_id, call_id, "hold" if held else "unhold")

    async def transfer(self, organization_id: str, call_id: str, plan: TransferPlan) -> CallRecord:
        return await self._ask(organization_id, call_id, "transfer", plan)

    async def end_transfer(self, organization_id: str, call_id: str, *, complete: bool) -> CallRecord:
        return await self._ask(organization_id, call_id, "complete" if complete else "cancel")

    async def send_digits(self, organization_id: str, call_id: str, digits: str) -> CallRecord:
        return await self._ask(organization_id, call_id, "dtmf", digits)

    async def recording(self, organization_id: str, call_id: str, verb: RecordingVerb) -> CallRecord:
        return await self._ask(organization_id, call_id, "recording", str(verb))

    async def listen(self, organization_id: str, call_id: str) -> ListenTicket:
        await self._ask(organization_id, call_id, "listen")
        return ListenTicket("good", EXPIRES_AT)

    def listeners(self, call_id: str, token: str) -> CallListeners:
        if token not in self.tokens:
            raise NotFoundError("no such token")
        self.tokens.discard(token)
        return self.call_listeners

    async def _ask(self, organization_id: str, call_id: str, *asked: Any) -> CallRecord:
        call = await self._calls.get(organization_id, call_id)
        if call.status is not CallStatus.IN_PROGRESS:
            raise ConflictError("not in progress", code="call_not_in_progress", status=str(call.status))
        self.asked.append(asked)
        return call


class InMemoryStreams:
    """Streams whose items the test has put into `items`."""

    def __init__(self, calls: InMemoryCalls) -> None:
        self._calls = calls
        self.items: list[StreamItem] = []
        self.after: list[str | None] = []
        self.closed = 0

    async def of_call(
        self, organization_id: str, call_id: str, after: str | None
    ) -> AsyncGenerator[StreamItem]:
        await self._calls.get(organization_id, call_id)
        self.after.append(after)
        return self._given()

    async def of_organization(self, organization_id: str, after: str | None) -> AsyncGenerator[StreamItem]:
        self.after.append(after)
        return self._given()

    async def _given(self) -> AsyncGenerator[StreamItem]:
        try:
            for item in self.items:
                yield item
        finally:
            self.closed += 1
