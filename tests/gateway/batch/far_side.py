"""Calls that are only pretended: a call service over a real store whose far side the test decides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.errors import ConflictError, GatewayError
from gateway.new_call import NewCall
from store import Store
from store.records import CallDirection, CallRecord, CallStatus


class FarSide:
    """Keeps a call `ringing` until the test ends it. `refuse_with` is raised instead of placing one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.placed: list[NewCall] = []
        self.calls: dict[str, CallRecord] = {}
        self.silent: set[str] = set()  # calls whose INVITE was not let go
        self.refuse_with: GatewayError | None = None
        self.hold_back = False  # calls are kept, but their INVITEs do not leave

    async def create(
        self,
        organization_id: str,
        request: NewCall,
        /,
        *,
        call_id: str | None = None,
        may_ring: Callable[[], Awaitable[bool]] | None = None,
    ) -> CallRecord:
        if self.refuse_with is not None:
            raise self.refuse_with
        assert call_id is not None
        assert may_ring is not None
        record = CallRecord(
            id=call_id,
            organization_id=organization_id,
            status=CallStatus.QUEUED,
            direction=CallDirection.OUTBOUND,
            agent_id=request.agent_id,
            created_at=datetime.now(UTC),
            phone_number=request.phone_number,
            from_number=request.from_number,
            metadata=request.metadata,
        )
        await self._store.calls.insert(record)
        self.calls[call_id] = record
        self.placed.append(request)
        if self.hold_back:
            return record
        if await may_ring():
            await self._save(record, status=CallStatus.RINGING)
        else:
            self.silent.add(call_id)
            await self._save(record, status=CallStatus.CANCELLED, cancelled_from="queued")
        return record

    async def cancel(self, organization_id: str, call_id: str, /) -> CallRecord:
        record = self.calls[call_id]
        if record.status is not CallStatus.RINGING:
            raise ConflictError("cannot be cancelled")
        return await self._save(record, status=CallStatus.CANCELLED, cancelled_from="ringing")

    def get(self, call_id: str) -> CallRecord | None:
        """As the live calls do: those that are not over."""
        record = self.calls.get(call_id)
        return None if record is None or record.status.terminal else record

    def __iter__(self) -> Any:
        return iter(())

    @property
    def ringing(self) -> list[CallRecord]:
        return [record for record in self.calls.values() if record.status is CallStatus.RINGING]

    async def answer(self, record: CallRecord) -> None:
        await self._save(record, status=CallStatus.IN_PROGRESS)

    async def end(self, *records: CallRecord) -> None:
        """They talked, and hung up."""
        await asyncio.gather(
            *(self._save(one, status=CallStatus.ENDED, end_reason="contact-hangup") for one in records)
        )

    async def fail(self, reason: str, *records: CallRecord) -> None:
        await asyncio.gather(
            *(self._save(one, status=CallStatus.FAILED, failure_reason=reason) for one in records)
        )

    def crash(self) -> None:
        """The process is gone: no call of it is live any more."""
        self.calls.clear()

    async def _save(self, record: CallRecord, **changes: Any) -> CallRecord:
        record = self.calls[record.id] = replace(self.calls.get(record.id, record), **changes)
        await self._store.calls.save_batch([record], [])
        return record
