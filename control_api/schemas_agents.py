"""Agents on the wire: the product's fields with their types, ranges and defaults.

Times inside nested settings are kept as milliseconds (`delay_ms`, `duration_ms`, ...), whatever form they
came in; the secret that signs a CRM webhook can be written and never read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, StrictBool, WithJsonSchema

from control_api.envelope import duration
from control_api.schemas_calls import CallTime, RingTime
from control_api.schemas_shared import (
    DURATION_PATTERN,
    DurationText,
    JsonObject,
    PhoneNumberOut,
    RequestModel,
    ResponseModel,
    Timestamp,
    Uuid,
    UuidIn,
    milliseconds,
)
from gateway.new_agent import NewAgent
from gateway.timestamps import timestamp
from store.records import Agent, AgentStatus, PhoneNumber

LONGEST_DELAY_MS = 600_000
MAX_TOOLS = 100
MAX_INACTIVITY_MESSAGES = 10

_language = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_schema_types = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})


def _delay(value: Any) -> int:
    """A delay as seconds (a number) or as text such as "1.5s", in milliseconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value <= LONGEST_DELAY_MS / 1000:
            raise ValueError(f"must be from 0 to {LONGEST_DELAY_MS // 1000} seconds")
        return round(value * 1000)
    try:
        parsed = milliseconds(value)
    except ValueError as error:
        raise ValueError('must be seconds as a number, or text such as "1.5s"') from error
    if parsed > LONGEST_DELAY_MS:
        raise ValueError(f"must be from 0 to {LONGEST_DELAY_MS // 1000} seconds")
    return parsed


Delay = Annotated[
    int,
    BeforeValidator(_delay),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": DURATION_PATTERN}]}
    ),
]


def _check_language(value: str) -> str:
    if _language.fullmatch(value) is None:
        raise ValueError("must be a BCP-47 language tag, such as en-US")
    return value


def _check_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError as error:
        raise ValueError("must be an http or https URL") from error
    if parts.scheme not in ("http", "https") or not host or any(c.isspace() for c in value):
        raise ValueError("must be an http or https URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user name or password; use crm_webhook_secret")
    return value


def _check_schema(value: dict[str, Any]) -> dict[str, Any]:
    kind = value.get("type", "object")
    kinds = kind if isinstance(kind, list) else [kind]
    if not all(isinstance(each, str) and each in _schema_types for each in kinds):
        raise ValueError('must be a JSON Schema: "type" must name a JSON type')
    properties = value.get("properties", {})
    if not isinstance(properties, dict) or not all(isinstance(p, dict | bool) for p in properties.values()):
        raise ValueError('must be a JSON Schema: "properties" must be an object of schemas')
    required = value.get("required", [])
    if not isinstance(required, list) or not all(isinstance(each, str) for each in required):
        raise ValueError('must be a JSON Schema: "required" must be a list of names')
    return value


def _check_not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_check_not_blank)]
Prompt = Annotated[str, Field(min_length=1, max_length=200_000), AfterValidator(_check_not_blank)]
Text = Annotated[str, Field(max_length=10_000)]
Spoken = Annotated[str, Field(min_length=1, max_length=5_000)]
Language = Annotated[str, Field(max_length=16, examples=["en-US"]), AfterValidator(_check_language)]
Url = Annotated[str, Field(max_length=2_048), AfterValidator(_check_url)]
Secret = Annotated[str, Field(min_length=1, max_length=256, json_schema_extra={"writeOnly": True})]
ExtractionSchema = Annotated[JsonObject, AfterValidator(_check_schema)]
Tools = Annotated[list[UuidIn], Field(max_length=MAX_TOOLS)]
KnowledgeBases = Annotated[list[UuidIn], Field(max_length=1)]


class FirstSpeaker(StrEnum):
    AGENT = "FIRST_SPEAKER_AGENT"
    USER = "FIRST_SPEAKER_USER"


class EndBehavior(StrEnum):
    """What follows an inactivity message. `END_BEHAVIOR_HANG_UP` is the product's word for the soft form."""

    UNSPECIFIED = "END_BEHAVIOR_UNSPECIFIED"
    HANG_UP = "END_BEHAVIOR_HANG_UP"
    HANG_UP_SOFT = "END_BEHAVIOR_HANG_UP_SOFT"
    HANG_UP_STRICT = "END_BEHAVIOR_HANG_UP_STRICT"


class GreetingSettingsIn(RequestModel):
    """Who speaks first. With the user first, `text` is said after `delay` if the user stays silent."""

    first_speaker: FirstSpeaker | None = None
    text: Spoken | None = None
    delay: Delay | None = Field(default=None, description="Seconds, or text such as `1.5s`.")
    uninterruptible: StrictBool | None = None


