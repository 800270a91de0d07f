"""The agent's mouth: builds an utterance, sends it in time, tells its words as they are played, stops when
interrupted.

Sans-I/O. It is at one of: nothing, building (speech is being synthesised or the agent "thinks"), speaking.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from local_engine.actions import Audible
from local_engine.call_settings import SocketSettings
from local_engine.faults import ODD_FRAME_SIZES, CallFaults
from local_engine.playout import Playout
from local_engine.records import Role
from local_engine.transcript import AGENT, TEXT, VOICE, SpokenTranscript, transcript_message
from local_engine.utterance import Utterance, UtteranceBuilder
from local_engine.wire import Outlet, State


@dataclass(frozen=True, slots=True)
class _Speaking:
    utterance: Utterance
    playout: Playout
    transcript: SpokenTranscript
    began_ms: float


class Speaker:
    """Speaks one utterance at a time."""

    def __init__(
        self, outlet: Outlet, socket: SocketSettings, faults: CallFaults, *, text_output: bool
    ) -> None:
        self._outlet = outlet
        self._socket = socket
        self._faults = faults
        self._builder: UtteranceBuilder | None = None
        self._built: Utterance | None = None
        self._begin_at = 0.0
        self._speaking: _Speaking | None = None
        self.text_output = text_output
        """Whether utterances go out as text alone."""
        self.interruptions = 0

    @property
    def busy(self) -> bool:
        """Building or speaking."""
        return self._builder is not None or self._built is not None or self._speaking is not None

    @property
    def speaking(self) -> bool:
        """Audio is under way."""
        return self._speaking is not None

    @property
    def interruptible(self) -> bool:
        """Whether there is something the caller may cut short."""
        if self._speaking is not None:
            return not self._speaking.utterance.uninterruptible
        if self._built is not None:
            return not self._built.uninterruptible
        return self._builder is not None and not self._builder.uninterruptible

    @property
    def wake_at(self) -> float:
        """When `on_tick` is wanted: 0 while speaking (every tick), infinity while nothing is at hand."""
        if self._speaking is not None:
            return 0.0
        return self._begin_at if self._built is not None else math.inf

    def say(self, parts: Sequence[Audible], now: float) -> None:
        """Begin with an utterance: at once when its speech is at hand, else on a later tick."""
        self._outlet.set_state(State.THINKING)
        self._begin_at = now + self._faults.think_ms / 1000
        self._builder = UtteranceBuilder(
            parts, self._socket.output_rate, self._outlet.wire.speak, self._ready
        )
        self._builder.start()
        self.on_tick(now)

    def on_tick(self, now: float, *, leaving: bool = False) -> None:
        """Send what is due. `leaving`: the call ends after this utterance."""
        if self._built is not None and now >= self._begin_at:
            self._begin(self._built, now)
        if self._speaking is not None:
            self._continue(self._speaking, now, leaving)

    def interrupt(self, now: float) -> None:
        """Stop now: what was played stays in the transcript and the history, the rest is gone."""
        self.cancel()
        speaking, self._speaking = self._speaking, None
        if speaking is None:
            return
        self.interruptions += 1
        played_ms = speaking.playout.played_ms(now)
        for message in speaking.transcript.advance(played_ms):
            self._outlet.send(message)
        self._outlet.send({"type": "playback_clear_buffer"})
        self._outlet.set_state(State.LISTENING)
        self._outlet.send(speaking.transcript.cut())
        self._spoken(speaking, self._first(speaking, played_ms))

    def cancel(self) -> None:
        """Forget an utterance that has not begun."""
        if self._builder is not None:
            self._builder.cancel()
        self._builder = None
        self._built = None

    def close(self, now: float) -> None:
        """The client is gone: the history keeps what it has played."""
        self.cancel()
        speaking, self._speaking = self._speaking, None
        if speaking is not None:
            played_ms = speaking.playout.played_ms(now)
            speaking.transcript.advance(played_ms)
            self._spoken(speaking, self._first(speaking, played_ms))

    def _ready(self, utterance: Utterance) -> None:
        self._builder = None
        self._built = utterance

    def _begin(self, utterance: Utterance, now: float) -> None:
        self._built = None
        ordinal = self._outlet.next_ordinal()
        if self.text_output:
            if utterance.text:
                self._outlet.send(transcript_message(AGENT, TEXT, ordinal, text=utterance.text, final=True))
                self._outlet.remember(Role.AGENT, utterance.text, TEXT)
            return
        buffer_ms = math.inf if self._faults.burst else float(self._socket.buffer_ms)
        playout = Playout(utterance.pcm, self._socket.output_rate, buffer_ms, now, self._frame_sizes())
        transcript = SpokenTranscript(ordinal, utterance.words)
        self._outlet.set_state(State.SPEAKING)
        self._speaking = _Speaking(utterance, playout, transcript, self._outlet.wire.input_ms())

    def _continue(self, speaking: _Speaking, now: float, leaving: bool) -> None:
        wire = self._outlet.wire
        if wire.writable():
            for frame in speaking.playout.due(now):
                wire.send_audio(frame)
        for message in speaking.transcript.advance(speaking.playout.played_ms(now)):
            self._outlet.send(message)
        early = leaving and self._faults.close_before_played and speaking.playout.fully_sent
        if early or speaking.playout.finished(now):
            self._speaking = None
            self._outlet.send(speaking.transcript.complete())
            self._spoken(speaking, speaking.utterance.pcm)

    def _spoken(self, speaking: _Speaking, pcm: bytes) -> None:
        wire = self._outlet.wire
        text = speaking.transcript.spoken
        if text:
            self._outlet.remember(Role.AGENT, text, VOICE, speaking.began_ms, wire.input_ms())
        wire.played(pcm, speaking.began_ms)

    def _first(self, speaking: _Speaking, played_ms: float) -> bytes:
        return speaking.utterance.pcm[: 2 * round(played_ms * self._socket.output_rate / 1000)]

    def _frame_sizes(self) -> tuple[int, ...]:
        if self._faults.odd_frames:
            return ODD_FRAME_SIZES
        return (self._faults.frame_bytes,) if self._faults.frame_bytes else ()
