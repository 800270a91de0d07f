"""The outcome of a call as far as its facts tell: one hyphenated word."""

from __future__ import annotations

from gateway.failure_reasons import EndReason
from store.records import CallRecord, CallStatus

VOICEMAIL = "voicemail"
TRANSFERRED = "transferred"
CANCELLED = "cancelled"
COMPLETED = "completed"

ANSWERED_BY_MACHINE = "machine"


def certain_outcome(record: CallRecord) -> str | None:
    """What no reading of the transcript could tell better; None for a conversation that took place."""
    if record.outcome is not None:
        return record.outcome
    if record.status is CallStatus.CANCELLED:
        return CANCELLED
    if record.status is CallStatus.FAILED:
        return record.failure_reason
    if record.answered_by == ANSWERED_BY_MACHINE or record.end_reason == EndReason.VOICEMAIL:
        return VOICEMAIL
    completed = record.transfer is not None and record.transfer["status"] == "completed"
    if record.end_reason == TRANSFERRED or completed:
        return TRANSFERRED
    return None


def outcome_by_facts(record: CallRecord) -> str:
    """The outcome of a call that is over, when nobody reads its transcript."""
    return certain_outcome(record) or COMPLETED
