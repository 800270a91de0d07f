"""A call service that keeps calls in memory and dials nobody, with the real one's rules about what may be
asked when."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

from gateway.call_quality import CONTACT_LEG, CallQuality, LegQuality
from gateway.errors import ConflictError, GatewayError, NotFoundError
from gateway.new_call import NewCall
from store.identifiers import uuid7
from store.records import CallDirection, CallFilter, CallRecord, CallStatus, Page, TimelineEvent


class InMemoryCalls:
    def __init__(self) -> None:
        self.records: dict[str, CallRecord] = {}
        self.events: dict[str, list[TimelineEvent]] = {}
        self.requests: list[NewCall] = []
        self.filters: list[CallFilter] = []
        self.refuse_with: Exception | None = None
        self.gate: asyncio.Event | None = None
        """When set, `create` waits for it: a request that is still running."""

    def put(self, record: CallRecord) -> CallRecord:
        self.records[record.id] = record
        return record

    async def create(self, organization_id: str, request: NewCall) -> CallRecord:
        self.requests.append(request)
        if self.gate is not None:
            await self.gate.wait()
        if self.refuse_with is not None:
            raise self.refuse_with
        record = self.put(
            CallRecord(
                id=uuid7(),
                organization_id=organization_id,
                status=CallStatus.QUEUED,
                direction=CallDirection.OUTBOUND,
                agent_id=request.agent_id,
                created_at=datetime.now(UTC),
                phone_number=request.phone_number,
                from_number=request.from_number,
                variables=dict(request.variables),
                metadata=request.metadata,
            )
        )
        self.events[record.id] = [TimelineEvent(record.id, 1, 0, "created", {"by": "api"})]
        return record

    async def get(self, organization_id: str, call_id: str) -> CallRecord:
        if isinstance(self.refuse_with, GatewayError):
            raise self.refuse_with
        record = self.records.get(call_id)
        if record is None or record.organization_id != organization_id:
            raise NotFoundError(f"no call {call_id}", call_id=call_id)
        return record

    async def list(
        self, organization_id: str, wanted: CallFilter, limit: int, offset: int
    ) -> Page[CallRecord]:
        self.filters.append(wanted)
        found = sorted(
            (
                record
                for record in self.records.values()
                if record.organization_id == organization_id
                and wanted.status in (None, record.status)
                and wanted.agent_id in (None, record.agent_id)
            ),
            key=lambda record: (record.created_at, record.id),
            reverse=True,
        )
        return Page(tuple(found[offset : offset + limit]), len(found), limit, offset)

    async def pages(
        self, organization_id: str, wanted: CallFilter
    ) -> AsyncIterator[builtins.list[CallRecord]]:
        offset = 0
        while (page := await self.list(organization_id, wanted, 2, offset)).items:
            yield list(page.items)
            offset += len(page.items)

    async def hang_up(self, organization_id: str, call_id: str) -> CallRecord:
        record = self._live(await self.get(organization_id, call_id))
        if record.status is not CallStatus.IN_PROGRESS:
            raise ConflictError("not in progress", code="call_not_in_progress", status=record.status)
        return self._over(record, status=CallStatus.ENDED, end_reason="api-hangup", duration_ms=1999)

    async def cancel(self, organization_id: str, call_id: str) -> CallRecord:
        record = self._live(await self.get(organization_id, call_id))
        if record.status is CallStatus.IN_PROGRESS:
            raise ConflictError("was answered", code="call_not_cancellable", status=record.status)
        return self._over(record, status=CallStatus.CANCELLED, cancelled_from=record.status.value)

    async def quality(self, organization_id: str, call_id: str) -> CallQuality:
        record = await self.get(organization_id, call_id)
        live = not record.status.terminal
        if record.statistics is None:
            return CallQuality(call_id, live, record.answered_by, ())
        return CallQuality(call_id, live, record.answered_by, (LegQuality(CONTACT_LEG, record.statistics),))

    async def timeline(self, organization_id: str, call_id: str) -> list[TimelineEvent]:
        return self.events.get((await self.get(organization_id, call_id)).id, [])

    def _live(self, record: CallRecord) -> CallRecord:
        if record.status.terminal:
            raise ConflictError("the call is over", code="call_already_terminal", status=record.status)
        return record

    def _over(self, record: CallRecord, **changes: object) -> CallRecord:
        return self.put(replace(record, ended_at=datetime.now(UTC), **changes))  # type: ignore[arg-type]
