"""What an agent can do in a call.

A scenario answers an event with a list of these; the conversation carries them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Say:
    """Speak `text`. Nothing the caller does stops it when `uninterruptible`."""

    text: str
    uninterruptible: bool = False


@dataclass(frozen=True, slots=True)
class Play:
    """Play s16le mono audio at the call's output rate."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Tone:
    """Play a sine tone."""

    frequency: float
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Chirp:
    """Play a sine that rises from `low` to `high` Hz: it can be found in a recording to the sample."""

    low: float
    high: float
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Keypad:
    """Play keypad tones into the audio (the built-in `playDtmfSounds`)."""

    digits: str
    tone_ms: float = 200.0
    space_ms: float = 100.0


@dataclass(frozen=True, slots=True)
class Silence:
    """Play zero samples, as part of the utterance."""

    duration_ms: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for a while, sending nothing."""

    duration_ms: float


@dataclass(frozen=True, slots=True)
class UseTool:
    """Use a tool by the name the model sees. `invocation_id` is made up when empty."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    invocation_id: str = ""


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a data message exactly as given, whatever it is."""

    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call once everything before was played.

    When `soft`, a caller who is speaking then keeps it alive.
    """

    soft: bool = False
    end_reason: str = "agent_hangup"


Audible = Say | Play | Tone | Chirp | Keypad | Silence
Action = Audible | Pause | UseTool | SendMessage | HangUp
