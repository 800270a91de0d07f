"""How much later than the quickest the packets of a stream arrive, and how much of that a buffer should bear.

A packet's transit is its arrival less its timestamp; the quickest of the last one to two seconds is the
measure (RFC 3550 knows only differences of neighbours). Delays go into a histogram that forgets within some
fifteen seconds; the delay that all but 2 % stay within is the target. Most packets are neither quicker nor
notably later than usual: these cost three comparisons, made by the caller.
"""

from __future__ import annotations

# Arrivals are as exact as the slots in which sockets are read (4 ms), and a call is served 6 ms after its
# packets usually come: delays up to this are nothing to prepare for.
USUAL_MS = 10
BUCKET_MS = 5
WINDOW_S = 1
# What of the histogram is left after each window: half after eleven seconds.
KEPT = 0.94
# Share of the packets that may come too late. They are played late, not thrown away.
TOO_LATE = 0.02


class DelayVariation:
    """One stream's delays, in ticks of its RTP clock. `observe` must be called for each packet whose transit
    is above `usual` or below `quickest`, or whose extended timestamp has reached `window_end`.
    """

    __slots__ = (
        "_before",
        "_bucket",
        "_counts",
        "_latest",
        "_limit",
        "_margin",
        "_total",
        "_window",
        "base",
        "quickest",
        "target",
        "usual",
        "window_end",
    )

    def __init__(self, clock_rate: int, limit_ms: int) -> None:
        """`limit_ms`: a delay beyond this is a new measure (another route, another time base), no jitter."""
        self._limit = clock_rate * limit_ms // 1000
        self._margin = clock_rate * USUAL_MS // 1000
        self._bucket = clock_rate * BUCKET_MS // 1000
        self._window = clock_rate * WINDOW_S
        self._counts = [0.0] * (limit_ms // BUCKET_MS + 1)  # ticks of audio that came so late
        self._total = 0.0  # ticks of audio that came at all
        self.target = 0  # the delay that all but a few packets stay within
        self.restart()

    def restart(self) -> None:
        """The measure is no longer valid: another stream, or other timestamps. What was learnt stays."""
        self.quickest = float("inf")  # of this window
        self._before = float("inf")  # of the window before
        self.base = float("inf")  # of both: the measure
        self.usual = float("-inf")
        self.window_end = -1
        self._latest = 0.0

    def delay(self, transit: float) -> float:
        """How much later than the quickest a packet came."""
        return max(0.0, transit - self.base)

    def observe(self, transit: float, extended: int, duration: int) -> None:
        """A packet that is not like most."""
        if extended >= self.window_end:
            self._next_window(extended)
        if transit < self.quickest:
            self.quickest = transit
            if transit < self.base:
                self.base = transit
                self.usual = transit + self._margin
        delay = transit - self.base
        if delay > self._limit:
            self.quickest = self._before = self.base = transit
            self.usual = transit + self._margin
        elif delay > self._margin:
            if delay > self._latest:
                self._latest = delay
            self._counts[int(delay / self._bucket)] += duration
            if delay > self.target:
                self._aim()

    def _next_window(self, extended: int) -> None:
        if self.window_end >= 0:
            # A pause of the sender is no time in which packets came well.
            self._total = self._total * KEPT + self._window
            if self.target:
                self._counts = [count * KEPT for count in self._counts]
                self._aim()
            self._before = self.quickest
            self.base = self._before
            self.usual = self.base + self._margin
            self.quickest = float("inf")
        self.window_end = extended + self._window

    def _aim(self) -> None:
        allowed = TOO_LATE * max(self._total, self._window)
        later = 0.0
        for place in range(len(self._counts) - 1, -1, -1):
            later += self._counts[place]
            if later > allowed:
                self.target = min((place + 1) * self._bucket, self._limit)
                return
        self.target = 0

    def take_reserve(self) -> float:
        """How much of the target was not called upon since this was last asked."""
        latest, self._latest = self._latest, 0.0
        return max(0.0, self.target - latest)
