"""One joined call: ties the conversation to its socket, its recorder and its record, and counts what passes.

It watches the input's clock (too much, too little, none at all) and applies the faults that concern the wire.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import numpy as np

from local_engine.call_settings import CallSettings
from local_engine.conversation import Conversation
from local_engine.data_messages import MalformedMessage, UnknownMessage, decode_message
from local_engine.errors import SpeechQueueFull
from local_engine.faults import CallFaults
from local_engine.recorder import Recorder
from local_engine.records import CallBook, CallRecord, Counters, EndReason, HistoryMessage
from local_engine.resample import StreamResampler, resample
from local_engine.scenario import Scenario
from local_engine.speech import Speech, SpeechKey, SpeechService

# The input may run this far ahead of real time before audio is dropped; a gateway's ring buffer comes as a burst.
MAX_AHEAD_MS = 5000.0
# Beyond these a warning event is recorded, once per excursion.
WARN_AHEAD_MS = 2500.0
WARN_BEHIND_MS = 1000.0
GAP_S = 0.06
_SWEEP_S = 1.0
MAX_HELD = 5000

_ENCODER = msgspec.json.Encoder()


class Connection(Protocol):
    """The client's socket."""

    def send_text(self, data: bytes) -> None:
        """One text frame."""

    def send_binary(self, data: bytes | memoryview) -> None:
        """One binary frame."""

    def writable(self) -> bool:
        """Whether the client keeps up reading."""

    def close(self, code: int) -> None:
        """Begin an orderly close."""

    def reset(self) -> None:
        """Tear the TCP connection down with a reset."""


# Makes the scenario of a stage from the call's settings and the stage's own prompt, if that names one.
StageScenario = Callable[[CallSettings, dict[str, Any]], Scenario | None]


