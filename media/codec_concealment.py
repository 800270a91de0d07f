"""Packet loss concealment by the codec itself (Opus: in-band FEC from the packet behind the loss, else the
decoder's own guess, and its comfort noise while the far party pauses).

The same interface as `media.pitch_concealment`, which serves all other codecs.
"""

from __future__ import annotations

from collections import deque

from media.codecs import SelfConcealing
from media.concealment import CONCEAL_MS


class CodecConcealer:
    """Makes up for missing audio of one stream; the decoder remembers what it needs."""

    __slots__ = ("_codec", "_concealed", "_frame_samples", "_limit", "faded", "remember")

    def __init__(self, codec: SelfConcealing, sample_rate: int) -> None:
        self._codec = codec
        self._frame_samples = sample_rate // 50
        self._limit = sample_rate * CONCEAL_MS // 1000
        self._concealed = 0
        self.faded = 0
        self.remember = deque[bytes](maxlen=0).append

    @property
    def frames_concealed(self) -> int:
        """20 ms frames of made-up speech; pauses of the far party do not count."""
        return -(-self._concealed // self._frame_samples)

    def announce(self, rms: float | None) -> None:
        """Opus has its own way to tell of noise."""

    def conceal(self, length: int, following: bytes | None = None) -> bytes:
        """`length` bytes in place of what is missing; `following` is the packet behind it, if it is here."""
        samples = length // 2
        start = self.faded
        self.faded = start + samples
        self._concealed += max(0, min(samples, self._limit - start)) if following is None else samples
        return self._codec.conceal(samples, following)

    def resume(self, frame: bytes) -> bytes:
        """The decoder has joined the first real frame to what it made up."""
        self.faded = 0
        return frame
