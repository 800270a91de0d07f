"""The events that the product tells of, by their public names."""

from __future__ import annotations

from enum import StrEnum

from store.records import CallStatus


class EventName(StrEnum):
    """What an endpoint can subscribe to."""

    CALL_RINGING = "call.ringing"
    CALL_STARTED = "call.started"
    CALL_ENDED = "call.ended"
    CALL_FAILED = "call.failed"
    CALL_CANCELLED = "call.cancelled"
    CALL_ANALYZED = "call.analyzed"
    CALL_RECORDING_READY = "call.recording.ready"
    TRANSFER_STARTED = "transfer.started"
    TRANSFER_PROGRESS = "transfer.progress"
    TRANSFER_COMPLETED = "transfer.completed"
    TRANSFER_FAILED = "transfer.failed"
    BATCH_STATUS_CHANGED = "batch.status.changed"
    BATCH_COMPLETED = "batch.completed"


CRM_EVENT = "crm.call"
"""What an agent's CRM webhook is sent for every call that is over; nobody can subscribe to it."""

TEST_EVENT = "webhook.test"
"""What the test of an endpoint sends; nobody can subscribe to it."""

EVENT_OF_STATUS: dict[CallStatus, EventName] = {
    CallStatus.RINGING: EventName.CALL_RINGING,
    CallStatus.IN_PROGRESS: EventName.CALL_STARTED,
    CallStatus.ENDED: EventName.CALL_ENDED,
    CallStatus.FAILED: EventName.CALL_FAILED,
    CallStatus.CANCELLED: EventName.CALL_CANCELLED,
}
