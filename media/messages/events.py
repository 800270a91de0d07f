"""What the media plane tells the gateway."""

from __future__ import annotations

from typing import Any, TypeAlias

from media.messages.base import Message
from media.messages.leg_statistics import LegStatistics
from media.messages.security import SrtpSuite


class FirstPacketReceived(Message, frozen=True):
    """The far party's first RTP packet; `source` is where it really came from."""

    source: str  # "host:port"


class FirstAudioSent(Message, frozen=True):
    """The first packet of the agent's audio left us."""


class DigitReceived(Message, frozen=True):
    """A key that was pressed and let go; the same press may be told once for each way it came."""

    digit: str
    duration_ms: int
    by: str = "rfc4733"  # or inband


class DigitsSent(Message, frozen=True):
    digits: str


class EngineOpened(Message, frozen=True):
    connect_ms: float


class EngineClosed(Message, frozen=True):
    """The engine's socket ended. `normal` is true for close codes 1000 and 1005, for our own detach, and
    for whatever ends it while the leg is bridged: nobody misses it.
    """

    code: int
    reason: str
    normal: bool
    opened: bool  # false when the connection never stood


class EngineMessageReceived(Message, frozen=True):
    """Any data message of the engine other than those below, as it came."""

    message: dict[str, Any]


class EngineStateChanged(Message, frozen=True):
    state: str  # idle, listening, thinking, speaking


class TranscriptReceived(Message, frozen=True):
    """One transcript message; `text` replaces and `delta` appends, by `ordinal`. `media_ms` is the leg's
    audio clock: milliseconds since the gate was opened."""

    role: str  # user, agent
    ordinal: int
    final: bool
    text: str | None = None
    delta: str | None = None
    media_ms: int = 0


class ToolInvoked(Message, frozen=True):
    tool_name: str
    invocation_id: str
    parameters: dict[str, Any]


class PlaybackCleared(Message, frozen=True):
    """Barge-in: so much unplayed agent audio was thrown away."""

    dropped_ms: int


class UtterancePlayed(Message, frozen=True):
    """An utterance of the agent was played to its end, or to where the caller interrupted it."""

    ordinal: int  # of its transcript
    played_ms: int
    interrupted: bool


class PlayoutDrained(Message, frozen=True):
    complete: bool  # false when the time-out came first
    remaining_ms: int


class PlayFinished(Message, frozen=True):
    play_id: str
    complete: bool
    error: str | None = None


class AudioHeard(Message, frozen=True):
    """Some frames of both sides while somebody listens: s16le, two channels, left the far party, right what
    it hears. A gap in `sequence` is audio that was dropped on the way.
    """

    sequence: int
    sample_rate: int
    audio: bytes


class RecordingFinished(Message, frozen=True):
    path: str
    duration_ms: int
    error: str | None = None


class MediaSecured(Message, frozen=True):
    """The keys of the call were agreed on the media path (DTLS-SRTP): audio flows from now on."""

    suite: SrtpSuite
    took_ms: int  # since it was negotiated


class MediaSecurityFailed(Message, frozen=True):
    """No keys could be agreed: there will be no audio. `reason` is a line of words."""

    reason: str


class MediaTimedOut(Message, frozen=True):
    kind: str  # first-packet, mid-call
    silent_ms: int


class MediaReturned(Message, frozen=True):
    """The far party is heard again after a mid-call time-out."""


class AgentSpeech(Message, frozen=True):
    """The far party begins or ceases to hear the agent speak; told of browsers' legs."""

    speaking: bool


class TurnMeasured(Message, frozen=True):
    """`turn`: from the end of the caller's speech to the agent's first audible packet; `barge-in`: from the
    begin of the caller's speech to the agent's silence.
    """

    what: str  # turn, barge-in
    took_ms: int


class SilenceNoticed(Message, frozen=True):
    """A watchdog's limit has come; each is told once for one silence."""

    party: str  # agent, caller
    stage: str  # prompt, end
    silent_ms: int


class AmdResult(Message, frozen=True):
    """Who answered. Times count from `StartAmd`, `speech_ms` is what was said until the decision."""

    answered_by: str  # human, machine, unknown
    reason: str
    decided_ms: int
    speech_ms: int


class BeepDetected(Message, frozen=True):
    """The machine's beep is over: it records from now on."""

    frequency_hz: int
    duration_ms: int


class GreetingEnded(Message, frozen=True):
    """The machine has been silent for so long that it records, although no beep was heard."""

    silent_ms: int


class PatchEnded(Message, frozen=True):
    """The leg that this one was patched to, or was to be, is not there (any more): this far party hears
    silence, or its music, and the engine nothing, until the next `Patch`.
    """

    other_leg_id: str
    reason: str


class LegFailed(Message, frozen=True):
    """The media plane itself lost the leg (a fault of ours); the call cannot go on."""

    error: str


class LegClosed(Message, frozen=True):
    statistics: LegStatistics


Event: TypeAlias = (
    FirstPacketReceived
    | FirstAudioSent
    | DigitReceived
    | DigitsSent
    | EngineOpened
    | EngineClosed
    | EngineMessageReceived
    | EngineStateChanged
    | TranscriptReceived
    | ToolInvoked
    | PlaybackCleared
    | UtterancePlayed
    | PlayoutDrained
    | PlayFinished
    | AudioHeard
    | RecordingFinished
    | MediaSecured
    | MediaSecurityFailed
    | MediaTimedOut
    | MediaReturned
    | AgentSpeech
    | TurnMeasured
    | SilenceNoticed
    | AmdResult
    | BeepDetected
    | GreetingEnded
    | PatchEnded
    | LegFailed
    | LegClosed
)
