"""One call's audio: the far party's RTP on one side, the engine on the other, and what lies between them.

The media clock calls `listen` and `speak` once every 20 ms; everything else is a command of the gateway, or a
callback of the poller or of the engine's socket. Nothing here waits, and nothing here makes a task or a
timer.
"""

from __future__ import annotations

import audioop
import socket
from collections.abc import Callable

import structlog

from media import messages
from media.codecs import UnknownCodecError
from media.config import MediaConfig
from media.dtmf import Digit
from media.early_media import EarlyMedia
from media.engine_link import EngineLink
from media.handshakes import Handshakes
from media.inbound_audio import FRAME_MS
from media.latching import Source
from media.leg_keys import LegKeys
from media.leg_recording import LegRecording
from media.leg_speaker import LegSpeaker, Voice
from media.line_sound import LineSound, line_sound
from media.listen_tap import ListenTap
from media.media_timeout import MediaTimeout
from media.messages import Direction, Event, LegStatistics
from media.patch import Patch
from media.playback import Player
from media.playout import QUIET_RMS, Playout
from media.playout_drain import PlayoutDrain
from media.quality.leg_monitor import LegMonitor
from media.quality.leg_report import leg_statistics, spell, voip_metrics
from media.rate_bridge import RateBridge
from media.recorder import Recorder
from media.rtp_session import RtpSession

log = structlog.get_logger(__name__)

# What a leg may run at (Hz): G.711 needs no more than the first, G.722 and Opus bring the second.
SAMPLE_RATES = (8000, 16000)
# Time-outs, reports and ends of digits are looked at in every so many frames.
HOUSEKEEPING_FRAMES = 5
DEFAULT_PLAYOUT_MS = 30_000


