"""Finds out when a queue has kept more than it needed for a while, so that the excess can be dropped where
nobody hears it: a stall must never become lasting delay.
"""

from __future__ import annotations

# A queue is judged over so many frames (one second): shorter would take away what jitter needs.
WINDOW_FRAMES = 50


class StandingDelay:
    """Watches the depth of one queue, in any unit; `keep` is the depth that may stand.

    While the queue is found empty `observe` need not be called, but `reset` when `watching`.
    """

    __slots__ = ("_ceiling", "_highest", "_keep", "_lowest", "excess", "watching")

    def __init__(self, keep: int, ceiling: int) -> None:
        """`ceiling`: a queue that reached this within the window is not fed in real time and is left
        alone.
        """
        self._keep = keep
        self._ceiling = ceiling
        self.excess = 0
        self.reset()

    def reset(self) -> None:
        """Begin a new window, with nothing to drop."""
        self.watching = 0  # frames seen in this window
        self._lowest = 1 << 62
        self._highest = 0
        self.excess = 0

    def observe(self, depth: int) -> None:
        """Tell the depth right after a frame was taken. `excess` is how much has stood idle in the last
        window.
        """
        if depth < self._lowest:
            self._lowest = depth
        if depth > self._highest:
            self._highest = depth
        self.watching += 1
        if self.watching >= WINDOW_FRAMES:
            idle = self._lowest - self._keep
            self.excess = idle if idle > 0 and self._highest < self._ceiling else 0
            self.watching = 0
            self._lowest = 1 << 62
            self._highest = 0
