"""Turns a request body into the settings a call runs with, or says what is wrong (400 and `detail`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from local_engine.call_settings import (
    CallSettings,
    FirstSpeaker,
    SocketSettings,
    enabled_data_messages,
)
from local_engine.durations import DurationError, parse_duration
from local_engine.errors import InvalidRequest
from local_engine.inactivity import EndBehavior, InactivityMessage
from local_engine.requests import CallBody, FirstSpeakerSettings, ServerWebSocket, VadSettingsBody
from local_engine.tools import ToolCatalogue, resolve_tools
from local_engine.vad import VadSettings

MODELS = (
    "ultravox-v0.7",
    "ultravox-v0.6",
    "ultravox-v0.6-llama3.3-70b",
    "ultravox-v0.6-gemma3-27b",
    "fixie-ai/ultravox",
)
SCENARIO_MODELS = ("local-assistant", "local-receptionist", "local-echo", "local-script")
SAMPLE_RATES = (8000, 16000, 24000, 48000)
MEDIUM_KEYS = ("webRtc", "twilio", "serverWebSocket", "telnyx", "plivo", "exotel", "sip")

WEB_RATE = 48_000
WEB_BUFFER_MS = 60
_MINIMUM_IDLE_S = 10.0
_EXTERNAL_VOICES = ("elevenLabs", "cartesia", "lmnt", "google", "inworld", "respeecher", "generic")

T = TypeVar("T")


def decode_body(data: bytes, kind: type[T]) -> T:
    """A request body as `kind`. Raises `InvalidRequest` naming the field."""
    try:
        return msgspec.json.decode(data or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise InvalidRequest(str(error)) from error


def convert(value: Any, kind: type[T]) -> T:
    """A decoded JSON value as `kind`. Raises `InvalidRequest` naming the field."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error)) from error


def seconds(text: str | None, field: str, default: float) -> float:
    """A non-negative duration field in seconds. Raises `InvalidRequest`."""
    if text is None:
        return default
    try:
        value = parse_duration(text)
    except DurationError as error:
        raise InvalidRequest(f"{field}: {error}") from error
    if value < 0:
        raise InvalidRequest(f"{field}: must not be negative")
    return value


def call_settings(body: CallBody, catalogue: ToolCatalogue, *, prior_call: bool = False) -> CallSettings:
    """Check every rule of the call's body.

    `prior_call`: the request named a `priorCallId`. Raises `InvalidRequest`.
    """
    model = body.model or MODELS[0]
    if model not in MODELS and model not in SCENARIO_MODELS:
        raise InvalidRequest(f"model: unknown model {model!r}")
    if body.temperature is not None and not 0 <= body.temperature <= 1:
        raise InvalidRequest("temperature: must be between 0 and 1")
    if body.language_hint is not None and len(body.language_hint) > 16:
        raise InvalidRequest("languageHint: at most 16 characters")
    if prior_call and body.initial_messages:
        raise InvalidRequest("initialMessages: not allowed together with priorCallId")
    _check_voice(body)
    _check_metadata(body.metadata or {})
    _check_secrets(body)
    return CallSettings(
        socket=_socket(body.medium),
        model=model,
        voice=body.voice or external_voice(body.external_voice),
        language_hint=body.language_hint,
        system_prompt=body.system_prompt or "",
        join_timeout_s=seconds(body.join_timeout, "joinTimeout", 30.0),
        max_duration_s=seconds(body.max_duration, "maxDuration", 3600.0),
        time_exceeded_message=body.time_exceeded_message,
        inactivity=tuple(
            InactivityMessage(
                seconds(item.duration, f"inactivityMessages[{place}].duration", 0.0),
                item.message,
                EndBehavior(item.end_behavior or EndBehavior.UNSPECIFIED),
            )
            for place, item in enumerate(body.inactivity_messages or ())
        ),
        tools=resolve_tools(body.selected_tools or [], catalogue),
        first_speaker=_first_speaker(body),
        text_output=body.initial_output_medium == "MESSAGE_MEDIUM_TEXT",
        vad=_vad(body.vad_settings),
        metadata=dict(body.metadata or {}),
        initial_state=dict(body.initial_state or {}),
        recording_enabled=bool(body.recording_enabled),
        callbacks=body.callbacks,
    )