class MediaSession:
    """A call between its join and its end. It is the conversation's `Wire` and a `Ticked` of the clock."""

    def __init__(
        self,
        record: CallRecord,
        scenario: Scenario,
        connection: Connection,
        speech: SpeechService,
        book: CallBook,
        stage_scenario: StageScenario,
    ) -> None:
        settings = record.settings
        self.record = record
        self.settings = settings
        self.counters: Counters = record.counters
        self.call_state: dict[str, Any] = dict(settings.initial_state)
        self._faults: CallFaults = record.faults
        self._connection = connection
        self._speech = speech
        self._voice = speech.voice(settings.voice, settings.language_hint)
        self._book = book
        self._stage_scenario = stage_scenario
        wants_audio = (
            not scenario.echo or settings.metadata.get("inspect") == "1" or settings.recording_enabled
        )
        rate = settings.socket.input_rate
        self.recorder: Recorder | None = (
            Recorder(rate, conversation=settings.recording_enabled) if wants_audio else None
        )
        self.conversation = Conversation(settings, record.faults, scenario, self)
        self._carry = b""
        self._bytes_per_s = 2 * rate
        self._joined_at = 0.0
        self.last_audio_at = 0.0
        self._warned = False
        self._next_sweep = math.inf
        self._stall = (math.inf, math.inf)
        self._now = 0.0
        self._held: list[bytes | memoryview | None] = []
        self._held_texts: list[bytes] = []
        self._echo_resampler = (
            StreamResampler(rate, settings.socket.output_rate)
            if rate != settings.socket.output_rate
            else None
        )
        faults = record.faults
        self._can_echo = (
            self.recorder is None
            and self._echo_resampler is None
            and faults.stall_after_ms is None
            and not faults.frame_bytes
            and not faults.odd_frames
        )
        self.plain_echo = False
        """Whether the socket may return frames by itself, without asking."""
        self._closed = False
        self.wake_at = math.inf

    # ---- from the socket ------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """The upgrade is complete."""
        faults = self._faults
        self._now = self._joined_at = self.last_audio_at = now
        self._next_sweep = now + _SWEEP_S
        if faults.stall_after_ms is not None:
            begin = now + faults.stall_after_ms / 1000
            self._stall = (begin, begin + faults.stall_ms / 1000)
        self._book.join(self.record)
        self.note("info", "call.joined", "the client has connected")
        self.conversation.on_joined(now)
        if faults.malformed_message:
            self._connection.send_text(b'{"type": "state", "state"')
        if faults.unknown_message:
            self._connection.send_text(b'{"type":"weather_report","sky":"blue"}')
        self._rearm()

    def count_gap(self, gap_s: float) -> None:
        """The input was silent on the wire for `gap_s`."""
        self.counters.gaps += 1
        self.counters.longest_gap_ms = max(self.counters.longest_gap_ms, gap_s * 1000)

    def on_binary(self, data: bytes, now: float) -> None:
        """A binary frame that was counted already: the caller's audio."""
        if self._closed:
            return
        self._now = now
        ahead_ms = (self.counters.bytes_received / self._bytes_per_s - (now - self._joined_at)) * 1000
        ahead_ms -= self.counters.overflow_ms_dropped
        if ahead_ms > MAX_AHEAD_MS:
            self.counters.overflow_ms_dropped += len(data) * 1000 / self._bytes_per_s
            return
        if self._carry or len(data) % 2:
            data = self._carry + data
            whole = len(data) & ~1
            self._carry = data[whole:]
            data = data[:whole]
        if self.recorder is not None:
            self.recorder.add_input(data)
        if self.conversation.echoing:
            self._echo(data)
        elif not self.conversation.scenario.echo:
            self.conversation.on_audio(data, now)
            self._rearm()

    def on_text(self, data: bytes, now: float) -> None:
        """A text frame: one data message."""
        if self._closed:
            return
        self._now = now
        try:
            message = decode_message(data)
        except UnknownMessage as error:
            self._count_received("unknown")
            self.note("warning", "message.unknown", f"unknown type {str(error)[:50]}")
            return
        except MalformedMessage as error:
            self._count_received("malformed")
            self.note("warning", "message.malformed", str(error)[:200])
            return
        self._count_received(str(message.__struct_config__.tag))
        self.conversation.on_message(message, now)
        self._rearm()

    def on_disconnected(self, close_code: int | None, now: float) -> None:
        """The socket is gone; `close_code` is the client's, `None` when it sent none."""
        self.counters.close_code_received = close_code
        if self._closed:
            return
        self._closed = True
        self._now = now
        self.conversation.on_closed(now)
        if close_code in (1000, 1001, 1005, 0):
            self._over(EndReason(self._faults.client_close_reason))
        else:
            self._over(EndReason.CONNECTION_ERROR)

    def shut_down(self) -> None:
        """The engine is going away."""
        self._fail(1001, EndReason.SYSTEM_ERROR)

    def on_failure(self, error: Exception) -> None:
        """A bug met this call: end it as the service would, with 1011."""
        self.note("error", "engine.failure", f"{type(error).__name__}: {error}"[:300])
        self._fail(1011, EndReason.SYSTEM_ERROR)

    # ---- from the clock -------------------------------------------------------------------------------------------

    def on_tick(self, now: float) -> None:
        """Serve the conversation, the faults and the watch over the input."""
        self._now = now
        if self._closed:
            self.wake_at = math.inf
            return
        faults = self._faults
        since_ms = (now - self._joined_at) * 1000
        if faults.close_after_ms is not None and since_ms >= faults.close_after_ms:
            self._fail(faults.close_code, EndReason.SYSTEM_ERROR)
            return
        if faults.reset_after_ms is not None and since_ms >= faults.reset_after_ms:
            self._closed = True
            self.conversation.on_closed(now)
            self._connection.reset()
            self._over(EndReason.CONNECTION_ERROR)
            return
        if self._held and now >= self._stall[1]:
            self._release()
        if now >= self.conversation.wake_at:
            self.conversation.on_tick(now)
        if now >= self._next_sweep and not self._closed:
            self._sweep(now)
        self._rearm()

    def _sweep(self, now: float) -> None:
        self._next_sweep = now + _SWEEP_S
        idle = self.settings.socket.idle_timeout_s
        if idle is not None and now - self.last_audio_at >= idle:
            self.note("error", "media.idle", f"no audio for {idle:.0f} s")
            self._fail(1000, EndReason.CONNECTION_ERROR)
            return
        received_ms = (
            self.counters.bytes_received * 1000 / self._bytes_per_s - self.counters.overflow_ms_dropped
        )
        ahead_ms = received_ms - (now - self._joined_at) * 1000
        strays = ahead_ms > WARN_AHEAD_MS or ahead_ms < -WARN_BEHIND_MS
        if strays and not self._warned:
            kind = "audio.overflow" if ahead_ms > 0 else "audio.underflow"
            self.note(
                "warning",
                kind,
                f"the input is {abs(ahead_ms):.0f} ms {'ahead' if ahead_ms > 0 else 'behind'}",
            )
        self._warned = strays

    def _rearm(self) -> None:
        self.plain_echo = self._can_echo and not self._closed and self.conversation.echoing
        wake_at = min(self.conversation.wake_at, self._next_sweep)
        faults = self._faults
        if faults.close_after_ms is not None:
            wake_at = min(wake_at, self._joined_at + faults.close_after_ms / 1000)
        if faults.reset_after_ms is not None:
            wake_at = min(wake_at, self._joined_at + faults.reset_after_ms / 1000)
        if self._held:
            wake_at = min(wake_at, self._stall[1])
        self.wake_at = wake_at

    # ---- what the conversation asks for -----------------------------------------------------------------------------

    def send_message(self, message: dict[str, Any]) -> None:
        """One data message to the client."""
        kind = str(message.get("type"))
        sent = self.counters.messages_sent
        sent[kind] = sent.get(kind, 0) + 1
        if kind == "call_started":
            message["callId"] = self.record.call_id
        elif kind == "playback_clear_buffer":
            self.counters.clears_sent += 1
        data = _ENCODER.encode(message)
        if self._stalled():
            self._hold(None)
            self._held_texts.append(data)
        else:
            self._connection.send_text(data)

    def send_audio(self, frame: bytes | memoryview) -> None:
        """One binary frame to the client."""
        if self._stalled():
            self._hold(bytes(frame))
            return
        self.counters.frames_sent += 1
        self.counters.bytes_sent += len(frame)
        self._connection.send_binary(frame)

    def writable(self) -> bool:
        """Whether the client keeps up reading."""
        return self._connection.writable()

    def speak(self, text: str, callback: Callable[[Speech], None]) -> None:
        """Synthesise in the call's voice; a full queue gives silence and an event."""
        key = SpeechKey(text, self._voice, self.settings.socket.output_rate)

        def spoken(speech: Speech) -> None:
            if not self._closed:
                callback(speech)
                self._rearm()

        try:
            self._speech.request(key, spoken)
        except SpeechQueueFull as error:
            self.note("error", "speech.overload", str(error))
            callback(Speech(text, b"", key.rate, ()))

    def remember(self, message: HistoryMessage) -> None:
        """Append to the call's history."""
        message.stage = len(self.record.stage_ids) - 1
        self.record.add_message(message)

    def note(self, severity: str, kind: str, text: str) -> None:
        """Record a call event, and tell the client when it asked for events."""
        event = self.record.add_event(severity, kind, text)
        if "call_event" in self.settings.socket.data_messages and not self._closed:
            self.send_message(
                {
                    "type": "call_event",
                    "callId": self.record.call_id,
                    "severity": event.severity,
                    "eventType": event.type,
                    "text": event.text,
                }
            )

    def heard(self, start_ms: float, end_ms: float) -> bytes:
        """The caller's audio between two places of the input, at the output rate."""
        if self.recorder is None:
            return b""
        pcm = self.recorder.input_pcm(start_ms, end_ms)
        source, target = self.settings.socket.input_rate, self.settings.socket.output_rate
        if source == target:
            return pcm
        return resample(np.frombuffer(pcm, dtype="<i2"), source, target).astype("<i2").tobytes()

    def played(self, pcm: bytes, began_ms: float) -> None:
        """The client has played `pcm`."""
        if self.recorder is not None:
            self.recorder.add_agent(pcm, self.settings.socket.output_rate, began_ms)

    def new_stage(self, body: dict[str, Any]) -> Scenario | None:
        """A tool began a new stage."""
        self.record.begin_stage()
        return self._stage_scenario(self.settings, body)

    def update_call_state(self, changes: dict[str, Any]) -> None:
        """A tool changed the call's state."""
        self.call_state.update(changes)

    def end(self, reason: EndReason) -> None:
        """The agent's side ends the call in an orderly way."""
        if self._held:
            self._release()
        self._closed = True
        self.counters.close_code_sent = self._faults.end_close_code
        self._connection.close(self._faults.end_close_code)
        self._over(reason)

    # ---- small things -----------------------------------------------------------------------------------------------

    def _fail(self, code: int, reason: EndReason) -> None:
        if self._closed:
            return
        self._closed = True
        self.conversation.on_closed(self._now)
        self.counters.close_code_sent = code
        self._connection.close(code)
        self._over(reason)

    def _over(self, reason: EndReason) -> None:
        self.wake_at = math.inf
        self.plain_echo = False
        self.counters.interruptions = self.conversation.interruptions
        self.note("info", "call.ended", reason.value)
        self._book.end(self.record, reason)

    def _echo(self, pcm: bytes) -> None:
        if self._echo_resampler is not None:
            pcm = self._echo_resampler.feed(np.frombuffer(pcm, dtype="<i2")).astype("<i2").tobytes()
        size = self._faults.frame_bytes or len(pcm)
        if self._faults.odd_frames:
            size = 321
        for start in range(0, len(pcm), max(size, 1)):
            self.send_audio(pcm[start : start + size])

    def _count_received(self, kind: str) -> None:
        received = self.counters.messages_received
        received[kind] = received.get(kind, 0) + 1

    def _stalled(self) -> bool:
        return self._stall[0] <= self._now < self._stall[1]

    def _hold(self, frame: bytes | None) -> None:
        if len(self._held) >= MAX_HELD:
            self.counters.frames_dropped += 1
            self._held.pop(0)
        self._held.append(frame)

    def _release(self) -> None:
        held, self._held = self._held, []
        texts = iter(self._held_texts)
        for frame in held:
            if frame is None:
                self._connection.send_text(next(texts))
            else:
                self.counters.frames_sent += 1
                self.counters.bytes_sent += len(frame)
                self._connection.send_binary(frame)
        self._held_texts = []
