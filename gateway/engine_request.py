"""From an agent and a call's overrides to the engine's create-call request.

`media.ultravox` knows nothing of agents and the store; this is the one place where the two are joined.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.agent_parts import AgentParts
from gateway.conversation_care import ConversationOptions
from gateway.engine_tools import built_in_tools, knowledge_tools, selected_tool
from gateway.engine_voices import engine_voice, external_voice
from gateway.new_call import CallSettings
from gateway.tool_use import CallTools
from media.ultravox.agent_settings import (
    AgentSettings,
    EndBehavior,
    FirstSpeaker,
    Greeting,
    InactivityMessage,
    VadSettings,
)
from media.ultravox.call_request import EngineCallRequest
from sip.audio_codecs import NARROW_BAND_HZ
from store.agent_part_records import ToolKind
from store.records import Agent, CallDirection

JOIN_MARGIN_S = 30.0  # the engine waits for our socket this much longer than the phone rings


def engine_settings(
    agent: Agent,
    parts: AgentParts,
    *,
    greeting_text: str | None = None,
    max_duration_s: float | None = None,
    outbound: bool = False,
    tools_of_ours: bool = True,
) -> AgentSettings:
    """An agent in the engine's terms. Without `tools_of_ours` it has no tool that this gateway would have to
    carry out. Raises `AgentSettingsError` for a setting that the engine would refuse.
    """
    return AgentSettings(
        system_prompt=agent.system_prompt,
        voice=engine_voice(agent.voice_id, parts.voice),
        external_voice=external_voice(parts.voice),
        model=agent.model,
        temperature=agent.temperature,
        language_hint=agent.language_hint,
        greeting=_greeting(agent.greeting_settings, greeting_text),
        inactivity_messages=tuple(
            InactivityMessage(
                duration_ms=entry["duration_ms"],
                message=entry["message"],
                end_behavior=EndBehavior.from_plain(
                    entry.get("end_behavior"), "inactivity_messages.endBehavior"
                ),
            )
            for entry in agent.inactivity_messages
        ),
        vad=VadSettings(**agent.vad_settings) if agent.vad_settings else None,
        max_duration_ms=agent.max_duration_ms if max_duration_s is None else int(max_duration_s * 1000),
        time_exceeded_message=agent.time_exceeded_message,
        can_hang_up=bool((agent.built_in_config or {}).get("hang_up", True)),
        tools=(
            *(selected_tool(tool) for tool in parts.tools if tools_of_ours or tool.kind is ToolKind.HTTP),
            *knowledge_tools(parts.knowledge_base),
            *(built_in_tools(agent.built_in_config, outbound=outbound) if tools_of_ours else ()),
        ),
    )


def _greeting(stored: Mapping[str, Any] | None, text: str | None) -> Greeting | None:
    """The agent's greeting with the call's words in place of its own, if the call has any."""
    if not stored and text is None:
        return None
    stored = stored or {}
    return Greeting(
        first_speaker=FirstSpeaker(stored.get("first_speaker") or FirstSpeaker.AGENT),
        text=text if text is not None else stored.get("text"),
        delay_ms=stored.get("delay_ms"),
        uninterruptible=bool(stored.get("uninterruptible")),
    )


def engine_request(
    agent: Agent,
    parts: AgentParts,
    settings: CallSettings,
    *,
    call_id: str,
    direction: str,
    variables: Mapping[str, Any],
    metadata: Mapping[str, Any],
    max_duration_s: float,
    ring_timeout_s: float,
    sample_rate: int = NARROW_BAND_HZ,
) -> EngineCallRequest:
    """The request for one call; `metadata` values that are not text stay with our own call object.

    `sample_rate` (Hz) should be the leg's own, so that nothing is resampled.
    """
    texts = {
        key: value
        for key, value in metadata.items()
        if isinstance(value, str) and not key.startswith("ultravox.")
    }
    return EngineCallRequest(
        agent=engine_settings(
            agent,
            parts,
            greeting_text=settings.greeting,
            max_duration_s=max_duration_s,
            outbound=direction == CallDirection.OUTBOUND,
        ),
        sample_rate=sample_rate,
        variables=variables,
        metadata=texts | {"call_id": call_id, "direction": direction},
        join_timeout_ms=int((ring_timeout_s + JOIN_MARGIN_S) * 1000),
    )


def conversation_options(
    agent: Agent, parts: AgentParts, settings: CallSettings, direction: CallDirection
) -> ConversationOptions:
    """How a call with this agent is to be looked after. Machines answer only when we call."""
    outbound = direction is CallDirection.OUTBOUND
    leaves = outbound and bool((agent.built_in_config or {}).get("leave_voicemail", False))
    detects = settings.detect_answering_machine
    greeting = _greeting(agent.greeting_settings, settings.greeting)
    transfer = (agent.built_in_config or {}).get("transfer") or {}
    return ConversationOptions(
        detect_answering_machine=outbound and (leaves if detects is None else detects),
        leave_voicemail=leaves and detects is not False,
        voicemail_message=settings.voicemail_message,
        # Without a setting the engine lets the agent begin.
        agent_speaks_first=greeting is None or greeting.first_speaker is FirstSpeaker.AGENT,
        tools=CallTools(parts.tools, frozenset(kind for kind in ("cold", "warm") if transfer.get(kind))),
    )


def longest_call_s(agent: Agent, settings: CallSettings, default_s: float) -> float:
    """How long this call may last, in seconds: the call's own word, else the agent's, else the
    configuration's.
    """
    return _first_s(settings.max_duration_ms, agent.max_duration_ms, default_s)


def longest_ring_s(agent: Agent, settings: CallSettings, default_s: float) -> float:
    """How long the far phone may ring, in seconds, by the same order."""
    return _first_s(settings.join_timeout_ms, agent.join_timeout_ms, default_s)


def _first_s(call_ms: int | None, agent_ms: int | None, default_s: float) -> float:
    own = call_ms if call_ms is not None else agent_ms
    return default_s if own is None else own / 1000
