"""What is known of a trunk's far side, on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from control_api.schemas_shared import ResponseModel, Timestamp
from gateway.timestamps import optional_timestamp, timestamp
from gateway.trunk_probe import ProbeOutcome
from gateway.trunk_registration import RegistrationState, RegistrationStatus
from gateway.trunk_statistics import DirectionFigures, TrunkFigures
from gateway.trunk_watch import ProbeStatus


class RegistrationStatusOut(ResponseModel):
    """How our registration stands."""

    state: RegistrationState
    error: str | None = Field(description="Why the newest attempt failed.")
    sip_status: int | None
    registered_at: Timestamp | None = Field(description="When it last succeeded.")
    expires_at: Timestamp | None


class ProbeStatusOut(ResponseModel):
    """What the newest OPTIONS found."""

    state: ProbeOutcome
    text: str
    sip_status: int | None
    asked_at: Timestamp


class DirectionStatisticsOut(ResponseModel):
    """Calls of one direction."""

    attempts: int
    answers: int
    answer_seizure_ratio: float | None = Field(description="Of the newest 200 calls that are over, 0 to 1.")
    codes: dict[str, int] = Field(description="Calls that are over by the final answer to their INVITE.")


class TrunkStatisticsOut(ResponseModel):
    """Since the start of the node that is asked."""

    inbound: DirectionStatisticsOut
    outbound: DirectionStatisticsOut
    post_dial_delay_ms: int | None = Field(description="Mean time to the first ringing or answer.")


def render_statistics(figures: TrunkFigures | None) -> dict[str, Any] | None:
    if figures is None:
        return None
    delay = figures.post_dial_delay_s
    return {
        "inbound": _render_direction(figures.inbound),
        "outbound": _render_direction(figures.outbound),
        "post_dial_delay_ms": None if delay is None else round(delay * 1000),
    }


def _render_direction(figures: DirectionFigures) -> dict[str, Any]:
    ratio = figures.answer_seizure_ratio
    return {
        "attempts": figures.attempts,
        "answers": figures.answers,
        "answer_seizure_ratio": None if ratio is None else round(ratio, 4),
        "codes": dict(sorted(figures.codes.items())),
    }


def render_registration_status(status: RegistrationStatus | None) -> dict[str, Any] | None:
    if status is None:
        return None
    return {
        "state": status.state.value,
        "error": status.error,
        "sip_status": status.sip_status,
        "registered_at": optional_timestamp(status.registered_at),
        "expires_at": optional_timestamp(status.expires_at),
    }


def render_probe_status(status: ProbeStatus | None) -> dict[str, Any] | None:
    if status is None:
        return None
    return {
        "state": status.result.outcome.value,
        "text": status.result.text,
        "sip_status": status.result.sip_status,
        "asked_at": timestamp(status.asked_at),
    }
