"""The body of `POST /api/calls`: an agent's settings and one call's circumstances, in the engine's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from media.ultravox.agent_settings import (
    MAX_LANGUAGE_HINT,
    AgentSettings,
    FirstSpeaker,
    Greeting,
    InactivityMessage,
    VadSettings,
)
from media.ultravox.protocol import format_duration

__all__ = [
    "AgentSettings",
    "CallRequestError",
    "EngineCallRequest",
    "build_agent_body",
    "build_call_body",
    "render_template",
]

# The engine may run so far ahead of what was played; we clear it on barge-in, so more is better.
CLIENT_BUFFER_MS = 30_000
# We send audio without a break, so silence for so long means that we are gone.
MEDIA_IDLE_TIMEOUT_MS = 30_000
# The engine's own limit on how long a created call waits for its socket.
JOIN_TIMEOUT_MS = 30_000
# When the user is to speak first, has a text to be spoken otherwise, but no time was given.
FALLBACK_DELAY_MS = 5_000
RESERVED_METADATA_PREFIX = "ultravox."
MAX_AGENT_NAME = 64

# Only what somebody here listens to; on today's defaults of the engine this repeats them.
_DATA_MESSAGES = {
    "callStarted": True,
    "state": True,
    "transcript": True,
    "clientToolInvocation": True,
    "playbackClearBuffer": True,
    "pong": False,
}
_VARIABLE = re.compile(r"\{\{\{?\s*([A-Za-z_][\w.-]*)\s*\}?\}\}")


class CallRequestError(ValueError):
    """A request that the engine would refuse."""


class EngineCallback(msgspec.Struct, frozen=True):
    """An address that the engine tells of a call's join, end and bill; `secret` signs what it says."""

    url: str
    secret: str

    def __repr__(self) -> str:
        return f"EngineCallback(url={self.url!r})"


class EngineCallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One engine call: the agent, and what is particular to this call."""

    agent: AgentSettings
    sample_rate: int  # Hz, both directions: the leg's own
    variables: Mapping[str, Any] = {}
    metadata: Mapping[str, str] = {}  # comes back in the engine's webhooks
    join_timeout_ms: int = JOIN_TIMEOUT_MS
    media_idle_timeout_ms: int = MEDIA_IDLE_TIMEOUT_MS
    client_buffer_ms: int = CLIENT_BUFFER_MS
    callback: EngineCallback | None = None  # who is told what becomes of the call
    web_rtc: bool = False  # joined by a browser instead of by us; the rate and the buffer do not matter then


def render_template(template: str, variables: Mapping[str, Any]) -> str:
    """Fill `{{name}}` in; an unknown name leaves nothing, as in mustache. Values are inserted as they are,
    once.
    """

    def value_of(match: re.Match[str]) -> str:
        value = variables.get(match[1])
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value)

    return _VARIABLE.sub(value_of, template)


def build_call_body(request: EngineCallRequest, *, resuming: bool = False) -> dict[str, Any]:
    """The JSON object to post. Raises `CallRequestError`.

    With `resuming` the call takes over the history of a lost one: the agent waits for the caller instead of
    greeting again.
    """
    for key, value in request.metadata.items():
        if key.startswith(RESERVED_METADATA_PREFIX):
            raise CallRequestError(f"metadata key {key[:80]!r} starts with the engine's own prefix")
        if not isinstance(value, str):
            raise CallRequestError(f"metadata value of {key[:80]!r} is not text")
    body = _agent_fields(request.agent, request.variables)
    if resuming:
        body["firstSpeakerSettings"] = {"user": {}}
    body["joinTimeout"] = format_duration(request.join_timeout_ms)
    body["medium"] = {"webRtc": {}} if request.web_rtc else _server_web_socket(request)
    if request.callback is not None:
        told = {"url": request.callback.url, "secrets": [request.callback.secret]}
        body["callbacks"] = {"joined": told, "ended": told, "billed": told}
    if request.metadata:
        body["metadata"] = dict(request.metadata)
    return body


def _server_web_socket(request: EngineCallRequest) -> dict[str, Any]:
    return {
        "serverWebSocket": {
            "inputSampleRate": request.sample_rate,
            "outputSampleRate": request.sample_rate,
            "clientBufferSizeMs": request.client_buffer_ms,
            "mediaIdleTimeout": format_duration(request.media_idle_timeout_ms),
            "dataMessages": dict(_DATA_MESSAGES),
        }
    }


def build_agent_body(name: str, agent: AgentSettings) -> dict[str, Any]:
    """The JSON object of `POST /api/agents`; variables stay as they are, since the engine fills them in
    itself.
    """
    return {"name": name[:MAX_AGENT_NAME], "callTemplate": _agent_fields(agent, None)}


def _agent_fields(agent: AgentSettings, variables: Mapping[str, Any] | None) -> dict[str, Any]:
    """What calls and agent templates share; without `variables` nothing is filled in."""

    def text(template: str) -> str:
        return template if variables is None else render_template(template, variables)

    fields: dict[str, Any] = {
        "systemPrompt": text(agent.system_prompt),
        "model": agent.model,
        "temperature": agent.temperature,
    }
    if agent.external_voice:
        fields["externalVoice"] = dict(agent.external_voice)
    elif agent.voice:
        fields["voice"] = agent.voice
    hint = text(agent.language_hint) if agent.language_hint else ""
    if hint:
        if len(hint) > MAX_LANGUAGE_HINT:
            raise CallRequestError(f"language hint is longer than {MAX_LANGUAGE_HINT} characters")
        fields["languageHint"] = hint
    if agent.greeting is not None:
        fields["firstSpeakerSettings"] = _first_speaker(agent.greeting, text)
    if agent.inactivity_messages:
        fields["inactivityMessages"] = [_inactivity(entry, text) for entry in agent.inactivity_messages]
    if agent.vad is not None and (vad := _vad(agent.vad)):
        fields["vadSettings"] = vad
    if agent.max_duration_ms is not None:
        fields["maxDuration"] = format_duration(agent.max_duration_ms)
    if agent.time_exceeded_message:
        fields["timeExceededMessage"] = text(agent.time_exceeded_message)
    tools = [_selected_tool(tool, text) for tool in agent.tools]
    if agent.can_hang_up:
        tools.insert(0, {"toolName": "hangUp"})  # served by the engine, on every medium
    if tools:
        fields["selectedTools"] = tools
    return fields


def _selected_tool(tool: Mapping[str, Any], text: Callable[[str], str]) -> dict[str, Any]:
    """A tool with the variables filled in where the engine does it in a template: description and fixed
    values.
    """
    definition = tool.get("temporaryTool")
    if definition is None:
        return dict(tool)
    filled = dict(definition)
    filled["description"] = text(filled.get("description", ""))
    if "staticParameters" in filled:
        filled["staticParameters"] = [
            {**each, "value": text(each["value"])} if isinstance(each["value"], str) else each
            for each in filled["staticParameters"]
        ]
    return {**tool, "temporaryTool": filled}


def _first_speaker(greeting: Greeting, text: Callable[[str], str]) -> dict[str, Any]:
    words: dict[str, Any] = {}
    if greeting.text:
        words["text"] = text(greeting.text)
    if greeting.delay_ms is not None:
        words["delay"] = format_duration(greeting.delay_ms)
    if greeting.first_speaker is FirstSpeaker.AGENT:
        if greeting.uninterruptible:
            words["uninterruptible"] = True
        return {"agent": words}
    if not words:
        return {"user": {}}
    words.setdefault("delay", format_duration(FALLBACK_DELAY_MS))
    return {"user": {"fallback": words}}


def _inactivity(entry: InactivityMessage, text: Callable[[str], str]) -> dict[str, Any]:
    return {
        "duration": format_duration(entry.duration_ms),
        "message": text(entry.message),
        "endBehavior": entry.end_behavior.value,
    }


def _vad(vad: VadSettings) -> dict[str, Any]:
    durations = {
        "turnEndpointDelay": vad.turn_endpoint_delay_ms,
        "minimumTurnDuration": vad.minimum_turn_duration_ms,
        "minimumInterruptionDuration": vad.minimum_interruption_duration_ms,
    }
    fields: dict[str, Any] = {
        key: format_duration(value) for key, value in durations.items() if value is not None
    }
    if vad.frame_activation_threshold is not None:
        fields["frameActivationThreshold"] = vad.frame_activation_threshold
    return fields
