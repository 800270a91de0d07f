"""One joined call: ties the conversation to its socket, its recorder and its record, and counts what passes.

It keeps watch over the input's clock and applies the faults that concern the wire.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
import numpy as np

from local_engine.call_settings import CallSettings
from local_engine.conversation import Conversation
from local_engine.data_messages import (
    ClientMessage,
    ClientToolResult,
    MalformedMessage,
    UnknownMessage,
    decode_message,
)
from local_engine.errors import SpeechQueueFull
from local_engine.http_tools import ToolService
from local_engine.input_watch import InputWatch
from local_engine.recorder import Recorder
from local_engine.records import MAX_CLEARS, CallBook, CallRecord, EndReason, HistoryMessage
from local_engine.resample import StreamResampler, resample
from local_engine.scenario import Scenario
from local_engine.speech import Speech, SpeechKey, SpeechService
from local_engine.stall import Stall
from local_engine.tools import CallTool

# In a system prompt, like `metadata.inspect = "1"`: keep the caller's audio of an echo call too.
INSPECT_MARKER = "[inspect]"
# A pause on the wire longer than this counts as a gap.
GAP_S = 0.06
_SWEEP_S = 1.0
_NORMAL_CLOSE = (0, 1000, 1001, 1005)
_ODD_ECHO_BYTES = 321

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


# Makes the scenario of a new stage from the call's settings and the stage's body, if that names one.
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
        tools: ToolService,
    ) -> None:
        settings = record.settings
        socket = settings.socket
        self.record = record
        self.settings = settings
        self.call_state: dict[str, Any] = dict(settings.initial_state)
        self._faults = record.faults
        self._counters = record.counters
        self._connection = connection
        self._speech = speech
        self._voice = speech.voice(settings.voice, settings.language_hint)
        self._book = book
        self._stage_scenario = stage_scenario
        self._tools = tools
        asked = settings.metadata.get("inspect") == "1" or INSPECT_MARKER in settings.system_prompt
        wanted = not scenario.echo or asked or settings.recording_enabled
        self.recorder: Recorder | None = (
            Recorder(socket.input_rate, conversation=settings.recording_enabled) if wanted else None
        )
        self.conversation = Conversation(settings, record.faults, scenario, self)
        self._odd_byte = b""
        self._bytes_per_ms = socket.input_rate / 500
        self._joined_at = 0.0
        self.last_audio_at = 0.0
        self._watch = InputWatch(0.0)
        self._next_sweep = math.inf
        self._stall = Stall()
        self._now = 0.0
        unequal = socket.input_rate != socket.output_rate
        self._echo_resampler = StreamResampler(socket.input_rate, socket.output_rate) if unequal else None
        faults = record.faults
        touched = faults.stall_after_ms is not None or faults.frame_bytes or faults.odd_frames
        self._can_echo = self.recorder is None and not unequal and not touched
        self.plain_echo = False
        """Whether the socket may return frames by itself, without asking."""
        self._closed = False
        self.wake_at = math.inf

    # From the socket.

    def start(self, now: float) -> None:
        """The upgrade is complete."""
        faults = self._faults
        self._now = self._joined_at = self.last_audio_at = now
        self._watch = InputWatch(now)
        self._next_sweep = now + _SWEEP_S
        if faults.stall_after_ms is not None:
            begin = now + faults.stall_after_ms / 1000
            self._stall = Stall(begin, begin + faults.stall_ms / 1000)
        self._book.join(self.record)
        self.conversation.on_joined(now)
        self.note("info", "call.joined", "the client has connected")
        if faults.malformed_message:
            self._connection.send_text(b'{"type": "state", "state"')
        if faults.unknown_message:
            self._connection.send_text(b'{"type":"weather_report","sky":"blue"}')
        self._rearm()

    def count_gap(self, gap_s: float) -> None:
        """The input was silent on the wire for `gap_s`."""
        counters = self._counters
        counters.gaps += 1
        counters.longest_gap_ms = max(counters.longest_gap_ms, gap_s * 1000)

    def on_binary(self, data: bytes, now: float) -> None:
        """A binary frame that the socket has counted: the caller's audio."""
        if self._closed:
            return
        self._now = now
        if self._watch.excessive(self.input_ms(), len(data) / self._bytes_per_ms, now):
            self._counters.overflow_ms_dropped = self._watch.dropped_ms
            return
        if self._odd_byte or len(data) % 2:
            data = self._odd_byte + data
            whole = len(data) & ~1
            self._odd_byte = data[whole:]
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
        except MalformedMessage as error:
            self._count_received("malformed")
            self.note("warning", "message.malformed", str(error)[:200])
        else:
            self.on_message(message, now)

    def on_message(self, message: ClientMessage, now: float) -> None:
        """A data message from the socket or from REST."""
        if self._closed:
            return
        self._now = now
        self._count_received(str(message.__struct_config__.tag))
        self.conversation.on_message(message, now)
        self._rearm()

    def on_disconnected(self, close_code: int | None, now: float) -> None:
        """The socket is gone; `close_code` is the client's, `None` when it sent none."""
        self._counters.close_code_received = close_code
        if self._closed:
            return
        self._now = now
        normal = close_code in _NORMAL_CLOSE
        self._over(EndReason(self._faults.client_close_reason) if normal else EndReason.CONNECTION_ERROR)

    def on_failure(self, error: Exception) -> None:
        """A bug met this call: end it as the service would, with 1011."""
        self.note("error", "engine.failure", f"{type(error).__name__}: {error}"[:300])
        self._fail(1011, EndReason.SYSTEM_ERROR)

    def shut_down(self) -> None:
        """The engine is going away."""
        self._fail(1001, EndReason.SYSTEM_ERROR)

    # From the clock.

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
            self._connection.reset()
            self._over(EndReason.CONNECTION_ERROR)
            return
        if now >= self._stall.ends_at:
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
        stray = self._watch.check(self.input_ms(), now)
        if stray is not None:
            self.note("warning", stray.kind, stray.text)

    def _rearm(self) -> None:
        self.plain_echo = self._can_echo and not self._closed and self.conversation.echoing
        wake_at = min(self.conversation.wake_at, self._next_sweep, self._stall.ends_at)
        for after_ms in (self._faults.close_after_ms, self._faults.reset_after_ms):
            if after_ms is not None:
                wake_at = min(wake_at, self._joined_at + after_ms / 1000)
        self.wake_at = math.inf if self._closed else wake_at

    # What the conversation asks for.

    def send_message(self, message: dict[str, Any]) -> None:
        """One data message to the client."""
        kind = str(message.get("type"))
        sent = self._counters.messages_sent
        sent[kind] = sent.get(kind, 0) + 1
        if kind == "call_started":
            message["callId"] = self.record.call_id
        elif kind == "playback_clear_buffer":
            self._counters.clears_sent += 1
            self._counters.cleared_at.append(time.time())
            del self._counters.cleared_at[:-MAX_CLEARS]
        data = _ENCODER.encode(message)
        if self._held_back():
            self._stall.hold(data, text=True)
        else:
            self._connection.send_text(data)

    def send_audio(self, frame: bytes | memoryview) -> None:
        """One binary frame to the client."""
        if self._held_back():
            self._stall.hold(bytes(frame), text=False)
        else:
            self._send_now(frame)

    def writable(self) -> bool:
        """Whether the client keeps up reading."""
        return self._connection.writable()

    def speak(self, text: str, callback: Callable[[Speech], None]) -> None:
        """Synthesise in the call's voice; a full queue gives silence and an event."""
        key = SpeechKey(text, self._voice, self.settings.socket.output_rate)

        def spoken(speech: Speech) -> None:
            if not self._closed:
                callback(speech)
                self.conversation.rearm()
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
            told = {"severity": event.severity, "eventType": event.type, "text": event.text}
            self.send_message({"type": "call_event", "callId": self.record.call_id, **told})

    def input_ms(self) -> float:
        """How much audio the caller has sent."""
        return self._counters.bytes_received / self._bytes_per_ms

    def heard(self, start_ms: float, end_ms: float) -> bytes:
        """The caller's audio between two places of the input, at the output rate."""
        if self.recorder is None:
            return b""
        pcm = self.recorder.input_pcm(start_ms, end_ms)
        samples = np.frombuffer(pcm, dtype="<i2")
        socket = self.settings.socket
        return resample(samples, socket.input_rate, socket.output_rate).astype("<i2").tobytes()

    def played(self, pcm: bytes, began_ms: float) -> None:
        """The client has played `pcm`."""
        if self.recorder is not None:
            self.recorder.add_agent(pcm, self.settings.socket.output_rate, began_ms)

    def new_stage(self, body: dict[str, Any]) -> Scenario | None:
        """A tool began a new stage."""
        self.record.begin_stage()
        return self._stage_scenario(self.settings, body)

    def carry_out(self, tool: CallTool, arguments: Mapping[str, Any], invocation_id: str) -> None:
        """Have an HTTP tool or a look-up done; its result comes as a message would."""

        def answered(result: ClientToolResult) -> None:
            if not self._closed:
                self.conversation.on_message(result, time.monotonic())
                self._rearm()

        self._tools.begin(tool, arguments, invocation_id, self.record.call_id, answered)

    def update_call_state(self, changes: dict[str, Any]) -> None:
        """A tool changed the call's state."""
        self.call_state.update(changes)

    def end(self, reason: EndReason) -> None:
        """The agent's side ends the call in an orderly way."""
        self._release()
        self._close(self._faults.end_close_code, reason)

    # Small things.

    def _fail(self, code: int, reason: EndReason) -> None:
        if not self._closed:
            self._close(code, reason)

    def _close(self, code: int, reason: EndReason) -> None:
        self._counters.close_code_sent = code
        self._connection.close(code)
        self._over(reason)

    def _over(self, reason: EndReason) -> None:
        self._closed = True
        self.wake_at = math.inf
        self.plain_echo = False
        self.conversation.on_closed(self._now)
        self._counters.interruptions = self.conversation.interruptions
        self.note("info", "call.ended", reason.value)
        self._book.end(self.record, reason)

    def _echo(self, pcm: bytes) -> None:
        if self._echo_resampler is not None:
            pcm = self._echo_resampler.feed(np.frombuffer(pcm, dtype="<i2")).astype("<i2").tobytes()
        size = _ODD_ECHO_BYTES if self._faults.odd_frames else self._faults.frame_bytes or len(pcm)
        for start in range(0, len(pcm), max(size, 1)):
            self.send_audio(pcm[start : start + size])

    def _send_now(self, frame: bytes | memoryview) -> None:
        self._counters.frames_sent += 1
        self._counters.bytes_sent += len(frame)
        if self.recorder is not None:
            self.recorder.add_output(bytes(frame))
        self._connection.send_binary(frame)

    def _count_received(self, kind: str) -> None:
        received = self._counters.messages_received
        received[kind] = received.get(kind, 0) + 1

    def _held_back(self) -> bool:
        """Whether output waits now; once a stall is over, what waited leaves before anything new."""
        if self._now >= self._stall.ends_at:
            self._release()
        return self._stall.holds(self._now)

    def _release(self) -> None:
        for held in self._stall.release():
            if held.text:
                self._connection.send_text(held.data)
            else:
                self._send_now(held.data)
        self._counters.frames_dropped += self._stall.lost
        self._stall.lost = 0
