"""What the engine is told about an agent: plain values, already checked.

`from_plain` of each class reads the spelling of the product's API, where the same thing may come in two
forms: a delay as a number of seconds or as `"0.3s"`, `endBehavior` or `end_behavior`, the product's
`END_BEHAVIOR_HANG_UP` or one of the engine's three words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from media.ultravox.protocol import DurationFormatError, parse_duration_ms

MAX_LANGUAGE_HINT = 16
DEFAULT_MODEL = "ultravox-v0.7"
DEFAULT_TEMPERATURE = 0.3  # the engine's own default is 0


class AgentSettingsError(ValueError):
    """A setting the engine would refuse; `field` names it by its path in the API's spelling."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class EndBehavior(StrEnum):
    """What follows an inactivity message."""

    UNSPECIFIED = "END_BEHAVIOR_UNSPECIFIED"  # keep listening
    HANG_UP_SOFT = "END_BEHAVIOR_HANG_UP_SOFT"  # hang up unless the user speaks meanwhile
    HANG_UP_STRICT = "END_BEHAVIOR_HANG_UP_STRICT"

    @classmethod
    def from_plain(cls, value: Any, field: str) -> EndBehavior:
        """The product says `END_BEHAVIOR_HANG_UP`, which the engine does not know: it means the soft form."""
        if value is None:
            return cls.UNSPECIFIED
        if value == "END_BEHAVIOR_HANG_UP":
            return cls.HANG_UP_SOFT
        try:
            return cls(value)
        except ValueError as error:
            words = ", ".join(("END_BEHAVIOR_HANG_UP", *cls))
            raise AgentSettingsError(field, f"must be one of {words}") from error


@dataclass(frozen=True, slots=True)
class InactivityMessage:
    """Spoken after `duration_ms` of silence; in a list, each counts from the one before it."""

    duration_ms: int
    message: str
    end_behavior: EndBehavior = EndBehavior.UNSPECIFIED

    @classmethod
    def from_plain(cls, value: Mapping[str, Any], field: str = "inactivity_messages") -> InactivityMessage:
        """Raises `AgentSettingsError`."""
        message = value.get("message")
        if not isinstance(message, str) or not message:
            raise AgentSettingsError(f"{field}.message", "must be text")
        behavior = value.get("endBehavior", value.get("end_behavior"))
        return cls(
            duration_ms=_duration_ms(value.get("duration"), f"{field}.duration"),
            message=message,
            end_behavior=EndBehavior.from_plain(behavior, f"{field}.endBehavior"),
        )


class FirstSpeaker(StrEnum):
    AGENT = "FIRST_SPEAKER_AGENT"
    USER = "FIRST_SPEAKER_USER"


@dataclass(frozen=True, slots=True)
class Greeting:
    """Who speaks first. With the user first, `text` and `delay_ms` say what happens when nobody speaks."""

    first_speaker: FirstSpeaker = FirstSpeaker.AGENT
    text: str | None = None  # None: the model thinks of something
    delay_ms: int | None = None
    uninterruptible: bool = False  # of no effect when the user is first

    @classmethod
    def from_plain(cls, value: Mapping[str, Any], field: str = "greeting_settings") -> Greeting:
        """Raises `AgentSettingsError`."""
        speaker = value.get("first_speaker") or FirstSpeaker.AGENT
        try:
            first_speaker = FirstSpeaker(speaker)
        except ValueError as error:
            raise AgentSettingsError(
                f"{field}.first_speaker", f"must be one of {', '.join(FirstSpeaker)}"
            ) from error
        text = value.get("text")
        if text is not None and not isinstance(text, str):
            raise AgentSettingsError(f"{field}.text", "must be text")
        uninterruptible = value.get("uninterruptible")
        if uninterruptible is not None and not isinstance(uninterruptible, bool):
            raise AgentSettingsError(f"{field}.uninterruptible", "must be true or false")
        delay = value.get("delay")
        return cls(
            first_speaker=first_speaker,
            text=text or None,
            delay_ms=None if delay is None else _duration_ms(delay, f"{field}.delay"),
            uninterruptible=bool(uninterruptible),
        )


@dataclass(frozen=True, slots=True)
class VadSettings:
    """How the engine hears that somebody speaks; None leaves its default (384 ms, 0 ms, 90 ms, 0.1)."""

    turn_endpoint_delay_ms: int | None = None
    minimum_turn_duration_ms: int | None = None
    minimum_interruption_duration_ms: int | None = None
    frame_activation_threshold: float | None = None  # 0.1 to 1

    @classmethod
    def from_plain(cls, value: Mapping[str, Any], field: str = "vad_settings") -> VadSettings:
        """Raises `AgentSettingsError`."""

        def duration(key: str) -> int | None:
            plain = value.get(key)
            return None if plain is None else _duration_ms(plain, f"{field}.{key}")

        threshold = value.get("frame_activation_threshold")
        if threshold is not None and not (
            isinstance(threshold, int | float) and not isinstance(threshold, bool) and 0.1 <= threshold <= 1
        ):
            raise AgentSettingsError(f"{field}.frame_activation_threshold", "must be from 0.1 to 1")
        return cls(
            turn_endpoint_delay_ms=duration("turn_endpoint_delay"),
            minimum_turn_duration_ms=duration("minimum_turn_duration"),
            minimum_interruption_duration_ms=duration("minimum_interruption_duration"),
            frame_activation_threshold=None if threshold is None else float(threshold),
        )


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """An agent as the engine needs it. Texts may hold `{{variable}}`, filled in for each call."""

    system_prompt: str
    voice: str | None = None
    model: str = DEFAULT_MODEL
    temperature: float = DEFAULT_TEMPERATURE
    language_hint: str | None = None  # BCP 47, at most 16 characters
    greeting: Greeting | None = None
    inactivity_messages: tuple[InactivityMessage, ...] = ()
    vad: VadSettings | None = None
    max_duration_ms: int | None = None
    time_exceeded_message: str | None = None
    can_hang_up: bool = False  # the agent may end the call


def _duration_ms(value: Any, field: str) -> int:
    """A duration given as `"0.3s"` or as a number of seconds."""
    milliseconds: int
    if isinstance(value, str):
        try:
            milliseconds = parse_duration_ms(value)
        except DurationFormatError as error:
            raise AgentSettingsError(field, str(error)) from error
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9:
        milliseconds = round(value * 1000)
    else:
        raise AgentSettingsError(field, "must be a duration such as 0.5s, or a number of seconds")
    if milliseconds < 0:
        raise AgentSettingsError(field, "must not be negative")
    return milliseconds
