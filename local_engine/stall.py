"""The fault `stall_after_ms`: for a while nothing leaves, then everything held back leaves at once."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

# Frames and messages held at most; beyond it the oldest is lost.
MAX_HELD = 5000


@dataclass(frozen=True, slots=True)
class Held:
    """One frame that did not leave: audio, or a data message."""

    data: bytes
    text: bool


class Stall:
    """Holds output back between `begin` and `end` (seconds, monotonic)."""

    __slots__ = ("_begin", "_end", "_held", "lost")

    def __init__(self, begin: float = math.inf, end: float = math.inf) -> None:
        self._begin = begin
        self._end = end
        self._held: deque[Held] = deque()
        self.lost = 0

    @property
    def ends_at(self) -> float:
        """When `release` has something to give, or infinity."""
        return self._end if self._held else math.inf

    def holds(self, now: float) -> bool:
        """Whether nothing may leave now."""
        return self._begin <= now < self._end

    def hold(self, data: bytes, *, text: bool) -> None:
        """Keep a frame for later."""
        if len(self._held) >= MAX_HELD:
            self._held.popleft()
            self.lost += 1
        self._held.append(Held(data, text))

    def release(self) -> list[Held]:
        """Everything held, in order."""
        held = list(self._held)
        self._held.clear()
        return held
