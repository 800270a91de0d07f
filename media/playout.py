"""The agent's audio on its way to the far party: filled in bursts by the engine, emptied by our clock.

One byte queue, since the engine's pieces need not be a multiple of a frame. It is bounded: what exceeds the
limit is refused and counted. Interruptions are softened: where audio breaks off its last 5 ms are mirrored
and faded, where it comes back it fades in. A queue that is fed in real time and has stood idle for a second
is shortened in quiet frames, so that a stall does not become lasting delay.
"""

from __future__ import annotations

import audioop

from media.concealment import EDGE_MS, cross_fade, fade_in, fade_out_tail
from media.standing_delay import StandingDelay

FRAME_MS = 20
# Below this level (about -50 dBFS) a frame may be left out unheard.
QUIET_RMS = 100
# More than this ahead means that the engine runs ahead on purpose (speech synthesis), which is no delay.
REAL_TIME_CEILING_MS = 400
# Silence that comes while so much is still queued is shortened to this.
AHEAD_MS = 100
LONGEST_SILENCE_MS = 600
# So many frames a piece smaller than a frame may wait for the rest of it before it is played by itself.
PARTIAL_HOLD_FRAMES = 2
# Audio that comes back within this was late (an underrun); later it is another utterance.
UTTERANCE_GAP_FRAMES = 25