class InactivityMessageIn(RequestModel):
    """Said when the user has been silent for `duration`."""

    duration: Delay = Field(description='Such as "10s".')
    message: Spoken
    end_behavior: EndBehavior | None = Field(
        default=None,
        validation_alias=AliasChoices("endBehavior", "end_behavior"),
        description="Also accepted as `end_behavior`.",
    )


InactivityMessages = Annotated[list[InactivityMessageIn], Field(max_length=MAX_INACTIVITY_MESSAGES)]


class VadSettingsIn(RequestModel):
    """Voice activity detection: times as text such as `0.384s` (or seconds)."""

    turn_endpoint_delay: Delay | None = None
    minimum_turn_duration: Delay | None = None
    minimum_interruption_duration: Delay | None = None
    frame_activation_threshold: Annotated[float, Field(ge=0.1, le=1)] | None = None


class TransferConfig(RequestModel):
    cold: StrictBool = False
    warm: StrictBool = False


class BuiltInConfigIn(RequestModel):
    """Which built-in tools the agent has."""

    transfer: TransferConfig | None = None
    hang_up: StrictBool | None = None
    leave_voicemail: StrictBool | None = None


class AgentCreate(RequestModel):
    """An agent to be made: only `name`, `voice_id` and `system_prompt` are required."""

    name: Name
    voice_id: UuidIn
    system_prompt: Prompt = Field(description="May hold `{{slots}}`, filled by a call's `variables`.")
    description: Text | None = Field(default=None, description="For you; not used in calls.")
    model: Annotated[str, Field(min_length=1, max_length=100)] = "ultravox-v0.7"
    tools: Tools = Field(default_factory=list)
    knowledge_bases: KnowledgeBases = Field(default_factory=list)
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.3
    recording_enabled: StrictBool = False
    language_hint: Language | None = None
    join_timeout: RingTime | None = Field(default=None, description='How long to let it ring, such as "30s".')
    max_duration: CallTime | None = Field(default=None, description='Longest call, such as "3600s".')
    time_exceeded_message: Spoken | None = None
    greeting_settings: GreetingSettingsIn | None = None
    inactivity_messages: InactivityMessages = Field(default_factory=list)
    vad_settings: VadSettingsIn | None = None
    built_in_config: BuiltInConfigIn | None = None
    success_criteria: Text | None = None
    extraction_schema: ExtractionSchema | None = None
    crm_webhook_url: Url | None = None
    crm_webhook_secret: Secret | None = None

    def to_new(self) -> NewAgent:
        """The request as the gateway understands it."""
        return NewAgent(
            name=self.name,
            voice_id=self.voice_id,
            system_prompt=self.system_prompt,
            description=self.description,
            model=self.model,
            tools=tuple(self.tools),
            knowledge_bases=tuple(self.knowledge_bases),
            temperature=self.temperature,
            recording_enabled=self.recording_enabled,
            language_hint=self.language_hint,
            join_timeout_ms=self.join_timeout,
            max_duration_ms=self.max_duration,
            time_exceeded_message=self.time_exceeded_message,
            greeting_settings=stored_greeting(self.greeting_settings),
            inactivity_messages=stored_inactivity(self.inactivity_messages),
            vad_settings=stored_vad(self.vad_settings),
            built_in_config=None
            if self.built_in_config is None
            else self.built_in_config.model_dump(exclude_none=True),
            success_criteria=self.success_criteria,
            extraction_schema=self.extraction_schema,
            crm_webhook_url=self.crm_webhook_url,
            crm_webhook_secret=self.crm_webhook_secret,
        )


def stored_greeting(settings: GreetingSettingsIn | None) -> dict[str, Any] | None:
    """Greeting settings as the store keeps them."""
    if settings is None:
        return None
    stored = settings.model_dump(mode="json", exclude_none=True)
    if "delay" in stored:
        stored["delay_ms"] = stored.pop("delay")
    return stored


def stored_inactivity(messages: list[InactivityMessageIn]) -> tuple[dict[str, Any], ...]:
    """Inactivity messages as the store keeps them."""
    stored = []
    for message in messages:
        entry: dict[str, Any] = {"duration_ms": message.duration, "message": message.message}
        if message.end_behavior is not None:
            entry["end_behavior"] = message.end_behavior.value
        stored.append(entry)
    return tuple(stored)


def stored_vad(settings: VadSettingsIn | None) -> dict[str, Any] | None:
    """VAD settings as the store keeps them."""
    if settings is None:
        return None
    return {
        key if key == "frame_activation_threshold" else f"{key}_ms": value
        for key, value in settings.model_dump(exclude_none=True).items()
    }


