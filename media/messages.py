"""What is said between the gateway and the media plane: plain typed messages, nothing shared.

Every command and every event is a frozen struct of plain values, so that the same words can later cross a
Unix socket to a worker process. Identifiers are chosen by the gateway: one `leg_id` for each audio leg.

Times are milliseconds, rates are hertz, audio is signed 16-bit mono unless said otherwise.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

import msgspec


class Direction(StrEnum):
    """Which way audio flows, seen from us (RFC 3264)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


class Message(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Base of everything that crosses the line."""

    leg_id: str


# --- how media is encrypted ---------------------------------------------------------------------------------


class SrtpSuite(StrEnum):
    """Crypto suites, named as in RFC 4568 and RFC 7714, the strongest first."""

    AEAD_AES_256_GCM = "AEAD_AES_256_GCM"
    AEAD_AES_128_GCM = "AEAD_AES_128_GCM"
    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"

    @property
    def key_bytes(self) -> int:
        """Length of a master key with its salt."""
        return {"AEAD_AES_256_GCM": 44, "AEAD_AES_128_GCM": 28}.get(self.value, 30)


class SrtpKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Keys for both directions: master key and salt, one behind the other."""

    suite: SrtpSuite
    send: bytes
    receive: bytes

    def __repr__(self) -> str:
        return f"SrtpKeys(suite={self.suite.value!r}, keys not shown)"


class DtlsParameters(msgspec.Struct, frozen=True, kw_only=True):
    """DTLS-SRTP (RFC 5764): the keys are agreed on the media path, with the party whose certificate has one
    of the `fingerprints` (hash function as in SDP, such as `sha-256`, and the bytes in upper-case hexadecimal
    with colons). `active`: we begin the handshake.
    """

    fingerprints: tuple[tuple[str, str], ...]
    active: bool


class IceParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The far party checks the path to us (RFC 8445, of which we are the lite half)."""

    local_ufrag: str
    local_password: str
    remote_ufrag: str
    remote_password: str

    def __repr__(self) -> str:
        return f"IceParameters(local_ufrag={self.local_ufrag!r}, remote_ufrag={self.remote_ufrag!r})"


# --- commands: gateway to media plane -----------------------------------------------------------------------


class CreateLeg(Message, frozen=True):
    """Reserve a port pair and start to listen; answered by `LegCreated` or `MediaCapacityError`."""

    call_id: str
    first_packet_timeout_ms: int = 10_000  # after negotiation; 0 = never
    media_timeout_ms: int = 30_000  # no packet in mid-call; paused on hold; 0 = never


class LegCreated(msgspec.Struct, frozen=True, kw_only=True):
    """Where the leg listens; the address to advertise is the gateway's business."""

    leg_id: str
    port: int
    rtcp_port: int
    dtls_fingerprint: str = ""  # SHA-256 of our certificate, as SDP spells it


class NegotiateLeg(Message, frozen=True):
    """What offer and answer settled; sent again after each re-INVITE (the same values change nothing)."""

    remote_host: str
    remote_port: int
    remote_rtcp_port: int
    codec: str  # encoding name as in the RTP/AVP registry: PCMU, PCMA, G722, OPUS, L16
    clock_rate: int  # of the RTP timestamp
    payload_type: int  # what we send and expect
    telephone_event_payload_type: int | None = None
    telephone_event_clock_rate: int = 8000
    ptime_ms: int = 20  # what the peer asked us to send
    direction: Direction = Direction.SENDRECV
    rtcp_mux: bool = False
    fmtp: str = ""  # the codec's format parameters as the peer wrote them: how it wants to be sent to
    rtcp_xr: bool = False  # the peer wants VoIP metrics (RFC 3611)
    # At most one of the two; neither: nothing is encrypted.
    srtp: SrtpKeys | None = None
    dtls: DtlsParameters | None = None
    ice: IceParameters | None = None


class AttachEngine(Message, frozen=True):
    """Open the engine's WebSocket; `EngineOpened` or `EngineClosed` follows."""

    join_url: str
    sample_rate: int  # both directions
    connect_timeout_ms: int = 5_000
    buffer_ms: int = 30_000  # the clientBufferSizeMs promised to the engine


class DetachEngine(Message, frozen=True):
    """Close the engine's socket normally; what was not yet played is dropped."""


class OpenGate(Message, frozen=True):
    """The signalling path is up (ACK): agent audio starts at the first inbound packet or after `wait_ms`."""

    wait_ms: int = 1_000


class SendEngineMessage(Message, frozen=True):
    """Pass one data message to the engine, as the JSON object that goes on the wire."""

    message: dict[str, Any]


class SendDigits(Message, frozen=True):
    """Send keys: 0-9 * # A-D, and `w` for a pause of half a second; as RFC 4733 events, or as tones where
    those were not negotiated. `DigitsSent` follows.
    """

    digits: str
    tone_ms: int = 160
    gap_ms: int = 80


class Play(Message, frozen=True):
    """Play a sound file (WAV, MP3) to the leg, in place of the agent, whose words wait meanwhile;
    `PlayFinished` follows.
    """

    play_id: str
    path: str
    loop: bool = False  # until it is stopped
    volume: float = 1.0  # a factor


class StopPlay(Message, frozen=True):
    play_id: str


class SetMute(Message, frozen=True):
    """`caller`: the engine hears silence; `agent`: the leg hears silence."""

    caller: bool = False
    agent: bool = False


class SetHold(Message, frozen=True):
    """Hold: the leg hears music, the engine silence, what the agent says is dropped, and no packets are
    expected. Ended by `held` false.
    """

    held: bool
    music_path: str | None = None  # a sound file; None for a tone of our own


class DetectTones(Message, frozen=True):
    """Listen for keys in the far party's audio itself, or stop to."""

    enabled: bool


class StartListening(Message, frozen=True):
    """Pass on what the leg hears and says, as `AudioHeard`, from now on."""


class StopListening(Message, frozen=True):
    """Nobody listens any more."""


class StartRecording(Message, frozen=True):
    """Write a stereo WAV file (left the far party, right the agent) from now on."""

    path: str


class PauseRecording(Message, frozen=True):
    """Write silence from now on, so that what follows keeps its place in time."""


class ResumeRecording(Message, frozen=True):
    """Write what is heard and said again."""


class StopRecording(Message, frozen=True):
    """Close the file; `RecordingFinished` follows."""


class DrainPlayout(Message, frozen=True):
    """Tell when everything queued was played (`PlayoutDrained`), at the latest after `timeout_ms`."""

    timeout_ms: int = 10_000


class StartAmd(Message, frozen=True):
    """Find out from now on whether a person or a machine has answered; `AmdResult` follows within
    `decide_ms`, and for a machine `BeepDetected` or `GreetingEnded`, unless `listen_ms` pass without either.
    """

    decide_ms: int = 8_000
    listen_ms: int = 45_000


class WatchSilence(Message, frozen=True):
    """Watch for an agent that owes an answer and for a caller who says nothing; `SilenceNoticed` follows.

    A limit of 0 never comes. `agent_speaks_first`: the agent owes a greeting from the answer on.
    """

    agent_prompt_ms: int = 0
    agent_end_ms: int = 0
    caller_prompt_ms: int = 0
    caller_end_ms: int = 0
    agent_speaks_first: bool = False


class CloseLeg(Message, frozen=True):
    """End the leg at once; the port rests before it is used again. `LegClosed` is the answer."""


Command: TypeAlias = (
    CreateLeg
    | NegotiateLeg
    | AttachEngine
    | DetachEngine
    | OpenGate
    | SendEngineMessage
    | SendDigits
    | Play
    | StopPlay
    | SetMute
    | SetHold
    | DetectTones
    | StartListening
    | StopListening
    | StartRecording
    | PauseRecording
    | ResumeRecording
    | StopRecording
    | DrainPlayout
    | StartAmd
    | WatchSilence
    | CloseLeg
)


# --- events: media plane to gateway -------------------------------------------------------------------------


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
    """The engine's socket ended. `normal` is true for close codes 1000 and 1005, and for our own detach."""

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


class LegStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one leg. `rx` is what the far party sent."""

    codec: str | None = None
    remote_address: str | None = None
    packets_received: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    packets_duplicate: int = 0
    packets_out_of_order: int = 0
    packets_ignored: int = 0  # strangers, wrong payload type, malformed
    srtp: str | None = None  # the crypto suite; None while nothing is encrypted
    packets_undecryptable: int = 0  # of another key, or of none
    packets_replayed: int = 0
    frames_concealed: int = 0
    jitter_ms: float = 0.0
    round_trip_ms: float | None = None
    remote_loss_fraction: float | None = None
    # How the far party hears us, as it tells in extended reports.
    remote_jitter_ms: float | None = None
    remote_mos: float | None = None
    remote_r_factor: int | None = None
    remote_discard_fraction: float | None = None
    remote_jitter_buffer_ms: int | None = None
    engine_frames_sent: int = 0
    engine_bytes_received: int = 0
    playout_dropped_ms: int = 0
    playout_underruns: int = 0
    barge_ins: int = 0
    # What the caller's sound is like (media.quality); shares are 0 to 1.
    loss_gaps: int = 0  # runs of lost packets
    jitter_max_ms: float = 0.0
    jitter_buffer_ms: float = 0.0
    jitter_buffer_max_ms: float = 0.0
    r_factor: float | None = None
    mos: float | None = None  # of the last five seconds
    mos_min: float | None = None
    mos_average: float | None = None
    silence_share: float | None = None
    clipping_share: float | None = None
    # What the conversation is like.
    first_audio_ms: int | None = None  # from the answer to the agent's first audible packet
    turns: int = 0
    turn_latency_p50_ms: int | None = None
    turn_latency_p95_ms: int | None = None
    barge_in_p50_ms: int | None = None
    barge_in_p95_ms: int | None = None
    # What is wrong, if anything is: a name and a line of words.
    diagnosis: str | None = None
    diagnosis_text: str | None = None


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
    | TurnMeasured
    | SilenceNoticed
    | AmdResult
    | BeepDetected
    | GreetingEnded
    | LegFailed
    | LegClosed
)
