"""How busy one worker is, and whether it can take another call: measured, not guessed by a number of calls.

No clock and no sockets: heartbeats come in, figures come out. Shares are parts of one processor core.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from media.worker.protocol import Heartbeat

# Figures are taken over so much time: shorter, and one disturbance of the machine would shut a worker;
# longer, and a burst of calls would not be noticed.
WINDOW_S = 3.0
# From so many legs on the cost of one is measured rather than lost in the worker's fixed cost.
MEASURABLE_LEGS = 20
# What a leg counts before that: five times what one costs by docs/performance.md.
FIRST_LEG_SHARE = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLimits:
    """Beyond any of these a worker takes no new leg."""

    # A worker has one event loop: its last fifth of a core is what absorbs a burst.
    cpu_share: float = 0.8
    # Ticks more than 5 ms late, a second: a fifth of all.
    late_ticks_per_s: float = 50.0
    # The worst lateness of a half second, in the middle of the window: one stall of the machine is nobody's
    # fault and says nothing about the next call.
    lateness_ms: float = 100.0


class WorkerLoad:
    """Load of one worker over the last seconds."""

    def __init__(self, limits: LoadLimits | None = None) -> None:
        self._limits = limits or LoadLimits()
        self._beats: deque[Heartbeat] = deque()
        self._leg_share = FIRST_LEG_SHARE

    def beat(self, beat: Heartbeat) -> None:
        """Take in one heartbeat."""
        beats = self._beats
        beats.append(beat)
        while len(beats) > 2 and beat.at - beats[1].at >= WINDOW_S:
            beats.popleft()
        legs = self._mean_legs
        if len(beats) > 1 and legs >= MEASURABLE_LEGS and not self._jumps:
            self._leg_share = self.cpu_share / legs

    @property
    def cpu_share(self) -> float:
        """Of one core, user and system, over the window."""
        return self._rate(lambda beat: beat.cpu_s)

    @property
    def late_ticks_per_s(self) -> float:
        return self._rate(lambda beat: beat.late_ticks)

    @property
    def usual_lateness_ms(self) -> float:
        """The median of the worst latenesses that the heartbeats told."""
        return median(beat.worst_lateness_ms for beat in self._beats) if self._beats else 0.0

    @property
    def leg_share(self) -> float:
        """What one leg costs, by the last measurement that had legs enough."""
        return self._leg_share

    def projected(self, legs: int) -> float:
        """The share with so many legs: what was measured, and the cost of the legs it does not know yet."""
        return max(0.0, self.cpu_share + (legs - self._mean_legs) * self._leg_share)

    def refusal(self, legs: int) -> str | None:
        """Why a worker that has so many legs must not get another; None when it may."""
        limits = self._limits
        lateness = self.usual_lateness_ms
        if lateness > limits.lateness_ms:
            return f"its clock is up to {lateness:.0f} ms late"
        if self.late_ticks_per_s > limits.late_ticks_per_s:
            return f"{self.late_ticks_per_s:.0f} late ticks a second"
        share = self.projected(legs + 1)
        if share > limits.cpu_share:
            return f"{share:.0%} of a processor with one more call"
        return None

    @property
    def _jumps(self) -> bool:
        """The number of legs changed so much between two heartbeats that nobody knows how many used what."""
        return any(
            abs(b.legs - a.legs) > max(MEASURABLE_LEGS, max(a.legs, b.legs) / 2)
            for a, b in itertools.pairwise(self._beats)
        )

    @property
    def _mean_legs(self) -> float:
        """Over the window; between two heartbeats the mean of both is taken."""
        beats = self._beats
        if len(beats) < 2:
            return beats[0].legs if beats else 0.0
        seconds = beats[-1].at - beats[0].at
        if seconds <= 0:
            return beats[-1].legs
        return sum((b.legs + a.legs) / 2 * (b.at - a.at) for a, b in itertools.pairwise(beats)) / seconds

    def _rate(self, counter: Callable[[Heartbeat], float]) -> float:
        beats = self._beats
        if len(beats) < 2 or beats[-1].at <= beats[0].at:
            return 0.0
        return (counter(beats[-1]) - counter(beats[0])) / (beats[-1].at - beats[0].at)
