"""Timers for the whole user agent: one heap, the time given as an argument (RFC 3261 section 17.1.1.1 and
Table 4).

Most SIP timers are cancelled before they fire. Cancelling only marks the entry; the heap is rebuilt when
more than half of it is dead, so that cancelled timers neither cost a search nor stay behind. A cancelled or
fired timer drops its callback at once and with it every object the callback kept alive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

TimerCallback = Callable[[float], None]

# Below this many dead entries a rebuild costs more than it frees.
_COMPACT_THRESHOLD = 256


@dataclass(frozen=True, slots=True)
class Timing:
    """The base timer values T1, T2 and T4 in seconds, and what RFC 3261 derives from them."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    transaction_timeout: float = field(init=False)
    """64*T1: timers B, F, H, J, L and M, and how long a 2xx is repeated."""
    timer_d: float = field(init=False)
    """How long an INVITE client transaction absorbs repeated final answers: at least 32 s over UDP."""

    def __post_init__(self) -> None:
        if not 0 < self.t1 <= self.t2:
            raise ValueError("T1 must be positive and not above T2")
        object.__setattr__(self, "transaction_timeout", 64 * self.t1)
        object.__setattr__(self, "timer_d", 64 * self.t1)


class Timer:
    """One pending call of `callback(now)`; made by `TimerQueue.schedule`."""

    __slots__ = ("_queue", "callback")

    def __init__(self, queue: TimerQueue, callback: TimerCallback) -> None:
        self._queue = queue
        self.callback: TimerCallback | None = callback

    def cancel(self) -> None:
        """Never fire; harmless when already fired or cancelled."""
        if self.callback is not None:
            self.callback = None
            self._queue.entry_cancelled()


class TimerQueue:
    """All timers of one user agent, in order of their deadline (seconds on a monotonic clock)."""

    __slots__ = ("_cancelled", "_heap", "_sequence", "on_earlier")

    def __init__(self) -> None:
        self.on_earlier: Callable[[], None] | None = None
        """Called when a timer was scheduled before all others, so that the shell can wake up in time."""
        self._heap: list[tuple[float, int, Timer]] = []
        self._sequence = 0
        self._cancelled = 0

    def __len__(self) -> int:
        """How many timers are still going to fire."""
        return len(self._heap) - self._cancelled

    @property
    def stored_entries(self) -> int:
        """Heap entries in memory, the cancelled ones not yet swept out included."""
        return len(self._heap)

    def schedule(self, deadline: float, callback: TimerCallback) -> Timer:
        """Call `callback(now)` in the first `run` at or after `deadline`; equal deadlines fire in order of
        scheduling."""
        timer = Timer(self, callback)
        self._sequence += 1
        heappush(self._heap, (deadline, self._sequence, timer))
        if self.on_earlier is not None and self._heap[0][2] is timer:
            self.on_earlier()
        return timer

    def next_deadline(self) -> float | None:
        """When `run` next has something to do, or None."""
        heap = self._heap
        while heap:
            if heap[0][2].callback is not None:
                return heap[0][0]
            heappop(heap)
            self._cancelled -= 1
        return None

    def run(self, now: float) -> int:
        """Fire every timer that is due, those included that become due by firing; returns how many fired.

        An exception of a callback passes through; the timer that raised is gone, so calling again goes on
        with the rest.
        """
        heap = self._heap
        fired = 0
        while heap and heap[0][0] <= now:
            timer = heappop(heap)[2]
            callback = timer.callback
            if callback is None:
                self._cancelled -= 1
                continue
            timer.callback = None
            fired += 1
            callback(now)
        return fired

    def entry_cancelled(self) -> None:
        """Account for a timer that was cancelled; sweeps the heap when most of it is dead."""
        self._cancelled += 1
        if self._cancelled >= _COMPACT_THRESHOLD and self._cancelled * 2 > len(self._heap):
            # In place: `run` may be in the middle of its loop.
            self._heap[:] = [entry for entry in self._heap if entry[2].callback is not None]
            heapify(self._heap)
            self._cancelled = 0
