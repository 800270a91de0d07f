"""Agents on the wire: the product's fields and defaults, whole and in part.

The secret that signs a CRM webhook can be written and never read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StrictBool, create_model

from control_api.envelope import duration
from control_api.schemas_agent_settings import (
    BuiltInConfigIn,
    BuiltInConfigOut,
    ExtractionSchema,
    GreetingSettingsIn,
    GreetingSettingsOut,
    InactivityMessageOut,
    InactivityMessages,
    KnowledgeBases,
    Language,
    Name,
    Prompt,
    Secret,
    Spoken,
    Text,
    Tools,
    Url,
    VadSettingsIn,
    VadSettingsOut,
    render_greeting,
    render_inactivity,
    render_vad,
    stored_built_ins,
    stored_greeting,
    stored_inactivity,
    stored_vad,
)
from control_api.schemas_calls import CallTime, RingTime
from control_api.schemas_shared import (
    DurationText,
    PhoneNumberOut,
    RequestModel,
    ResponseModel,
    Timestamp,
    Uuid,
    UuidIn,
    without_default,
)
from gateway.new_agent import NewAgent
from gateway.timestamps import timestamp
from store.records import Agent, AgentStatus, BrowserMode, CallRecord, PhoneNumber


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
    browser_mode: BrowserMode = Field(
        default=BrowserMode.BRIDGED,
        description="Who carries a browser's sound: the gateway, or the engine itself.",
    )

    def to_new(self) -> NewAgent:
        """The request as the gateway understands it."""
        return NewAgent(**_stored(self, type(self).model_fields))


class _SomeFields(RequestModel):
    def to_changes(self) -> dict[str, Any]:
        """The fields that were sent, as the gateway understands them."""
        return _stored(self, self.model_fields_set)


def _stored(body: RequestModel, names: Iterable[str]) -> dict[str, Any]:
    """Fields of a request under the store's names and in its units."""
    stored = {}
    for name in names:
        value = getattr(body, name)
        convert = _CONVERSIONS.get(name)
        stored[_STORED_NAMES.get(name, name)] = value if convert is None else convert(value)
    return stored


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "tools": tuple,
    "knowledge_bases": tuple,
    "greeting_settings": stored_greeting,
    "inactivity_messages": stored_inactivity,
    "vad_settings": stored_vad,
    "built_in_config": stored_built_ins,
}
_STORED_NAMES = {"join_timeout": "join_timeout_ms", "max_duration": "max_duration_ms"}


if TYPE_CHECKING:

    class AgentPatch(_SomeFields):
        """Some of the fields of `AgentCreate`."""

else:
    AgentPatch = create_model(
        "AgentPatch",
        __base__=_SomeFields,
        __doc__="Some fields of an agent; those not sent stay. Objects and lists are replaced whole.",
        # What is absent keeps this `None`, which is never looked at; what is sent has the field's own rules.
        **{
            name: (
                field.rebuild_annotation(),
                Field(default=None, description=field.description, json_schema_extra=without_default),
            )
            for name, field in AgentCreate.model_fields.items()
        },
    )


class AgentNumberOut(ResponseModel):
    id: Uuid
    phone_number: PhoneNumberOut


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
    browser_mode: BrowserMode
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
        "greeting_settings": render_greeting(agent.greeting_settings),
        "inactivity_messages": [render_inactivity(message) for message in agent.inactivity_messages],
        "vad_settings": render_vad(agent.vad_settings),
        "built_in_config": agent.built_in_config,
        "success_criteria": agent.success_criteria,
        "extraction_schema": agent.extraction_schema,
        "crm_webhook_url": agent.crm_webhook_url,
        "browser_mode": agent.browser_mode.value,
        "inbound_phone_numbers": [_render_number(number) for number in numbers[0]],
        "outbound_phone_numbers": [_render_number(number) for number in numbers[1]],
        "created_at": timestamp(agent.created_at),
        "updated_at": timestamp(agent.updated_at),
    }


def _render_number(number: PhoneNumber) -> dict[str, Any]:
    return {"id": number.id, "phone_number": number.phone_number}


class TestCallOut(ResponseModel):
    """A test call, and the link by which a browser joins it. Whoever has the link can join, once."""

    call_id: Uuid
    join_url: str
    agent_id: Uuid
    created_at: Timestamp


def render_test_call(record: CallRecord, join_url: str) -> dict[str, Any]:
    """As `TestCallOut`."""
    return {
        "call_id": record.id,
        "join_url": join_url,
        "agent_id": record.agent_id,
        "created_at": timestamp(record.created_at),
    }
