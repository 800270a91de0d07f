"""Somebody waits until all that the agent has said is played."""

from __future__ import annotations

from media.playout import Playout


class PlayoutDrain:
    """One leg's; the latest wish counts. `now` is monotonic seconds."""

    __slots__ = ("_deadline",)

    def __init__(self) -> None:
        self._deadline: float | None = None

    def wait(self, deadline: float) -> None:
        """Somebody waits from now on, at the longest until then."""
        self._deadline = deadline

    def check(self, playout: Playout, now: float) -> tuple[bool, int] | None:
        """Whether all was played and how many ms were not, once it is over; None before, and when nobody
        waits.
        """
        if self._deadline is None:
            return None
        drained = playout.empty
        if not drained and now < self._deadline:
            return None
        self._deadline = None
        return drained, 0 if drained else playout.queued_ms
