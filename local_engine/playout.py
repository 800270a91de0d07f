"""When the agent's audio is sent. Sans-I/O: `now` in, frames out.

The rule is `audio sent - audio that should have played <= clientBufferSizeMs`: a small buffer gives a stream
in real time, a large one lets a whole utterance leave in a burst.
"""

from __future__ import annotations

from collections.abc import Sequence

FRAME_MS = 20.0

# One call may not take the loop for itself: at most five seconds of audio leave per tick.
MAX_FRAMES_PER_TICK = 250


class Playout:
    """One utterance on its way: s16le mono `pcm` at `rate` Hz, begun at `now` (seconds, monotonic).

    `frame_bytes` are the sizes of successive frames, used in rotation (20 ms each unless a fault asks for
    others).
    """

    __slots__ = ("_began", "_frame_bytes", "_frames", "_pcm", "_rate", "_sent", "buffer_ms")

    def __init__(
        self, pcm: bytes, rate: int, buffer_ms: float, now: float, frame_bytes: Sequence[int] = ()
    ) -> None:
        self._pcm = memoryview(pcm)
        self._rate = rate
        self._began = now
        self._sent = 0
        self._frames = 0
        self._frame_bytes = tuple(frame_bytes) or (2 * round(rate * FRAME_MS / 1000),)
        self.buffer_ms = buffer_ms

    @property
    def duration_ms(self) -> float:
        """How long the whole utterance is."""
        return self._ms(len(self._pcm))

    @property
    def sent_ms(self) -> float:
        """How much has been handed out."""
        return self._ms(self._sent)

    def played_ms(self, now: float) -> float:
        """How much a client that plays without delay has played: never more than was sent."""
        return max(0.0, min((now - self._began) * 1000.0, self.sent_ms))

    def finished(self, now: float) -> bool:
        """Whether all of it was sent and should have been heard."""
        return self._sent >= len(self._pcm) and (now - self._began) * 1000.0 >= self.duration_ms

    @property
    def fully_sent(self) -> bool:
        """Whether nothing is left to send."""
        return self._sent >= len(self._pcm)

    def due(self, now: float) -> list[memoryview]:
        """The frames that may leave now.

        A client that ran dry (a late tick, a stall) shifts the clock instead.
        """
        elapsed_ms = (now - self._began) * 1000.0
        deficit = elapsed_ms - self.sent_ms
        if deficit > 0 and self._sent and self._sent < len(self._pcm):
            self._began += deficit / 1000.0
            elapsed_ms -= deficit
        frames: list[memoryview] = []
        while (
            self._sent < len(self._pcm)
            and self.sent_ms - elapsed_ms < self.buffer_ms
            and len(frames) < MAX_FRAMES_PER_TICK
        ):
            size = self._frame_bytes[self._frames % len(self._frame_bytes)]
            self._frames += 1
            frames.append(self._pcm[self._sent : self._sent + size])
            self._sent += size
        self._sent = min(self._sent, len(self._pcm))
        return frames

    def _ms(self, size: int) -> float:
        return size * 500.0 / self._rate
