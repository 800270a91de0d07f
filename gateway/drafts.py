"""What somebody asks to have made: an agent, a number, a trunk, before they have an id and dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from store.records import AgentStatus, NumberFormat, TrunkInbound, TrunkOutbound


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDraft:
    """The fields of an agent that a client sets; meanings and units as in `store.records.Agent`.

    `status` is active from the start because the gateway hands the engine the whole agent with each call:
    there is nothing that must be synchronised first.
    """

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
    status: AgentStatus = AgentStatus.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberDraft:
    """A number to import. `country` is found from the number when it is left out."""

    phone_number: str
    friendly_name: str | None = None
    provider_type: str = "custom_sip"
    type: str = "local"
    country: str | None = None
    trunk_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkDraft:
    """A trunk to make: at least one of the two sides."""

    name: str
    inbound: TrunkInbound | None = None
    outbound: TrunkOutbound | None = None
    number_format: NumberFormat = NumberFormat.E164
    default_country: str | None = None
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    enabled: bool = True
