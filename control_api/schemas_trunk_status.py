"""What is known of a trunk's far side, on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from control_api.schemas_shared import ResponseModel, Timestamp
from gateway.timestamps import optional_timestamp, timestamp
from gateway.trunk_probe import ProbeOutcome
from gateway.trunk_registration import RegistrationState, RegistrationStatus
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
