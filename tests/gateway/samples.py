"""Calls for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.call import Call
from store.records import CallDirection, CallRecord, CallStatus, TimelineEvent


def in_progress(call_id: str = "c1", organization_id: str = "org") -> Call:
    """A call that was answered a moment ago; nobody stores it."""

    def unsaved(record: CallRecord, steps: Sequence[TimelineEvent], names: Sequence[str]) -> None: ...

    call = Call(
        CallRecord(
            id=call_id,
            organization_id=organization_id,
            status=CallStatus.QUEUED,
            direction=CallDirection.INBOUND,
            agent_id="agent",
            created_at=datetime.now(UTC),
        ),
        unsaved,
    )
    call.ring()
    call.answer()
    return call