def _socket(medium: Mapping[str, Any] | None) -> SocketSettings:
    given = {key: value for key, value in (medium or {"webRtc": {}}).items() if value is not None}
    if len(given) != 1:
        raise InvalidRequest("medium: exactly one key")
    ((key, value),) = given.items()
    if key not in MEDIUM_KEYS:
        raise InvalidRequest(f"medium: unknown medium {key!r}")
    if key == "webRtc":
        # Joined by a WebSocket like the others: there is no room with WebRTC behind it.
        messages = value.get("dataMessages") if isinstance(value, dict) else None
        return SocketSettings(
            WEB_RATE, WEB_RATE, WEB_BUFFER_MS, None, data_messages=enabled_data_messages(messages or {})
        )
    if key != "serverWebSocket":
        raise InvalidRequest(f"medium: this local engine serves serverWebSocket and webRtc only, not {key}")
    if not isinstance(value, dict) or value.get("inputSampleRate") is None:
        raise InvalidRequest("medium.serverWebSocket.inputSampleRate: required")
    socket = convert(value, ServerWebSocket)
    output_rate = socket.output_sample_rate or socket.input_sample_rate
    for name, rate in (("inputSampleRate", socket.input_sample_rate), ("outputSampleRate", output_rate)):
        if rate not in SAMPLE_RATES:
            raise InvalidRequest(f"medium.serverWebSocket.{name}: must be one of {list(SAMPLE_RATES)}")
    buffer_ms = 60 if socket.client_buffer_size_ms is None else socket.client_buffer_size_ms
    if buffer_ms < 0:
        raise InvalidRequest("medium.serverWebSocket.clientBufferSizeMs: must not be negative")
    idle = seconds(socket.media_idle_timeout, "medium.serverWebSocket.mediaIdleTimeout", 0.0)
    return SocketSettings(
        input_rate=socket.input_sample_rate,
        output_rate=output_rate,
        buffer_ms=buffer_ms,
        idle_timeout_s=max(idle, _MINIMUM_IDLE_S) if idle else None,
        data_messages=enabled_data_messages(socket.data_messages or {}),
    )


def _first_speaker(body: CallBody) -> FirstSpeaker:
    settings = body.first_speaker_settings
    if settings is None:
        if body.first_speaker == "FIRST_SPEAKER_USER":
            return FirstSpeaker(agent_first=False)
        return FirstSpeaker(agent_first=True)
    if (settings.user is None) == (settings.agent is None):
        raise InvalidRequest("firstSpeakerSettings: exactly one of user and agent")
    _check_agreement(body.first_speaker, settings)
    if settings.agent is not None:
        agent = settings.agent
        return FirstSpeaker(
            agent_first=True,
            text=agent.text,
            delay_s=seconds(agent.delay, "firstSpeakerSettings.agent.delay", 0.0),
            uninterruptible=bool(agent.uninterruptible),
        )
    fallback = settings.user.fallback if settings.user else None
    if fallback is None:
        return FirstSpeaker(agent_first=False)
    return FirstSpeaker(
        agent_first=False,
        text=fallback.text,
        delay_s=seconds(fallback.delay, "firstSpeakerSettings.user.fallback.delay", 0.0),
        fallback=True,
    )


def _check_agreement(first_speaker: str | None, settings: FirstSpeakerSettings) -> None:
    wanted = {"FIRST_SPEAKER_AGENT": settings.agent, "FIRST_SPEAKER_USER": settings.user}
    if first_speaker in wanted and wanted[first_speaker] is None:
        raise InvalidRequest("firstSpeaker: contradicts firstSpeakerSettings")


def _vad(body: VadSettingsBody | None) -> VadSettings:
    if body is None:
        return VadSettings()
    threshold = 0.1 if body.frame_activation_threshold is None else body.frame_activation_threshold
    if not 0.1 <= threshold <= 1:
        raise InvalidRequest("vadSettings.frameActivationThreshold: must be between 0.1 and 1")
    return VadSettings(
        turn_endpoint_delay_ms=1000
        * seconds(body.turn_endpoint_delay, "vadSettings.turnEndpointDelay", 0.384),
        minimum_turn_ms=1000 * seconds(body.minimum_turn_duration, "vadSettings.minimumTurnDuration", 0.0),
        minimum_interruption_ms=1000
        * seconds(body.minimum_interruption_duration, "vadSettings.minimumInterruptionDuration", 0.09),
        activation_threshold=threshold,
    )


def _check_voice(body: CallBody) -> None:
    if body.voice and body.external_voice:
        raise InvalidRequest("voice: excludes externalVoice")
    if body.voice_overrides and not body.voice:
        raise InvalidRequest("voiceOverrides: only together with voice")
    for name, value in (("externalVoice", body.external_voice), ("voiceOverrides", body.voice_overrides)):
        if value is not None:
            keys = [key for key, given in value.items() if given is not None]
            if len(keys) != 1 or keys[0] not in _EXTERNAL_VOICES:
                raise InvalidRequest(f"{name}: exactly one of {list(_EXTERNAL_VOICES)}")


def external_voice(given: Mapping[str, Any] | None) -> str | None:
    """A name that always sounds the same for a provider's voice: it is spoken here like any other."""
    for provider, settings in (given or {}).items():
        if settings is not None:
            return f"{provider}:{settings.get('voiceId', '') if isinstance(settings, dict) else settings}"
    return None


def _check_metadata(metadata: Mapping[str, str]) -> None:
    for key in metadata:
        if key.startswith("ultravox."):
            raise InvalidRequest(f"metadata: the prefix 'ultravox.' is reserved ({key!r})")


_URL = re.compile(r"https?://[^\s]+")


def _check_secrets(body: CallBody) -> None:
    for secret in body.shared_secrets or ():
        if not 16 <= len(secret) <= 127:
            raise InvalidRequest("sharedSecrets: 16 to 127 characters each")
    if body.callbacks is not None:
        for name in ("joined", "ended", "billed"):
            callback = getattr(body.callbacks, name)
            if callback is not None and not _URL.fullmatch(callback.url):
                raise InvalidRequest(f"callbacks.{name}.url: must be an http or https URL")
