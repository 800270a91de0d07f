"""The public call object, the same in every answer of the API and in every webhook."""

from __future__ import annotations

from typing import Any

from gateway.timestamps import optional_timestamp, timestamp
from store.records import CallRecord, CallStatus, TranscriptEntry


def render_call(call: CallRecord, recording_url: str | None = None) -> dict[str, Any]:
    """The call object."""
    terminal = call.status.terminal
    transcript = call.transcript if terminal else None
    return {
        "id": call.id,
        "status": call.status.value,
        "direction": call.direction.value,
        "agent_id": call.agent_id,
        "phone_number": call.phone_number,
        "from_number": call.from_number,
        "duration_seconds": None if call.duration_ms is None else call.duration_ms // 1000,
        "transcript": None if transcript is None else [_render_entry(entry) for entry in transcript],
        "recording_url": recording_url,
        "recording_status": call.recording_status.value,
        "cost_cents": call.cost_cents,
        "outcome": call.outcome,
        "analysis": call.analysis,
        "answered_by": call.answered_by,
        "variables": call.variables,
        "metadata": call.metadata,
        "failure_reason": call.failure_reason if call.status is CallStatus.FAILED else None,
        "end_reason": call.end_reason if terminal else None,
        "cancelled_from": call.cancelled_from,
        "transfer": call.transfer,
        "sip": _render_sip(call),
        "started_at": optional_timestamp(call.started_at),
        "ended_at": optional_timestamp(call.ended_at),
        "created_at": timestamp(call.created_at),
    }


def _render_sip(call: CallRecord) -> dict[str, Any]:
    told = call.sip_details or {}
    return {
        "call_id": call.sip_call_id,
        "status": call.sip_status,
        "reason": call.sip_reason,
        "q850_cause": told.get("q850_cause"),
        "anonymous": told.get("anonymous", False),
        "diversion": told.get("diversion"),
        "headers": told.get("headers", {}),
    }


def _render_entry(entry: TranscriptEntry) -> dict[str, Any]:
    rendered: dict[str, Any] = {"speaker": entry.speaker, "text": entry.text, "timestamp": entry.timestamp}
    if entry.played_ms is not None:
        rendered |= {"interrupted": entry.interrupted, "played_ms": entry.played_ms}
    return rendered
