"""What the gateway tells the media plane."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from media.messages.base import Direction, Message, PatchMode, Symmetric
from media.messages.security import DtlsParameters, IceParameters, SrtpKeys


class CreateLeg(Message, frozen=True):
    """Reserve a port pair and start to listen; answered by `LegCreated` or `MediaCapacityError`."""

    call_id: str
    first_packet_timeout_ms: int = 10_000  # after negotiation; 0 = never
    media_timeout_ms: int = 30_000  # no packet in mid-call; paused on hold; 0 = never
    symmetric: Symmetric = Symmetric.AUTO
    ipv6: bool | None = (
        None  # the family of the ports, where all addresses are bound; None: the configured one
    )
    # A browser: handshakes are timed from its negotiation on, its checks of ICE are signs of life, and its
    # page is told when the agent is heard (`AgentSpeech`).
    browser: bool = False
    # A leg that this one is to be patched to: both go to one worker, or this one is refused.
    beside: str | None = None
    moved: bool = False  # the call was on another leg before, to whose port others may still send


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


class PlayEarly(Message, frozen=True):
    """Before the answer: the leg hears this sound file again and again, or a ringing tone of our own, until
    `OpenGate`. It is neither recorded nor passed on to listeners, and no packets are expected meanwhile.
    """

    path: str | None = None


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


class Patch(Message, frozen=True):
    """Join two legs, of which the first has the engine, or part them (`agent`, which also works when the
    other leg is gone).

    `consult`: the engine talks with the other leg's far party, this one's hears what it is set to: music on
    hold, a file, else silence. `bridge`: the two far parties talk, their keys included; the engine hears
    nothing, and what it says is dropped. `PatchEnded` follows when one of the legs goes, or is not there.
    """

    other_leg_id: str
    mode: PatchMode


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
    | PlayEarly
    | StopPlay
    | SetMute
    | SetHold
    | Patch
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
