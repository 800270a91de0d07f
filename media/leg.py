"""One call's audio: the far party's RTP on one side, the engine on the other, and what lies between them.

The media clock calls `listen` and `speak` once every 20 ms; everything else is a command of the gateway, or a
callback of the poller or of the engine's socket. Nothing here waits, and nothing here makes a task or a
timer.
"""

from __future__ import annotations

import audioop
import socket
from collections.abc import Callable
from pathlib import Path

import structlog

from media import messages
from media.codecs import UnknownCodecError
from media.config import MediaConfig
from media.dtmf import Digit
from media.dtmf_sender import DigitsError
from media.engine_link import EngineLink
from media.inbound_audio import FRAME_MS
from media.latching import Source
from media.media_timeout import MediaTimeout
from media.messages import Direction, Event, LegStatistics
from media.playback import FilePlayback, Player
from media.playout import QUIET_RMS, Playout
from media.recorder import Recorder, Recording
from media.rtp_session import RtpSession

log = structlog.get_logger(__name__)

# All codecs so far are narrowband, and so is what the engine is asked for.
SAMPLE_RATE = 8000
# Time-outs, reports and ends of digits are looked at in every so many frames.
HOUSEKEEPING_FRAMES = 5
DEFAULT_PLAYOUT_MS = 30_000


