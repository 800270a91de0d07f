"""What is asked for when a call is to be placed: already parsed, not yet checked against agents, numbers
and limits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Overrides for one call; `None` means "as the agent has it"."""

    recording_enabled: bool | None = None
    transcription_enabled: bool | None = None
    greeting: str | None = None
    max_duration_ms: int | None = None
    join_timeout_ms: int | None = None
    detect_answering_machine: bool | None = None
    voicemail_message: str | None = None  # said word for word after the beep
    private: bool | None = None  # the caller is withheld
    sip_headers: dict[str, str] | None = None  # X- headers of the INVITE


@dataclass(frozen=True, slots=True)
class NewCall:
    """An outbound call as requested: `phone_number` and `from_number` in E.164."""

    agent_id: str
    phone_number: str
    from_number: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    settings: CallSettings = CallSettings()