class Playout:
    """The queue of one leg, s16le mono at `sample_rate`. Call `take` once every 20 ms."""

    __slots__ = (
        "_ahead",
        "_broken",
        "_bytes_per_ms",
        "_cleared",
        "_edge_samples",
        "_frame_bytes",
        "_last",
        "_limit",
        "_longest_silence",
        "_queue",
        "_silence",
        "_standing",
        "_waited",
        "dropped_bytes",
        "frames_skipped",
        "held",
        "queued_bytes",
        "received_bytes",
        "underruns",
    )

    def __init__(self, sample_rate: int, limit_ms: int) -> None:
        self._bytes_per_ms = sample_rate * 2 // 1000
        self._frame_bytes = self._bytes_per_ms * FRAME_MS
        self._edge_samples = sample_rate * EDGE_MS // 1000
        self._limit = limit_ms * self._bytes_per_ms
        self._queue = bytearray()
        self._last: bytes | bytearray | None = None  # the frame before, while audio flows
        self._broken = 0  # frames since audio broke off, 0 when it did not or long ago
        self._cleared = False
        self._waited = 0  # frames that a piece smaller than a frame has waited
        self._silence = 0  # bytes of silence at the end of a queue that is ahead
        self._longest_silence = LONGEST_SILENCE_MS * self._bytes_per_ms
        self._ahead = AHEAD_MS * self._bytes_per_ms
        self.held = True  # nothing is taken yet
        self._standing = StandingDelay(
            keep=self._frame_bytes, ceiling=REAL_TIME_CEILING_MS * self._bytes_per_ms
        )
        self.received_bytes = 0
        self.queued_bytes = 0  # ever put into the queue
        self.dropped_bytes = 0
        self.underruns = 0
        self.frames_skipped = 0

    def set_limit(self, limit_ms: int) -> None:
        """Change the bound; what is queued already stays."""
        self._limit = limit_ms * self._bytes_per_ms

    @property
    def queued_ms(self) -> int:
        """Audio not yet taken, rounded up."""
        return -(-len(self._queue) // self._bytes_per_ms)

    @property
    def empty(self) -> bool:
        """Nothing queued and nothing sounding."""
        return len(self._queue) < 2 and self._last is None

    @property
    def played_bytes(self) -> int:
        """How much has left the queue: what was put into it counts from the beginning."""
        return self.queued_bytes - len(self._queue)

    def ms(self, count: int) -> int:
        """So many bytes of the queue in milliseconds."""
        return count // self._bytes_per_ms

    @property
    def dropped_ms(self) -> int:
        return self.dropped_bytes // self._bytes_per_ms

    def put(self, data: memoryview | bytes) -> None:
        """Queue audio in a piece of any size; the part beyond the limit is refused."""
        self.received_bytes += len(data)
        queue = self._queue
        queued = len(queue)
        if (self.held or queued > self._ahead) and self._is_idle_silence(data, queued):
            return
        room = self._limit - queued
        if len(data) > room:
            self.dropped_bytes += len(data) - room
            data = data[: room - room % 2] if room > 0 else b""
        queue += data
        self.queued_bytes += len(data)

    def _is_idle_silence(self, data: memoryview | bytes, queued: int) -> bool:
        """Whether a piece is part of a long silence that would only hold back what the agent says next.

        Some engines send silence in real time while they listen; queued behind a sentence that is still being
        played, or in front of a gate that is still closed, it would become delay.
        """
        if len(data) % 2 or queued % 2 or audioop.rms(data, 2) > QUIET_RMS:
            self._silence = 0
            return False
        if self.held and queued == 0:
            return True
        self._silence += len(data)
        return self._silence > self._longest_silence

    def clear(self) -> int:
        """Barge-in: forget everything queued. How many milliseconds of audio were thrown away.

        The frame after this one leads to silence within 5 ms.
        """
        dropped = self.queued_ms
        self._queue.clear()
        self._waited = self._broken = 0
        self._cleared = self._last is not None
        self._standing.reset()
        return dropped

    def take(self) -> bytes | bytearray | None:
        """The next 20 ms of audio, None for silence."""
        queue = self._queue
        frame_bytes = self._frame_bytes
        if len(queue) < frame_bytes:
            return self._short()
        frame: bytes | bytearray = queue[:frame_bytes]
        del queue[:frame_bytes]
        standing = self._standing
        if queue:
            standing.observe(len(queue))
            if standing.excess:
                frame = self._shorten(frame)
        elif standing.watching:
            standing.reset()
        if self._last is None:
            frame = self._begin(frame)
        self._last = frame
        return frame

    def _begin(self, frame: bytes | bytearray) -> bytes | bytearray:
        """Audio flows again: after an interruption it fades in, at the start of an utterance it does not."""
        broken = self._broken
        self._broken = self._waited = 0
        if broken == 0:
            return frame
        self.underruns += 1
        return fade_in(frame, self._edge_samples)

    def _short(self) -> bytes | bytearray | None:
        """Less than a frame is there: the end of the utterance, or the engine is late."""
        queue = self._queue
        last = self._last
        if last is not None:
            self._last = None
            self._broken = 0 if self._cleared else 1
            self._cleared = False
            if len(queue) < 2:
                return fade_out_tail(last, self._frame_bytes, self._edge_samples)
            return self._flush()
        if self._broken:
            self._broken += 1
            if self._broken > UTTERANCE_GAP_FRAMES:
                self._broken = 0
        if len(queue) >= 2:
            self._waited += 1
            if self._waited > PARTIAL_HOLD_FRAMES:
                self._waited = 0
                return self._flush()
        return None

    def _flush(self) -> bytes:
        """What is left, and from its end to silence."""
        # Half a sample stays: its other half comes with the next piece.
        whole = len(self._queue) & ~1
        rest = bytes(self._queue[:whole])
        del self._queue[:whole]
        return rest + fade_out_tail(rest, self._frame_bytes - len(rest), self._edge_samples)

    def _shorten(self, frame: bytes | bytearray) -> bytes | bytearray:
        """Leave out one frame of a standing delay, if the moment is right."""
        queue = self._queue
        if not self._standing.may_drop(audioop.rms(frame, 2) <= QUIET_RMS, self._frame_bytes):
            return frame
        self.frames_skipped += 1
        following = queue[: self._frame_bytes]
        del queue[: self._frame_bytes]
        return cross_fade(frame, following)