class Leg:
    """The audio of one call. `emit` takes events; it must not call back into the leg."""

    __slots__ = (
        "_agent_heard",
        "_align",
        "_bridge",
        "_browser",
        "_caller",
        "_config",
        "_deliver",
        "_direction",
        "_drain",
        "_early",
        "_emit",
        "_frames",
        "_gate_deadline",
        "_gate_frame",
        "_gate_open",
        "_line_sound",
        "_mute_caller",
        "_playout",
        "_rate_is_fixed",
        "_receiver",
        "_recording",
        "_security_negotiated_at",
        "_sender",
        "_speaker",
        "_tap",
        "_timeout",
        "_voice",
        "call_id",
        "engine",
        "keys",
        "leg_id",
        "monitor",
        "patch",
        "rtp",
        "sample_rate",
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
        handshakes: Handshakes | None = None,
    ) -> None:
        self.leg_id = created.leg_id
        self.call_id = created.call_id
        self.sockets = sockets
        self.slot = 0
        self._config = config
        self._emit = emit
        self._align = align
        self._speaker = LegSpeaker(created.leg_id, player, emit)
        self.rtp = RtpSession(
            sockets,
            config,
            now,
            self._first_packet,
            lambda digit: self.keys.heard(digit),
            self._handshake_ended,
            handshakes,
            created.symmetric,
            moved=created.moved,
        )
        self._security_negotiated_at = now
        self._receiver, self._sender = self.rtp.receiver, self.rtp.sender
        self.monitor = LegMonitor(created.leg_id, self.rtp, now, emit, tells_speech=created.browser)
        self.keys = LegKeys(created.leg_id, created.call_id, self.rtp, self._speaker, self.monitor, emit)
        self.rtp.voip_metrics = lambda: voip_metrics(self.rtp, self.monitor, config.jitter_max_ms)
        self.sample_rate = SAMPLE_RATES[0]
        self._rate_is_fixed = False
        self._line_sound: LineSound | None = line_sound(config, self.sample_rate)
        self._bridge: RateBridge | None = None  # while the codec has another rate than the leg
        self._playout = Playout(self.sample_rate, DEFAULT_PLAYOUT_MS)
        self.engine = EngineLink(
            created.leg_id,
            self._playout,
            self.sample_rate,
            config.caller_ring_ms,
            self.monitor.from_engine,
            self._media_ms,
        )
        # What the far party hears unless it is replaced, and where what it says goes to: the agent, unless
        # the leg is patched to another one.
        self._voice: Voice = self._playout
        self._deliver: Callable[[bytes | None], None] = self.engine.deliver
        self.patch: Patch | None = None
        self._browser = created.browser
        self._timeout = MediaTimeout(created.first_packet_timeout_ms, created.media_timeout_ms)
        self._early = EarlyMedia(player)
        self._frames = 0
        self._gate_deadline: float | None = None  # set once the gate may open
        self._gate_open = False
        self._gate_frame = 0
        self._agent_heard = False
        self._caller: bytes | None = None  # the far party's frame of this tick
        self._mute_caller = False
        self._drain = PlayoutDrain()
        self._recording = LegRecording(created.leg_id, recorder, emit)
        self._direction = Direction.SENDRECV
        self._tap: ListenTap | None = None

    # --- the clock ---

    def listen(self, now: float) -> None:
        """Pass one frame of the far party on, to the engine mostly."""
        caller = self._receiver.frame(now)
        if self._bridge is not None:
            caller = self._bridge.inward(caller)
        if self.keys.detector is not None:
            caller = self.keys.without_tones(caller, self.sample_rate)
        if self._line_sound is not None:
            caller = self._line_sound.inward(caller)
        self._caller = caller
        self._deliver(None if self._mute_caller or self._speaker.held else caller)

    def speak(self, now: float) -> None:
        """Send one frame to the far party; to be called after `listen`."""
        self._frames += 1
        sender, speaker = self._sender, self._speaker
        agent: bytes | bytearray | None = None
        if self._gate_deadline is not None:
            if not self._gate_open:
                self._approach_gate(now, self._gate_deadline)
            if self._gate_open:
                if sender.sending_digits:
                    agent = None
                elif speaker.only_agent:
                    agent = self._voice.take()
                else:
                    agent = speaker.frame(self._voice)
            line = agent
            if self._line_sound is not None:
                if not speaker.sends_tones:  # the level of keys is theirs
                    agent = self._line_sound.outward(agent)
                line = self._line_sound.with_noise(agent)
            sent = sender.send(line if self._bridge is None else self._bridge.outward(line))
            if not self._agent_heard and sent and agent is not None:
                self._first_audio(agent)
        elif self._early.plays:
            sender.send(self._early.take())  # which nobody else hears
        self.monitor.listen(self._caller, agent, now)
        if self._recording.running is not None:
            self._recording.running.write(self._caller, agent, now)
        if self._tap is not None:
            self._tap.write(self._caller, agent)
        if self._frames % HOUSEKEEPING_FRAMES == 0:
            self._housekeeping(now)

    def _first_audio(self, frame: bytes | bytearray) -> None:
        """Audio left us for the first time, unless it is the silence some engines send while they listen."""
        if audioop.rms(frame, 2) > QUIET_RMS:
            self._agent_heard = True
            self._emit(messages.FirstAudioSent(leg_id=self.leg_id))

    def _approach_gate(self, now: float, deadline: float) -> None:
        """The call stands, but the caller may not hear yet: silence flows, and opens the way through NAT."""
        if not self.rtp.transport.reachable:
            return  # the first word must not be lost
        if self.rtp.last_packet_at is not None or now >= deadline:
            self._gate_open = True
            self._gate_frame = self._frames
            self._playout.held = False

    def _housekeeping(self, now: float) -> None:
        rtp = self.rtp
        rtp.housekeeping(now)
        self.engine.housekeeping()
        if self._sender.digits_sent:
            self.keys.tell_sent()
        heard_at = rtp.last_packet_at
        if self._browser:
            heard_at = rtp.last_sign_at(talks=self._direction is Direction.SENDRECV)
        silent = self._timeout.check(heard_at, now)
        if silent is not None:
            kind, silent_ms = silent
            self._emit(messages.MediaTimedOut(leg_id=self.leg_id, kind=kind, silent_ms=silent_ms))
        elif self._timeout.returned(heard_at):
            self._emit(messages.MediaReturned(leg_id=self.leg_id))
        drained = self._drain.check(self._playout, now)
        if drained is not None:
            complete, remaining_ms = drained
            self._emit(
                messages.PlayoutDrained(leg_id=self.leg_id, complete=complete, remaining_ms=remaining_ms)
            )
        self._speaker.housekeeping(self.sample_rate)
        self.monitor.housekeeping(now, muted=self._mute_caller or self._speaker.replaced)

    def _media_ms(self) -> int:
        return (self._frames - self._gate_frame) * FRAME_MS if self._gate_open else 0

    # --- from the RTP side ---

    def _first_packet(self, source: Source, now: float) -> None:
        self._emit(messages.FirstPacketReceived(leg_id=self.leg_id, source=spell(source)))
        self._align(self, now)

    def _handshake_ended(self, failure: str | None, now: float) -> None:
        suite = self.rtp.security.suite
        if suite is None:
            reason = failure or "no keys were agreed"
            log.warning("media_security_failed", leg_id=self.leg_id, call_id=self.call_id, reason=reason)
            self._emit(messages.MediaSecurityFailed(leg_id=self.leg_id, reason=reason))
            return
        took_ms = round((now - self._security_negotiated_at) * 1000)
        self._emit(
            messages.MediaSecured(leg_id=self.leg_id, suite=messages.SrtpSuite(suite), took_ms=took_ms)
        )

    # --- patched to another leg ---

    def join(
        self,
        patch: Patch,
        *,
        hears: Voice,
        heard_by: Callable[[bytes | None], None],
        by_people: bool = False,
    ) -> None:
        """Hear and be heard by somebody else than this leg's agent, who may be a person."""
        self.patch = patch
        self._voice = hears
        self._deliver = heard_by
        if self._line_sound is not None:
            self._line_sound.by_people = by_people

    def part(self) -> None:
        """Talk with this leg's own agent again, if it has one."""
        self.patch = None
        self._voice = self._playout
        self._deliver = self.engine.deliver
        self.keys.other = None
        self.monitor.turns.rest(False)
        if self._line_sound is not None:
            self._line_sound.by_people = False
        self._tell_words_heard()

    def press(self, digit: Digit) -> None:
        """A key that was pressed on the other leg of a bridge."""
        if self._speaker.passes_words:
            self._rate_is_fixed = True
            self.keys.pass_on(digit, self.sample_rate)

    @property
    def passes_words(self) -> bool:
        """Whether the far party hears whoever talks with it: it is not on hold, nor is that one muted."""
        return self._speaker.passes_words

    def _tell_words_heard(self) -> None:
        if self.patch is not None:
            self.patch.words_heard()
        else:
            self.engine.heard(self._speaker.passes_words)

    # --- commands ---

    def execute(self, command: messages.Command, now: float) -> None:
        """Carry out one command of the gateway (other than creating and closing)."""
        match command:
            case messages.NegotiateLeg():
                self._negotiate(command, now)
            case messages.AttachEngine():
                self._attach(command)
            case messages.DetachEngine():
                self.engine.detach()
            case messages.OpenGate():
                if self._gate_deadline is None:
                    self._gate_deadline = now + command.wait_ms / 1000
                    self.monitor.answered(now)
                    self.rtp.call_stands(now)
                    if self._early.plays:
                        self._early.stop()
                        self._expect_packets(now)
            case messages.SendEngineMessage():
                self.engine.send_message(command.message)
            case messages.SendDigits():
                self._rate_is_fixed = self._rate_is_fixed or self.rtp.negotiated is not None
                self.keys.send(command, self.sample_rate)
            case messages.Play():
                self._rate_is_fixed = True
                self._speaker.play(command, self.sample_rate)
            case messages.PlayEarly():
                if self._gate_deadline is None:
                    self._early.play(command.path, self.rtp.sample_rate)
                    self._expect_packets(now)
            case messages.StopPlay():
                self._speaker.stop_play(command.play_id)
            case messages.SetMute():
                self._mute_caller = self.keys.muted = command.caller
                self._speaker.mute(command.agent)
                self._tell_words_heard()
            case messages.SetHold():
                self._set_hold(command, now)
            case messages.DetectTones():
                self.keys.detect(command.enabled, self.sample_rate)
            case messages.StartListening():
                self._rate_is_fixed = True
                self._tap = ListenTap(self.leg_id, self.sample_rate, self._emit)
            case messages.StopListening():
                self._tap = None
            case messages.StartRecording():
                self._rate_is_fixed = True
                self._recording.start(command.path, self.sample_rate)
            case messages.StopRecording():
                self._recording.stop()
            case messages.PauseRecording() | messages.ResumeRecording():
                self._recording.pause(isinstance(command, messages.PauseRecording))
            case messages.DrainPlayout():
                self._drain.wait(now + command.timeout_ms / 1000)
            case messages.StartAmd():
                self.monitor.start_amd(command)
            case messages.WatchSilence():
                self.monitor.watch_silence(command)
            case _:
                log.error("media_command_unknown", leg_id=self.leg_id, command=type(command).__name__)

    def _negotiate(self, command: messages.NegotiateLeg, now: float) -> None:
        settled = self.rtp.negotiated
        if settled is None or settled.dtls != command.dtls:
            self._security_negotiated_at = now
        try:
            self.rtp.negotiate(command, now)
        except (UnknownCodecError, ValueError) as error:
            self._emit(messages.LegFailed(leg_id=self.leg_id, error=f"cannot negotiate: {error}"))
            return
        if self._browser:
            self.rtp.call_stands(now)
        self._fit_codec()
        self._early.run_at(self.rtp.sample_rate)
        self._direction = command.direction
        self._expect_packets(now)

    def _expect_packets(self, now: float) -> None:
        # On hold the far party may send or not; nobody has gone away. A browser's checks go on meanwhile,
        # also from a page that only listens.
        talking = self._direction is Direction.SENDRECV and not self._speaker.held and not self._early.plays
        self._timeout.expect(talking or self._browser, now)

    # --- the sample rate ---
    #
    # One rate for all that lies between the far party and the engine. It follows the codec until something
    # depends on it: the engine's call, which has one rate to its end, a recording or a file that is played.
    # From then on it stays, and a codec of another rate is converted at the border.

    def _fit_codec(self) -> None:
        rate = self.rtp.sample_rate
        if rate is None:
            return
        if not self._rate_is_fixed:
            self._run_at(rate)
        if rate == self.sample_rate:
            self._bridge = None
        elif self._bridge is None:
            self._bridge = RateBridge(rate, self.sample_rate)

    def _attach(self, command: messages.AttachEngine) -> None:
        if not self._rate_is_fixed and command.sample_rate in SAMPLE_RATES:
            self._run_at(command.sample_rate)
        self._rate_is_fixed = True
        self._fit_codec()
        self.engine.attach(command)

    def _run_at(self, rate: int) -> None:
        """Change the rate while nothing is queued yet."""
        if rate == self.sample_rate:
            return
        self.sample_rate = rate
        self._line_sound = line_sound(self._config, rate)
        held = self._playout.held
        replaced, self._playout = self._playout, Playout(rate, DEFAULT_PLAYOUT_MS)
        self._playout.held = held
        if self._voice is replaced:
            self._voice = self._playout
        self.engine.run_at(rate, self._playout)

    # --- commands, one by one ---

    def _set_hold(self, command: messages.SetHold, now: float) -> None:
        if command.held == self._speaker.held:
            return
        if command.held:
            self._rate_is_fixed = True
            self._speaker.hold(command.music_path, self.sample_rate)
        else:
            self._speaker.resume()
        self._tell_words_heard()
        self._expect_packets(now)

    def close(self, now: float) -> LegStatistics:
        """Everything of this leg but its sockets ends."""
        self.engine.close()
        self._speaker.end_playback(complete=False)
        self._recording.stop()
        self.rtp.goodbye(now)
        return self.statistics()

    @property
    def playout(self) -> Playout:
        """The agent's audio on its way to the far party."""
        return self._playout

    # --- counters ---

    def statistics(self) -> LegStatistics:
        return leg_statistics(self.rtp, self.engine, self._playout, self.monitor)
