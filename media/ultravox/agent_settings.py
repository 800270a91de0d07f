"""What the engine is told about an agent: plain values in one unit each, already checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

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


@dataclass(frozen=True, slots=True)
class VadSettings:
    """How the engine hears that somebody speaks; None leaves its default (384 ms, 0 ms, 90 ms, 0.1)."""

    turn_endpoint_delay_ms: int | None = None
    minimum_turn_duration_ms: int | None = None
    minimum_interruption_duration_ms: int | None = None
    frame_activation_threshold: float | None = None  # 0.1 to 1


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """An agent as the engine needs it. Texts may hold `{{variable}}`, filled in for each call."""

    system_prompt: str
    voice: str | None = None
    external_voice: Mapping[str, Any] | None = None  # instead of `voice`: a speech provider's
    model: str = DEFAULT_MODEL
    temperature: float = DEFAULT_TEMPERATURE
    language_hint: str | None = None  # BCP 47, at most 16 characters
    greeting: Greeting | None = None
    inactivity_messages: tuple[InactivityMessage, ...] = ()
    vad: VadSettings | None = None
    max_duration_ms: int | None = None
    time_exceeded_message: str | None = None
    can_hang_up: bool = False  # the agent may end the call
    tools: tuple[Mapping[str, Any], ...] = ()  # more tools, as `selectedTools` has them