class AgentNumberOut(ResponseModel):
    id: Uuid
    phone_number: PhoneNumberOut


class GreetingSettingsOut(ResponseModel):
    first_speaker: FirstSpeaker | None = None
    text: str | None = None
    delay: float | None = Field(default=None, description="Seconds.")
    uninterruptible: bool | None = None


class InactivityMessageOut(ResponseModel):
    duration: DurationText
    message: str
    endBehavior: EndBehavior | None = None  # noqa: N815 - the product's spelling


class VadSettingsOut(ResponseModel):
    turn_endpoint_delay: DurationText | None = None
    minimum_turn_duration: DurationText | None = None
    minimum_interruption_duration: DurationText | None = None
    frame_activation_threshold: float | None = None


class BuiltInConfigOut(ResponseModel):
    transfer: TransferConfig | None = None
    hang_up: bool | None = None
    leave_voicemail: bool | None = None


class AgentOut(ResponseModel):
    """An agent, with the numbers assigned to it."""

    id: Uuid
    name: str
    description: str | None
    voice_id: Uuid
    system_prompt: str
    model: str
    status: AgentStatus
    sync_error: str | None = Field(description="Why the agent is not known to the voice engine.")
    tools: list[Uuid]
    knowledge_bases: list[Uuid]
    temperature: float
    recording_enabled: bool
    language_hint: str | None
    join_timeout: DurationText | None
    max_duration: DurationText | None
    time_exceeded_message: str | None
    greeting_settings: GreetingSettingsOut | None
    inactivity_messages: list[InactivityMessageOut]
    vad_settings: VadSettingsOut | None
    built_in_config: BuiltInConfigOut | None
    success_criteria: str | None
    extraction_schema: dict[str, Any] | None
    crm_webhook_url: str | None
    inbound_phone_numbers: list[AgentNumberOut]
    outbound_phone_numbers: list[AgentNumberOut]
    created_at: Timestamp
    updated_at: Timestamp


def render_agent(
    agent: Agent, numbers: tuple[Sequence[PhoneNumber], Sequence[PhoneNumber]]
) -> dict[str, Any]:
    """The agent object, without its secret; `numbers` are those it answers and those it calls from."""
    return {
        "id": agent.id,
        "name": agent.name,
        "description": agent.description,
        "voice_id": agent.voice_id,
        "system_prompt": agent.system_prompt,
        "model": agent.model,
        "status": agent.status.value,
        "sync_error": agent.sync_error,
        "tools": list(agent.tools),
        "knowledge_bases": list(agent.knowledge_bases),
        "temperature": agent.temperature,
        "recording_enabled": agent.recording_enabled,
        "language_hint": agent.language_hint,
        "join_timeout": duration(agent.join_timeout_ms),
        "max_duration": duration(agent.max_duration_ms),
        "time_exceeded_message": agent.time_exceeded_message,
        "greeting_settings": _render_greeting(agent.greeting_settings),
        "inactivity_messages": [_render_inactivity(message) for message in agent.inactivity_messages],
        "vad_settings": _render_vad(agent.vad_settings),
        "built_in_config": agent.built_in_config,
        "success_criteria": agent.success_criteria,
        "extraction_schema": agent.extraction_schema,
        "crm_webhook_url": agent.crm_webhook_url,
        "inbound_phone_numbers": [_render_number(number) for number in numbers[0]],
        "outbound_phone_numbers": [_render_number(number) for number in numbers[1]],
        "created_at": timestamp(agent.created_at),
        "updated_at": timestamp(agent.updated_at),
    }


def _render_number(number: PhoneNumber) -> dict[str, Any]:
    return {"id": number.id, "phone_number": number.phone_number}


def _render_greeting(stored: dict[str, Any] | None) -> dict[str, Any] | None:
    if stored is None:
        return None
    shown = {key: value for key, value in stored.items() if key != "delay_ms"}
    if "delay_ms" in stored:
        seconds = stored["delay_ms"] / 1000
        shown["delay"] = int(seconds) if seconds.is_integer() else seconds
    return shown


def _render_inactivity(stored: dict[str, Any]) -> dict[str, Any]:
    shown = {"duration": duration(stored["duration_ms"]), "message": stored["message"]}
    if "end_behavior" in stored:
        shown["endBehavior"] = stored["end_behavior"]
    return shown


def _render_vad(stored: dict[str, Any] | None) -> dict[str, Any] | None:
    if stored is None:
        return None
    return {
        key.removesuffix("_ms"): duration(value) if key.endswith("_ms") else value
        for key, value in stored.items()
    }
