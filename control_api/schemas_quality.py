"""The quality of a call on the wire: network, sound and conversation of each leg, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from control_api.schemas_shared import ResponseModel, Uuid
from gateway.call_quality import CallQuality


class NetworkOut(ResponseModel):
    """What the far party sent us, and, as `remote_...`, what it reports of our packets."""

    codec: str | None
    remote_address: str | None = Field(description="Where its packets really come from.")
    packets_received: int
    packets_sent: int
    packets_lost: int
    loss_gaps: int = Field(description="Runs of lost packets.")
    packets_late: int = Field(description="Came too late to be played.")
    packets_duplicate: int
    packets_out_of_order: int
    packets_ignored: int = Field(description="Strangers, wrong payload type, not RTP.")
    srtp: str | None = Field(description="The crypto suite; null: the media is in the clear.")
    packets_undecryptable: int = Field(description="Of another key than agreed, or of none.")
    packets_replayed: int
    jitter_ms: float
    jitter_max_ms: float
    jitter_buffer_ms: float
    jitter_buffer_max_ms: float
    round_trip_ms: float | None
    remote_loss_fraction: float | None
    remote_jitter_ms: float | None
    remote_mos: float | None = Field(
        description="How the far party says that it hears us (RTCP XR); null when it tells nothing."
    )
    remote_r_factor: int | None
    remote_discard_fraction: float | None
    remote_jitter_buffer_ms: int | None


class SoundOut(ResponseModel):
    """How the far party sounds. The score is that of the E-model (ITU-T G.107, G.107.1)."""

    mos: float | None = Field(description="Mean opinion score of the last five seconds, 1 to 4.5.")
    mos_min: float | None
    mos_average: float | None
    r_factor: float | None
    frames_concealed: int = Field(description="Frames of 20 ms that were made up.")
    contact_level_dbov: float | None = Field(
        description="How loud the far party is at this moment, in dB below overload; null: silent."
    )
    agent_level_dbov: float | None
    silence_share: float | None
    clipping_share: float | None


class ConversationOut(ResponseModel):
    """Who waits for whom."""

    first_audio_ms: int | None = Field(description="From the answer to the agent's first audible packet.")
    turns: int
    turn_latency_p50_ms: int | None = Field(
        description="From the end of the caller's speech to the agent's first audible packet."
    )
    turn_latency_p95_ms: int | None
    barge_ins: int
    barge_in_p50_ms: int | None = Field(
        description="From the begin of the caller's speech to the agent's silence."
    )
    barge_in_p95_ms: int | None
    playout_underruns: int
    playout_dropped_ms: int


class DiagnosisOut(ResponseModel):
    """What is wrong, in one line."""

    code: str
    text: str


class QualityPointOut(ResponseModel):
    """Some seconds of a call, in a long one more."""

    t_s: float = Field(description="Seconds since the media began.")
    mos: float
    jitter_ms: float
    loss: float = Field(description="Share of the packets that were lost or came too late, 0 to 1.")
    jitter_buffer_ms: float


class LegQualityOut(ResponseModel):
    """One leg."""

    leg: str = Field(description="`contact`: the leg to the far party.")
    diagnosis: DiagnosisOut | None = Field(description="Null when nothing is wrong.")
    network: NetworkOut
    sound: SoundOut
    conversation: ConversationOut
    history: list[QualityPointOut] = Field(description="How it went, at most 60 points.")


class CallQualityOut(ResponseModel):
    """The quality of a call."""

    call_id: Uuid
    live: bool = Field(description="True while the call is up; otherwise these are its last figures.")
    answered_by: str | None
    legs: list[LegQualityOut] = Field(description="Empty when the call never had a media leg.")


def render_quality(quality: CallQuality) -> dict[str, Any]:
    """The answer to a read of a call's quality."""
    return {
        "call_id": quality.call_id,
        "live": quality.live,
        "answered_by": quality.answered_by,
        "legs": [_render_leg(leg.leg, leg.figures) for leg in quality.legs],
    }


def _render_leg(leg: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    code = figures.get("diagnosis")
    return {
        "leg": leg,
        "diagnosis": None if code is None else {"code": code, "text": figures.get("diagnosis_text") or ""},
        "network": _part(NetworkOut, figures),
        "sound": _part(SoundOut, figures),
        "conversation": _part(ConversationOut, figures),
        "history": [
            dict(zip(QualityPointOut.model_fields, point, strict=True))
            for point in figures.get("history", ())
        ],
    }


def _part(model: type[ResponseModel], figures: Mapping[str, Any]) -> dict[str, Any]:
    """A model's fields. Calls stored by an older version lack some: a count is then 0, anything else null."""
    return {
        name: figures.get(name, 0 if field.annotation in (int, float) else None)
        for name, field in model.model_fields.items()
    }
