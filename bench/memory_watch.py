"""How a gateway's resident memory moves while its calls go on: sampled beside the load, judged as a slope."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec
import numpy as np

SAMPLE_INTERVAL_S = 5.0
# Pools and caches fill at first; what grows after that is a leak.
SETTLING_SHARE = 0.25
MIN_SAMPLES = 8


class MemoryCourse(msgspec.Struct, frozen=True, kw_only=True):
    """Resident memory of all gateway processes. The slope is a straight line through the samples after the
    first quarter of the time.
    """

    minutes: float
    first_mb: float
    last_mb: float
    highest_mb: float
    slope_mb_per_hour: float


def memory_course(samples: list[tuple[float, float]]) -> MemoryCourse | None:
    """`samples`: seconds and megabytes, in order. None when there are too few to say anything."""
    if len(samples) < MIN_SAMPLES:
        return None
    begin, end = samples[0][0], samples[-1][0]
    settled = [sample for sample in samples if sample[0] - begin >= (end - begin) * SETTLING_SHARE]
    at, megabytes = np.array(settled).T
    slope, _ = np.polyfit(at, megabytes, 1)
    return MemoryCourse(
        minutes=round((end - begin) / 60, 1),
        first_mb=round(settled[0][1], 1),
        last_mb=round(settled[-1][1], 1),
        highest_mb=round(max(mb for _, mb in samples), 1),
        slope_mb_per_hour=round(float(slope) * 3600, 3),
    )


class MemoryWatch:
    """Takes a sample every few seconds on a thread of its own, from `start` to `stop`."""

    def __init__(self, resident_bytes: Callable[[], int]) -> None:
        self._resident_bytes = resident_bytes
        self._samples: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> MemoryCourse | None:
        """End, and say what was seen."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        return memory_course(self._samples)

    def _run(self) -> None:
        while True:
            self._samples.append((time.monotonic(), self._resident_bytes() / 1e6))
            if self._over.wait(SAMPLE_INTERVAL_S):
                return
