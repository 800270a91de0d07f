"""Finds out when a queue has kept more than it needed for a while, so that the excess can be dropped where
nobody hears it: a stall must never become lasting delay.
"""

from __future__ import annotations

# A queue is judged over so many frames (one second): shorter would take away what jitter needs.
WINDOW_FRAMES = 50
# An excess is dropped in quiet frames. Only when none has come for so many windows may speech be cut: a voice
# pauses sooner than that.
STUBBORN_WINDOWS = 3
# Then one frame of so many goes (a divisor of the window): 10 % faster, which remains intelligible.
SPEECH_FRAMES_PER_CUT = 10
_NEVER = float("inf")


class StandingDelay:
    """Watches the depth of one queue, in any unit; `keep` is the depth that may stand.

    While the queue is found empty `observe` need not be called, but `reset` when `watching`.
    """

    __slots__ = (
        "_ceiling",
        "_highest",
        "_lowest",
        "_rested",
        "_stubborn",
        "excess",
        "keep",
        "watching",
    )

    def __init__(self, keep: float, ceiling: int) -> None:
        """`keep` may be changed at any time and counts at the end of a window.

        `ceiling`: a queue that reached this within the window is ahead on purpose and is left alone."""
        self.keep = keep
        self._ceiling = ceiling
        self.reset()

    def reset(self) -> None:
        """Begin a new window, with nothing to drop."""
        self.watching = 0  # frames seen in this window
        self._lowest = _NEVER
        self._highest = 0.0
        self._stubborn = 0
        self._rested = False
        self.excess = 0.0

    def observe(self, depth: float) -> None:
        """Tell the depth right after a frame was taken. `excess` is how much has stood idle for a window."""
        if depth < self._lowest:
            self._lowest = depth
        if depth > self._highest:
            self._highest = depth
        self.watching += 1
        if self.watching >= WINDOW_FRAMES:
            idle = self._lowest - self.keep
            self.excess = idle if idle > 0 and self._highest < self._ceiling else 0.0
            self._stubborn = self._stubborn + 1 if self.excess else 0
            self.watching = 0
            self._lowest = _NEVER
            self._highest = 0.0

    def may_drop(self, quiet: bool, size: int) -> bool:
        """Whether a frame of `size` may be left out now; asked for each frame while there is an `excess`."""
        if quiet:
            # Every other one, so that a pause stays a pause.
            self._rested = not self._rested
            if not self._rested:
                return False
        elif self._stubborn <= STUBBORN_WINDOWS or self.watching % SPEECH_FRAMES_PER_CUT:
            return False
        self.excess = max(0.0, self.excess - size)
        return True
