"""Is somebody speaking? Judged by energy alone, cheaply enough for every frame of every call.

The noise floor is the lowest level of the last one to two seconds: speech dips between words, comfort noise
does not, so that steady noise of any ordinary level is found to be no speech within two seconds.
"""

from __future__ import annotations

# So many judged frames make a block; the floor is the lowest of this block's predecessor and the one before.
BLOCK_FRAMES = 25
# Speech is at least this many times (9.5 dB) louder than the floor.
MARGIN = 3.0
# Nothing quieter than this (-44 dBFS) is speech, and everything louder than that (-22 dBFS) may be.
LOWEST_THRESHOLD = 200.0
HIGHEST_THRESHOLD = 2_500.0


class SpeechDetector:
    """Judges the levels (root mean square, 16 bit) of evenly spaced frames of one stream."""

    __slots__ = ("_earlier", "_left", "_lowest", "threshold")

    def __init__(self) -> None:
        self.threshold = LOWEST_THRESHOLD
        self._earlier = 0
        self._lowest = 1 << 16
        self._left = BLOCK_FRAMES

    def active(self, level: int) -> bool:
        """Whether a frame of this level may be speech."""
        if level < self._lowest:
            self._lowest = level
        self._left -= 1
        if not self._left:
            self._end_block()
        return level > self.threshold

    def _end_block(self) -> None:
        floor = min(self._earlier, self._lowest)
        self.threshold = min(max(floor * MARGIN, LOWEST_THRESHOLD), HIGHEST_THRESHOLD)
        self._earlier, self._lowest = self._lowest, 1 << 16
        self._left = BLOCK_FRAMES
