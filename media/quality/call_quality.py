"""A leg's quality while the call goes on: every few seconds a window of loss, jitter and delay is rated with
the E-model; now, worst and average are kept.

Fed from the housekeeping pass, never for each packet. `now` is monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from media.quality.e_model import CodecImpairment, burst_ratio, mos, rating

# Long enough that one lost packet of 250 is no catastrophe, short enough that a bad minute shows.
WINDOW_S = 5.0
# A window with fewer packets than this (hold, silence suppression, the end of a call) is not rated.
MIN_PACKETS = 25
# One packet of 20 ms is complete before it can be sent.
PACKETISATION_MS = 20.0
# Points of a leg's history; when there are more, each two neighbours become one, so that a long call costs no
# more than a short one.
HISTORY_POINTS = 60


@dataclass(frozen=True, slots=True)
class StreamCounters:
    """What one stream has done so far; `gaps` are runs of lost packets, `discarded` came too late to be
    played.
    """

    packets: int
    lost: int
    gaps: int
    discarded: int
    jitter_ms: float
    buffer_ms: float
    round_trip_ms: float | None


@dataclass(frozen=True, slots=True)
class Window:
    """What one window, or several joined, was like. `t` is seconds since the leg began, `loss` the share of
    the packets that were of no use.
    """

    t: float
    mos: float
    jitter_ms: float
    loss: float
    buffer_ms: float


class CallQuality:
    """The running figures of one leg's inbound stream."""

    __slots__ = (
        "_before",
        "_began_at",
        "_due_at",
        "_mos_sum",
        "_pending",
        "_stride",
        "buffer_max_ms",
        "history",
        "jitter_max_ms",
        "mos_min",
        "mos_now",
        "r_now",
        "windows",
    )

    def __init__(self, now: float) -> None:
        self._due_at = now + WINDOW_S
        self._began_at = now
        self._before: StreamCounters | None = None
        self.history: list[Window] = []
        self._pending: list[Window] = []  # windows that the next point of the history is made of
        self._stride = 1  # how many
        self._mos_sum = 0.0
        self.windows = 0
        self.r_now: float | None = None
        self.mos_now: float | None = None
        self.mos_min: float | None = None
        self.jitter_max_ms = 0.0
        self.buffer_max_ms = 0.0

    @property
    def mos_average(self) -> float | None:
        return self._mos_sum / self.windows if self.windows else None

    def due(self, now: float) -> bool:
        """Whether a window is full; asked in each housekeeping pass."""
        return now >= self._due_at

    def restart(self, now: float, counters: StreamCounters) -> None:
        """Forget the present window: the stream was renegotiated, or nothing is expected now."""
        self._before = counters
        self._due_at = now + WINDOW_S

    def sample(self, now: float, counters: StreamCounters, codec: CodecImpairment) -> None:
        """End a window and rate it."""
        before, self._before = self._before, counters
        self._due_at = now + WINDOW_S
        self.jitter_max_ms = max(self.jitter_max_ms, counters.jitter_ms)
        self.buffer_max_ms = max(self.buffer_max_ms, counters.buffer_ms)
        packets = counters.packets - (before.packets if before else 0)
        lost = max(0, counters.lost - (before.lost if before else 0))
        gaps = counters.gaps - (before.gaps if before else 0)
        discarded = counters.discarded - (before.discarded if before else 0)
        if packets + lost < MIN_PACKETS:
            return
        self.r_now, self.mos_now = rate(codec, packets, lost, gaps, discarded, counters)
        self.windows += 1
        self._mos_sum += self.mos_now
        if self.mos_min is None or self.mos_now < self.mos_min:
            self.mos_min = self.mos_now
        expected = packets + lost
        self._remember(
            Window(
                now - self._began_at,
                self.mos_now,
                counters.jitter_ms,
                min(lost + discarded, expected) / expected,
                counters.buffer_ms,
            )
        )

    def _remember(self, window: Window) -> None:
        self._pending.append(window)
        if len(self._pending) < self._stride:
            return
        self.history.append(_joined(self._pending))
        self._pending.clear()
        if len(self.history) > HISTORY_POINTS:
            pairs = zip(self.history[::2], self.history[1::2], strict=False)
            last = self.history[-1:] if len(self.history) % 2 else []
            self.history = [_joined(pair) for pair in pairs]
            self._pending = last
            self._stride *= 2

    def settle(self, counters: StreamCounters, codec: CodecImpairment) -> None:
        """The call is over before its first window was full: rate what there was."""
        if not self.windows:
            self.sample(self._due_at, counters, codec)


def _joined(windows: Sequence[Window]) -> Window:
    """Several windows as one: the time is that of the last."""
    count = len(windows)
    return Window(
        windows[-1].t,
        sum(window.mos for window in windows) / count,
        sum(window.jitter_ms for window in windows) / count,
        sum(window.loss for window in windows) / count,
        sum(window.buffer_ms for window in windows) / count,
    )


def rate(
    codec: CodecImpairment, packets: int, lost: int, gaps: int, discarded: int, now: StreamCounters
) -> tuple[float, float]:
    """R and MOS of a window in which `packets` came, of which `discarded` were of no use, and `lost` did
    not.
    """
    expected = packets + lost
    gone = min(lost + discarded, expected)
    burst = burst_ratio(lost, gaps, expected)
    one_way_ms = (now.round_trip_ms or 0.0) / 2 + now.buffer_ms + PACKETISATION_MS
    r = rating(codec, one_way_ms, 100.0 * gone / expected, burst)
    return r, mos(r, wideband=codec.wideband)
