"""The JSON forms of what the engine remembers, as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from local_engine.durations import format_duration, format_timestamp
from local_engine.records import (
    AgentRecord,
    CallEvent,
    CallRecord,
    HistoryMessage,
    WebhookRecord,
    billed_duration,
)
from local_engine.tools import CallTool, StoredTool
from local_engine.voices import CatalogueVoice

# Fields of the request that the Call object shows as they were given.
_ECHOED = (
    "voice",
    "externalVoice",
    "voiceOverrides",
    "languageHint",
    "systemPrompt",
    "timeExceededMessage",
    "vadSettings",
    "experimentalSettings",
    "medium",
)


def timestamp(moment: datetime | None) -> str | None:
    """ISO 8601, or null."""
    return None if moment is None else format_timestamp(moment)


def call_view(record: CallRecord) -> dict[str, Any]:
    """The Call object of create, get, list and webhooks."""
    body = record.body
    settings = record.settings
    first = body.get("firstSpeakerSettings") or (
        {"agent": {}} if settings.first_speaker.agent_first else {"user": {}}
    )
    ended = record.ended is not None
    return {
        "callId": record.call_id,
        "clientVersion": record.client_version,
        "created": timestamp(record.created),
        "joined": timestamp(record.joined),
        "ended": timestamp(record.ended),
        "endReason": record.end_reason.value if record.end_reason else None,
        "billedDuration": billed_duration(record),
        "billingStatus": record.billing_status,
        "billedSideInputTokens": 0 if ended else None,
        "billedSideOutputTokens": 0 if ended else None,
        "firstSpeaker": "FIRST_SPEAKER_AGENT" if settings.first_speaker.agent_first else "FIRST_SPEAKER_USER",
        "firstSpeakerSettings": first,
        "inactivityMessages": body.get("inactivityMessages") or [],
        "initialOutputMedium": body.get("initialOutputMedium") or "MESSAGE_MEDIUM_VOICE",
        "joinTimeout": format_duration(settings.join_timeout_s),
        "joinUrl": record.join_url,
        "maxDuration": format_duration(settings.max_duration_s),
        "model": settings.model,
        "recordingEnabled": settings.recording_enabled,
        "temperature": body.get("temperature") or 0,
        "transcriptOptional": body.get("transcriptOptional") is not False,
        "metadata": dict(settings.metadata),
        "initialState": dict(settings.initial_state),
        "callbacks": _without_secrets(body.get("callbacks")),
        "dataConnectionConfig": body.get("dataConnection"),
        "retentionPolicy": "retain",
        "requestContext": None,
        "sipDetails": None,
        "agent": {"agentId": record.agent_id, "name": record.agent_name} if record.agent_id else None,
        "agentId": record.agent_id,
        "shortSummary": _short_summary(record) if ended else None,
        "summary": _summary(record) if ended else None,
        **{name: body.get(name) for name in _ECHOED},
    }


def _without_secrets(callbacks: dict[str, Any] | None) -> dict[str, Any] | None:
    if not callbacks:
        return None
    return {name: {"url": each["url"]} for name, each in callbacks.items() if each}


def _short_summary(record: CallRecord) -> str | None:
    return None if record.joined is None else f"A call of {len(record.history)} messages."


def _summary(record: CallRecord) -> str | None:
    if record.joined is None or record.ended is None or record.end_reason is None:
        return None
    lasted = (record.ended - record.joined).total_seconds()
    reason = record.end_reason.value
    return f"The call lasted {lasted:.1f} s, had {len(record.history)} messages and ended with {reason}."


def message_view(record: CallRecord, index: int, message: HistoryMessage) -> dict[str, Any]:
    """One Message of a call's history."""
    view: dict[str, Any] = {
        "role": message.role.value,
        "text": message.text,
        "invocationId": message.invocation_id,
        "toolName": message.tool_name,
        "errorDetails": message.error_details,
        "medium": f"MESSAGE_MEDIUM_{message.medium.upper()}" if message.medium else None,
        "callStageMessageIndex": index,
        "callStageId": record.stage_ids[min(message.stage, len(record.stage_ids) - 1)],
        "timespan": None,
        "wallClockTimespan": None,
    }
    if message.start_ms is not None:
        span = {"start": format_duration(round(message.start_ms / 1000, 3))}
        if message.end_ms is not None:
            span["end"] = format_duration(round(message.end_ms / 1000, 3))
        view["timespan"] = view["wallClockTimespan"] = span
    return view


def event_view(record: CallRecord, event: CallEvent) -> dict[str, Any]:
    """One CallEvent."""
    return {
        "callId": record.call_id,
        "callStageId": record.stage_ids[-1],
        "callTimestamp": format_duration(round(event.at_ms / 1000, 3)),
        "wallClockTimestamp": event.wall_clock,
        "severity": event.severity,
        "type": event.type,
        "text": event.text,
        "extras": None,
    }


def call_tool_view(tool: CallTool) -> dict[str, Any]:
    """One entry of GET /api/calls/{id}/tools."""
    return {
        "callToolId": tool.call_tool_id,
        "toolId": tool.tool_id,
        "name": tool.name,
        "definition": plain(tool.definition),
    }


def stored_tool_view(tool: StoredTool) -> dict[str, Any]:
    """One tool of the account."""
    return {
        "toolId": tool.tool_id,
        "name": tool.name,
        "created": tool.created,
        "definition": plain(tool.definition),
        "ownership": "public" if tool.built_in else "private",
    }


def agent_view(agent: AgentRecord) -> dict[str, Any]:
    """One agent."""
    return {
        "agentId": agent.agent_id,
        "publishedRevisionId": agent.revision_id,
        "name": agent.name,
        "created": timestamp(agent.created),
        "callTemplate": agent.template,
        "statistics": {"calls": agent.calls},
    }


def webhook_view(hook: WebhookRecord) -> dict[str, Any]:
    """One webhook; secrets are shown, as the real service shows those it generated."""
    return {
        "webhookId": hook.webhook_id,
        "agentId": hook.agent_id,
        "created": timestamp(hook.created),
        "url": hook.url,
        "secrets": list(hook.secrets),
        "events": list(hook.events),
        "status": "unhealthy" if hook.unhealthy else "normal",
        "lastStatusChange": timestamp(hook.last_change),
        "recentFailures": [{"timestamp": at, "failure": why} for at, why in hook.failures],
    }


def voice_view(voice: CatalogueVoice) -> dict[str, Any]:
    """One voice."""
    return {
        "voiceId": voice.voice_id,
        "name": voice.name,
        "description": voice.description,
        "primaryLanguage": voice.language,
        "languageLabel": voice.language,
        "previewUrl": None,
        "ownership": "public",
        "billingStyle": "VOICE_BILLING_STYLE_INCLUDED",
        "provider": None,
        "definition": None,
    }


def plain(value: Any) -> Any:
    """A request struct as JSON, without the fields that were not given."""
    built = msgspec.to_builtins(value)
    return (
        {key: each for key, each in built.items() if each is not None} if isinstance(built, dict) else built
    )
