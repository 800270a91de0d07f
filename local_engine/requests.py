"""The bodies of the REST requests, field by field as the API documents them (camelCase on the wire, all
optional).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Duration = str
"""A protobuf JSON duration; `validation` checks it."""


class _Body(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    pass


class ServerWebSocket(_Body, frozen=True):
    input_sample_rate: int
    output_sample_rate: int | None = None
    client_buffer_size_ms: int | None = None
    data_messages: dict[str, bool | None] | None = None
    media_idle_timeout: Duration | None = None


class VadSettingsBody(_Body, frozen=True):
    turn_endpoint_delay: Duration | None = None
    minimum_turn_duration: Duration | None = None
    minimum_interruption_duration: Duration | None = None
    frame_activation_threshold: float | None = None


class UserFallback(_Body, frozen=True):
    delay: Duration | None = None
    text: str | None = None
    prompt: str | None = None


class UserFirst(_Body, frozen=True):
    fallback: UserFallback | None = None


class AgentFirst(_Body, frozen=True):
    uninterruptible: bool | None = None
    text: str | None = None
    prompt: str | None = None
    delay: Duration | None = None


class FirstSpeakerSettings(_Body, frozen=True):
    user: UserFirst | None = None
    agent: AgentFirst | None = None


class InactivityMessageBody(_Body, frozen=True):
    duration: Duration
    message: str
    end_behavior: (
        Literal["END_BEHAVIOR_UNSPECIFIED", "END_BEHAVIOR_HANG_UP_SOFT", "END_BEHAVIOR_HANG_UP_STRICT"] | None
    ) = None


class ToolParameter(_Body, frozen=True):
    name: str
    location: Literal[
        "PARAMETER_LOCATION_QUERY",
        "PARAMETER_LOCATION_PATH",
        "PARAMETER_LOCATION_HEADER",
        "PARAMETER_LOCATION_BODY",
        "PARAMETER_LOCATION_UNSPECIFIED",
    ]
    schema: dict[str, Any] | None = None
    required: bool | None = None
    value: Any = None
    known_value: str | None = None


class ToolDefinition(_Body, frozen=True):
    model_tool_name: str | None = None
    description: str | None = None
    dynamic_parameters: list[ToolParameter] | None = None
    static_parameters: list[ToolParameter] | None = None
    automatic_parameters: list[ToolParameter] | None = None
    requirements: dict[str, Any] | None = None
    timeout: Duration | None = None
    precomputable: bool | None = None
    default_reaction: (
        Literal[
            "AGENT_REACTION_UNSPECIFIED",
            "AGENT_REACTION_SPEAKS",
            "AGENT_REACTION_LISTENS",
            "AGENT_REACTION_SPEAKS_ONCE",
        ]
        | None
    ) = None
    static_response: dict[str, Any] | None = None
    http: dict[str, Any] | None = None
    client: dict[str, Any] | None = None
    data_connection: dict[str, Any] | None = None


class SelectedTool(_Body, frozen=True):
    tool_id: str | None = None
    tool_name: str | None = None
    temporary_tool: ToolDefinition | None = None
    name_override: str | None = None
    description_override: str | None = None
    auth_tokens: dict[str, str] | None = None
    parameter_overrides: dict[str, Any] | None = None


class InitialMessage(_Body, frozen=True):
    role: Literal[
        "MESSAGE_ROLE_USER", "MESSAGE_ROLE_AGENT", "MESSAGE_ROLE_TOOL_CALL", "MESSAGE_ROLE_TOOL_RESULT"
    ]
    text: str = ""
    invocation_id: str | None = None
    tool_name: str | None = None
    medium: str | None = None


class Callback(_Body, frozen=True):
    url: str
    secrets: list[str] | None = None


class Callbacks(_Body, frozen=True):
    joined: Callback | None = None
    ended: Callback | None = None
    billed: Callback | None = None


OutputMedium = Literal["MESSAGE_MEDIUM_VOICE", "MESSAGE_MEDIUM_TEXT", "MESSAGE_MEDIUM_UNSPECIFIED"]


class CallBody(_Body, frozen=True):
    """POST /api/calls, and what an agent's template and a start of its call add up to."""

    system_prompt: str | None = None
    model: str | None = None
    temperature: float | None = None
    voice: str | None = None
    external_voice: dict[str, Any] | None = None
    voice_overrides: dict[str, Any] | None = None
    language_hint: str | None = None
    initial_messages: list[InitialMessage] | None = None
    join_timeout: Duration | None = None
    max_duration: Duration | None = None
    time_exceeded_message: str | None = None
    inactivity_messages: list[InactivityMessageBody] | None = None
    selected_tools: list[SelectedTool] | None = None
    medium: dict[str, Any] | None = None
    recording_enabled: bool | None = None
    first_speaker: (
        Literal["FIRST_SPEAKER_AGENT", "FIRST_SPEAKER_USER", "FIRST_SPEAKER_UNSPECIFIED"] | None
    ) = None
    first_speaker_settings: FirstSpeakerSettings | None = None
    initial_output_medium: OutputMedium | None = None
    transcript_optional: bool | None = None
    vad_settings: VadSettingsBody | None = None
    metadata: dict[str, str] | None = None
    initial_state: dict[str, Any] | None = None
    data_connection: dict[str, Any] | None = None
    callbacks: Callbacks | None = None
    shared_secrets: list[str] | None = None
    retention_policy: str | None = None
    experimental_settings: dict[str, Any] | None = None


class AgentBody(_Body, frozen=True):
    name: str | None = None
    call_template: dict[str, Any] | None = None


class ToolOverrides(_Body, frozen=True):
    remove: list[str] | None = None
    remove_all: bool | None = None
    add: list[SelectedTool] | None = None


class WebhookBody(_Body, frozen=True):
    url: str | None = None
    events: list[str] | None = None
    secrets: list[str] | None = None
    agent_id: str | None = None


class ToolBody(_Body, frozen=True):
    name: str | None = None
    definition: ToolDefinition | None = None
