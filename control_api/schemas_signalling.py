"""SIP ladders on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from control_api.schemas_shared import ResponseModel, Timestamp
from gateway.signalling.ladder import Ladder, Step
from gateway.signalling.traces import TraceSummary
from gateway.timestamps import timestamp


class SipParticipantOut(ResponseModel):
    """One end of the ladder."""

    address: str = Field(description="Address and port.", examples=["203.0.113.9:5060"])
    name: Literal["gateway", "peer"]


class SipMessageOut(ResponseModel):
    """One message."""

    sequence: int
    at: str = Field(description="ISO 8601, to the microsecond.", examples=["2026-05-06T07:08:09.123456Z"])
    t_ms: int = Field(description="Milliseconds since the first message.")
    direction: Literal["received", "sent"]
    transport: str = Field(description="`udp`, `tcp`, `tls`, `ws` or `wss`.")
    source: str
    destination: str
    label: str = Field(description="What it is, in one line.", examples=["180 Ringing (INVITE)"])
    method: str | None = Field(description="Of the request, or of the one that is answered.")
    status: int | None = Field(description="Of a response.")
    reason: str | None
    cseq: str | None
    sdp: bool = Field(description="Whether it describes media.")
    repeated: bool = Field(description="Whether it is the same again as one before.")
    leg: str | None = Field(description="Which leg of the call; null: of no call.", examples=["contact"])
    sip_call_id: str
    size: int = Field(description="Bytes on the wire.")
    text: str = Field(description="The message, without credentials, media keys and pressed keys.")


class SipLadderOut(ResponseModel):
    """All that was said, in order."""

    call_id: UUID | None
    kept: Literal["memory", "saved", "none"] = Field(
        description="Where it was found: in memory, saved with the call, or nowhere any more."
    )
    dropped: int = Field(description="Messages that had no room.")
    participants: list[SipParticipantOut]
    messages: list[SipMessageOut]


class SipTraceOut(ResponseModel):
    """What has one Call-ID."""

    sip_call_id: str
    call_id: UUID | None = Field(description="Your call of which it is; null: it never became one.")
    method: str | None = Field(description="Of the first message.")
    status: int | None = Field(description="The newest answer to it.")
    source: str = Field(description="Who began.")
    destination: str
    transport: str
    from_: str | None = Field(alias="from", description="The header From.")
    to: str | None = Field(description="The header To.")
    begun_at: Timestamp
    last_at: Timestamp
    messages: int


def render_ladder(ladder: Ladder) -> dict[str, Any]:
    begin = ladder.steps[0].message.at if ladder.steps else 0.0
    return {
        "call_id": ladder.call_id,
        "kept": ladder.kept,
        "dropped": ladder.dropped,
        "participants": [{"address": address, "name": name} for address, name in ladder.participants],
        "messages": [_render_step(step, number, begin) for number, step in enumerate(ladder.steps, 1)],
    }


def _render_step(step: Step, number: int, begin: float) -> dict[str, Any]:
    return {
        "sequence": number,
        "at": step.time,
        "t_ms": round((step.message.at - begin) * 1000),
        "direction": "sent" if step.message.sent else "received",
        "transport": step.message.transport,
        "source": step.source,
        "destination": step.destination,
        "label": _encodable(step.label),
        "method": step.method,
        "status": step.status,
        "reason": _encodable(step.reason),
        "cseq": _encodable(step.cseq),
        "sdp": step.sdp,
        "repeated": step.repeated,
        "leg": step.leg,
        "sip_call_id": _encodable(step.sip_call_id),
        "size": step.message.size,
        "text": step.text,
    }


def render_summary(summary: TraceSummary) -> dict[str, Any]:
    return {
        "sip_call_id": _encodable(summary.sip_call_id),
        "call_id": summary.call_id,
        "method": _encodable(summary.method),
        "status": summary.status,
        "source": summary.source,
        "destination": summary.destination,
        "transport": summary.transport,
        "from": _encodable(summary.from_),
        "to": _encodable(summary.to),
        "begun_at": timestamp(datetime.fromtimestamp(summary.begun_at, UTC)),
        "last_at": timestamp(datetime.fromtimestamp(summary.last_at, UTC)),
        "messages": summary.messages,
    }


def _encodable(text: str | None) -> str | None:
    """What was not UTF-8 is carried as surrogate escapes, which JSON cannot hold."""
    return None if text is None else text.encode("utf-8", "replace").decode()
