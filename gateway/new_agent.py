"""What a client asks for when it makes an agent: everything but identity, dates and state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from store.records import BrowserMode


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAgent:
    """Meanings and units as in `store.records.Agent`."""

    name: str
    voice_id: str
    system_prompt: str
    description: str | None = None
    model: str = "ultravox-v0.7"
    tools: tuple[str, ...] = ()
    knowledge_bases: tuple[str, ...] = ()
    temperature: float = 0.3
    recording_enabled: bool = False
    language_hint: str | None = None
    join_timeout_ms: int | None = None
    max_duration_ms: int | None = None
    time_exceeded_message: str | None = None
    greeting_settings: dict[str, Any] | None = None
    inactivity_messages: tuple[dict[str, Any], ...] = ()
    vad_settings: dict[str, Any] | None = None
    built_in_config: dict[str, Any] | None = None
    success_criteria: str | None = None
    extraction_schema: dict[str, Any] | None = None
    crm_webhook_url: str | None = None
    crm_webhook_secret: str | None = None
    browser_mode: BrowserMode = BrowserMode.BRIDGED
