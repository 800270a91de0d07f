"""A call's recording on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from control_api.schemas_shared import ResponseModel
from store.records import CallRecord, RecordingStatus


class RecordingOut(ResponseModel):
    """What there is to know of a recording; all but the status is null until it is ready."""

    status: RecordingStatus = Field(
        description="`recording` during the call, `processing` until the file is there, then `ready`; "
        "`none` when there is none, or no longer."
    )
    url: str | None = Field(description="A link that needs no key; a fresh one each time.")
    format: str | None = Field(description="`mp3`, `opus` or `wav`.")
    channels: int | None = Field(description="2: left the contact, right the agent.")
    sample_rate: int | None
    duration_seconds: float | None
    size_bytes: int | None


def render_recording(call: CallRecord, url: str | None) -> dict[str, Any]:
    """The recording of a call."""
    file = call.recording_file if call.recording_status is RecordingStatus.READY else None
    return {
        "status": call.recording_status.value,
        "url": url,
        "format": file.format if file else None,
        "channels": file.channels if file else None,
        "sample_rate": file.sample_rate if file else None,
        "duration_seconds": file.duration_ms / 1000 if file else None,
        "size_bytes": file.size_bytes if file else None,
    }