class Leg:
    """The audio of one call. `emit` takes events; it must not call back into the leg."""

    __slots__ = (
        "_agent_heard",
        "_align",
        "_caller",
        "_drain_deadline",
        "_emit",
        "_frames",
        "_gate_deadline",
        "_gate_frame",
        "_gate_open",
        "_mute_agent",
        "_mute_caller",
        "_only_agent",
        "_playback",
        "_player",
        "_playout",
        "_receiver",
        "_recorder",
        "_recording",
        "_sender",
        "_timeout",
        "call_id",
        "engine",
        "leg_id",
        "rtp",
        "slot",
        "sockets",
    )

    def __init__(
        self,
        created: messages.CreateLeg,
        sockets: tuple[socket.socket, socket.socket],
        config: MediaConfig,
        recorder: Recorder,
        player: Player,
        now: float,
        *,
        emit: Callable[[Event], None],
        align: Callable[[Leg, float], None],
    ) -> None:
        self.leg_id = created.leg_id
        self.call_id = created.call_id
        self.sockets = sockets
        self.slot = 0
        self._emit = emit
        self._align = align
        self._recorder = recorder
        self._player = player
        self.rtp = RtpSession(sockets, config, now, self._first_packet, self._digit)
        self._receiver, self._sender = self.rtp.receiver, self.rtp.sender
        self._playout = Playout(SAMPLE_RATE, DEFAULT_PLAYOUT_MS)
        self.engine = EngineLink(
            created.leg_id, self._playout, SAMPLE_RATE, config.caller_ring_ms, emit, self._media_ms
        )
        self._timeout = MediaTimeout(created.first_packet_timeout_ms, created.media_timeout_ms)
        self._frames = 0
        self._gate_deadline: float | None = None  # set once the gate may open
        self._gate_open = False
        self._gate_frame = 0
        self._agent_heard = False
        self._caller: bytes | None = None  # the far party's frame of this tick
        self._mute_caller = False
        self._mute_agent = False
        self._only_agent = True  # neither muted nor replaced by a file
        self._drain_deadline: float | None = None
        self._recording: Recording | None = None
        self._playback: FilePlayback | None = None

    # --- the clock ---

    def listen(self, now: float) -> None:
        """Pass one frame of the far party on to the engine."""
        self._caller = caller = self._receiver.frame()
        self.engine.deliver(None if self._mute_caller else caller)

    def speak(self, now: float) -> None:
        """Send one frame to the far party; to be called after `listen`."""
        self._frames += 1
        sender = self._sender
        agent: bytes | bytearray | None = None
        if self._gate_deadline is not None:
            if not self._gate_open:
                self._approach_gate(now, self._gate_deadline)
            if self._gate_open:
                if self._only_agent and not sender.sending_digits:
                    agent = self._playout.take()
                else:
                    agent = self._other_frame()
            sent = sender.send(agent)
            if not self._agent_heard and sent and agent is not None:
                self._first_audio(agent)
        if self._recording is not None:
            self._recording.write(self._caller, agent)
        if self._frames % HOUSEKEEPING_FRAMES == 0:
            self._housekeeping(now)

    def _first_audio(self, frame: bytes | bytearray) -> None:
        """Audio left us for the first time, unless it is the silence some engines send while they listen."""
        if audioop.rms(frame, 2) > QUIET_RMS:
            self._agent_heard = True
            self._emit(messages.FirstAudioSent(leg_id=self.leg_id))

    def _approach_gate(self, now: float, deadline: float) -> None:
        """The call stands, but the caller may not hear yet: silence flows, and opens the way through NAT."""
        if self.rtp.last_packet_at is not None or now >= deadline:
            self._gate_open = True
            self._gate_frame = self._frames
            self._playout.held = False

    def _other_frame(self) -> bytes | bytearray | None:
        """What the far party hears when it is not simply the agent: keys, a file, a muted agent."""
        frame: bytes | bytearray | None
        if self._sender.sending_digits:
            return None
        if self._playback is not None:
            frame = self._playback.take()
            if self._playback.finished:
                self._end_playback(complete=True)
        else:
            frame = self._playout.take()
        return None if self._mute_agent else frame

    def _housekeeping(self, now: float) -> None:
        rtp = self.rtp
        rtp.housekeeping(now)
        if self._sender.digits_sent:
            for digits in self._sender.digits_sent:
                self._emit(messages.DigitsSent(leg_id=self.leg_id, digits=digits))
            self._sender.digits_sent.clear()
        silent = self._timeout.check(rtp.last_packet_at, now)
        if silent is not None:
            kind, silent_ms = silent
            self._emit(messages.MediaTimedOut(leg_id=self.leg_id, kind=kind, silent_ms=silent_ms))
        if self._drain_deadline is not None:
            self._check_drained(now)

    def _media_ms(self) -> int:
        return (self._frames - self._gate_frame) * FRAME_MS if self._gate_open else 0

    # --- from the RTP side ---

    def _first_packet(self, source: Source, now: float) -> None:
        self._emit(messages.FirstPacketReceived(leg_id=self.leg_id, source=_spell(source)))
        self._align(self, now)

    def _digit(self, digit: Digit) -> None:
        self._emit(
            messages.DigitReceived(leg_id=self.leg_id, digit=digit.digit, duration_ms=digit.duration_ms)
        )

    # --- commands ---

    def execute(self, command: messages.Command, now: float) -> None:
        """Carry out one command of the gateway (other than creating and closing)."""
        match command:
            case messages.NegotiateLeg():
                self._negotiate(command, now)
            case messages.AttachEngine():
                self.engine.attach(command)
            case messages.DetachEngine():
                self.engine.detach()
            case messages.OpenGate():
                if self._gate_deadline is None:
                    self._gate_deadline = now + command.wait_ms / 1000
            case messages.SendEngineMessage():
                self.engine.send_message(command.message)
            case messages.SendDigits():
                self._send_digits(command)
            case messages.Play():
                self._play(command)
            case messages.StopPlay():
                if self._playback is not None and self._playback.play_id == command.play_id:
                    self._end_playback(complete=False)
            case messages.SetMute():
                self._mute_caller = command.caller
                self._mute_agent = command.agent
                self._only_agent = self._playback is None and not self._mute_agent
            case messages.StartRecording():
                self._start_recording(command)
            case messages.StopRecording():
                self._stop_recording()
            case messages.DrainPlayout():
                self._drain_deadline = now + command.timeout_ms / 1000
            case _:
                log.error("media_command_unknown", leg_id=self.leg_id, command=type(command).__name__)

    def _negotiate(self, command: messages.NegotiateLeg, now: float) -> None:
        try:
            self.rtp.negotiate(command, now)
        except (UnknownCodecError, ValueError) as error:
            self._emit(messages.LegFailed(leg_id=self.leg_id, error=f"cannot negotiate: {error}"))
            return
        # On hold the far party may send or not; nobody has gone away.
        self._timeout.expect(command.direction is Direction.SENDRECV, now)

    def _send_digits(self, command: messages.SendDigits) -> None:
        try:
            self._sender.send_digits(command.digits, command.tone_ms, command.gap_ms)
        except DigitsError as error:
            log.warning("digits_not_sent", leg_id=self.leg_id, call_id=self.call_id, reason=str(error))
            self._emit(messages.DigitsSent(leg_id=self.leg_id, digits=""))

    def _play(self, command: messages.Play) -> None:
        if self._playback is not None:
            self._end_playback(complete=False)
        self._playback = self._player.play(command.play_id, command.path, SAMPLE_RATE)
        self._only_agent = False

    def _end_playback(self, *, complete: bool) -> None:
        playback, self._playback = self._playback, None
        self._only_agent = not self._mute_agent
        if playback is not None:
            self._emit(
                messages.PlayFinished(
                    leg_id=self.leg_id,
                    play_id=playback.play_id,
                    complete=complete and playback.error is None,
                    error=playback.error,
                )
            )

    def _start_recording(self, command: messages.StartRecording) -> None:
        self._stop_recording()
        self._recording = self._recorder.start(Path(command.path), SAMPLE_RATE)

    def _stop_recording(self) -> None:
        recording, self._recording = self._recording, None
        if recording is None:
            return
        emit, leg_id = self._emit, self.leg_id

        def finished(duration_ms: int, error: str | None) -> None:
            emit(
                messages.RecordingFinished(
                    leg_id=leg_id, path=recording.path, duration_ms=duration_ms, error=error
                )
            )

        recording.finish(finished)

    def _check_drained(self, now: float) -> None:
        drained = self._playout.empty
        if not drained and now < (self._drain_deadline or 0.0):
            return
        self._drain_deadline = None
        remaining = 0 if drained else self._playout.queued_ms
        self._emit(messages.PlayoutDrained(leg_id=self.leg_id, complete=drained, remaining_ms=remaining))

    def close(self, now: float) -> LegStatistics:
        """Everything of this leg but its sockets ends."""
        self.engine.close()
        self._end_playback(complete=False)
        self._stop_recording()
        self.rtp.goodbye(now)
        return self.statistics()

    @property
    def playout(self) -> Playout:
        """The agent's audio on its way to the far party."""
        return self._playout

    # --- counters ---

    def statistics(self) -> LegStatistics:
        rtp = self.rtp
        received, stream = self._receiver.received, self._sender.stream
        inbound, settled = self._receiver.inbound, rtp.negotiated
        source, buffer = rtp.latch.source, inbound.buffer
        return LegStatistics(
            codec=settled.codec if settled is not None else None,
            remote_address=_spell(source) if source is not None else None,
            packets_received=received.packets,
            bytes_received=received.octets,
            packets_sent=stream.packets,
            bytes_sent=stream.octets,
            packets_lost=received.lost,
            packets_late=buffer.late + buffer.overflowed,
            packets_duplicate=buffer.duplicate,
            packets_out_of_order=buffer.out_of_order,
            packets_ignored=rtp.ignored,
            frames_concealed=inbound.frames_concealed,
            jitter_ms=round(received.jitter_ms, 3),
            round_trip_ms=rtp.rtcp.round_trip_ms,
            remote_loss_fraction=rtp.rtcp.remote_loss_fraction,
            engine_frames_sent=self.engine.frames_sent,
            engine_bytes_received=self._playout.received_bytes,
            playout_dropped_ms=self._playout.dropped_ms,
            playout_underruns=self._playout.underruns,
            barge_ins=self.engine.barge_ins,
        )


def _spell(source: Source) -> str:
    host, port = source[0], source[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
